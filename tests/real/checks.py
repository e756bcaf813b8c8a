"""What every cell of the matrix must do: one function a behaviour, each for any client before any upstream."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import attrs

from tests.real import grammar, raw
from tests.real.agents import PIXEL
from tests.real.clients import BrokenStream, Client, Tokens, Tool, Turn
from tests.real.house import UPSTREAMS, House, model_for
from tests.support.vendors import script
from tests.support.vendors.wire import Record, VendorServer

TOOLS = (
    Tool(
        script.WEATHER_TOOL,
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city's name."},
                "days": {"type": "integer", "minimum": 1},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["city"],
        },
    ),
    Tool(script.CLOCK_TOOL, {"type": "object", "properties": {"zone": {"type": "string"}}}),
)
RESULTS = {script.WEATHER_TOOL: "sunny, 21 °C", script.CLOCK_TOOL: "it is 09:41"}
#: What tools of real agents hold, and one vendor or the other refuses as it stands.
NASTY = Tool(
    script.WEATHER_TOOL,
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "Weather",
        "definitions": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
        "$defs": {
            "Tree": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}
        },
        "properties": {
            "city": {"type": "string", "minLength": 1, "pattern": "^[A-Z]", "default": "Bonn", "examples": ["Bonn"]},
            "days": {"type": ["integer", "null"], "exclusiveMinimum": 0, "multipleOf": 1},
            "place": {"$ref": "#/definitions/Place", "description": "where"},
            "tree": {"$ref": "#/$defs/Tree"},
            "mode": {"const": "now"},
            "either": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "one": {
                "oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": True}]
            },
            "all": {"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"]}]},
            "numbers": {"type": "integer", "enum": [1, 2, 3]},
            "title": {"type": "string"},
            "pattern": {"type": "string"},
            "free": {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"pattern": "^x"}},
            "tuple": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
            "anything": True,
        },
        "required": ["city", "mode"],
        "additionalProperties": False,
        "if": {"properties": {"days": {"const": 1}}},
        "then": {"required": ["place"]},
    },
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
#: neutral finish -> each client's word for it.
FINISH = {
    "stop": {"openai": "stop", "responses": "completed", "claude": "end_turn", "gemini": "STOP"},
    "tools": {"openai": "tool_calls", "responses": "completed", "claude": "tool_use", "gemini": "STOP"},
    "length": {"openai": "length", "responses": "max_output_tokens", "claude": "max_tokens", "gemini": "MAX_TOKENS"},
}


@attrs.frozen
class Cell:
    """One client before one kind of upstream."""

    house: House
    client: Client
    upstream: str

    @property
    def vendor(self) -> VendorServer:
        """The fake at the other end."""
        return self.house.vendor(self.upstream)

    def model(self, scene: str, shape: str = "whole") -> str:
        """The model that plays a scene for this cell."""
        return model_for(self.upstream, scene, self.client.name, shape)

    def ask(self, scene: str, stream: bool, *, system: str = "", **wishes: Any) -> Turn:
        """Ask for a scene in one exchange."""
        history = self.client.begin(f"Please play scene:{scene} for me.", system)
        return self.client.ask(self.model(scene, "stream" if stream else "whole"), history, stream=stream, **wishes)

    def tokens(self, reasoning: int = 0) -> Tokens:
        """What the fakes always report, as far as this pair can tell it."""
        known = None if self.client.name == "claude" else 0 if self.upstream == "claude" else reasoning
        return Tokens(input=30, output=17, cached=8, reasoning=known)

    def last(self) -> Record:
        """The newest request that reached the vendor."""
        return self.vendor.records[-1]


Check = Callable[[Cell], None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Enter a check of the matrix under its own name."""
    CHECKS[function.__name__] = function
    return function


def both(function: Callable[..., None]) -> None:
    """Enter a check twice: whole and streamed."""
    for shape, stream in (("whole", False), ("stream", True)):
        CHECKS[f"{function.__name__}_{shape}"] = partial(function, stream=stream)


