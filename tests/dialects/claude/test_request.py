"""Requests: read from Anthropic's dialect, and written in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.claude.passthrough import repair
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.interface import Dialect, EncodeContext
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.dialects.signatures import wrap
from cliproxy.errors import RequestFault
from cliproxy.ir.content import MediaPart, OpaquePart, ReasoningPart, Signature, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool, Thinking
from tests.dialects.driving import corpus, minting, to_request
from tests.dialects.vendors import check_claude_request

USER = {"role": "user", "content": "x"}


def decoded(body: Any) -> CompletionRequest:
    return CLAUDE.decode_request(body, minting())


def said(messages: list[Any], **members: Any) -> CompletionRequest:
    return decoded({"model": "m", "max_tokens": 9, "messages": messages, **members})


def from_chat(messages: list[Any], **members: Any) -> tuple[Any, list[tuple[str, bool]]]:
    """A Chat request in Anthropic's dialect, and its losses."""
    body, losses = to_request(CHAT, CLAUDE, {"model": "m", "messages": messages, **members})
    check_claude_request(body)
    return body, [(loss.what, loss.meaning) for loss in losses]


@pytest.mark.parametrize(("name", "body"), corpus("claude", "request"))
def test_identity(name: str, body: Any) -> None:
    """A body of Anthropic's own comes out as it went in, but for the model, and is not touched itself."""
    before = copy.deepcopy(body)
    out, losses = to_request(CLAUDE, CLAUDE, body, model="up", stream=body.get("stream", False))
    assert out == {**body, "model": "up"}
    assert losses == []
    assert body == before


