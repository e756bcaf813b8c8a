"""The log never holds up the daemon, and goes on after trouble with a count of what was dropped."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable

import pytest

from cliproxy.logs import writer as module
from cliproxy.logs.destinations import Stream
from cliproxy.logs.writer import Writer

#: Only a broken test waits so long.
PATIENCE = 20


class Place:
    """A destination that blocks or fails until it is told otherwise."""

    def __init__(self, most: int = 1 << 20) -> None:
        self.data = b""
        self.most = most
        self.trouble: OSError | None = None
        self.open = threading.Event()
        self.open.set()
        self.tried = threading.Semaphore(0)
        self.closed = False

    def write(self, data: memoryview) -> int:
        self.tried.release()
        self.open.wait(PATIENCE)
        if self.trouble is not None:
            raise self.trouble
        piece = bytes(data[: self.most])
        self.data += piece
        return len(piece)

    def close(self) -> None:
        self.closed = True


def dropped(count: int) -> str:
    return f"dropped {count}\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Writer]:
    """Makes writers that try again at once."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.001)
    return lambda place, most=100: Writer(place, dropped, most)


def test_lines_in_their_order(made: Callable[..., Writer]) -> None:
    """What was said before the start too, in pieces as small as the place takes."""
    place = Place(most=3)
    writer = made(place)
    writer.write("one\n")
    writer.start()
    writer.write("two\nthree\n")
    writer.stop()
    assert place.data == b"one\ntwo\nthree\n"


def test_a_place_that_blocks_holds_up_nobody(made: Callable[..., Writer]) -> None:
    """What fits waits, what does not is counted, and the count is the first line after it."""
    place = Place()
    place.open.clear()
    writer = made(place)
    writer.start()
    writer.write("a\n")
    assert place.tried.acquire(timeout=PATIENCE)
    for _ in range(40):
        writer.write("0123456789\n")
    place.open.set()
    writer.stop()
    kept = place.data.count(b"0123456789\n")
    assert 0 < kept < 40
    assert place.data.endswith(b"dropped %d\n" % (40 - kept))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE, errno.EIO, errno.ENOENT, errno.EAGAIN])
def test_it_comes_back_after_trouble(made: Callable[..., Writer], number: int) -> None:
    """Nothing that fits is lost, and nothing is written twice."""
    place = Place()
    place.trouble = OSError(number, os.strerror(number))
    writer = made(place)
    writer.start()
    writer.write("one\n")
    for _ in range(3):
        assert place.tried.acquire(timeout=PATIENCE)
    writer.write("two\n")
    place.trouble = None
    writer.stop()
    assert place.data == b"one\ntwo\n"


def test_the_end_waits_for_nobody(made: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A place in trouble, or one that blocks, does not keep the process."""
    monkeypatch.setattr(module, "LAST_SECONDS", 0.01)
    place = Place()
    place.trouble = OSError(errno.ENOSPC, "full")
    writer = made(place)
    writer.write("one\n")
    writer.stop()
    blocked = Place()
    blocked.open.clear()
    writer = made(blocked)
    writer.write("one\n")
    writer.stop()
    assert (place.data, blocked.data) == (b"", b"")
    blocked.open.set()


def test_another_place_takes_what_waits(made: Callable[..., Writer]) -> None:
    """The old one is closed, even where it was in trouble."""
    old, new = Place(), Place()
    old.trouble = OSError(errno.EIO, "broken")
    writer = made(old)
    writer.start()
    writer.write("one\n")
    assert old.tried.acquire(timeout=PATIENCE)
    writer.lead(new)
    writer.write("two\n")
    writer.stop()
    assert (new.data, old.data, old.closed) == (b"one\ntwo\n", b"", True)


def test_half_a_surrogate_is_written(made: Callable[..., Writer]) -> None:
    """Nothing that can be in a string stops the log."""
    place = Place()
    writer = made(place)
    writer.write("\ud800\n")
    writer.stop()
    assert place.data == b"\\ud800\n"


def test_a_pipe_made_non_blocking_by_others(made: Callable[..., Writer]) -> None:
    """EAGAIN is waited out: all of it arrives."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 65536):
            got.append(data)

    reader = threading.Thread(target=read)
    writer = made(Stream(writing), most=1 << 22)
    text = "x" * 99 + "\n"
    writer.write(text * 20_000)
    writer.start()
    reader.start()
    writer.stop()
    os.close(writing)
    reader.join(PATIENCE)
    os.close(reading)
    assert b"".join(got) == (text * 20_000).encode()


def test_a_pipe_whose_reader_is_gone(made: Callable[..., Writer]) -> None:
    """The daemon goes on, without its log."""
    reading, writing = os.pipe()
    os.close(reading)
    writer = made(Stream(writing))
    writer.start()
    for _ in range(100):
        writer.write("lost\n")
    writer.stop()
    os.close(writing)