@both
def text(cell: Cell, stream: bool) -> None:
    """A text arrives whole, with the finish and the usage that the vendor told."""
    turn = cell.ask("plain", stream, system="Answer in one line.")
    assert turn.text == script.PLAIN
    assert turn.finish == FINISH["stop"][cell.client.name]
    assert turn.tokens == cell.tokens()
    assert "Answer in one line." in cell.last().heard.system


@both
def tool(cell: Cell, stream: bool) -> None:
    """A call comes with its text and arguments, and its result leads to the last answer."""
    turn = cell.ask("tool", stream, tools=TOOLS)
    assert turn.text == "Let me look that up."
    assert [(call.name, call.arguments) for call in turn.calls] == [(script.WEATHER_TOOL, script.WEATHER)]
    assert turn.finish == FINISH["tools"][cell.client.name]
    assert turn.tokens == cell.tokens()
    assert cell.last().heard.tools == [tool.name for tool in TOOLS]
    last = cell.client.ask(cell.model("tool"), cell.client.answer(turn, RESULTS), stream=stream, tools=TOOLS)
    assert last.text == f"The tools said: {script.WEATHER_TOOL} = {RESULTS[script.WEATHER_TOOL]}"
    assert last.finish == FINISH["stop"][cell.client.name]


@both
def parallel(cell: Cell, stream: bool) -> None:
    """Two calls of one turn arrive as two, with ids of their own, and both results go back in their order."""
    turn = cell.ask("parallel", stream, tools=TOOLS)
    assert [call.name for call in turn.calls] == [script.WEATHER_TOOL, script.CLOCK_TOOL]
    assert [call.arguments for call in turn.calls] == [script.WEATHER, script.CLOCK]
    assert len({call.id for call in turn.calls}) == 2
    last = cell.client.ask(cell.model("parallel"), cell.client.answer(turn, RESULTS), stream=stream, tools=TOOLS)
    said = " | ".join(f"{name} = {RESULTS[name]}" for name in (script.WEATHER_TOOL, script.CLOCK_TOOL))
    assert last.text == f"The tools said: {said}"


@both
def reasoning(cell: Cell, stream: bool) -> None:
    """Reasoning is shown, and before a tool's result it goes home in the form its vendor insists on."""
    turn = cell.ask("think-tool", stream, tools=TOOLS, think=True)
    assert turn.reasoning == script.THOUGHT
    assert [call.name for call in turn.calls] == [script.WEATHER_TOOL]
    assert turn.tokens == cell.tokens(reasoning=6)
    again = cell.client.answer(turn, RESULTS)
    last = cell.client.ask(cell.model("think-tool"), again, stream=stream, tools=TOOLS, think=True)
    assert last.text == f"The tools said: {script.WEATHER_TOOL} = {RESULTS[script.WEATHER_TOOL]}"
    kept = cell.last().heard.kept
    if cell.upstream == "openai":
        assert "text" in kept, kept
    elif cell.upstream == "gemini" and cell.client.name != "gemini":
        assert {"signed", "sentinel"} & set(kept), kept  # the call's own signature has no slot in other dialects
    elif cell.client.name != "openai":  # Chat has no slot for a signature
        assert "signed" in kept, kept


@both
def reasoning_then_text(cell: Cell, stream: bool) -> None:
    """Reasoning before a plain answer is shown apart from it, and a next question is taken with both in its history."""
    turn = cell.ask("think", stream, think=True)
    assert (turn.reasoning, turn.text) == (script.THOUGHT, script.PLAIN)
    history = turn.history + cell.client.begin("And scene:plain again.")
    assert cell.client.ask(cell.model("plain"), history, stream=stream, think=True).text == script.PLAIN


@both
def forced_tool(cell: Cell, stream: bool) -> None:
    """That one tool must be called reaches the vendor, thinking or not."""
    for think in (False, True):
        if think and cell.client.name == cell.upstream == "claude":
            continue  # the vendor's own rule forbids the two together
        turn = cell.ask("tool", stream, tools=TOOLS, force=script.WEATHER_TOOL, think=think)
        assert turn.calls[0].arguments == script.WEATHER
        assert cell.last().heard.forced == script.WEATHER_TOOL