@pytest.mark.parametrize("source", [CHAT, RESPONSES, GEMINI], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_anthropics_types(source: Dialect) -> None:
    """Whatever the other dialects' clients send becomes a body the SDK knows."""
    bodies = corpus(source.name, "request")
    assert bodies
    for _, body in bodies:
        out, _losses = to_request(source, CLAUDE, body, stream=True)
        check_claude_request(out)
        assert out["stream"] is True and out["model"] == "up" and out["max_tokens"] > 0


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_claude_code(self) -> None:
        """All of what an agent sends is understood, a system turn among the messages included."""
        request = decoded(dict(corpus("claude", "request"))["request-agent"])
        self.assertEqual([segment.text[:9] for segment in request.system], ["You work ", "# Environ", "Plan mode"])
        self.assertEqual(
            [message.role for message in request.messages], ["user", "assistant", "user", "assistant", "user"]
        )
        assert request.system[1].cache is not None
        self.assertEqual(request.system[1].cache.ttl, "1h")
        self.assertEqual(request.thinking, Thinking("adaptive", level="high"))
        self.assertEqual(request.claude_user_id, "user_3f2a_account__session_77")
        self.assertIsNone(request.user)
        told = {loss.what: loss.meaning for loss in request.dropped}
        self.assertEqual(told, {"context_management": False, "position of a mid-conversation system message": False})
        names = [tool.name if isinstance(tool, FunctionTool) else tool.kind for tool in request.tools]
        self.assertEqual(names[3:], ["mcp__code__grep", "tool_search_tool_regex_20251119"])

    def test_tool_results(self) -> None:
        """A result knows the tool it answers, its images, and whether it is an error."""
        request = decoded(dict(corpus("claude", "request"))["request-agent"])
        picture, failed, text = request.messages[2].parts
        assert isinstance(picture, ToolResultPart) and isinstance(failed, ToolResultPart)
        self.assertEqual([type(part) for part in picture.parts], [TextPart, MediaPart])
        self.assertEqual((picture.name, failed.name), ("Screenshot", "Read"))
        self.assertTrue(failed.is_error)
        self.assertEqual(failed.parts, [TextPart("ENOENT: /src/a.py")])
        self.assertEqual(text, TextPart("It is in /lib."))

    def test_found_tools(self) -> None:
        """What a tool search found is told by name, or other vendors' models would find that it found nothing."""
        (found,) = decoded(dict(corpus("claude", "request"))["request-agent"]).messages[4].parts[:1]
        assert isinstance(found, ToolResultPart)
        self.assertEqual((found.name, found.parts), ("ToolSearch", [TextPart("mcp__code__grep")]))

    def test_reasoning(self) -> None:
        """Thinking keeps its signature, redacted thinking its data."""
        request = decoded(dict(corpus("claude", "request"))["request-agent"])
        thought, redacted = request.messages[1].parts[0], request.messages[3].parts[0]
        assert isinstance(thought, ReasoningPart) and isinstance(redacted, ReasoningPart)
        assert thought.signature is not None
        self.assertEqual(thought.signature.origin, "claude")
        self.assertEqual((redacted.text, redacted.redacted), ("", "EmwKAhgBEgy3va3pzix"))

    def test_documents(self) -> None:
        """Each form of document is a file, or the text it holds; what only Anthropic can say is kept whole."""
        request = decoded(dict(corpus("claude", "request"))["request-documents"])
        pdf, note, block, picture, remote, by_id, found, _ = request.messages[0].parts
        self.assertEqual((pdf.kind, pdf.filename), ("file", "report.pdf"))  # type: ignore[union-attr]
        self.assertEqual([part.text for part in (note, block)], ["Ships sail.", "Block one."])  # type: ignore[union-attr]
        self.assertEqual(picture, MediaPart("image", url="https://ex.test/c.png"))
        self.assertEqual(remote, MediaPart("file", mime="application/pdf", url="https://ex.test/b.pdf"))
        self.assertEqual(by_id, MediaPart("file", file_id="file_011"))
        self.assertEqual(found, TextPart("Ships\nhttps://ex.test/ships\nA ship is a vessel."))
        kinds = [type(part) for part in request.messages[1].parts]
        self.assertEqual(kinds, [TextPart, OpaquePart, OpaquePart, TextPart])
        (search,) = request.tools
        assert isinstance(search, BuiltinTool)
        self.assertEqual((search.kind, search.options), ("web_search", {"allowed_domains": ["ex.test"], "max_uses": 3}))

    def test_odd_results(self) -> None:
        """A result's content may be one object, or missing."""
        request = said([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": {"type": "text", "text": "t"}},
            {"type": "tool_result", "tool_use_id": "b", "content": {"k": 1}},
            {"type": "tool_result", "tool_use_id": "c"},
        ]}])  # fmt: skip
        told = [part.parts for part in request.messages[0].parts if isinstance(part, ToolResultPart)]
        self.assertEqual(told, [[TextPart("t")], [TextPart('{"k":1}')], []])

    def test_members_of_a_wrong_type_are_absent(self) -> None:
        """An optional member that is not what it should be is passed over."""
        request = said(
            [USER], temperature="hot", top_k="1", stop_sequences="x", tools={}, thinking=[], metadata=7, tool_choice=1
        )
        self.assertEqual(request.sampling.temperature, None)
        self.assertEqual((request.sampling.stop, request.tools, request.thinking), (None, [], None))
        self.assertFalse(said([USER], stream=None).stream)

    def test_thinking(self) -> None:
        """``thinking`` is off, a budget, or left to the model."""
        for stated, expected in (
            ({"type": "disabled"}, Thinking("none")),
            ({"type": "enabled", "budget_tokens": 5000}, Thinking("budget", budget=5000)),
            ({"type": "enabled"}, Thinking("auto")),
            ({"type": "adaptive"}, Thinking("adaptive")),
            ({"type": "other"}, None),
        ):
            with self.subTest(stated=stated):
                self.assertEqual(said([USER], thinking=stated).thinking, expected)

    def test_what_is_needed_elsewhere_is_a_loss_of_meaning(self) -> None:
        """Remote tools that no one else can reach are not dropped without a word."""
        dropped = said([USER], mcp_servers=[{"url": "https://ex.test"}], inference_geo="eu").dropped
        self.assertEqual(
            [(loss.what, loss.meaning) for loss in dropped], [("mcp_servers", True), ("inference_geo", False)]
        )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [USER, 7]}, "messages[1]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": ["text"]}, 1]}]}, "messages[0].content[1]"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}]},
            "messages[0].content[0].name",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [1]}]}]},
            "messages[0].content[0].content[0]",
        ),
    ],
)
def test_what_is_no_messages_request_names_the_place(body: Any, path: str) -> None:
    """What cannot be read as Anthropic's dialect is a 400 that names the JSON path."""
    with pytest.raises(RequestFault) as caught:
        decoded({"model": "m", **body})
    assert (caught.value.detail.status, caught.value.detail.param) == (400, path)
    assert path in caught.value.detail.message


