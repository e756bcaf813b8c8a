"""The daemon's files: whoever planted, filled or shut them, the daemon starts, serves, and leaves other files alone."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.daemon.control_socket import ControlSocket, socket_path
from cliproxy.daemon.reload import Reloader
from cliproxy.daemon.state_file import SavedState, StateFile, credits_path, state_path
from cliproxy.errors import SettingsError
from cliproxy.jsontypes import dumps
from cliproxy.pool.pool import Pool
from cliproxy.pool.state import parse
from cliproxy.settings.load import load
from cliproxy.settings.model import Settings
from cliproxy.wire.files import write_whole
from tests.support.bodies import CHAT
from tests.support.scratch import scratch
from tests.support.settings import settings
from tests.support.world import World

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


#: Configurations that cannot be used, and others that may be, with warnings.
BROKEN = (
    b"[" * 50_000, b"a: " * 5_000, b"\xff\xfe", b"\0", b"api-keys: [k", b"&a [*a]", b"- x",
    b"host: 0.0.0.0\napi-keys: []", b"port: 99999999999999999999", b"port: " + b"9" * 20_000, b"debug: true",
    b"commercial-mode: true",
    b"api-keys: {a: {b: {c: d}}}", b"!!python/object:os.system x", b"<<: 7", b"? [a]\n: b", b"max-body-mb: .inf",
    b"gemini-api-key: 7\nclaude-api-key: x\npayload: []", b"port: 1e400",
)  # fmt: skip
ODD = (
    b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a, *a, *a, *a, *a]\n" % (n, n) for n in range(50)),
    b"1: 2\n2: 1\n~: x\n.nan: 7",
    b"\xef\xbb\xbf\xef\xbb\xbfa: 1",
)


class Planted(SynchronousTestCase):
    """Files that are not what they should be."""

    def setUp(self) -> None:
        self.place = scratch(self)
        self.victim = self.place / "victim"
        self.victim.write_text("keep me")
        self.auth = self.place / "auth"

    def world(self) -> World:
        world = World(settings(auth_dir=self.auth, request_retry=0))
        self.addCleanup(world.close)
        world.vendor("chat.test").script = lambda request: request.answer(429, {"error": {"message": "no"}})
        return world

    def cool(self, world: World) -> SavedState:
        """Serve, cool a credential, and remember it."""
        memory = SavedState(world.service, world.reactor)
        memory.startService()
        self.assertEqual(world.post("/v1/chat/completions", CHAT).status, 429)
        world.pass_time(10)
        memory.stopService()
        return memory

    def test_a_link_is_replaced_not_followed(self) -> None:
        """A symbolic link in the place of the state file, or of the file it is made from, leads to no other file."""
        self.auth.mkdir()
        names = [state_path(settings(auth_dir=self.auth)), credits_path(settings(auth_dir=self.auth))]
        for name in names:
            name.symlink_to(self.victim)
            name.with_name(f".{name.name}.{os.getpid()}").symlink_to(self.victim)
        self.cool(self.world())
        self.assertEqual(self.victim.read_text(), "keep me")
        self.assertFalse(names[0].is_symlink())
        self.assertIn("gpt-x", names[0].read_text())

    def test_modes(self) -> None:
        """What is written is its owner's alone, whatever the umask; the directory too."""
        before = os.umask(0)
        try:
            self.cool(self.world())
        finally:
            os.umask(before)
        path = state_path(settings(auth_dir=self.auth))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.auth.stat().st_mode), 0o700)
        self.assertEqual(sorted(found.name for found in self.auth.iterdir() if found.name.startswith(".")), [])

    def test_a_place_that_cannot_be_written(self) -> None:
        """An auth-dir that is a file, or below one, costs the memory and the socket, never a request."""
        for auth in (self.victim, self.victim / "below", Path("/proc/nowhere")):
            self.auth = auth
            world = self.world()
            door = ControlSocket(world.service, reactor)
            door.startService()
            self.cool(world)
            door.stopService()
        self.assertEqual(self.victim.read_text(), "keep me")

    def test_garbage(self) -> None:
        """A state file of any bytes is not used, and is replaced by a good one."""
        for data in (
            b"",
            b"\0" * 100,
            b"[",
            b"[]",
            b"{}",
            b'{"version":1}',
            b'{"version":1,"cooldowns":[7,null,{}]}',
            b"[" * 90_000,
        ):
            path = state_path(settings(auth_dir=self.auth))
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            self.cool(self.world())
            self.assertIn("gpt-x", path.read_text())

    def test_two_daemons(self) -> None:
        """Two daemons in one auth-dir both serve; the second has no socket; neither file is ever half written."""
        first, second = self.world(), self.world()
        doors = [ControlSocket(world.service, reactor) for world in (first, second)]
        for door in doors:
            door.startService()
            self.addCleanup(door.stopService)
        self.assertIsNotNone(doors[0]._port)
        self.assertIsNone(doors[1]._port)
        for world in (first, second, first):
            self.cool(world)
            path = state_path(world.service.settings)
            self.assertTrue(parse(path.read_bytes(), now=0.0, wall=0.0))


