"""Log files: moved, removed, rotated, bounded, and never another's."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from cliproxy.logs import destinations
from cliproxy.logs.destinations import LogFile, main_file
from cliproxy.logs.folder import LogFolder, log_folder
from cliproxy.wire.files import open_owned
from tests.support.settings import settings

AT = 1_770_000_000.0
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to somebody else")


def write(file: LogFile, text: str) -> None:
    data = text.encode()
    assert file.write(memoryview(data)) == len(data)


class TestLogFile:
    """A file that others rotate."""

    def test_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        """Mode 0600, its folders 0700, whatever the umask."""
        before = os.umask(0)
        try:
            write(LogFile(tmp_path / "a" / "b" / "d.log"), "one\n")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a" / "b" / "d.log").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700

    @pytest.mark.parametrize("how", ["moved", "removed", "folder moved", "truncated"])
    def test_it_is_opened_again(self, tmp_path: Path, how: str) -> None:
        """As logrotate does in any of its ways, and as a careless operator does."""
        path = tmp_path / "logs" / "d.log"
        file = LogFile(path)
        write(file, "one\n")
        if how == "moved":
            path.rename(tmp_path / "d.log.1")
        elif how == "removed":
            path.unlink()
        elif how == "folder moved":
            path.parent.rename(tmp_path / "old")
        else:
            os.truncate(path, 0)
        write(file, "two\n")
        assert path.read_text() == "two\n"

    def test_what_cannot_be_opened_anew_is_written_on(self, tmp_path: Path) -> None:
        """A file that was moved away is better than none; the next line tries again."""
        path = tmp_path / "logs" / "d.log"
        file = LogFile(path)
        write(file, "one\n")
        path.parent.rename(tmp_path / "old")
        path.parent.write_text("in the way")
        write(file, "two\n")
        assert (tmp_path / "old" / "d.log").read_text() == "one\ntwo\n"
        path.parent.unlink()
        write(file, "three\n")
        assert path.read_text() == "three\n"

    def test_links_of_our_own_are_followed(self, tmp_path: Path) -> None:
        """An operator who keeps logs on another disk."""
        (tmp_path / "disk").mkdir()
        (tmp_path / "logs").symlink_to("disk")
        (tmp_path / "disk" / "d.log").symlink_to(tmp_path / "disk" / "real.log")
        write(LogFile(tmp_path / "logs" / "d.log"), "one\n")
        assert (tmp_path / "disk" / "real.log").read_text() == "one\n"

    def test_a_circle_of_links(self, tmp_path: Path) -> None:
        """It is an error, and ends."""
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OSError, match="Too many levels"):
            LogFile(tmp_path / "a").write(memoryview(b"x"))

    @root
    @pytest.mark.parametrize("link", ["file", "folder"])
    def test_root_follows_no_link_of_another(self, tmp_path: Path, link: str) -> None:
        """The daemon's user, who may write to the folder, leads root to no file."""
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "d.log").write_text("root's\n")
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        os.chown(theirs, 12345, 12345)
        made = theirs / "d.log" if link == "file" else theirs / "logs"
        made.symlink_to(secret / "d.log" if link == "file" else secret)
        os.chown(made, 12345, 12345, follow_symlinks=False)
        with pytest.raises(OSError, match="another user made"):
            LogFile(made if link == "file" else made / "d.log").write(memoryview(b"x"))
        assert (secret / "d.log").read_text() == "root's\n"

    @root
    def test_root_writes_to_no_second_name(self, tmp_path: Path) -> None:
        """A hard link leads as far as a symbolic one."""
        (tmp_path / "secret").write_text("root's\n")
        os.link(tmp_path / "secret", tmp_path / "d.log")
        with pytest.raises(OSError, match="another name"):
            LogFile(tmp_path / "d.log").write(memoryview(b"x"))

    def test_a_fifo_without_a_reader_blocks_nobody(self, tmp_path: Path) -> None:
        """It is trouble like any other, and over when somebody reads."""
        path = tmp_path / "fifo"
        os.mkfifo(path)
        file = LogFile(path)
        with pytest.raises(OSError):
            file.write(memoryview(b"x"))
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        write(file, "one\n")
        assert os.read(reading, 10) == b"one\n"
        os.close(reading)
        file.close()


class TestMainLog:
    """``main.log``, which we rotate."""

    def test_it_is_rotated(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before it grows over the size, under a name that says when, no line lost."""
        monkeypatch.setattr(destinations, "ROTATE_BYTES", 10)
        file = main_file(LogFolder(tmp_path), lambda: AT)
        for text in ("one\n", "two\n", "three\n", "four\n", "a line that is longer than a file\n"):
            write(file, text)
        old = sorted(path for path in tmp_path.iterdir() if path.name != "main.log")
        assert [path.read_text() for path in old] == ["one\ntwo\n", "three\n", "four\n"][: len(old)]
        assert all(re.fullmatch(r"main-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log", path.name) for path in old)
        assert (tmp_path / "main.log").read_text() == "a line that is longer than a file\n"

    def test_the_oldest_go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """While all log files are over the limit; never what is written, nor what is no log."""
        monkeypatch.setattr(destinations, "ROTATE_BYTES", 10)
        for number, name in enumerate(["error-a.log", "old.log.gz", "notes.txt", "B.LOG"]):
            (tmp_path / name).write_text("x" * 10)
            os.utime(tmp_path / name, (AT + number, AT + number))
        folder = LogFolder(tmp_path, limit=25)
        file = main_file(folder, lambda: AT)
        write(file, "one\n")
        assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "B.LOG", "old.log.gz", "main.log"}
        for _ in range(20):
            write(file, "0123456\n")
        names = {path.name for path in tmp_path.iterdir()}
        assert {"notes.txt", "main.log"} <= names
        assert sum(kept.size for kept in folder.files()) <= 25
        assert "old.log.gz" not in names

    def test_links_in_the_folder_are_not_counted(self, tmp_path: Path) -> None:
        """Neither they nor what they lead to is deleted."""
        (tmp_path / "elsewhere").write_text("x" * 100)
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "a.log").symlink_to(tmp_path / "elsewhere")
        folder = LogFolder(tmp_path / "logs", limit=10)
        folder.grown(1)
        assert folder.files() == []
        assert (tmp_path / "logs" / "a.log").read_text() == "x" * 100


class TestFolder:
    """Where it is."""

    def test_where(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """``WRITABLE_PATH``, else ``./logs`` where it is there, else in ``auth-dir``."""
        monkeypatch.chdir(tmp_path)
        own = settings(auth_dir=tmp_path / "auth")
        assert log_folder(own, {}) == tmp_path / "auth" / "logs"
        (tmp_path / "logs").mkdir()
        assert log_folder(own, {"WRITABLE_PATH": " "}) == tmp_path / "logs"
        assert log_folder(own, {"WRITABLE_PATH": "/srv/w "}) == Path("/srv/w/logs")


def test_open_owned_says_which_file(tmp_path: Path) -> None:
    """The error names the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        open_owned(tmp_path / "file" / "below", os.O_WRONLY | os.O_CREAT)
    assert caught.value.filename == str(tmp_path / "file" / "below")
