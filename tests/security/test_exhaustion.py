"""Ten kilobytes in may cost a megabyte or so, and work that grows with what came in, not with what could be made of it."""

from __future__ import annotations

import functools
import gzip
import sys
import tracemalloc
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.jsontypes import JSONObject, dumps
from cliproxy.settings.model import KeyEntry, ModelEntry, Secret
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE, CLAUDE_ANSWER, GEMINI_ANSWER, RESPONSES
from tests.support.settings import compat, settings
from tests.support.world import Received, World

INPUT = 10 * 1024
#: Memory above what a plain request costs. The law is a megabyte; the sums of four object models do not end on a round one.
MOST_BYTES = 1536 * 1024
#: Calls of Python functions, as a measure of work that no busy machine disturbs.
MOST_WORK = 100
MODELS = ("gpt-x", "claude-x", "codex-x", "gemini-x")
ROUTES = {"/v1/chat/completions": CHAT, "/v1/messages": CLAUDE, "/v1/responses": RESPONSES}
RESPONSE = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": []}
ANSWERS = {"chat": CHAT_ANSWER, "claude": CLAUDE_ANSWER, "codex": RESPONSE, "gemini": GEMINI_ANSWER}


def tool(path: str, name: str, schema: JSONObject) -> JSONObject:
    """A tool in the dialect of the path."""
    if path == "/v1/messages":
        return {"name": name, "input_schema": schema}
    if path == "/v1/responses":
        return {"type": "function", "name": name, "parameters": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def references(depth: int) -> JSONObject:
    """References to references: each level has eight of the one below."""
    inner: JSONObject = {"d0": {"type": "string"}}
    for level in range(1, depth):
        properties = {name: {"$ref": f"#/$defs/d{level - 1}"} for name in "abcdefgh"}
        inner[f"d{level}"] = {"type": "object", "properties": properties}
    return {"type": "object", "$defs": inner, "properties": {"x": {"$ref": f"#/$defs/d{depth - 1}"}}}


def turns(count: int) -> list[JSONObject]:
    """A conversation."""
    return [{"role": ("user", "assistant")[number % 2], "content": "x"} for number in range(count)]


def nested(depth: int) -> JSONObject:
    """Objects in objects."""
    made: JSONObject = {"type": "string"}
    for _ in range(depth):
        made = {"type": "object", "properties": {"a": made}}
    return made


SCHEMAS: dict[str, list[JSONObject]] = {
    "references": [references(6)] * 6,
    "one long chain": [references(20)],
    "recursion": [{"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghijkl"}}] * 20,
    "a loop": [{"$ref": "#"}] * 90,
    "nesting": [nested(100)] * 2,
    "alternatives": [{"anyOf": [{"anyOf": [{"anyOf": [{"type": ["a", "b"]}] * 6}] * 6}] * 6}],
    "unions": [{"allOf": [{"type": "object", "properties": {f"p{i}": {"type": "string"}}} for i in range(150)]}],
    "an enum": [{"enum": list(range(2000))}],
    "many": [{}] * 120,
}
DATA_URL = "data:" + ";" * 9000
SCHEMA_FREE: dict[str, JSONObject] = {
    "brackets in the model": {"model": "m" + "(" * 120 + ")" * 120},
    "slashes in the model": {"model": "a/" * 120},
    "thoughts": {"messages": [{"role": "user", "content": "<think>" * 600}], "input": "<think>" * 600},
    "a data URL": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}]},
    "broken arguments": {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "x", "arguments": "{" * 2000 + '"' * 3000}}
            ]},
        ]
    },
    "clashing ids": {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [
                {"id": "!" * (number % 9), "type": "function", "function": {"name": "!", "arguments": "{}"}}
                for number in range(100)
            ]},
        ]
    },
    "stops": {"stop": ["a"] * 1000, "stop_sequences": ["a"] * 1000},
    "numbers": {"seed": 10**18, "zz": [1e308] * 1000, "max_tokens": 10**18},
}  # fmt: skip


