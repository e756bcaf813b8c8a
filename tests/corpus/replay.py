"""Replays the corpus: each case of ``cases.jsonl`` through the code the daemon runs, and what it says must hold.

``python -m tests.corpus.replay`` prints what failed and a table of passes, client dialect by upstream dialect. The
format of a case is the last section of the dialects page of the behaviour notes.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cliproxy.dialects.interface import DONE, AnswerContext, Dialect, EncodeContext, Mint
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.toolids import client_names
from cliproxy.dialects.transcoder import Transcoder, translate
from cliproxy.errors import RequestFault
from cliproxy.ir.request import CompletionRequest, Thinking
from cliproxy.jsontypes import dumps
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import UpstreamCall
from cliproxy.providers.outbound import refuse_lost_state
from cliproxy.providers.registry import PROVIDERS
from cliproxy.routing import thinking
from cliproxy.routing.capability import Capability, ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import NO_SECRET
from cliproxy.wire.sse import Framer

Case = dict[str, Any]
Output = Any

NOW = 1_769_700_100
ABSENT = object()
SHORT = {"openai": "openai", "openai-response": "responses", "claude": "claude", "gemini": "gemini"}
#: The provider that speaks a dialect, for cases that need one and name none.
KINDS = {"openai": "openai-compatibility", "openai-response": "codex", "claude": "claude", "gemini": "gemini"}


def load_cases() -> list[Case]:
    """All cases, in file order."""
    text = Path(__file__).with_name("cases.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def is_streamed(case: Case) -> bool:
    """Whether the upstream's answer comes as a stream."""
    return case.get("input_is") in ("stream", "bytes") or (case["kind"] == "stream" and "input_is" not in case)


def minter() -> Mint:
    """Ids that look minted and are the same every time."""
    count = 0

    def mint(prefix: str) -> str:
        nonlocal count
        count += 1
        return f"{prefix}{count:024d}"

    return mint


# -- running a case


def run(case: Case, chop: Callable[[bytes], list[bytes]] | None = None) -> Output:
    """What the code makes of a case: a body, a list of payloads, or an error. ``chop`` cuts up the upstream's bytes."""
    if case["kind"] == "request":
        return run_request(case)
    if case.get("input_is") == "error":
        return run_error(case)
    transcoder, chunks = start_answer(case)
    data = b"".join(chunks)
    out = feed(transcoder, chunks if chop is None else chop(data))
    if case["kind"] == "stream":
        return payloads_of(out)
    if transcoder.failed is not None:
        detail = transcoder.failed
        return {"error": {"status": detail.status, "code": detail.code, "message": detail.message}}
    return json.loads(out)


def run_request(case: Case) -> Output:
    """The upstream body for a client body, or the refusal."""
    source, target = DIALECTS[SHORT[case["from"]]], DIALECTS[SHORT[case["to"]]]
    capability = case.get("capability")
    model, suffix = case["model"], None
    if capability is not None:
        model, suffix = thinking.parse_suffix(model)
    info = model_info(model, capability)
    body, mint = json.loads(json.dumps(case["input"])), minter()
    stream = case.get("stream", body.get("stream") is True)
    same, said = source is target, None
    try:
        if "provider" in case:
            kind = case["provider"].removesuffix("-api-key")
            asked = Inbound(source, b"", body, model)
            refuse_lost_state(asked, Candidate(credential(kind), model, suffix, model, info))
        if same:
            target.passthrough.edit_request(body, model=model, stream=stream)
        else:
            context = EncodeContext(model, mint, stream, info.max_completion_tokens or None)
            request = source.decode_request(body, mint)
            body, said = target.encode_request(request, context), request.thinking
        if capability is not None:
            codex = target.name == "responses" and not same
            thinking.apply(body, client=source, provider=target, suffix=suffix, info=info, codex=codex, said=said)
        finish(case, body, model, stream, said_by_client=same and suffix is None)
    except RequestFault as fault:
        return {"error": {"status": fault.detail.status, "code": fault.detail.code, "message": fault.detail.message}}
    return body


