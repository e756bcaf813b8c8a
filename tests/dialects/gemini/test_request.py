"""Requests: read from Gemini's dialect, and written in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.gemini.passthrough import repair
from cliproxy.dialects.interface import Dialect, EncodeContext
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.dialects.signatures import SENTINEL, wrap
from cliproxy.errors import RequestFault
from cliproxy.ir.content import (
    MediaPart,
    Part,
    ReasoningPart,
    Signature,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool, OutputFormat, Thinking, ToolChoice
from tests.dialects.driving import corpus, minting, to_request
from tests.dialects.vendors import check_gemini_request

USER = {"role": "user", "content": "x"}
OPENAI = "gAAAAABpexample-encrypted_aa"


def decoded(body: Any) -> CompletionRequest:
    return GEMINI.decode_request(body, minting())


def model(*parts: Any) -> Any:
    return {"role": "model", "parts": list(parts)}


def user(*parts: Any) -> Any:
    return {"role": "user", "parts": list(parts)}


def call(name: str, call_id: str | None = None, **args: Any) -> Any:
    return {"functionCall": {"name": name, "args": args, **({"id": call_id} if call_id else {})}}


def result(name: str, response: Any, call_id: str | None = None) -> Any:
    return {"functionResponse": {"name": name, "response": response, **({"id": call_id} if call_id else {})}}


def told(value: Any) -> ToolResultPart:
    """What is read of a function's ``response``."""
    (part,) = decoded({"contents": [user(result("f", value))]}).messages[0].parts
    assert isinstance(part, ToolResultPart)
    return part


def from_chat(messages: list[Any], **members: Any) -> tuple[Any, list[tuple[str, bool]]]:
    """A Chat request in Gemini's dialect, and its losses."""
    body, losses = to_request(CHAT, GEMINI, {"model": "m", "messages": messages, **members})
    check_gemini_request(body)
    return body, [(loss.what, loss.meaning) for loss in losses]


def calling(*calls: tuple[str, str], **members: Any) -> Any:
    """A Chat turn of calls, by id and name."""
    functions = [{"id": key, "type": "function", "function": {"name": name, "arguments": "{}"}} for key, name in calls]
    return {"role": "assistant", "tool_calls": functions, **members}


def answering(call_id: str, content: Any = "ok") -> Any:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


@pytest.mark.parametrize(
    ("name", "body"), [(name, body) for name, body in corpus("gemini", "request") if "snake" not in name]
)
def test_identity(name: str, body: Any) -> None:
    """A body of Google's own comes out as it went in, and is not touched itself."""
    before = copy.deepcopy(body)
    out, losses = to_request(GEMINI, GEMINI, body)
    assert out == body == before
    assert losses == []