@check
def nasty_schema(cell: Cell) -> None:
    """A tool with every keyword a vendor may refuse is accepted, and a property is never taken for a keyword."""
    if cell.client.name == cell.upstream:
        return  # the client's own vendor judges its own client
    turn = cell.ask("tool", False, tools=(NASTY,))
    assert turn.calls[0].arguments == script.WEATHER
    body = cell.last().body.decode()
    assert '"title":{' in body and '"pattern":{' in body, body


@check
def picture(cell: Cell) -> None:
    """A picture arrives, byte for byte."""
    pixel = base64.b64decode(PIXEL)
    turn = cell.client.ask(cell.model("plain"), cell.client.begin("scene:plain", picture=pixel))
    assert turn.text == script.PLAIN
    assert PIXEL in cell.last().body.decode().replace("-", "+").replace("_", "/")


@both
def long_session(cell: Cell, stream: bool) -> None:
    """A session of many turns, its whole history sent again each time, is understood to its end."""
    history = cell.client.begin("scene:tool")
    for scene in ("parallel", "think-tool", "think", "tool", "parallel"):
        for _ in range(2):
            turn = cell.client.ask(cell.model(scene), history, stream=stream, tools=TOOLS, think=True)
            if not turn.calls:
                break
            history = cell.client.answer(turn, RESULTS)
        assert not turn.calls and turn.text, turn
        history = turn.history + cell.client.begin(f"Now scene:{scene}")
    assert cell.last().heard.turns >= 8


@check
def upstream_switched(cell: Cell) -> None:
    """A session goes on before another upstream, in the middle of a tool's call as well: what one vendor signed is no
    stumbling block for the next."""
    for other in (kind for kind in UPSTREAMS if kind != cell.upstream):
        turn = cell.client.ask(
            model_for(other), cell.client.begin("scene:think-tool"), stream=True, tools=TOOLS, think=True
        )
        moved = cell.client.ask(
            cell.model("think-tool"), cell.client.answer(turn, RESULTS), stream=True, tools=TOOLS, think=True
        )
        assert RESULTS[script.WEATHER_TOOL] in moved.text, other
        history = moved.history + cell.client.begin("And now scene:think-tool again.")
        turn = cell.client.ask(cell.model("think-tool"), history, stream=True, tools=TOOLS, think=True)
        back = cell.client.ask(
            model_for(other), cell.client.answer(turn, RESULTS), stream=True, tools=TOOLS, think=True
        )
        assert RESULTS[script.WEATHER_TOOL] in back.text, other


@check
def long_stream(cell: Cell) -> None:
    """Hundreds of events arrive, every one, in order."""
    assert cell.ask("long", True).text == " ".join(f"word{n}" for n in range(400))


@check
def big_prompt(cell: Cell) -> None:
    """A megabyte of prompt goes through."""
    text = "0123456789abcdé\n" * 62_500 + "scene:plain"
    turn = cell.client.ask(cell.model("plain"), cell.client.begin(text), stream=True)
    assert turn.text == script.PLAIN
    assert cell.last().heard.texts == [text]


@both
def structured(cell: Cell, stream: bool) -> None:
    """A JSON schema reaches the vendor, whose answer obeys it."""
    assert json.loads(cell.ask("json", stream, schema=PERSON).text) == script.PERSON
    assert set(cell.last().heard.schema["required"]) == {"name", "age"}


@both
def cut_by_limit(cell: Cell, stream: bool) -> None:
    """The limit reaches the vendor, and that it was reached is told."""
    turn = cell.ask("length", stream, max_tokens=50)
    assert turn.finish == FINISH["length"][cell.client.name]
    assert turn.text == "This sentence is cut in the"
    assert cell.last().heard.max_tokens in (50, None if cell.upstream == "responses" else 50)


@both
def refusal(cell: Cell, stream: bool) -> None:
    """A refusal is told as the client's dialect tells one, never as an empty good answer."""
    turn = cell.ask("refusal", stream)
    words = {"openai": "content_filter", "responses": "content_filter", "claude": "refusal", "gemini": "SAFETY"}
    said = script.REFUSAL in (turn.text, turn.refusal)
    assert said or turn.finish == words[cell.client.name], turn
    if cell.upstream in ("openai", "responses"):
        assert said, turn


