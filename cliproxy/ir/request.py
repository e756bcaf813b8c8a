"""A request in no dialect's spelling."""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.ir.content import CacheHint, Extras, Part
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject


@attrs.define
class SystemSegment:
    """One piece of system text, in document order wherever the client put it."""

    text: str
    cache: CacheHint | None = None
    extras: Extras | None = None


@attrs.define
class Message:
    """One turn. Tool results are user parts. ``content_was_list`` remembers string against array."""

    role: Literal["user", "assistant"]
    parts: list[Part]
    content_was_list: bool = True
    extras: Extras | None = None


@attrs.define
class FunctionTool:
    """A tool the client runs. ``parameters`` is JSON Schema, or None. ``custom`` takes free text; ``grammar`` is its
    ``format`` member, kept whole."""

    name: str
    description: str | None = None
    parameters: JSONObject | None = None
    strict: bool | None = None
    custom: bool = False
    grammar: JSONObject | None = None
    cache: CacheHint | None = None
    extras: Extras | None = None


@attrs.define
class BuiltinTool:
    """A tool the vendor runs. ``kind``: web_search, code_execution, url_context, or the vendor's word.

    ``options`` are neutral (``allowed_domains``, ``blocked_domains``, ``max_uses``, ``user_location``,
    ``search_context_size``); ``raw`` is the source's own object.
    """

    kind: str
    origin: str
    options: JSONObject
    raw: JSONObject


Tool = FunctionTool | BuiltinTool


@attrs.define
class ToolChoice:
    """Which tools may or must be called. ``mode`` auto, none or required; ``names`` narrows it; ``exact`` is "this one".

    ``allowed`` marks an allowed-tools set (OpenAI), ``builtin`` a vendor tool's kind.
    """

    mode: Literal["auto", "none", "required"]
    names: list[str] = attrs.field(factory=list)
    exact: bool = False
    builtin: str | None = None
    raw: JSON = None


@attrs.define
class OutputFormat:
    """Structured output. ``kind`` json_object or json_schema; ``text`` is the default said aloud."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: JSONObject | None = None
    strict: bool | None = None
    description: str | None = None


@attrs.frozen
class Thinking:
    """A wish for reasoning.

    :ivar mode: ``include`` is Gemini's includeThoughts alone, ``adaptive`` is Anthropic's "as the model sees fit".
    :ivar level: a word in lower case; of mode ``adaptive`` the effort that guides it, of mode ``none`` the least of a model
        that cannot be silenced.
    :ivar budget: tokens, -1 auto, 0 off; of mode ``none`` likewise the least.
    :ivar summary: OpenAI's wish for a summary, as said.
    """

    mode: Literal["level", "budget", "auto", "none", "include", "adaptive"]
    level: str | None = None
    budget: int | None = None
    include: bool | None = None
    summary: str | None = None


@attrs.define
class Sampling:
    """Sampling fields; None is absent."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: JSONObject | None = None


@attrs.define
class CompletionRequest:
    """One request for one answer. See dialects' ``decode_request`` for where each member comes from.

    :ivar origin: the dialect it was read from.
    :ivar model: the name as the client wrote it, suffix included.
    :ivar include_usage: the Chat client's ``stream_options.include_usage``.
    :ivar user: the end user's id (Chat/Responses ``safety_identifier`` else ``user``).
    :ivar claude_user_id: Anthropic ``metadata.user_id``; a local cache key only, never sent to others.
    :ivar dropped: what the client said and no member here holds; encoders of other dialects report it.
    """

    origin: str
    model: str
    messages: list[Message]
    system: list[SystemSegment] = attrs.field(factory=list)
    tools: list[Tool] = attrs.field(factory=list)
    tool_choice: ToolChoice | None = None
    parallel: bool | None = None
    sampling: Sampling = attrs.field(factory=Sampling)
    format: OutputFormat | None = None
    thinking: Thinking | None = None
    stream: bool = False
    include_usage: bool = False
    user: str | None = None
    claude_user_id: str | None = None
    metadata: JSONObject | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    store: bool | None = None
    dropped: list[Loss] = attrs.field(factory=list)
    extras: Extras | None = None