@pytest.mark.parametrize("source", [CHAT, RESPONSES, CLAUDE], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_googles_types(source: Dialect) -> None:
    """Whatever the other dialects' clients send becomes a body of pieces the SDK knows."""
    bodies = corpus(source.name, "request")
    assert bodies
    for _, body in bodies:
        out, _losses = to_request(source, GEMINI, body, stream=True)
        check_gemini_request(out)
        assert "model" not in out and "stream" not in out


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_gemini_cli(self) -> None:
        """Calls without ids get ids by their place, the same ones in every replay, and results find them by name."""
        body = dict(corpus("gemini", "request"))["request-cli"]
        request, again = decoded(body), decoded(copy.deepcopy(body))
        self.assertEqual(request.messages, again.messages)
        thought, listing, now = request.messages[3].parts
        assert (
            isinstance(thought, ReasoningPart) and isinstance(listing, ToolCallPart) and isinstance(now, ToolCallPart)
        )
        assert thought.signature is not None and listing.signature is not None
        self.assertEqual((thought.signature.origin, listing.signature.origin), ("gemini", "gemini"))
        self.assertTrue(listing.minted)
        self.assertRegex(listing.id, "^call_[A-Za-z0-9]{24}$")
        listed, clock = request.messages[4].parts
        assert isinstance(listed, ToolResultPart) and isinstance(clock, ToolResultPart)
        self.assertEqual((listed.call_id, clock.call_id), (listing.id, now.id))
        self.assertEqual(listed.parts, [TextPart("a.py\nb.py")])
        self.assertEqual((clock.parts, clock.is_error), ([TextPart("no clock")], True))
        self.assertEqual(request.system[0].text, "You are an agent.")
        self.assertEqual(request.thinking, Thinking("budget", budget=-1, include=True))
        self.assertEqual({loss.what for loss in request.dropped}, {"safetySettings", "labels"})

    def test_classifier(self) -> None:
        """Structured output, sampling and a thinking level are read."""
        request = decoded(dict(corpus("gemini", "request"))["request-classifier"])
        assert request.format is not None and request.format.schema is not None
        self.assertEqual(list(request.format.schema["properties"]), ["reasoning", "model_choice"])
        self.assertEqual(request.thinking, Thinking("level", level="low"))
        sampling = request.sampling
        self.assertEqual((sampling.temperature, sampling.stop, sampling.seed, sampling.n), (0, ["END"], 7, 1))

    def test_media(self) -> None:
        """Images, sounds and files are told apart by type; code the vendor ran is text."""
        request = decoded(dict(corpus("gemini", "request"))["request-media"])
        parts = request.messages[0].parts
        media = [part for part in parts if isinstance(part, MediaPart)]
        self.assertEqual([part.kind for part in media], ["image", "audio", "file", "image", "file"])
        self.assertEqual((media[2].filename, media[4].url), ("r.pdf", "gs://b/v.mp4"))
        text, drawing = request.messages[1].parts
        self.assertEqual(text, TextPart("Running code.```python\nprint(1)\n```\n```\n1\n```\n"))
        self.assertEqual(drawing.arguments, '{"n":[1,2.5]}')  # type: ignore[union-attr]
        self.assertEqual(
            [tool.kind for tool in request.tools if isinstance(tool, BuiltinTool)], ["web_search", "code_execution"]
        )
        (draw,) = [tool for tool in request.tools if isinstance(tool, FunctionTool)]
        self.assertEqual(
            draw.parameters,
            {
                "type": "object",
                "properties": {
                    "n": {"type": "array", "items": {"type": "number"}, "minItems": 1},
                    "k": {"type": ["string", "null"]},
                },
            },
        )
        assert request.tool_choice is not None
        self.assertEqual((request.tool_choice.names, request.tool_choice.exact), (["draw"], True))

    def test_snake_case(self) -> None:
        """Google's other spelling, and its SDKs' URL-safe base64, mean the same."""
        request = decoded(dict(corpus("gemini", "request"))["request-snake"])
        self.assertEqual(request.messages[0].parts[0], MediaPart("image", mime="image/png", data="ab+/"))
        see = request.messages[1].parts[0]
        assert isinstance(see, ToolCallPart) and see.signature is not None
        answer = request.messages[2].parts[0]
        assert isinstance(answer, ToolResultPart)
        self.assertEqual(answer.call_id, see.id)
        self.assertEqual([segment.text for segment in request.system], ["Be brief."])
        self.assertEqual(
            request.format,
            OutputFormat("json_schema", schema={"type": "object", "properties": {"a": {"type": "string"}}}),
        )
        self.assertEqual(request.thinking, Thinking("budget", budget=512, include=True))
        sampling = request.sampling
        self.assertEqual((sampling.max_tokens, sampling.top_p, sampling.stop), (100, 0.9, ["END"]))
        assert request.tool_choice is not None
        self.assertEqual(request.tool_choice.names, ["see"])
        self.assertEqual(len(request.tools), 2)

    def test_a_replayed_stream_is_one_turn(self) -> None:
        """Google's SDK replays a streamed answer piece by piece: one turn is made of it, and one thought with its signature."""
        pieces = [
            model({"text": "pl", "thought": True}),
            model({"text": "an", "thought": True}),
            model({"text": "", "thought": True, "thoughtSignature": OPENAI}),
            model({"text": "He"}),
            model({"text": "y"}),
        ]
        request = decoded({"contents": [user({"text": "x"}), *pieces, user({"text": "y"})]})
        self.assertEqual([message.role for message in request.messages], ["user", "assistant", "user"])
        thought, text = request.messages[1].parts
        self.assertEqual(thought, ReasoningPart("plan", Signature("openai", OPENAI), from_dialect="gemini"))
        self.assertEqual(text, TextPart("Hey"))

    def test_roles(self) -> None:
        """Missing and unknown roles alternate, beginning with the user."""
        for stated, expected in (
            ([None, None, None], ["user", "assistant", "user"]),
            (["model", None], ["assistant", "user"]),
            (["user", "assistant", "function"], ["user", "assistant", "user"]),
        ):
            with self.subTest(stated=stated):
                contents = [{"role": role, "parts": [{"text": "x"}]} for role in stated]
                self.assertEqual([message.role for message in decoded({"contents": contents}).messages], expected)

    def test_pairing(self) -> None:
        """A result is paired by id, else with the oldest open call of its name, else with the oldest, else with none."""
        request = decoded(
            {
                "contents": [
                    model(call("f"), call("g"), call("f"), call("h", "real")),
                    user(
                        result("h", {}, "real"),
                        result("f", {}),
                        result("nobody", {}),
                        result("f", {}, "made-up"),
                        result("f", {}, "orphan"),
                    ),
                ]
            }
        )
        calls = [part.id for part in request.messages[0].parts if isinstance(part, ToolCallPart)]
        ids = [part.call_id for part in request.messages[1].parts if isinstance(part, ToolResultPart)]
        self.assertEqual(ids, ["real", calls[0], calls[1], calls[2], "orphan"])
        self.assertEqual(len(set(calls)), 4)

    def test_a_result_said_again_is_said_once(self) -> None:
        """Gemini CLI, resuming a conversation, sends each result twice under one id; those without an id all count."""
        answers = [
            result("f", {"output": "x"}, "a"),
            result("f", {"output": "x"}, "a"),
            result("f", {"output": "y"}, "b"),
        ]
        contents = [model(call("f", "a"), call("f", "b")), user(*answers)]
        read = decoded({"contents": contents}).messages[1].parts
        self.assertEqual([part.call_id for part in read if isinstance(part, ToolResultPart)], ["a", "b"])
        body = {"contents": copy.deepcopy(contents)}
        repair(body)
        self.assertEqual(body["contents"][1], user(answers[0], answers[2]))
        nameless = [model(call("f"), call("f")), user(result("f", {}), result("f", {}))]
        self.assertEqual(len(decoded({"contents": nameless}).messages[1].parts), 2)

    def test_ids_of_pieces_differ(self) -> None:
        """Calls of the same turn, replayed in pieces, do not share an id."""
        request = decoded({"contents": [model(call("f")), model(call("f")), model(call("f"))]})
        ids = {part.id for part in request.messages[0].parts if isinstance(part, ToolCallPart)}
        self.assertEqual(len(ids), 3)

    def test_results(self) -> None:
        """The payload of a response is its result, output or lone error, else all of it."""
        for response, text, is_error in (
            ({"result": 9}, "9", False),
            ({"result": "s"}, "s", False),
            ({"result": None}, "", False),
            ({"output": {"v": 1}}, '{"v":1}', False),
            ({"error": "bad"}, "bad", True),
            ({"error": "bad", "code": 1}, '{"error":"bad","code":1}', False),
            ({"a": [1]}, '{"a":[1]}', False),
            ({}, "{}", False),
            (None, "", False),
            ("plain", "plain", False),
        ):
            with self.subTest(response=response):
                part = told(response)
                self.assertEqual((part.parts, part.is_error), ([TextPart(text)], is_error))

    def test_results_with_images(self) -> None:
        """A function may answer with images."""
        image = {"inlineData": {"mimeType": "image/png", "data": "ab-_"}}
        contents = [user({"functionResponse": {"name": "f", "response": {"result": "r"}, "parts": [image]}})]
        (part,) = decoded({"contents": contents}).messages[0].parts
        assert isinstance(part, ToolResultPart)
        self.assertEqual(part.parts, [TextPart("r"), MediaPart("image", mime="image/png", data="ab+/")])

    def test_thinking(self) -> None:
        """A level, a budget, or only the wish to see thoughts."""
        for config, expected in (
            ({"thinkingLevel": "HIGH"}, Thinking("level", level="high")),
            ({"thinkingLevel": " none "}, Thinking("none", level="none")),
            ({"thinkingLevel": "auto"}, Thinking("auto", level="auto")),
            ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED", "thinkingBudget": 7}, Thinking("budget", budget=7)),
            ({"includeThoughts": True}, Thinking("include", include=True)),
            ({"thinkingBudget": "many"}, None),
            ({}, None),
        ):
            with self.subTest(config=config):
                body = {"contents": [], "generationConfig": {"thinkingConfig": config}}
                self.assertEqual(decoded(body).thinking, expected)

    def test_choice(self) -> None:
        """The modes of calling are read; an unknown one says nothing."""
        for config, expected in (
            ({"mode": "VALIDATED"}, ("auto", [], False)),
            ({"mode": "any"}, ("required", [], False)),
            ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ("required", ["f", "g"], False)),
            ({"mode": "NONE"}, ("none", [], False)),
            ({"mode": "MODE_UNSPECIFIED"}, None),
            (7, None),
        ):
            with self.subTest(config=config):
                choice = decoded({"contents": [], "toolConfig": {"functionCallingConfig": config}}).tool_choice
                got = None if choice is None else (choice.mode, choice.names, choice.exact)
                self.assertEqual(got, expected)

    def test_tolerance(self) -> None:
        """One part where an array belongs, a bare string, a wrapped count request: all are understood."""
        for body in (
            {"contents": "x"},
            {"contents": ["x"]},
            {"contents": {"parts": {"text": "x"}}},
            {"contents": [{"role": "user", "parts": ["x"]}]},
            {"generateContentRequest": {"model": "models/g", "contents": [user({"text": "x"})]}},
        ):
            with self.subTest(body=body):
                self.assertEqual([message.parts for message in decoded(body).messages], [[TextPart("x")]])
        for system in ("s", {"parts": {"text": "s"}}, {"parts": ["s", {"inlineData": {}}]}, [{"text": "s"}]):
            with self.subTest(system=system):
                request = decoded({"contents": [], "system_instruction": system})
                self.assertEqual([segment.text for segment in request.system], ["s"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "contents"),
        ({"contents": 7}, "contents"),
        ({"contents": [7]}, "contents[0]"),
        ({"contents": [user({"text": "x"}), user(7)]}, "contents[1].parts[0]"),
        ({"contents": [model({"functionCall": {}})]}, "contents[0].parts[0].functionCall.name"),
        ({"generateContentRequest": {"contents": 7}}, "generateContentRequest.contents"),
    ],
)
def test_what_is_no_gemini_request_names_the_place(body: Any, path: str) -> None:
    """What cannot be read as Gemini's dialect is a 400 that names the JSON path."""
    with pytest.raises(RequestFault) as caught:
        decoded(body)
    assert (caught.value.detail.status, caught.value.detail.param) == (400, path)