def finish(case: Case, body: dict[str, Any], model: str, stream: bool, *, said_by_client: bool) -> None:
    """The provider's own rules, for the case's provider; Claude's also where a capability is given, as the format
    says."""
    kind = case.get("provider")
    if kind is None and not (case["to"] == "claude" and "capability" in case):
        return
    kind = "claude" if kind is None else kind.removesuffix("-api-key")
    metadata = case["input"].get("metadata") if case["from"] == "claude" else None
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    call = UpstreamCall(
        model, body, stream, SHORT[case["from"]], thinking_by_client=said_by_client, claude_user_id=user
    )
    PROVIDERS[kind].finish_body(call, credential(kind))


def credential(kind: str) -> Credential:
    """One of a kind; of codex the backend that refuses the most."""
    base = "https://chatgpt.com/backend-api/codex" if kind == "codex" else "https://upstream.invalid"
    return Credential("id", "label", kind, kind, NO_SECRET, base)


def model_info(model: str, capability: Any) -> ModelInfo:
    """The catalogue's record that a case's capability stands for."""
    if isinstance(capability, dict):
        fields = dict(capability)
        most = fields.pop("max_completion_tokens", 0)
        record = Capability(**{**fields, "levels": tuple(fields.get("levels", ()))})
        return ModelInfo(model, known=True, thinking=record, max_completion_tokens=most)
    return ModelInfo(model, known=capability == "none")