class OwnersSocket(SynchronousTestCase):
    """The door that asks for no secret."""

    def test_only_its_owner_opens_it(self) -> None:
        """The socket is 0600 from its first moment, in a directory of 0700, whatever the umask."""
        with tempfile.TemporaryDirectory(prefix="cliproxy-") as place:
            auth = Path(place) / "auth"
            world = World(settings(auth_dir=auth))
            self.addCleanup(world.close)
            modes: list[int] = []
            listening = mock.Mock(
                listenUNIX=lambda *args, **more: (modes.append(_umask()), reactor.listenUNIX(*args, **more))[1]
            )  # type: ignore[attr-defined]
            before = os.umask(0)
            try:
                door = ControlSocket(world.service, listening)
                door.startService()
                self.assertEqual(os.umask(0), 0)
            finally:
                os.umask(before)
            path = socket_path(world.service.settings)
            self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(auth.stat().st_mode), 0o700)
            self.assertEqual(modes, [0o177])
            door.stopService()

    def test_a_path_too_long(self) -> None:
        """A path that no socket can have costs the socket only."""
        place = scratch(self) / ("x" * 120)
        world = World(settings(auth_dir=place))
        self.addCleanup(world.close)
        door = ControlSocket(world.service, reactor)
        door.startService()
        self.assertIsNone(door._port)
        door.stopService()

    def test_somebody_elses(self) -> None:
        """A socket that lies there already and is listened on is left to whoever listens."""
        with tempfile.TemporaryDirectory(prefix="cliproxy-") as place:
            world = World(settings(auth_dir=Path(place)))
            self.addCleanup(world.close)
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(socket_path(world.service.settings)))
                other.listen()
                door = ControlSocket(world.service, reactor)
                door.startService()
                self.assertIsNone(door._port)
                door.stopService()
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(socket_path(world.service.settings)))


class Reloads(SynchronousTestCase):
    """Whatever the file becomes, the daemon keeps what it had, and keeps looking."""

    GOOD = "api-keys: [k]\nrequest-retry: {}\n"

    def test_files_that_fail(self) -> None:
        """After each of many broken files the last good configuration is in force, and a good one is taken again."""
        place = scratch(self)
        path, clock, applied = place / "config.yaml", Clock(), list[Settings]()

        def compiled(new: Settings) -> Settings:
            if new.debug:
                raise SettingsError(("debug: not here",))
            if new.commercial_mode:
                raise TypeError("a bug")
            return new

        path.write_text(self.GOOD.format(0))
        read = partial(load, path, environ={})
        reloader = Reloader(path, read, compiled, applied.append, clock, keyed=lambda: False)
        reloader.startService()
        self.addCleanup(reloader.stopService)
        for number, data in enumerate((*BROKEN, *ODD), 1):
            before = len(applied)
            replaced = place / "new"
            replaced.write_bytes(data)
            replaced.replace(path)
            clock.pump([1, 1])
            if data in BROKEN:
                self.assertEqual(len(applied), before, data[:40])
            path.write_text(self.GOOD.format(number))
            clock.pump([1, 1])
            self.assertEqual(applied[-1].request_retry, number, data[:40])
        self.assertEqual([error.type for error in self.flushLoggedErrors()], [TypeError])

    def test_no_file_at_all(self) -> None:
        """A file that is gone, empty, a directory, a pipe, or unreadable changes nothing and holds nothing up."""
        place = scratch(self)
        path, clock, applied = place / "config.yaml", Clock(), list[Settings]()
        path.write_text(self.GOOD.format(0))
        read = partial(load, path, environ={})
        reloader = Reloader(path, read, lambda new: new, applied.append, clock, keyed=lambda: False)
        reloader.startService()
        self.addCleanup(reloader.stopService)
        for make in (lambda: None, path.touch, path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path)):
            path.unlink()
            make()
            clock.pump([1, 1])
            self.assertEqual(applied, [])
            if path.is_dir():
                path.rmdir()
            elif path.is_symlink() or path.exists():
                path.unlink()
            path.write_text("")
        path.write_text(self.GOOD.format(3))
        clock.pump([1, 1])
        self.assertEqual([new.request_retry for new in applied], [3])


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


@given(st.binary() | JSON.map(lambda value: dumps_or_empty({"version": 1, "cooldowns": value})))
def test_any_state_file(data: bytes) -> None:
    """Any bytes are read as a state file, or refused; nothing else is raised."""
    try:
        parse(data, now=1.0, wall=2.0)
    except ValueError:
        return


def dumps_or_empty(value: object) -> bytes:
    """As JSON, unless it cannot be (an integer of more than 64 bits)."""
    try:
        return dumps(value)
    except TypeError:
        return b"{}"


@given(st.lists(st.fixed_dictionaries({}, optional={
    "credential": JSON, "model": JSON, "until": JSON, "reason": JSON | st.sampled_from(["quota", "credential", "transient"]),
    "status": JSON, "quota_level": JSON, "transient_level": JSON, "run": JSON,
})))  # fmt: skip
def test_any_entries(entries: list[dict[str, object]]) -> None:
    """Entries of any shape restore to a pool that still answers, and is written again."""
    try:
        data = dumps({"version": 1, "cooldowns": entries})
    except TypeError:
        return
    pool = Pool()
    pool.restore(parse(data, now=1.0, wall=2.0))
    assert isinstance(pool.cooldowns(), dict)


def test_write_whole_or_not_at_all(tmp_path: Path) -> None:
    """A write that fails leaves the old file and nothing beside it."""
    path = tmp_path / "state.json"
    write_whole(path, b"old")
    path.with_name(f".{path.name}.{os.getpid()}").mkdir()
    try:
        write_whole(path, b"new")
    except OSError:
        pass
    else:
        raise AssertionError("a directory was in the way")
    assert path.read_bytes() == b"old"


def test_state_file_is_read_once_good(tmp_path: Path) -> None:
    """A state file that is a directory is no state file, and no reason to fail."""
    StateFile(tmp_path, Pool(), Clock(), lambda: 0.0).restore()
