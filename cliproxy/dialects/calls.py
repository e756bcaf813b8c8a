"""Calls and their results, paired as the vendors insist on (docs/spec/reports.md 4).

All refuse a conversation in which a call has no result, or a result no call, and most a call's id that comes twice. Clients
write such conversations: backends number their calls anew in every turn, users interrupt, results are repeated.
"""

from __future__ import annotations

import attrs

from cliproxy.ir.content import MediaPart, Part, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message

INTERRUPTED = "no result: the call was interrupted"


def paired(request: CompletionRequest, losses: list[Loss]) -> CompletionRequest:
    """The request with neighbours of one role merged, every call's id its own, and every call's one result in the message after
    it, in the order of the calls. The request itself is not changed.

    Of several results of a call the last counts, one that is missing says so, and one of no call becomes text.
    """
    if not any(
        isinstance(part, ToolCallPart | ToolResultPart) for message in request.messages for part in message.parts
    ):
        return request
    pairing = _Pairing(losses)
    for index, message in enumerate(request.messages):
        pairing.add(message, f"messages[{index}]")
    return attrs.evolve(request, messages=pairing.messages())


def are_paired(request: CompletionRequest) -> bool:
    """Whether every call is answered in the user turns right behind it, by results that answer nothing else: OpenAI asks for no
    more, and leaves their order alone."""
    seen: set[str] = set()
    waiting: set[str] = set()
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                if part.call_id not in waiting:
                    return False
                waiting.remove(part.call_id)
            elif isinstance(part, ToolCallPart):
                if part.id in seen:
                    return False
                seen.add(part.id)
                waiting.add(part.id)
        if waiting and message.role == "user" and not all(isinstance(part, ToolResultPart) for part in message.parts):
            return False
    return not waiting or request.messages[-1].role == "assistant"


@attrs.define
class _Turn:
    """A message in the making. Of an assistant's, ``results`` are those of its calls, by the ids they are given."""

    message: Message
    results: dict[str, ToolResultPart | None] = attrs.field(factory=dict)


@attrs.define
class _Pairing:
    losses: list[Loss]
    _turns: list[_Turn] = attrs.field(factory=list, init=False)
    _taken: set[str] = attrs.field(factory=set, init=False)
    #: The client's id -> where its calls are: the turn, and the id given, in order.
    _calls: dict[str, list[tuple[_Turn, str]]] = attrs.field(factory=dict, init=False)

    def add(self, message: Message, where: str) -> None:
        if not self._turns or self._turns[-1].message.role != message.role:
            self._turns.append(_Turn(attrs.evolve(message, parts=[])))
        turn = self._turns[-1]
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                turn.message.parts.append(self._call(part, turn))
            elif isinstance(part, ToolResultPart):
                turn.message.parts += self._result(part, where)
            else:
                turn.message.parts.append(part)

    def messages(self) -> list[Message]:
        """The messages, each assistant's followed by its calls' results."""
        out: list[Message] = []
        results: list[Part] = []
        for turn in self._turns:
            if results and turn.message.role == "user":
                turn.message.parts = [*results, *turn.message.parts]
                results = []
            if turn.message.parts:
                out.append(turn.message)
            calls = {part.id: part for part in turn.message.parts if isinstance(part, ToolCallPart)}
            results = [turn.results[call_id] or _missing(call) for call_id, call in calls.items()]
        # Calls at the very end are open, not interrupted.
        answered = results and any(self._turns[-1].results.values())
        return [*out, Message("user", results)] if answered else out

    def _call(self, call: ToolCallPart, turn: _Turn) -> ToolCallPart:
        given, count = call.id, 0
        while given in self._taken:
            count += 1
            given = f"{call.id}_{count}"
        self._taken.add(given)
        self._calls.setdefault(call.id, []).append((turn, given))
        turn.results[given] = None
        return call if given == call.id else attrs.evolve(call, id=given)

    def _result(self, result: ToolResultPart, where: str) -> list[Part]:
        """What stays of a result where it stands: nothing, when its call is known. It answers the first call of its id that
        has no answer among those of the last turn that made one, or else replaces the last answer."""
        calls = self._calls.get(result.call_id)
        if not calls:
            return self._told(result, where)
        latest = [(turn, given) for turn, given in calls if turn is calls[-1][0]]
        turn, given = next(((turn, given) for turn, given in latest if turn.results[given] is None), latest[-1])
        if turn.results[given] is not None:
            self.losses.append(Loss("earlier result of a call", where))
        turn.results[given] = result if given == result.call_id else attrs.evolve(result, call_id=given)
        return []

    def _told(self, result: ToolResultPart, where: str) -> list[Part]:
        """A result of no call, as text with what it shows."""
        self.losses.append(Loss("result without a call", where))
        name = f" of {result.name}" if result.name else ""
        said = [part.text for part in result.parts if isinstance(part, TextPart)]
        shown: list[Part] = [part for part in result.parts if isinstance(part, MediaPart)]
        return [TextPart(f"[result{name} {result.call_id}]\n" + "\n\n".join(said)), *shown]


def _missing(call: ToolCallPart) -> ToolResultPart:
    return ToolResultPart(
        call.id, [TextPart(INTERRUPTED)], name=call.name, is_error=True, custom=call.custom, minted=call.minted
    )