@check
def usage_agrees(cell: Cell) -> None:
    """Streamed and whole answers report the same tokens."""
    assert cell.ask("plain", True).tokens == cell.ask("plain", False).tokens


@both
def grammar_and_types(cell: Cell, stream: bool) -> None:
    """Every byte of an answer fits the dialect's grammar and the SDK's own types, without their leniency."""
    path, body = _raw_request(cell, stream)
    answer = raw.call(cell.house.daemon.url + path, body, {"Authorization": f"Bearer {cell.house.daemon.key}"})
    assert answer.status == 200, answer.body
    if stream:
        grammar.check_stream(cell.client.name, answer.payloads)
    else:
        assert answer.headers["content-type"].startswith("application/json")
        grammar.check_whole(cell.client.name, answer.json)


def _raw_request(cell: Cell, stream: bool, scene: str = "think-tool") -> tuple[str, dict[str, Any]]:
    model, text, tool = cell.model(scene), f"scene:{scene}", TOOLS[0]
    match cell.client.name:
        case "openai":
            function: dict[str, Any] = {"type": "function"}
            function["function"] = {"name": tool.name, "parameters": tool.schema}
            body: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "reasoning_effort": "high"}
            return "/v1/chat/completions", {**body, "model": model, "tools": [function], "stream": stream}
        case "responses":
            function = {"type": "function", "name": tool.name, "parameters": tool.schema, "strict": False}
            body = {"input": text, "reasoning": {"effort": "high", "summary": "auto"}, "tools": [function]}
            return "/v1/responses", {**body, "model": model, "stream": stream}
        case "claude":
            function = {"name": tool.name, "input_schema": tool.schema}
            body = {"messages": [{"role": "user", "content": text}], "max_tokens": 4000, "tools": [function]}
            body["thinking"] = {"type": "enabled", "budget_tokens": 2000}
            return "/v1/messages", {**body, "model": model, "stream": stream}
        case _:
            function = {"name": tool.name, "parametersJsonSchema": tool.schema}
            body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
            body["tools"] = [{"functionDeclarations": [function]}]
            body["generationConfig"] = {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2000}}
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{method}", body


@check
def wrong_key(cell: Cell) -> None:
    """A wrong client key is the SDK's authentication error, and reaches no vendor."""
    before = len(cell.vendor.records)
    stranger = cell.house.client(cell.client.name, "sk-client-wrong")
    _raises(stranger, "auth", lambda: stranger.ask(cell.model("plain"), stranger.begin("scene:plain")))
    stranger.close()
    assert len(cell.vendor.records) == before


@check
def bad_request(cell: Cell) -> None:
    """A vendor's 400 is the SDK's own exception for it, after one attempt, with the vendor's sentence."""
    for stream in (False, True):
        error = _raises(cell.client, "bad", partial(cell.ask, "e400", stream))
        assert "told to answer 400" in str(error), error


@both
def rejected_credential(cell: Cell, stream: bool) -> None:
    """A vendor's 401 is not the client's: 502, saying that the credentials are spent."""
    error = _raises(cell.client, "server", partial(cell.ask, "e401", stream))
    assert _status(error) == 502
    assert cell.client.name in ("claude", "gemini") or getattr(error, "code", None) == "upstream_credentials_exhausted"


@both
def missing_model(cell: Cell, stream: bool) -> None:
    """A vendor's 404 is the SDK's own exception for it."""
    assert _status(_raises(cell.client, "missing", partial(cell.ask, "e404", stream))) == 404


@both
def rate_limit(cell: Cell, stream: bool) -> None:
    """A vendor's 429 is the SDK's own exception for it, with the vendor's hint as Retry-After."""
    error = _raises(cell.client, "limited", partial(cell.ask, "e429", stream))
    assert _status(error) == 429
    assert error.response.headers["retry-after"] in ("7", "6")  # type: ignore[attr-defined]


