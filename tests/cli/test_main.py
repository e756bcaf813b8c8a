"""The ``cliproxy`` command."""

from __future__ import annotations

import contextlib
import os
import stat
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cliproxy import __version__
from cliproxy.cli import main as cli
from cliproxy.cli.terminal import Terminal
from cliproxy.settings.load import load
from tests.support.scratch import scratch


class Commands(SynchronousTestCase):
    """Each sub-command, on a terminal of strings."""

    def setUp(self) -> None:
        self.home = scratch(self)
        self.out, self.err = StringIO(), StringIO()

    def run_command(self, *arguments: str) -> int:
        return cli.run(arguments, cli.Terminal(self.out, self.err, lambda: "TOKEN", lambda: 0.0))

    def write(self, text: str) -> str:
        path = self.home / "config.yaml"
        path.write_text(text)
        return str(path)

    def test_version(self) -> None:
        """``version`` prints it."""
        self.assertEqual(self.run_command("version"), 0)
        self.assertEqual(self.out.getvalue(), f"cliproxy {__version__}\n")

    def test_version_for_reports(self) -> None:
        """``--verbose`` says what runs and where, and nothing of the environment's keys."""
        self.assertEqual(self.run_command("version", "--verbose"), 0)
        said = self.out.getvalue()
        for word in ("python", "twisted", "openssl", "platform", "extra prices", "configuration"):
            self.assertIn(f"\n{word}", said)

    def test_help_of_every_command(self) -> None:
        """``help COMMAND``, ``COMMAND --help`` and ``COMMAND -h`` say the same, and begin with how it is called."""
        for name, *_ in cli.Cliproxy.subCommands:
            with self.subTest(name):
                pages = []
                for words in (["help", name], [name, "--help"], [name, "-h"]):
                    printed = StringIO()
                    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                        cli.run(words, cli.Terminal(printed, self.err, str, float))
                    pages.append(printed.getvalue())
                self.assertEqual(len(set(pages)), 1, pages)
                self.assertTrue(pages[0].startswith(f"Usage: cliproxy {name} "), pages[0])

    def test_run_shows_our_options_first(self) -> None:
        """twistd's are behind ``--help-all``."""
        self.run_command("help", "run")
        self.assertIn("--config", self.out.getvalue())
        self.assertNotIn("--reactor", self.out.getvalue())
        with contextlib.redirect_stdout(self.out), self.assertRaises(SystemExit):
            self.run_command("run", "--help-all")
        self.assertIn("--reactor", self.out.getvalue())

    def test_every_command_says_the_version(self) -> None:
        """``COMMAND --version``."""
        for name, *_ in cli.Cliproxy.subCommands:
            with self.subTest(name):
                printed = StringIO()
                with contextlib.redirect_stdout(printed), self.assertRaises(SystemExit) as ended:
                    self.run_command(name, "--version")
                self.assertEqual((ended.exception.code, printed.getvalue()), (0, f"cliproxy {__version__}\n"))

    def test_a_port_that_is_none(self) -> None:
        """One sentence, in the foreground and for the background alike."""
        for port in ("65536", "-1", "http", "", "1.5", "٣"):
            for more in ([], ["--daemon"]):
                with self.subTest(port, more=more):
                    self.err = StringIO()
                    self.assertEqual(self.run_command("run", f"--port={port}", *more), 1)
                    self.assertEqual(
                        self.err.getvalue(), f"cliproxy: --port is to be a number from 0 to 65535, not {port!r}\n"
                    )

    def test_wrong_command(self) -> None:
        """An unknown command, an unknown option or none at all is one line on stderr and exit code 1."""
        for arguments in ([], ["dance"], ["check", "--dance"], ["check", "a", "b"]):
            with self.subTest(arguments):
                self.err.truncate(0)
                self.assertEqual(self.run_command(*arguments), 1)
                self.assertTrue(self.err.getvalue().strip("\0").startswith("cliproxy: "))
                self.assertEqual(self.err.getvalue().count("\n"), 1)

    def test_check_says_every_problem(self) -> None:
        """``check`` prints warnings and errors with their places and exits 1."""
        path = self.write("prot: 1\nport: x\n")
        self.assertEqual(self.run_command("check", path), 1)
        self.assertEqual(
            self.out.getvalue().splitlines(),
            [
                f"warning: {path}:1: prot: is not a key known here and is ignored; did you mean port?",
                f"error: {path}:2: port: is to be a whole number (without quotes), not a text",
                f"{path}: 1 errors, 1 warnings",
            ],
        )

    def test_check_shows_urls(self) -> None:
        """``check`` prints the exact URLs each credential will call, and no key, and exits 0."""
        path = self.write(
            "claude-api-key: [{api-key: sk-secret, base-url: 'https://claude.example', models: [{name: c, alias: d}]}]\n"
            "gemini-api-key: [{api-key: AI-secret, models: [{name: g-1, alias: g}]}]\n"
            "codex-api-key: [{api-key: sk-secret, base-url: 'https://codex.example/v1', models: [{name: x, alias: y}]}]\n"
            "openai-compatibility:\n"
            "- {name: Local, base-url: 'http://127.0.0.1:1/v1/', models: [{name: a, alias: b}, {name: e, alias: f}]}\n"
        )
        self.assertEqual(self.run_command("check", path), 0, self.out.getvalue())
        said = self.out.getvalue()
        for url in (
            "https://claude.example/v1/messages",
            "https://claude.example/v1/messages/count_tokens",
            "https://generativelanguage.googleapis.com/v1beta/models/g-1:generateContent",
            "https://codex.example/v1/responses",
            "http://127.0.0.1:1/v1/chat/completions",
        ):
            self.assertIn(url, said)
        self.assertEqual(said.count("http://127.0.0.1:1/v1/chat/completions"), 1)
        self.assertNotIn("secret", said)

    def test_check_broken_mapping(self) -> None:
        """A broken mapping is an error for ``check``, which goes on to the URLs all the same."""
        path = self.write("ampcode: {model-mappings: [{from: '(', to: a, regex: true}]}\ndemo: true\n")
        self.assertEqual(self.run_command("check", path), 1)
        self.assertIn(
            f"error: {path}:1: ampcode.model-mappings[0].from: is not a regular expression", self.out.getvalue()
        )
        self.assertIn("demo", self.out.getvalue())

    def test_check_says_what_the_start_says(self) -> None:
        """No keys, and targets that nobody serves."""
        path = self.write(
            "demo: true\nfallback-models: {demo: [nobody]}\nampcode: {model-mappings: [{from: a, to: gone}]}\n"
        )
        self.assertEqual(self.run_command("check", path), 0)
        said = self.out.getvalue()
        for sentence in (
            "api-keys: there are none: whoever",
            "fallback-models.demo: leads to nobody, which nobody serves",
            "ampcode.model-mappings[0].to: leads to gone, which nobody serves",
        ):
            self.assertIn(f"warning: {path}: {sentence}", said)

    def test_check_missing_file(self) -> None:
        """A file that is not there is an error."""
        self.assertEqual(self.run_command("check", str(self.home / "none.yaml")), 1)
        self.assertIn("none.yaml: cannot be read: No such file or directory", self.out.getvalue())

    def test_init(self) -> None:
        """``init`` writes a file only its owner can read, whatever the umask, with the client key it prints."""
        path = self.home / "new.yaml"
        before = os.umask(0)
        try:
            self.assertEqual(self.run_command("init", str(path)), 0)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual([key.key.reveal() for key in load(path).settings.api_keys], ["sk-TOKEN"])
        self.assertIn("sk-TOKEN", self.out.getvalue())

    def test_init_never_overwrites(self) -> None:
        """``init`` leaves an existing file, and a link to nowhere, as they are, and exits 1."""
        path = Path(self.write("port: 1\n"))
        link = self.home / "link.yaml"
        link.symlink_to(self.home / "elsewhere.yaml")
        for target in (path, link):
            self.assertEqual(self.run_command("init", str(target)), 1)
        self.assertEqual(path.read_text(), "port: 1\n")
        self.assertFalse((self.home / "elsewhere.yaml").exists())
        self.assertIn("is there already", self.err.getvalue())

    def test_init_nowhere(self) -> None:
        """A directory that is not there is one sentence and exit code 1."""
        self.assertEqual(self.run_command("init", str(self.home / "no" / "config.yaml")), 1)
        self.assertIn("cannot be written: No such file or directory", self.err.getvalue())


