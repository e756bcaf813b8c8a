"""What a client asked, as far as building upstream requests needs to know."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cliproxy.dialects.interface import Dialect, Mint
from cliproxy.ir.held import Held
from cliproxy.ir.request import CompletionRequest
from cliproxy.jsontypes import JSONObject
from cliproxy.providers.interface import Operation
from cliproxy.shallow import Shallow, loads_body


@attrs.define
class Inbound:
    """One client request, read but not translated.

    :ivar reader: the dialect the body is written in.
    :ivar raw: the body's bytes.
    :ivar model: the name as asked, from the body or the path.
    :ivar headers: lower-case names, first values.
    :ivar alt: a Gemini client's ``alt`` when neither empty nor ``sse``.
    """

    reader: Dialect
    raw: bytes
    _body: JSONObject | None
    model: str
    stream: bool = False
    operation: Operation = Operation.GENERATE
    headers: Mapping[str, str] = attrs.field(factory=dict)
    alt: str = ""
    _decoded: CompletionRequest | None = None
    _held: list[Held] | None = None

    @property
    def dialect(self) -> str:
        """The name of the dialect the body is written in."""
        return self.reader.name

    def decoded(self, mint: Mint) -> CompletionRequest:
        """The request in the IR; read once.

        :raises RequestFault: the body cannot be read as the dialect.
        """
        if self._decoded is None:
            body = self.body
            self._decoded = self.reader.decode_request(body.whole() if isinstance(body, Shallow) else body, mint)
        return self._decoded

    @property
    def body(self) -> JSONObject:
        """The parsed body, not to be changed."""
        if self._body is None:
            self._body = loads_body(self.raw)[0]
        return self._body

    @property
    def held(self) -> list[Held]:
        """What the request names that only its vendor keeps; looked for once."""
        if self._held is None:
            generates = self.operation in (Operation.GENERATE, Operation.COMPACT)
            self._held = self.reader.held_state(self.body) if generates else []
        return self._held

    def take(self) -> JSONObject:
        """The parsed body, to edit. Whoever asks afterwards has it parsed again: parsing is most of the cost of a large
        request, and hardly any is asked for twice."""
        body = self.body
        if isinstance(body, Shallow):
            return body.taken()
        self._body = None
        return body

    def rest(self) -> None:
        """The request is made. What was read of the body is not kept while the answer is waited for: few are made twice."""
        self._decoded = None
        self._body = None

    def release(self) -> None:
        """Nothing will be asked any more, however long the answer takes."""
        self.raw = b""
        self._body = {}
        self._decoded = None
