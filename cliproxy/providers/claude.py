"""Anthropic's Messages API with a key (providers.md 5)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final
from urllib.parse import urlsplit

import attrs

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.providers.claude_cache import mark_for_caching
from cliproxy.providers.common import Headers, Vendor, refuse, say_stream
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential
from cliproxy.shallow import look

_VERSION = "2023-06-01"
_OWN_HOST = "api.anthropic.com"
# What the counting endpoint takes; anything else there is a 400.
_COUNTED = frozenset(
    (
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "mcp_servers",
        "context_management",
    )
)


#: Of the headers that are Anthropic's by name: those that are set here.
_OURS: Final = frozenset(("anthropic-version", "anthropic-beta"))

#: Anthropic thinks with no fewer tokens.
LEAST_BUDGET: Final = 1024


class Claude(Vendor):
    """``{base}/v1/messages``. A foreign client's request is always streamed, whatever it wants back."""

    kind = "claude"
    dialect = "claude"
    protocol = "claude"
    counts_upstream = True

    def streams(self, call_stream: bool, client_dialect: str, base_url: str) -> bool:
        """As a Claude client asks; always for any other, because long answers time out otherwise."""
        return call_stream or client_dialect != "claude"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation is Operation.COMPACT:
            raise refuse("/responses/compact not supported")
        if call.operation is Operation.EMBED:
            raise refuse("/embeddings not supported")
        body = call.body
        body["model"] = call.model
        betas = body.pop("betas", None)
        call.betas = [beta for beta in betas if isinstance(beta, str)] if isinstance(betas, list) else []
        _settle_thinking(body, call)
        if call.operation is Operation.COUNT:
            for name in body.keys() - _COUNTED:
                del body[name]
            return
        say_stream(body, self.asks_for_stream(call, credential.base_url))
        mark_for_caching(body)

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """Counting has a path of its own."""
        return f"{base_url}/v1/messages" + ("/count_tokens" if call.operation is Operation.COUNT else "")

    def authorization(self, credential: Credential) -> Headers:
        """``x-api-key`` at Anthropic itself, a bearer token at anyone who speaks its dialect, unless the entry says how.
        Azure's ``api-key`` is ``x-api-key`` where it speaks this dialect."""
        target = urlsplit(credential.base_url)
        own = not credential.auth and target.scheme == "https" and target.hostname == _OWN_HOST
        if own or credential.auth == "api-key":
            credential = attrs.evolve(credential, auth="x-api-key")
        return super().authorization(credential)

    def said(self, call: UpstreamCall) -> tuple[Hashable, ...]:
        """Everything that Anthropic's own headers say, and the betas of the body."""
        named = [(name, value) for name, value in call.client_headers.items() if name.startswith("anthropic-")]
        return (*named, *call.betas)

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """The API's version, and the betas that the client or its body names."""
        yield "anthropic-version", call.client_headers.get("anthropic-version") or _VERSION
        for name, value in call.client_headers.items():
            if name.startswith("anthropic-") and name not in _OURS:
                yield name, value
        betas = call.client_headers.get("anthropic-beta", "").split(",") + call.betas
        if named := list(dict.fromkeys(beta.strip() for beta in betas if beta.strip())):
            yield "anthropic-beta", ",".join(named)

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        return [
            ("generate, stream", f"{credential.base_url}/v1/messages"),
            ("count", f"{credential.base_url}/v1/messages/count_tokens"),
        ]


def _settle_thinking(body: JSONObject, call: UpstreamCall) -> None:
    """Remove, raise or complete ``thinking`` where Anthropic would refuse the request for it.

    Thinking that adapts is bound by neither forced tools nor the blocks of earlier turns.
    """
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") == "disabled":
        return
    adaptive = thinking.get("type") == "adaptive"
    if not adaptive and (_forces_tool(body.get("tool_choice")) or _in_unthought_tool_loop(look(body, "messages"))):
        _stop_thinking(body)
        return
    if thinking.get("type") == "enabled" and thinking.get("budget_tokens") is None:
        budget = _half_of(body.get("max_tokens"))
        if budget is None:
            _stop_thinking(body)
            return
        body["thinking"] = {**thinking, "budget_tokens": budget}
    elif _is_small(thinking.get("budget_tokens")) and call.client_dialect != "claude" and not call.thinking_by_suffix:
        # Other vendors' clients do not know of the least budget, which does not always fit.
        if _is_small(body.get("max_tokens"), LEAST_BUDGET + 1):
            del body["thinking"]
            return
        body["thinking"] = {**thinking, "budget_tokens": LEAST_BUDGET}
    if not call.thinking_by_client:
        _drop_sampling(body)


def _stop_thinking(body: JSONObject) -> None:
    """Take ``thinking`` out, and with it the context edits that Anthropic refuses without it."""
    del body["thinking"]
    context = body.get("context_management")
    edits = context.get("edits") if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(edits, list):
        return
    kept = [edit for edit in edits if not _clears_thinking(edit)]
    if kept:
        body["context_management"] = {**context, "edits": kept}
    else:
        del body["context_management"]


def _clears_thinking(edit: JSON) -> bool:
    return isinstance(edit, dict) and str(edit.get("type")).startswith("clear_thinking")


def _forces_tool(choice: JSON) -> bool:
    return isinstance(choice, dict) and choice.get("type") in ("any", "tool")


def _is_small(count: JSON, limit: int = LEAST_BUDGET) -> bool:
    return isinstance(count, int) and 0 < count < limit


def _half_of(max_tokens: JSON) -> int | None:
    """A budget for thinking that was asked for without one, None where none fits below ``max_tokens``."""
    if not isinstance(max_tokens, int):
        return None
    budget = max(LEAST_BUDGET, max_tokens // 2)
    return budget if budget < max_tokens else None


def _drop_sampling(body: JSONObject) -> None:
    """Thinking we switched on must not be contradicted by sampling the client set without knowing of it."""
    body.pop("temperature", None)
    body.pop("top_k", None)
    top_p = body.get("top_p")
    if not isinstance(top_p, int | float) or top_p < 0.95:
        body.pop("top_p", None)


def _in_unthought_tool_loop(messages: JSON) -> bool:
    """Whether the history ends in tool results whose calls were made without thinking (dialects.md 11)."""
    if not isinstance(messages, list) or len(messages) < 2:
        return False
    calls, results = messages[-2:]
    if not any(block.get("type") == "tool_result" for block in _blocks(results, "user")):
        return False
    kinds = {block.get("type") for block in _blocks(calls, "assistant")}
    return bool(kinds) and not kinds & {"thinking", "redacted_thinking"}


def _blocks(message: JSON, role: str) -> Iterator[JSONObject]:
    if isinstance(message, dict) and message.get("role") == role:
        content = message.get("content")
        yield from (block for block in content if isinstance(block, dict)) if isinstance(content, list) else ()
