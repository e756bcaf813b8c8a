"""What a fake model says, in no vendor's spelling.

A *scene* is picked by ``scene:NAME`` in the newest user text that names one, else by ``--NAME`` in the model's name
(``gpt-fake--e429--anything``), else it is ``plain``. Scenes are deterministic: the same conversation gets the same answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Usage:
    """Tokens, every number on its own terms: ``input`` includes ``cached``, ``output`` includes ``reasoning``."""

    input: int = 30
    cached: int = 8
    output: int = 17
    reasoning: int = 0


@attrs.frozen
class Say:
    """Visible text."""

    text: str


@attrs.frozen
class Think:
    """Reasoning, with its summary text."""

    text: str


@attrs.frozen
class Refuse:
    """A refusal, with its sentence."""

    text: str


@attrs.frozen
class Call:
    """A tool call. ``turn`` and ``index`` make its id."""

    name: str
    arguments: dict[str, Any]
    turn: int = 0
    index: int = 0


Part = Say | Think | Refuse | Call


@attrs.frozen
class Script:
    """A whole answer. ``finish`` is ``stop``, ``tools``, ``length`` or ``refusal``."""

    parts: tuple[Part, ...]
    finish: str = "stop"
    usage: Usage = Usage()

    def thinking(self) -> str:
        """All reasoning text."""
        return "".join(part.text for part in self.parts if isinstance(part, Think))


@attrs.define
class Heard:
    """What a vendor understood of a request that passed its checks.

    :ivar texts: the user's texts in order.
    :ivar tools: names of the tools offered.
    :ivar results: (call name, text) of the tool results that end the conversation; empty when it ends otherwise.
    :ivar forced: the tool the client insists on, or ``*`` for any.
    :ivar thinks: whether reasoning is to be shown.
    :ivar schema: the JSON schema asked for.
    :ivar kept: how the reasoning of earlier turns came home, in order: ``signed`` (the vendor's own token, intact),
        ``sentinel`` (the documented way to do without) or ``text``.
    """

    model: str
    stream: bool = False
    system: str = ""
    texts: list[str] = attrs.field(factory=list)
    tools: list[str] = attrs.field(factory=list)
    turns: int = 0
    results: list[tuple[str, str]] = attrs.field(factory=list)
    forced: str | None = None
    thinks: bool = False
    schema: Any = None
    max_tokens: int | None = None
    kept: list[str] = attrs.field(factory=list)
    include_usage: bool = True

    @property
    def scene(self) -> str:
        """The scene's name."""
        for text in reversed(self.texts):
            if found := re.search(r"scene:([a-z0-9-]*[a-z0-9])", text):
                return found[1]
        words = self.model.split("--")
        return words[1] if len(words) > 1 else "plain"


#: With letters of every length in UTF-8, and the line separators that are none in SSE.
PLAIN = "Hello from far away: naïve café, 東京, a 🙂 and\u2028\u0085lines besides."
WEATHER = {"city": "Zürich", "days": 3}
WEATHER_TOOL = "get_weather"
CLOCK_TOOL = "get_time"
CLOCK = {"zone": "Europe/Paris"}
PERSON = {"name": "Ada", "age": 36}
THOUGHT = "First I look at the question. Then I answer it."
THOUGHT_AGAIN = "Now the tool has spoken; I only repeat it."
REFUSAL = "I cannot help with that."


def _plain(heard: Heard) -> Script:
    return Script((Say(PLAIN),))


def _long(heard: Heard) -> Script:
    return Script((Say(" ".join(f"word{n}" for n in range(400))),))


def _length(heard: Heard) -> Script:
    return Script((Say("This sentence is cut in the"),), finish="length")


def _refusal(heard: Heard) -> Script:
    return Script((Refuse(REFUSAL),), finish="refusal")


def _answer_to_results(heard: Heard) -> Say:
    return Say("The tools said: " + " | ".join(f"{name} = {text}" for name, text in heard.results))


def _call(heard: Heard, name: str, arguments: dict[str, Any], index: int = 0) -> Call:
    assert name in heard.tools, f"scene {heard.scene} needs the tool {name}; offered: {heard.tools}"
    return Call(name, arguments, heard.turns, index)


def _tool(heard: Heard) -> Script:
    if heard.results:
        return Script((_answer_to_results(heard),))
    return Script((Say("Let me look that up."), _call(heard, WEATHER_TOOL, WEATHER)), finish="tools")


def _first_tool(heard: Heard) -> Script:
    """Calls whatever tool comes first, with no arguments: for clients whose tools are their own."""
    if heard.results or not heard.tools:
        return Script((_answer_to_results(heard),))
    return Script((Call(heard.tools[0], {}, heard.turns),), finish="tools")


PATCH = "*** Begin Patch\n*** Add File: ä.txt\n+hello\n*** End Patch"


def _patch(heard: Heard) -> Script:
    """Calls the free-form tool of Codex, as a function of a vendor that has no free-form tools."""
    if heard.results:
        return Script((_answer_to_results(heard),))
    return Script((_call(heard, "apply_patch", {"input": PATCH}),), finish="tools")


def _last_tool(heard: Heard) -> Script:
    """Calls the last function offered."""
    if heard.results:
        return Script((_answer_to_results(heard),))
    return Script((Call(heard.tools[-1], {"q": "x"}, heard.turns),), finish="tools")


def _parallel(heard: Heard) -> Script:
    if heard.results:
        return Script((_answer_to_results(heard),))
    calls = (_call(heard, WEATHER_TOOL, WEATHER), _call(heard, CLOCK_TOOL, CLOCK, 1))
    return Script(calls, finish="tools")


def _thinking(heard: Heard, text: str, *parts: Part, finish: str = "stop") -> Script:
    if not heard.thinks:
        return Script(parts, finish=finish)
    return Script((Think(text), *parts), finish=finish, usage=Usage(reasoning=6))


def _think(heard: Heard) -> Script:
    return _thinking(heard, THOUGHT, Say(PLAIN))


def _think_tool(heard: Heard) -> Script:
    if heard.results:
        return _thinking(heard, THOUGHT_AGAIN, _answer_to_results(heard))
    return _thinking(heard, THOUGHT, _call(heard, WEATHER_TOOL, WEATHER), finish="tools")


def _json(heard: Heard) -> Script:
    if not isinstance(heard.schema, dict) or set(heard.schema.get("properties", {})) != set(PERSON):
        return Script((Say("No schema was asked for."),))
    return Script((Say(json.dumps(PERSON)),))


def _echo(heard: Heard) -> Script:
    """Says what the vendor heard, for tests of what arrives."""
    return Script((Say(json.dumps({"system": heard.system, "texts": heard.texts, "tools": heard.tools})),))


SCENES: dict[str, Callable[[Heard], Script]] = {
    "plain": _plain,
    "long": _long,
    "length": _length,
    "refusal": _refusal,
    "tool": _tool,
    "first-tool": _first_tool,
    "parallel": _parallel,
    "patch": _patch,
    "last-tool": _last_tool,
    "think": _think,
    "think-tool": _think_tool,
    "json": _json,
    "echo": _echo,
}


def script_for(heard: Heard) -> Script:
    """The answer. A scene of :mod:`.faults` says the plain (or long) text until it breaks."""
    return SCENES.get(heard.scene, _plain)(heard)


def pieces(text: str) -> list[str]:
    """A text word by word, spaces kept, as models stream it."""
    return re.findall(r" *[^ ]+| +$", text)


def identifier(prefix: str, *seeds: object, length: int = 24) -> str:
    """A vendor-like id that is the same for the same seeds."""
    import hashlib

    digest = hashlib.sha256(repr(seeds).encode()).digest()
    alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    return prefix + "".join(alphabet[byte % len(alphabet)] for byte in (digest * 2)[:length])