class Encoding(SynchronousTestCase):
    """What is written for clients of other dialects."""

    def test_results_stand_after_their_calls(self) -> None:
        """Results are brought to the content after their calls, in the order of the calls, and every call has one."""
        body, _ = from_chat([
            USER, calling(("a", "f"), ("b", "g"), ("c", "h")), answering("c"), {"role": "user", "content": "more"},
            answering("zz", "orphan"), calling(("d", "f")), answering("d"), answering("a", '{"k": 1}'),
        ])  # fmt: skip
        first, second = body["contents"][2]["parts"], body["contents"][4]["parts"]
        self.assertEqual([list(part) for part in first], [["functionResponse"]] * 3 + [["text"], ["text"]])
        told = [(part["functionResponse"]["id"], part["functionResponse"]["response"]) for part in first[:3]]
        missing = {"error": "no result: the call was interrupted"}
        self.assertEqual(told, [("a", {"result": {"k": 1}}), ("b", missing), ("c", {"result": "ok"})])
        self.assertIn("orphan", first[4]["text"])
        self.assertEqual([part["functionResponse"]["id"] for part in second], ["d"])

    def test_reused_ids_pair_with_the_nearest_call(self) -> None:
        """A client that numbers its calls anew each turn still gets each result after its own call."""
        body, _ = from_chat(
            [USER, calling(("0", "f")), answering("0", "one"), calling(("0", "g")), answering("0", "two")]
        )
        told = [(part["functionResponse"]["name"], part["functionResponse"]["response"]["result"])
                for content in body["contents"] for part in content["parts"] if "functionResponse" in part]  # fmt: skip
        self.assertEqual(told, [("f", "one"), ("g", "two")])

    def test_an_open_call_stays_open(self) -> None:
        """A call at the very end is not answered for the client."""
        body, _ = from_chat([USER, calling(("a", "f"))])
        self.assertEqual(len(body["contents"]), 2)

    def test_values_of_results(self) -> None:
        """JSON objects and arrays are told as such, anything else as the text it is; errors as errors."""
        for text, value in (("[1]", [1]), (" {}", {}), ("7", "7"), ("{broken", "{broken"), ("", "")):
            with self.subTest(text=text):
                body, _ = from_chat([USER, calling(("a", "f")), answering("a", text)])
                self.assertEqual(body["contents"][2]["parts"][0]["functionResponse"]["response"], {"result": value})
        agent = dict(corpus("claude", "request"))["request-agent"]
        body, _ = to_request(CLAUDE, GEMINI, agent)
        shown, failed, image, text = body["contents"][2]["parts"]
        self.assertEqual(failed["functionResponse"]["response"], {"error": "ENOENT: /src/a.py"})
        self.assertEqual(
            (shown["functionResponse"]["name"], list(image), list(text)), ("Screenshot", ["inlineData"], ["text"])
        )

    def test_the_first_call_is_signed(self) -> None:
        """The first call of a content has its own signature of Gemini's, or the sentinel; later ones only their own."""
        signed = {"extra_content": {"google": {"thought_signature": "QUJD"}}}
        turn = calling(("a", "f"), ("b", "g"), ("c", "h"))
        turn["tool_calls"][1].update(signed)
        body, _ = from_chat([USER, turn])
        self.assertEqual(
            [part.get("thoughtSignature") for part in body["contents"][1]["parts"]], [SENTINEL, "QUJD", None]
        )

    def test_reasoning_of_its_own_is_replayed(self) -> None:
        """Thoughts that Gemini signed come home, from an envelope too; all others are losses."""

        def replay(*signatures: str) -> tuple[Any, list[str]]:
            thoughts = [{"type": "thinking", "thinking": "t", "signature": value} for value in signatures]
            messages = [USER, {"role": "assistant", "content": [*thoughts, {"type": "text", "text": "y"}]}, USER]
            body, losses = to_request(CLAUDE, GEMINI, {"model": "m", "messages": messages})
            check_gemini_request(body)
            return body["contents"][1]["parts"][:-1], [loss.what for loss in losses]

        home = {"text": "t", "thought": True, "thoughtSignature": "QUJD"}
        self.assertEqual(replay(wrap(Signature("gemini", "QUJD"))), ([home], []))
        self.assertEqual(replay("QUJD", OPENAI), ([], ["reasoning signature"] * 2))
        self.assertEqual(replay(""), ([], ["reasoning without signature"]))

    def test_tools(self) -> None:
        """Functions share one tool object, Google's own tools have theirs, others' are lost."""
        _, losses = to_request(CLAUDE, GEMINI, {"model": "m", "messages": [USER], "tools": [
            {"type": "bash_20250124", "name": "bash"}, {"type": "tool_search_tool_regex_20251119", "name": "t"}]})  # fmt: skip
        self.assertEqual(
            [(loss.what, loss.meaning) for loss in losses],
            [("built-in tool bash_20250124", True), ("built-in tool tool_search_tool_regex_20251119", False)],
        )
        body, losses = to_request(RESPONSES, GEMINI, {"model": "m", "input": "x", "tools": [
            {"type": "web_search"}, {"type": "function", "name": "f", "strict": True, "parameters": None},
            {"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "function", "name": "9:g"}]})  # fmt: skip
        functions, *own = body["tools"]
        self.assertEqual([function["name"] for function in functions["functionDeclarations"]], ["f", "_9:g"])
        self.assertEqual(
            functions["functionDeclarations"][0]["parametersJsonSchema"], {"type": "object", "properties": {}}
        )
        self.assertEqual(own, [{"googleSearch": {}}, {"codeExecution": {}}])
        self.assertEqual([loss.what for loss in losses], ["strict"])

    def test_googles_tools_give_way_to_functions(self) -> None:
        """Google's models take its tools or functions, not both; a Codex that offers web search keeps its functions."""
        tools = [{"type": "function", "name": "exec_command"}, {"type": "web_search", "external_web_access": True}]
        body, losses = to_request(
            RESPONSES, GEMINI, {"model": "m", "input": "x", "tools": tools}, model="gemini-2.5-pro"
        )
        self.assertEqual([list(tool) for tool in body["tools"]], [["functionDeclarations"]])
        self.assertEqual([(loss.what, loss.meaning) for loss in losses], [("web_search beside functions", True)])
        body, _ = to_request(
            RESPONSES, GEMINI, {"model": "m", "input": "x", "tools": tools[1:]}, model="gemini-2.5-pro"
        )
        self.assertEqual(body["tools"], [{"googleSearch": {}}])

    def test_tool_choice(self) -> None:
        """Each choice has Gemini's form, and none is sent without functions."""
        tools = [{"type": "function", "function": {"name": "9f"}}, {"type": "function", "function": {"name": "g"}}]
        chosen = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tools[0]]}}
        for choice, expected in (
            ("auto", {"mode": "AUTO"}),
            ("none", {"mode": "NONE"}),
            ("required", {"mode": "ANY"}),
            (tools[0], {"mode": "ANY", "allowedFunctionNames": ["_9f"]}),
            (chosen, {"mode": "ANY", "allowedFunctionNames": ["_9f"]}),
        ):
            with self.subTest(choice=choice):
                body, _ = from_chat([USER], tools=tools, tool_choice=choice)
                self.assertEqual(body["toolConfig"], {"functionCallingConfig": expected})
        self.assertNotIn("toolConfig", from_chat([USER], tool_choice="required")[0])
        self.assertNotIn("toolConfig", from_chat([USER], tools=[{"google_search": {}}], tool_choice="auto")[0])

    def test_losses(self) -> None:
        """Exactly what Gemini cannot say is reported, and what changes the answer is marked."""
        url = {"url": "https://ex.test/a.jpg", "detail": "low"}
        _, losses = from_chat(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
                        {"type": "image_url", "image_url": url},
                        {"type": "file", "file": {"file_id": "file-1"}},
                    ],
                }
            ],
            tools=[{"type": "function", "function": {"name": "f", "strict": True}}],
            parallel_tool_calls=False,
            logit_bias={"1": 1},
            metadata={"a": "b"},
            user="u",
            seed=1,
            presence_penalty=0.1,
            n=2,
            logprobs=True,
            top_logprobs=3,
        )
        self.assertEqual(sorted(losses), [
            ("cache_control", False), ("file by id", True), ("image detail", False), ("logit_bias", False), ("metadata", False),
            ("parallel_tool_calls", True), ("strict", False), ("user", False),
        ])  # fmt: skip

    def test_generation_config(self) -> None:
        """All sampling Gemini knows is written in its words."""
        body, losses = from_chat(
            [USER], seed=1, presence_penalty=0.1, frequency_penalty=0.2, n=3, logprobs=True, top_logprobs=2, top_k=5, top_p=0.9,
            stop="END", max_tokens=7, response_format={"type": "json_schema", "json_schema": {
                "name": "n", "schema": {"$schema": "s", "type": "object", "additionalProperties": False}}},
        )  # fmt: skip
        self.assertEqual(body["generationConfig"], {
            "topP": 0.9, "topK": 5, "maxOutputTokens": 7, "stopSequences": ["END"], "seed": 1, "presencePenalty": 0.1,
            "frequencyPenalty": 0.2, "candidateCount": 3, "responseLogprobs": True, "logprobs": 2,
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "additionalProperties": False},
        })  # fmt: skip
        self.assertEqual(losses, [])

    def test_thinking(self) -> None:
        """What other dialects ask of thinking, in Gemini's words."""
        for thinking, expected in (
            ({"type": "enabled"}, {"thinkingBudget": -1, "includeThoughts": True}),
            ({"type": "enabled", "budget_tokens": 0}, {"thinkingBudget": 0, "includeThoughts": False}),
            ({"type": "adaptive"}, {"thinkingBudget": -1, "includeThoughts": True}),
        ):
            with self.subTest(thinking=thinking):
                body, _ = to_request(CLAUDE, GEMINI, {"model": "m", "messages": [USER], "thinking": thinking})
                self.assertEqual(body["generationConfig"]["thinkingConfig"], expected)
        efforts: tuple[tuple[str, Any], ...] = (
            ("auto", {"thinkingBudget": -1, "includeThoughts": True}),
            ("none", {"thinkingLevel": "none", "includeThoughts": False}),
            ("High", {"thinkingLevel": "high", "includeThoughts": True}),
        )
        for effort, config in efforts:
            with self.subTest(effort=effort):
                body, _ = to_request(CHAT, GEMINI, {"model": "m", "messages": [USER], "reasoning_effort": effort})
                self.assertEqual(body["generationConfig"]["thinkingConfig"], config)

    def test_only_instructions(self) -> None:
        """Instructions alone are the user's turn; beside a turn they are Gemini's own field."""
        body, _ = from_chat([{"role": "system", "content": "s"}])
        self.assertEqual(body, {"contents": [user({"text": "s"})]})
        body, _ = from_chat([{"role": "system", "content": "s"}, USER])
        self.assertEqual(body, {"contents": [user({"text": "x"})], "systemInstruction": {"parts": [{"text": "s"}]}})

    def test_a_models_image_carries_the_sentinel(self) -> None:
        """An image in the model's turn was signed by no one Gemini knows."""
        request = CHAT.decode_request({"model": "m", "messages": [USER]}, minting())
        shown: Part = MediaPart("image", mime="image/png", data="QUJD")
        request.messages[0].role = "assistant"
        request.messages[0].parts = [shown]
        body = GEMINI.encode_request(request, EncodeContext("up", minting()))
        self.assertEqual(body["contents"][0]["parts"][0]["thoughtSignature"], SENTINEL)

    def test_the_ir_is_not_touched(self) -> None:
        """A request is encoded for every attempt anew, so encoding must not change it."""
        for source in (CHAT, CLAUDE):
            for _, body in corpus(source.name, "request"):
                request = source.decode_request(body, minting())
                before = copy.deepcopy(request)
                GEMINI.encode_request(request, EncodeContext("up", minting()))
                self.assertEqual(request, before)

    def test_a_forced_tool_of_anothers_is_a_loss(self) -> None:
        """A choice of a tool only another vendor has cannot be kept."""
        request = decoded({"contents": [user({"text": "x"})], "tools": [{"functionDeclarations": [{"name": "f"}]}]})
        request.origin, request.tool_choice = "responses", ToolChoice("required", builtin="file_search")
        context = EncodeContext("up", minting())
        self.assertNotIn("toolConfig", GEMINI.encode_request(request, context))
        self.assertEqual([(loss.what, loss.meaning) for loss in context.losses], [("tool_choice file_search", True)])


