"""What a client asked, as far as building upstream requests needs to know."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cliproxy.dialects.interface import Dialect, Mint
from cliproxy.ir.request import CompletionRequest
from cliproxy.jsontypes import JSONObject, loads
from cliproxy.providers.interface import Operation


@attrs.define
class Inbound:
    """One client request, read but not translated.

    :ivar reader: the dialect the body is written in.
    :ivar raw: the body's bytes; ``body`` is their parsed object, not to be changed.
    :ivar model: the name as asked, from the body or the path.
    :ivar headers: lower-case names, first values.
    :ivar alt: a Gemini client's ``alt`` when neither empty nor ``sse``.
    """

    reader: Dialect
    raw: bytes
    body: JSONObject
    model: str
    stream: bool = False
    operation: Operation = Operation.GENERATE
    headers: Mapping[str, str] = attrs.field(factory=dict)
    alt: str = ""
    _decoded: CompletionRequest | None = None

    @property
    def dialect(self) -> str:
        """The name of the dialect the body is written in."""
        return self.reader.name

    def decoded(self, mint: Mint) -> CompletionRequest:
        """The request in the IR; read once.

        :raises RequestFault: the body cannot be read as the dialect.
        """
        if self._decoded is None:
            self._decoded = self.reader.decode_request(self.body, mint)
        return self._decoded

    def copy(self) -> JSONObject:
        """A body of one's own, to edit."""
        body: JSONObject = loads(self.raw)
        return body