class Encoding(SynchronousTestCase):
    """What is written for clients of other dialects."""

    def test_results_come_first_and_neighbours_merge(self) -> None:
        """Results follow their call directly, before anything else in the same turn."""
        body, _ = from_chat(
            [
                USER,
                {"role": "assistant", "tool_calls": [
                    {"id": "a.1", "type": "function", "function": {"name": "f", "arguments": "{'k': 'v'}"}},
                    {"id": "a:1", "type": "function", "function": {"name": "f", "arguments": "nonsense"}}]},
                {"role": "tool", "tool_call_id": "a.1", "content": "one"},
                {"role": "user", "content": "and"},
                {"role": "tool", "tool_call_id": "a:1", "content": "two"},
            ]
        )  # fmt: skip
        calls, results = body["messages"][1]["content"], body["messages"][2]["content"]
        self.assertEqual([call["input"] for call in calls], [{"k": "v"}, {"unparsed_arguments": "nonsense"}])
        self.assertEqual([block["type"] for block in results], ["tool_result", "tool_result", "text"])
        ids = [call["id"] for call in calls]
        self.assertEqual(ids, [result["tool_use_id"] for result in results[:2]])
        self.assertEqual(len(set(ids)), 2, "two ids must not become one")

    def test_media(self) -> None:
        """Images and PDF are said in their own form, text files by their words, the rest is lost."""
        body, losses = from_chat(
            [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "gs://b/i.png"}},
                {"type": "file", "file": {"filename": "n.txt", "file_data": "data:text/plain;base64,aGk="}},
                {"type": "file", "file": {"filename": "n.json", "file_data": "data:application/json;base64,e30="}},
                {"type": "file", "file": {"filename": "n.zip", "file_data": "data:application/zip;base64,UEs="}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}]
        )  # fmt: skip
        text = {"type": "text", "media_type": "text/plain"}
        self.assertEqual(body["messages"][0]["content"], [
            {"type": "text", "text": "File: gs://b/i.png"},
            {"type": "document", "source": {**text, "data": "hi"}, "title": "n.txt"},
            {"type": "document", "source": {**text, "data": "{}"}, "title": "n.json"},
        ])  # fmt: skip
        self.assertEqual(losses, [("file", True), ("file by id", True), ("audio", True)])

    def test_losses_of_sampling(self) -> None:
        """Exactly what Anthropic cannot say is reported, and what changes the answer's shape is marked."""
        _, losses = from_chat(
            [USER], seed=1, presence_penalty=0.1, frequency_penalty=0.2, n=2, logprobs=True, logit_bias={"1": 2},
            metadata={"a": "b"}, temperature=1.5, response_format={"type": "json_object"},
        )  # fmt: skip
        self.assertEqual(sorted(losses), [
            ("frequency_penalty", False), ("json_object", True), ("logit_bias", False), ("logprobs", True),
            ("metadata", False), ("n", True), ("presence_penalty", False), ("seed", False),
        ])  # fmt: skip

    def test_no_losses_where_all_is_said(self) -> None:
        """A plain request loses nothing."""
        body, losses = from_chat(
            [{"role": "system", "content": "s"}, USER], temperature=1.5, n=1, stop=["a", " "], top_k=3
        )
        self.assertEqual(losses, [])
        self.assertEqual((body["temperature"], body["stop_sequences"], body["top_k"]), (1, ["a"], 3))
        self.assertNotIn("tool_choice", body)

    def test_default_max_tokens_respects_the_model(self) -> None:
        """The mandatory limit is the usual default, or the model's own where that is lower."""
        request = CHAT.decode_request({"model": "m", "messages": [USER]}, minting())
        for known, expected in ((None, 32000), (8192, 8192), (64000, 32000)):
            with self.subTest(known=known):
                context = EncodeContext("up", minting(), max_output_tokens=known)
                self.assertEqual(CLAUDE.encode_request(request, context)["max_tokens"], expected)

    def test_tool_choice(self) -> None:
        """Each choice has Anthropic's form; a set of allowed tools is the tools that are sent."""
        tools = [
            {
                "type": "function",
                "function": {"name": name, "parameters": {"$ref": "#/$defs/x", "$defs": {"x": {"type": "object"}}}},
            }
            for name in ("f", "g", "h")
        ]
        chosen = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": name}} for name in ("f", "h")]}}  # fmt: skip
        for choice, parallel, expected, count in (
            ("auto", None, {"type": "auto"}, 3),
            ("none", False, {"type": "none"}, 3),
            ("required", False, {"type": "any", "disable_parallel_tool_use": True}, 3),
            (None, False, {"type": "auto", "disable_parallel_tool_use": True}, 3),
            ({"type": "function", "function": {"name": "g"}}, None, {"type": "tool", "name": "g"}, 3),
            (chosen, None, {"type": "any"}, 2),
        ):
            with self.subTest(choice=choice):
                body, _ = from_chat([USER], tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
                self.assertEqual(body["tool_choice"], expected)
                self.assertEqual(len(body["tools"]), count)
                self.assertEqual(
                    body["tools"][0]["input_schema"],
                    {"type": "object", "properties": {}, "$defs": {"x": {"type": "object"}}},
                )

    def test_thinking_gives_way(self) -> None:
        """A forced tool, or a tool loop begun without reasoning, switches thinking off."""
        tools = [{"type": "function", "function": {"name": "f"}}]
        forced, _ = from_chat([USER], tools=tools, tool_choice="required", reasoning_effort="high")
        self.assertNotIn("thinking", forced)
        self.assertEqual(from_chat([USER], reasoning_effort="none")[0]["thinking"], {"type": "disabled"})
        auto, _ = to_request(CHAT, CLAUDE, {"model": "m", "messages": [USER], "reasoning_effort": "auto"})
        self.assertEqual(auto["thinking"], {"type": "enabled"}, "the provider gives it a budget")
        self.assertNotIn("thinking", from_chat([USER], reasoning_effort="vigorous")[0])

    def test_structured_output_is_closed(self) -> None:
        """Every object of the schema refuses unknown members; properties called like keywords do not confuse it."""
        inner = {"type": "object", "properties": {"items": {"type": ["object", "null"]}}}
        schema = {"$schema": "s", "type": "object", "properties": {"type": inner}, "$defs": {"D": {"anyOf": [inner]}}}
        body, _ = from_chat(
            [USER], response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        )
        closed = {"type": "object", "additionalProperties": False,
                  "properties": {"items": {"type": ["object", "null"], "additionalProperties": False}}}  # fmt: skip
        told = body["output_config"]["format"]
        self.assertEqual(told["type"], "json_schema")
        self.assertEqual(told["schema"], {"type": "object", "additionalProperties": False, "properties": {"type": closed},
                                          "$defs": {"D": {"anyOf": [closed]}}})  # fmt: skip

    def test_foreign_reasoning_stays_at_home(self) -> None:
        """Only reasoning that Anthropic signed is replayed to Anthropic; every other is a loss."""
        items = [
            {"role": "user", "content": "x"},
            {
                "type": "reasoning",
                "id": "rs",
                "summary": [{"type": "summary_text", "text": "o"}],
                "encrypted_content": "gAAAAAB",
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "y"}]},
            {"role": "user", "content": "z"},
        ]
        body, losses = to_request(RESPONSES, CLAUDE, {"model": "m", "input": items})
        self.assertEqual(body["messages"][1]["content"], [{"type": "text", "text": "y"}])
        self.assertEqual([(loss.what, loss.meaning) for loss in losses], [("reasoning signature", False)])

    def test_refusals_are_text(self) -> None:
        """A refusal in the history is said as text, and its marker is lost."""
        body, losses = from_chat([USER, {"role": "assistant", "content": None, "refusal": "No."}, USER])
        self.assertEqual(body["messages"][1]["content"], [{"type": "text", "text": "No."}])
        self.assertEqual(losses, [("refusal marker", False)])

    def test_the_ir_is_not_touched(self) -> None:
        """A request is encoded for every attempt anew, so encoding must not change it."""
        for _, body in corpus("openai", "request"):
            request = CHAT.decode_request(body, minting())
            before = copy.deepcopy(request)
            CLAUDE.encode_request(request, EncodeContext("up", minting()))
            self.assertEqual(request, before)


