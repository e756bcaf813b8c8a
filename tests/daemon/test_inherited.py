"""What a process is told of sockets that it begins with, and what it tells."""

from __future__ import annotations

import socket
from pathlib import Path

from cliproxy.daemon.inherited import announce, handing, inherited


def test_whose_they_are() -> None:
    """systemd's are for the process it names, ours for the child of the one that hands over; nobody else takes them."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as pipe:
        told = handing(7, [first.fileno()], pipe.fileno())
        assert inherited(told, process=8, parent=7) == ([first.fileno()], pipe.fileno())
        assert inherited(told, process=8, parent=1) == ([], None)
    for variables in ({}, {"LISTEN_PID": "9", "LISTEN_FDS": "1"}, {"LISTEN_PID": "8", "LISTEN_FDS": "x"}):
        assert inherited(variables, process=8, parent=7) == ([], None)


def test_what_does_not_listen_is_left() -> None:
    """A connected socket, a datagram one and a closed descriptor among them are no place to accept at."""
    near, far = socket.socketpair()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with near, far, datagrams, socket.create_server(("127.0.0.1", 0)) as good:
        numbers = [near.fileno(), datagrams.fileno(), 1023, good.fileno()]
        assert inherited(handing(7, numbers, near.fileno()), process=8, parent=7)[0] == [good.fileno()]


def test_systemd_is_told(tmp_path: Path) -> None:
    """Where systemd waits for it, it hears that the process is ready, and which it is; a socket that is gone costs a line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        announce({"NOTIFY_SOCKET": str(tmp_path / "notify")}, 42)
        assert systemd.recv(100) == b"READY=1\nMAINPID=42"
    announce({"NOTIFY_SOCKET": str(tmp_path / "gone")}, 42)
    announce({}, 42)