class Repair(SynchronousTestCase):
    """What is mended when both sides speak Gemini's dialect."""

    def test_spelling_where_later_stages_look(self) -> None:
        """The members that thinking, safety and payload rules touch are spelt one way; the rest stays as it is."""
        body = copy.deepcopy(dict(corpus("gemini", "request"))["request-snake"])
        repair(body)
        self.assertEqual(
            set(body), {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}
        )
        config = body["generationConfig"]
        self.assertEqual(config["thinkingConfig"], {"thinkingBudget": 512, "includeThoughts": True})
        self.assertEqual((config["maxOutputTokens"], config["top_p"]), (100, 0.9))
        self.assertEqual(list(body["contents"][1]["parts"][0]), ["function_call", "thought_signature"])

    def test_foreign_signatures(self) -> None:
        """Another vendor's thoughts go, its calls are signed by the sentinel, and nothing the client holds is changed."""
        contents = [
            user({"text": "x"}),
            model({"text": "t", "thought": True, "thoughtSignature": OPENAI}),
            model({"text": "y", "thoughtSignature": OPENAI}, {**call("f"), "thoughtSignature": wrap(Signature("openai", "zz"))},
                  {**call("g"), "thoughtSignature": OPENAI}, {"text": "own", "thought": True, "thoughtSignature": "QUJD"}),
        ]  # fmt: skip
        before = copy.deepcopy(contents)
        body = {"contents": contents}
        repair(body)
        self.assertEqual(contents, before)
        self.assertEqual(body["contents"], [
            user({"text": "x"}),
            model({"text": "y"}, {**call("f"), "thoughtSignature": SENTINEL}, call("g"),
                  {"text": "own", "thought": True, "thoughtSignature": "QUJD"}),
        ])  # fmt: skip

    def test_what_is_no_content_is_googles_to_refuse(self) -> None:
        """Repair judges nothing."""
        for contents in (7, None, [7, "x", {"parts": 7}]):
            with self.subTest(contents=contents):
                repair({"contents": contents})