@both
def server_error(cell: Cell, stream: bool) -> None:
    """A vendor's 5xx keep their status, and a broken gateway's page of HTML is an error in the client's dialect."""
    for scene, status in (("e500", 500), ("e503", 503), ("e529", 529), ("html502", 502), ("gzip500", 500)):
        error = _raises(cell.client, "server", partial(cell.ask, scene, stream))
        assert _status(error) == status, scene
        assert "\x1f" not in str(error), scene
        body = error.response.json()  # type: ignore[attr-defined]
        assert isinstance(body.get("error"), dict), f"{scene}: {body}"


@check
def error_first_in_stream(cell: Cell) -> None:
    """A 200 stream that begins with an error is an HTTP error to the client."""
    error = _raises(cell.client, "server", lambda: cell.ask("firsterror", True))
    assert _status(error) in (500, 502, 503, 529), error


@check
def broken_streams(cell: Cell) -> None:
    """A stream that breaks, errs, goes mad or never finishes ends in the SDK's exception, never cleanly."""
    for scene in ("miderror", "cut", "reset", "malformed", "nofinish"):
        heard = []
        try:
            for piece in cell.client.texts(cell.model(scene, "stream"), f"scene:{scene}"):
                heard.append(piece)
        except (BrokenStream, cell.client.errors["api"]):
            assert script.PLAIN.startswith("".join(heard)) or scene == "malformed", f"{scene}: garbled {heard}"
        except Exception as other:
            # In the identity lane the vendor's own half of a JSON text may reach the SDK, which chokes on it.
            assert scene == "malformed" and cell.client.name == cell.upstream, f"{scene}: {other!r}"
        else:
            raise AssertionError(f"{scene}: a clean end after {''.join(heard)!r}")


@check
def broken_whole_answers(cell: Cell) -> None:
    """A whole answer that is cut, empty or half a JSON text is 502."""
    for scene in ("cut", "reset", "malformed", "empty"):
        error = _raises(cell.client, "server", partial(cell.ask, scene, False))
        assert _status(error) == 502, f"{scene}: {error}"


@check
def empty_stream(cell: Cell) -> None:
    """A 200 stream with nothing in it is 502."""
    assert _status(_raises(cell.client, "server", partial(cell.ask, "empty", True))) == 502


@check
def drip(cell: Cell) -> None:
    """An upstream that sends three bytes at a time is understood."""
    assert "".join(cell.client.texts(cell.model("drip"), "scene:drip")) == script.PLAIN


@check
def words_as_they_come(cell: Cell) -> None:
    """The words before a pause are with the client during the pause, and the others follow it."""
    gate = cell.vendor.gate("pause")
    gate.clear()
    texts = cell.client.texts(cell.model("pause"), "scene:pause")
    first = next(texts)
    assert script.PLAIN.startswith(first)
    gate.set()
    assert first + "".join(texts) == script.PLAIN


@check
def hang_up(cell: Cell) -> None:
    """A client that leaves in the middle takes the upstream request with it within a second."""
    client = cell.house.client(cell.client.name)
    texts: Any = client.texts(cell.model("endless"), "scene:endless")
    next(texts)
    record = cell.last()
    left = time.monotonic()
    texts.close()
    client.close()
    cell.vendor.until(lambda: record.left, 2.0)
    assert record.left is not None
    assert record.left - left < 1.0


@check
def hang_up_on_a_whole_answer(cell: Cell) -> None:
    """A client that leaves before its whole answer has come takes the upstream request with it within a second."""
    path, body = _raw_request(cell, False, "endless")
    url = urlsplit(cell.house.daemon.url)
    before = len(cell.vendor.records)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    headers = {"Authorization": f"Bearer {cell.house.daemon.key}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    record = cell.vendor.until(lambda: cell.vendor.records[before:])[0]
    left = time.monotonic()
    connection.close()
    cell.vendor.until(lambda: record.left, 2.0)
    assert record.left - left < 1.0
    assert len(cell.vendor.records) == before + 1


def _raises(client: Client, word: str, action: Callable[[], Any]) -> Exception:
    """The SDK's exception for ``word``.

    :raises AssertionError: nothing was raised; anything else is let through.
    """
    try:
        action()
    except client.errors[word] as error:
        return error
    raise AssertionError(f"no {client.errors[word].__name__}")


def _status(error: Any) -> int:
    return int(getattr(error, "status_code", None) or error.code)
