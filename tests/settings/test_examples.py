"""The configurations we hand out are right, and complete."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.cli.template import initial_text
from cliproxy.settings.load import loads
from cliproxy.settings.model import Secret, Settings
from cliproxy.settings.rules import key_of
from cliproxy.settings.schema import keys_of

EXAMPLE = (Path(__file__).parents[2] / "etc" / "config.example.yaml").read_text()


def uncommented(text: str) -> str:
    """With every example in force: a ``#`` directly before a key, or before its indentation, taken away."""
    return re.sub(r"(?m)^#(?=[a-z]|  )", "", text)


class Example(SynchronousTestCase):
    """etc/config.example.yaml."""

    def test_defaults(self) -> None:
        """What is not commented out is what holds without it."""
        loaded = loads(EXAMPLE)
        self.assertEqual((loaded.settings, loaded.warnings), (Settings(), ()))

    def test_examples(self) -> None:
        """Every commented example is valid, and all of them together."""
        warned = [warning.path for warning in loads(uncommented(EXAMPLE)).warnings]
        self.assertEqual(warned, [])

    def test_complete(self) -> None:
        """Every key of the model stands in it."""
        known = {key_of(field) for kind in _classes(Settings) for field in attrs.fields(kind)}
        written = set(re.findall(r"(?m)(?:^|[ {#-])([a-z][a-z-]*):", EXAMPLE))
        self.assertEqual(known - written, set())


class Initial(SynchronousTestCase):
    """What ``cliproxy init`` writes."""

    def test_it_holds_the_key_and_defaults(self) -> None:
        """It is valid without a warning and differs from the defaults by the client key alone."""
        loaded = loads(initial_text("sk-x"))
        self.assertEqual(loaded.warnings, ())
        self.assertEqual([key.key for key in loaded.settings.api_keys], [Secret("sk-x")])
        self.assertEqual(attrs.evolve(loaded.settings, api_keys=()), Settings())

    def test_examples(self) -> None:
        """Its commented examples are valid too."""
        self.assertEqual(loads(uncommented(initial_text("sk-x"))).warnings, ())


def _classes(kind: type) -> set[type]:
    """The model's classes that ``kind`` is made of, itself included."""
    found = {kind}
    for key in keys_of(kind).values():
        for name in re.findall(r"cliproxy\.settings\.model\.(\w+)", str(key.type)):
            part = getattr(__import__("cliproxy.settings.model", fromlist=[name]), name)
            if attrs.has(part) and part is not Secret:
                found |= _classes(part)
    return found


class Page(SynchronousTestCase):
    """docs/configuration.rst."""

    def test_keys_are_real(self) -> None:
        """Every new key it names is a key of the model."""
        page = (Path(__file__).parents[2] / "docs" / "configuration.rst").read_text()
        section = page[page.index("New keys") : page.index("Other defaults")]
        named = [name for line in re.findall(r"(?m)^``.*$", section) for name in re.findall(r"``([a-z.-]+)``", line)]
        known = {key_of(field) for kind in _classes(Settings) for field in attrs.fields(kind)}
        self.assertEqual({name.rpartition(".")[2] for name in named} - known, set())