class Exhaustion(SynchronousTestCase):
    """A daemon, and what a request makes it do."""

    def setUp(self) -> None:
        self.world = World(settings(request_retry=0))
        self.addCleanup(self.world.close)
        for name, answer in ANSWERS.items():
            self.world.vendor(f"{name}.test").script = lambda request, answer=answer: request.answer(200, answer)

    def memory(self, ask: Callable[[], object]) -> int:
        """The most bytes that are held at once while a request is answered."""
        ask()
        tracemalloc.start()
        try:
            ask()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def work(self, ask: Callable[[], object]) -> int:
        """How many Python functions are called while a request is answered."""
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            ask()
        finally:
            sys.setprofile(before)
        return calls

    def bounded(self, path: str, plain: JSONObject, body: JSONObject, what: str) -> None:
        data = dumps(body)
        self.assertLess(len(data), INPUT, what)
        usual, asked = (lambda: self.world.post(path, plain)), (lambda: self.world.post(path, data))
        self.assertLess(self.work(asked), MOST_WORK * self.work(usual), (what, path, body["model"]))
        self.assertLess(self.memory(asked) - self.memory(usual), MOST_BYTES, (what, path, body["model"]))

    def test_schemas(self) -> None:
        """Tools whose schemas refer, nest and branch cost in proportion to their size, in every lane."""
        for path, base in ROUTES.items():
            for model in MODELS:
                plain = {**base, "model": model}
                for what, schemas in SCHEMAS.items():
                    tools = [tool(path, f"t{number}", schema) for number, schema in enumerate(schemas)]
                    self.bounded(path, plain, {**plain, "tools": tools}, what)

    def test_other_members(self) -> None:
        """So does everything else that a client can write."""
        for path, base in ROUTES.items():
            for model in MODELS:
                plain = {**base, "model": model}
                for what, members in SCHEMA_FREE.items():
                    self.bounded(path, plain, {**plain, **members}, what)

    def test_growth(self) -> None:
        """Four times the tools, or the messages, or clashing names, is some four times the work."""
        for path, base in ROUTES.items():
            for model in MODELS:
                grown: dict[str, Callable[[int], JSONObject]] = {
                    "tools": lambda count, path=path: {"tools": [tool(path, f"t{n}", {}) for n in range(count)]},
                    "names": lambda count, path=path: {
                        "tools": [tool(path, "!" * (n % 60 + 1), {}) for n in range(count)]
                    },
                    "turns": lambda count: {"messages": turns(count), "input": turns(count)},
                }
                for what, more in grown.items():
                    small, large = (dumps({**base, "model": model, **more(count)}) for count in (500, 2000))
                    post = functools.partial(self.world.post, path)
                    small_work, large_work = (self.work(functools.partial(post, data)) for data in (small, large))
                    self.assertLess(large_work, 6 * small_work, (what, path, model))

    def test_depth(self) -> None:
        """What is nested too deeply is a 400, is no traceback in the log, and gives its credential back."""
        world = World(settings(openai_compatibility=(compat(max_concurrency=1),)))
        self.addCleanup(world.close)
        world.vendor("chat.test").script = lambda request: request.answer(200, CHAT_ANSWER)
        for depth in (240, 300, 600, 1000, 2000, 5000):
            for shape in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth):
                for path, base in ROUTES.items():
                    data = dumps({**base, "model": "gpt-x"})[:-1] + b',"z":' + shape + b"}"
                    self.assertIn(world.post(path, data).status, (200, 400), (depth, path))
        for path in ROUTES:
            for depth in (60, 130, 250):
                tools = [tool(path, "t", nested(min(depth, 120)))]
                body = {**ROUTES[path], "model": "gemini-x", "tools": tools}
                self.assertIn(self.world.post(path, body).status, (200, 400), (depth, path))
        self.assertEqual(world.post("/v1/chat/completions", CHAT).status, 200)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_packed(self) -> None:
        """A packed body is not unpacked beyond a multiple of its size; one that was honestly packed is served."""
        for size in (1_000_000, 10_000_000):
            for filler in (b"x", b"[", b" "):
                data = gzip.compress(b'{"a":"' + filler * size + b'"}')
                ask = lambda data=data: self.world.post("/v1/chat/completions", data, {"Content-Encoding": "gzip"})  # noqa: E731
                self.assertEqual(ask().status, 413)
                self.assertLess(self.memory(ask), 50 * 2 * len(data) + MOST_BYTES)
        honest = {**CHAT, "messages": [{"role": "user", "content": str(number) * 7} for number in range(5000)]}
        call = self.world.post("/v1/chat/completions", gzip.compress(dumps(honest)), {"Content-Encoding": "gzip"})
        self.assertEqual(call.status, 200)
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT, {"Content-Encoding": "gzip, gzip"}).status, 415)

    def test_upstream_bombs(self) -> None:
        """An upstream's error that unpacks to gigabytes is read to its limit; the client gets an error."""
        page = gzip.compress(b'{"error": {"message": "' + b"x" * 50_000_000 + b'"}}')

        def answer(request: Received) -> None:
            request.answer(500, page, {"Content-Encoding": "gzip"})

        key = KeyEntry(api_key=Secret("k"), base_url="http://bomb.test", models=(ModelEntry("bomb-x"),))
        world = World(settings(request_retry=0, claude_api_key=(key,)))
        self.addCleanup(world.close)
        world.vendor("bomb.test").script = answer
        ask = lambda: world.post("/v1/messages", {**CLAUDE, "model": "bomb-x"})  # noqa: E731
        self.assertEqual(ask().status, 500)
        world.service.clear_cooldowns()
        self.assertLess(
            self.memory(ask), 32 * 1024 * 1024
        )  # of fifty; half of it the JSON parser's complaint about where it was cut

    def test_answers_still_come(self) -> None:
        """After all of that the daemon serves."""
        self.assertEqual(self.world.post("/v1/messages", CLAUDE).json, CLAUDE_ANSWER)
