"""Requests as clients sent them: their heads and members, their words replaced. ``recorded/`` holds one of each client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from cliproxy.jsontypes import dumps, loads

FOLDER = Path(__file__).with_name("recorded")
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@attrs.frozen
class Recorded:
    """One request.

    :ivar path: with its query.
    :ivar headers: without length and host; ``{key}`` stands for the client key.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    def head(self, key: str, host: str, size: int, path: str = "") -> bytes:
        """The request's head, for a body of that size."""
        lines = [f"POST {path or self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value.replace('{key}', key)}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()


def recorded(name: str) -> Recorded:
    """The request of the client of that name."""
    return Recorded(**loads((FOLDER / f"{name}.json").read_bytes()))  # type: ignore[arg-type]


def claude_code(size: int, model: str, **members: Any) -> dict[str, Any]:
    """Claude Code's request after so many turns of reading files that it has ``size`` bytes; not streamed unless asked."""
    body = {**recorded("claude-code").body, "model": model, "stream": False, **members}
    lines = 'def f(x):\n    return x + 1  # "comment"\n' * 40
    turns: list[dict[str, Any]] = []
    missing = size - len(dumps(body))
    while missing > 0:
        call = f"toolu_{len(turns):024d}"
        use = {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": f"src/module_{len(turns)}.py"}}
        result = {"type": "tool_result", "tool_use_id": call, "content": lines[: max(1, missing - 300)]}
        turn = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        turns += turn
        missing -= len(dumps(turn))
    return {**body, "messages": [*body["messages"], *turns]}