def run_error(case: Case) -> Output:
    """The client's error for an upstream's."""
    same = case["from"] == case["to"]
    text = isinstance(case["input"], str)
    raw = case["input"].encode() if text else dumps(case["input"])
    headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
    detail = PROVIDERS[KINDS[case["from"]]].judge(case["status"], headers, raw, NOW)
    body = case["input"] if same and not text else DIALECTS[SHORT[case["to"]]].encode_error(detail)
    retry = {"Retry-After": str(max(1, -int(-detail.retry_after // 1)))} if detail.retry_after else {}
    return {"status": detail.status, "headers": retry, "body": body}


def start_answer(case: Case) -> tuple[Transcoder, list[bytes]]:
    """The transcoder for an answer's case, and the upstream's bytes."""
    source, target = DIALECTS[SHORT[case["from"]]], DIALECTS[SHORT[case["to"]]]
    input_is = case.get("input_is")
    from_stream = input_is in ("stream", "bytes") or (input_is is None and case["kind"] == "stream")
    transcoder = translate(
        source,
        target,
        asked_by(case, source, target),
        from_stream=from_stream,
        to_stream=case["kind"] == "stream",
    )
    if input_is == "bytes":
        return transcoder, [base64.b64decode(chunk) for chunk in case["input"]]
    return transcoder, framed(source, case["input"]) if from_stream else [dumps(case["input"])]


def asked_by(case: Case, source: Dialect, target: Dialect) -> AnswerContext:
    """What the client of a case asked."""
    body = case.get("request") or {}
    mint = minter()
    asked = AnswerContext(case["model"], mint, NOW, body=body)
    if body:
        asked.request = target.decode_request(body, mint)
        asked.tool_names = client_names(asked.request, source.names)
    else:
        asked.request = CompletionRequest(target.name, case["model"], [], thinking=Thinking("auto"))
    return asked


def framed(source: Dialect, payloads: Iterable[Any]) -> list[bytes]:
    """Payloads as the upstream would send them, a frame each."""
    return [source.frame(DONE if payload == DONE.value else payload) for payload in payloads]


def feed(transcoder: Transcoder, chunks: Iterable[bytes]) -> bytes:
    """All that the client is sent."""
    out: list[bytes] = []
    for chunk in chunks:
        out += transcoder.receive(chunk)
    return b"".join(out + transcoder.close())


def payloads_of(stream: bytes) -> list[Any]:
    """The payloads of an SSE stream as a client reads it; ``[DONE]`` as that string."""
    framer = Framer()
    blocks = framer.feed(stream) + framer.close()
    data = [block.data for block in blocks if block.data is not None]
    return [DONE.value if payload == b"[DONE]" else json.loads(payload) for payload in data]


# -- judging what came out


def judge(case: Case, output: Output) -> list[str]:
    """What does not hold, a sentence each."""
    if case["kind"] == "stream":
        return list(judge_stream(case["expect"], output))
    return [problem for assertion in case["expect"] for problem in judge_object(assertion, output)]


def judge_object(assertion: dict[str, Any], output: Output) -> Iterator[str]:
    """One assertion on one object."""
    path = assertion["path"]
    value = at(output, path)
    for name, wanted in assertion.items():
        if name != "path" and not holds(name, wanted, value, output):
            yield f"{path or 'the whole'}: {name} {wanted!r}, but it is {'absent' if value is ABSENT else repr(value)}"


def holds(name: str, wanted: Any, value: Any, output: Output) -> bool:
    """Whether one check holds for the value at its path."""
    if name in ("absent", "exists"):
        return ((value is ABSENT) == (name == "absent")) == bool(wanted)
    if name == "not_contains":
        return value is ABSENT or wanted not in value
    if value is ABSENT:
        return False
    if name == "equals":
        return equal(value, wanted)
    if name == "contains":
        return wanted in value
    if name == "length":
        return len(value) == int(wanted)
    if name == "matches":
        return isinstance(value, str) and re.search(wanted, value) is not None
    if name == "one_of":
        return any(equal(value, one) for one in wanted)
    if name == "equals_path":
        return equal(value, at(output, wanted))
    raise ValueError(f"unknown assertion {name!r}")


def judge_stream(assertions: Iterable[dict[str, Any]], payloads: list[Any]) -> Iterator[str]:
    """Assertions in order, with a cursor for ``next``."""
    cursor = 0
    for assertion in assertions:
        if "next" in assertion:
            found = next((n for n in range(cursor, len(payloads)) if matches(assertion["next"], payloads[n])), None)
            if found is None:
                yield f"no further payload is {assertion['next']!r}"
                continue
            cursor = found + 1
            for inner in assertion.get("then", []):
                yield from judge_object(inner, payloads[found])
        elif "first" in assertion or "last" in assertion:
            which = "first" if "first" in assertion else "last"
            payload = payloads[0 if which == "first" else -1] if payloads else ABSENT
            if not matches(assertion[which], payload):
                yield f"the {which} payload is not {assertion[which]!r} but {payload!r}"
        elif "none" in assertion:
            if any(matches(assertion["none"], payload) for payload in payloads):
                yield f"a payload is {assertion['none']!r}"
        elif "count" in assertion:
            count = sum(matches(assertion["count"], payload) for payload in payloads)
            if count != assertion["equals"]:
                yield f"{count} payloads are {assertion['count']!r}, not {assertion['equals']}"
        elif "concat" in assertion:
            where, path = assertion["concat"]["where"], assertion["concat"]["path"]
            text = "".join(str(at(payload, path)) for payload in payloads if matches(where, payload))
            if text != assertion["equals"]:
                yield f"{path} joined over {where!r} is {text!r}, not {assertion['equals']!r}"
        else:
            raise ValueError(f"unknown assertion {assertion!r}")


def matches(pattern: dict[str, Any], payload: Any) -> bool:
    """Whether every pointer of ``pattern`` holds its value in ``payload``."""
    for path, wanted in pattern.items():
        value = at(payload, path)
        if isinstance(wanted, dict) and "$exists" in wanted:
            if (value is not ABSENT) != wanted["$exists"]:
                return False
        elif isinstance(wanted, dict) and "$contains" in wanted:
            if value is ABSENT or not isinstance(value, str | list) or wanted["$contains"] not in value:
                return False
        elif value is ABSENT or not equal(value, wanted):
            return False
    return True


def equal(left: Any, right: Any) -> bool:
    """Equality of JSON, where ``true`` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at, or ``ABSENT``."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value


# -- the table


def main() -> int:
    """Print every failure and the table; 1 when anything failed."""
    passed: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for case in load_cases():
        # Rows are clients and columns upstreams; an answer's case goes the other way.
        client, upstream = (case["from"], case["to"]) if case["kind"] == "request" else (case["to"], case["from"])
        total[client, upstream] += 1
        try:
            problems = judge(case, run(case))
        except Exception as error:  # a crash is a failure of its case, not of the table
            problems = [f"{type(error).__name__}: {error}"]
        if problems:
            print(f"{case['id']} ({case['from']} -> {case['to']}, {case['kind']}):", *problems, sep="\n    ")
        else:
            passed[client, upstream] += 1
    print(f"\n{'client / upstream':<18}" + "".join(f"{name:>17}" for name in SHORT))
    for client in SHORT:
        cells = (f"{passed[client, upstream]}/{total[client, upstream]}" for upstream in SHORT)
        print(f"{client:<18}" + "".join(f"{cell:>17}" for cell in cells))
    print(f"\n{passed.total()} of {total.total()} cases pass")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