class Repair(SynchronousTestCase):
    """What is mended when both sides speak Anthropic's dialect."""

    def test_foreign_reasoning_is_taken_out(self) -> None:
        """Reasoning of another model that the client still holds would be refused; a turn of nothing else goes whole."""
        foreign = [
            {"type": "thinking", "thinking": "g", "signature": wrap(Signature("gemini", "QUJD"))},
            {"type": "thinking", "thinking": "o", "signature": "gAAAAABx"},
            {"type": "thinking", "thinking": "c", "signature": ""},
        ]
        text = {"type": "text", "text": "y"}
        own = {"type": "thinking", "thinking": "own", "signature": "QUJD"}
        body = {"messages": [USER, {"role": "assistant", "content": [*foreign, own, text]}, USER,
                             {"role": "assistant", "content": foreign}]}  # fmt: skip
        before = copy.deepcopy(body["messages"])
        held = body["messages"]
        repair(body)
        self.assertEqual(body["messages"], [USER, {"role": "assistant", "content": [own, text]}, USER])
        self.assertEqual(held, before)

    def test_calls_of_other_dialects_keep_their_arguments(self) -> None:
        """A call in Anthropic's history is read with its arguments in key order, unescaped."""
        request = said(
            [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"b": "é", "a": []}}],
                }
            ]
        )
        self.assertEqual(request.messages[0].parts, [ToolCallPart("t", "f", '{"b":"é","a":[]}')])