class Run(SynchronousTestCase):
    """``run``'s options; what it runs is tested with the init script."""

    def options(self, *arguments: str) -> cli.usage.Options:
        parsed = cli.Cliproxy()
        parsed.parseOptions(["run", *arguments])
        return parsed.subOptions

    def test_foreground(self) -> None:
        """Without ``--daemon`` it stays in the foreground and writes no pid file."""
        path = scratch(self) / "config.yaml"
        path.write_text("demo: true\n")
        options = self.options("--config", str(path), "--port", "0")
        self.assertTrue(options["nodaemon"])
        self.assertEqual(options["pidfile"], "")
        self.assertEqual(options.subOptions.loaded.settings.port, 0)
        self.assertTrue(options.subOptions.loaded.settings.demo)

    def test_both_kinds_of_options(self) -> None:
        """twistd's options and the daemon's stand side by side."""
        path = scratch(self) / "config.yaml"
        path.write_text("")
        options = self.options("--daemon", "--pidfile", "x.pid", "-c", str(path), "--host", "127.0.0.2")
        self.assertFalse(options["nodaemon"])
        self.assertEqual(options["pidfile"], os.path.abspath("x.pid"))
        self.assertEqual(options.subOptions.loaded.settings.host, "127.0.0.2")

    def test_bad_configuration(self) -> None:
        """Every problem of the configuration is printed, and nothing else; exit code 1."""
        path = scratch(self) / "config.yaml"
        path.write_text("port: x\ndebug: x\n")
        err = StringIO()
        self.assertEqual(cli.run(["run", "-c", str(path)], cli.Terminal(StringIO(), err, str, float)), 1)
        first, second = err.getvalue().splitlines()
        self.assertIn(f"{path.name}:1: port: is to be", first)
        self.assertIn(f"{path.name}:2: debug: is to be", second)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """``cliproxy presets | head -1``."""
    read, write = os.pipe()
    os.close(read)
    said = StringIO()
    with open(write, "w", encoding="utf-8") as out:
        assert cli.run(["presets"], Terminal(out, said, lambda: "", lambda: 0.0)) == 0
    assert said.getvalue() == ""
