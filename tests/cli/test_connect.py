"""Telling clients of the daemon: what is printed, what is written, and how it is undone."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest
import yaml

from cliproxy.cli import main as cli
from cliproxy.cli.client_files import UnusableFile, connect, disconnect, put, read, take
from cliproxy.cli.clients import CLIENTS, Facts, Home, Named, SettingsFile
from cliproxy.jsontypes import dumps, dumps_readable, loads

FACTS = Facts("http://127.0.0.1:8317", "sk-1", "claude-x")

#: What a user may have in each kind of file before.
BEFORE = {
    "json": dumps_readable({"theme": "dark", "env": {"A": "1"}, "models": [{"name": "other"}]}).decode(),
    "toml": '# mine\nmodel = "mine" # kept\n\n[model_providers.other]\nname = "other"\n',
    "yaml": "# mine\ntheme: dark # kept\nmodels:\n  - name: other\n    model: m\n",
    "env": "# mine\nA=1\nexport GEMINI_API_KEY='old'\n",
}


def plain(file: SettingsFile) -> object:
    return loads(dumps(_plain(read(file))))


def _plain(value: object) -> object:
    if hasattr(value, "unwrap"):
        return value.unwrap()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def files_of(name: str, home: Path) -> list[SettingsFile]:
    return list(CLIENTS[name].files(FACTS, Home(home, {})))


WRITING = [name for name, client in CLIENTS.items() if client.files(FACTS, Home(Path("/x"), {}))]


@pytest.mark.parametrize("name", WRITING)
def test_what_was_written_is_undone(name: str, tmp_path: Path) -> None:
    """Connecting twice is connecting once; removing gives back each file's former content, or removes what was made."""
    first = connect(files_of(name, tmp_path))
    once = [file.path.read_text() for file in files_of(name, tmp_path)]
    connect(files_of(name, tmp_path))
    assert [file.path.read_text() for file in files_of(name, tmp_path)] == once
    assert disconnect(first)
    assert not [file.path for file in files_of(name, tmp_path) if file.path.exists()]


@pytest.mark.parametrize("name", WRITING)
def test_what_a_user_had_stays(name: str, tmp_path: Path) -> None:
    """Members that are none of ours are kept, the former file is kept beside it, and removing restores the rest."""
    before = []
    for file in files_of(name, tmp_path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(BEFORE[file.kind])
        before.append(plain(file))
    record = connect(files_of(name, tmp_path))
    for file in files_of(name, tmp_path):
        assert "kept" in file.path.read_text() or file.kind in ("json", "env")
        assert file.path.with_name(file.path.name + ".before-cliproxy").read_text() == BEFORE[file.kind]
        assert file.path.stat().st_mode & 0o777 == 0o600
    disconnect(loads(dumps(record)))
    assert [plain(file) for file in files_of(name, tmp_path)] == before


@pytest.mark.parametrize("name", WRITING)
def test_what_is_written_can_be_read_by_the_clients_format(name: str, tmp_path: Path) -> None:
    """Each file parses as its format and holds the key or the model."""
    connect(files_of(name, tmp_path))
    for file in files_of(name, tmp_path):
        text = file.path.read_text()
        {"json": loads, "toml": tomllib.loads, "yaml": yaml.safe_load, "env": str.splitlines}[file.kind](text)


@pytest.mark.parametrize("kind", ["json", "toml", "yaml"])
def test_a_broken_file_is_left_as_it_is(kind: str, tmp_path: Path) -> None:
    """One sentence with the file's name, and no file is changed, the good ones before it included."""
    good = SettingsFile(tmp_path / "good.json", "json", [(("a",), 1)])
    bad = SettingsFile(tmp_path / f"bad.{kind}", kind, [(("a",), 1)])
    bad.path.write_text("{[ : = \t broken")
    with pytest.raises(UnusableFile, match=r"bad\."):
        connect([good, bad])
    assert not good.path.exists()
    assert bad.path.read_text() == "{[ : = \t broken"


def test_something_else_on_the_way_is_left_as_it_is(tmp_path: Path) -> None:
    """A number where an object is expected is its user's business."""
    file = SettingsFile(tmp_path / "a.json", "json", [(("env", "A"), "1")])
    file.path.write_text('{"env": 7}')
    with pytest.raises(UnusableFile, match="something else"):
        connect([file])
    assert file.path.read_text() == '{"env": 7}'


def test_what_its_user_changed_since_is_not_undone(tmp_path: Path) -> None:
    """Removing takes back only what still is as we wrote it."""
    file = SettingsFile(tmp_path / "a.json", "json", [(("a",), 1), (("b",), 2)])
    record = connect([file])
    file.path.write_text('{"a": 1, "b": 3}')
    disconnect(record)
    assert loads(file.path.read_bytes()) == {"b": 3}


def test_an_entry_of_a_list_is_found_by_its_name(tmp_path: Path) -> None:
    """It is changed where it is, appended where it is not, and taken out whole."""
    tree = {"models": [{"name": "x", "m": 1}]}
    steps = ("models", Named("name", "ours"), "m")
    put(tree, steps, 2, tmp_path)
    put(tree, steps, 3, tmp_path)
    assert tree == {"models": [{"name": "x", "m": 1}, {"name": "ours", "m": 3}]}
    take(tree, steps)
    assert tree == {"models": [{"name": "x", "m": 1}]}


class Listing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer sk-1"
        body = dumps({"data": [{"id": "gpt-y"}, {"id": "claude-x"}]})
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A daemon as far as its list of models goes."""
    with HTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    return cli.run(arguments, cli.Terminal(out, err, lambda: "T", lambda: 0.0)), out.getvalue(), err.getvalue()


@pytest.mark.real
def test_the_command_writes_and_removes(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the configuration's address and key, with the model that suits the client; ``--remove`` undoes it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "c.yaml"
    config.write_text(f"port: {port}\napi-keys: [sk-1]\nauth-dir: {tmp_path}/auth\n")
    code, out, err = command("connect", "claude", "--write", "-c", str(config))
    assert (code, err) == (0, "")
    written = loads((tmp_path / ".claude" / "settings.json").read_bytes())
    assert written["env"]["ANTHROPIC_MODEL"] == "claude-x"
    assert written["env"]["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{port}"
    assert command("connect", "claude", "--remove", "-c", str(config))[0] == 0
    assert not (tmp_path / ".claude" / "settings.json").exists()
    assert command("connect", "claude", "--remove", "-c", str(config))[0] == 1
    assert "export ANTHROPIC_AUTH_TOKEN=sk-1" in command("env", "claude", "-c", str(config))[1]
    for name in CLIENTS:
        assert "sk-1" in command("connect", name, "-c", str(config))[1]


@pytest.mark.real
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["word"], "no client known here"),
        (["claude", "--write", "--url", "http://127.0.0.1:9"], "no daemon answers"),
        (["claude", "--write", "--key", "wrong"], "does not know this client key"),
        ([], "which client"),
    ],
)
def test_a_mistake_is_one_sentence(port: int, arguments: list[str], said: str, tmp_path: Path) -> None:
    """Nothing is changed."""
    config = tmp_path / "c.yaml"
    config.write_text(f"port: {port}\napi-keys: [sk-1]\nauth-dir: {tmp_path}/auth\n")
    code, out, err = command("connect", *arguments, "-c", str(config))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
