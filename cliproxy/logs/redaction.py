"""No secret in what is written down of requests: neither a configured one nor what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from cliproxy.providers.secrets import secret_spans
from cliproxy.settings.model import Secret

_MASK: Final = b"***"
_SECRET_HEADER: Final = re.compile(r"authorization|api-?key|token|secret|cookie|password", re.IGNORECASE)
#: Counts of tokens are none of the secrets that the word also means.
_HARMLESS_HEADER: Final = re.compile(r"ratelimit|token-?count", re.IGNORECASE)
_SECRET_PARAMETER: Final = re.compile(r"^key$|api-?_?key|token|secret|password|^code$|^state$|signature", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(Bearer|Basic|Token|Digest) +(?=\S)", re.IGNORECASE)
#: What vendors' keys and tokens look like.
_SHAPES: Final = (
    rb"\b(?:sk|pk|rk)-[0-9A-Za-z_-]{16,}",
    rb"\b(?:gsk_|xai-|pplx-|nvapi-|hf_|r8_|fw_|sgamp_|tgp_v1_|glpat-|github_pat_|gh[pousr]_|xox[abprs]-)[0-9A-Za-z_-]{16,}",
    rb"\bAIza[0-9A-Za-z_-]{30,}",
    rb"\bya29\.[0-9A-Za-z_.-]{16,}[0-9A-Za-z_-]",
    rb"\b1//[0-9A-Za-z_-]{24,}",
    rb"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
    rb"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+",
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[0-9A-Za-z+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
)
#: What stands behind such words is secret whatever it looks like; group 1 is the words.
_LED: Final = (
    rb"(?i:(bearer\s+))[0-9A-Za-z._~+/=-]{16,}",
    rb"(?i:(\\*[\"'](?:api_?-?key|access_?token|refresh_?token|id_?token|client_?secret|secret|password|authorization)"
    rb"\\*[\"']\s*:\s*\\*[\"']))[^\"'\\]+",
    rb"(?i:([?&](?:key|api_?-?key|access_token|token|secret)=))[^&\s\"'\\<>]+",
)


def _compiled(patterns: Iterable[bytes]) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they mean
    return re2.compile(b"|".join(patterns), options)


_SHAPE: Final = _compiled(_SHAPES)
_LEAD: Final = [_compiled([pattern]) for pattern in _LED]


class Redaction:
    """Takes secrets out.

    :param secrets: those of the configuration, as a snapshot holds them.
    """

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._secrets = secrets

    def body(self, data: bytes) -> bytes:
        """The bytes without secrets, in time proportional to them."""
        return self.pieces([(0.0, data)])[0][1]

    def text(self, text: str) -> str:
        """The same for text."""
        return self.body(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Headers, names kept. Of an authorization its scheme is kept too."""
        return [(name, self._value(name, value)) for name, value in headers]

    def _value(self, name: str, value: str) -> str:
        if _SECRET_HEADER.search(name) and not _HARMLESS_HEADER.search(name):
            scheme = _SCHEME.match(value)
            return (scheme[0] if scheme else "") + "***"
        return self.text(value)

    def target(self, target: str) -> str:
        """A path with its query, or a URL."""
        path, mark, query = target.partition("?")
        pairs = []
        for pair in query.split("&") if mark else []:
            name, equals, _ = pair.partition("=")
            secret = equals and _SECRET_PARAMETER.search(name.removesuffix("[]").removesuffix("%5B%5D"))
            pairs.append(f"{name}=***" if secret else pair)
        return self.text(path + mark + "&".join(pairs))

    def pieces(self, pieces: Sequence[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
        """A body in pieces. A secret that lies in several is found too; its mask is in the first of them."""
        joined = b"".join(data for _, data in pieces)
        spans = self._spans(joined)
        if not spans:
            return list(pieces)
        found, place, done = [], 0, 0
        for at, data in pieces:
            end = place + len(data)
            out = []
            while place < end:
                if done == len(spans) or spans[done][0] >= end:
                    out.append(joined[place:end])
                    place = end
                    break
                start, stop = spans[done]
                if start >= place:
                    out += [joined[place:start], _MASK]
                place = min(stop, end)
                done += stop <= end
            found.append((at, b"".join(out)))
        return found

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets are, in their order; none touches another."""
        found = secret_spans(data, self._secrets)
        found += [match.span() for match in _SHAPE.finditer(data)]
        found += [(match.end(1), match.end()) for pattern in _LEAD for match in pattern.finditer(data)]
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged
