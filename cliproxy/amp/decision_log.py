"""What the log says of a decision: the original's fields (amp.md 4), a sentence, and the line that holds both. Pure."""

from __future__ import annotations

import re
from typing import Final

from cliproxy.amp.mapping import Decision, RouteType
from cliproxy.jsontypes import dumps_text
from cliproxy.routing.thinking import parse_suffix

#: A model's name is shown so far; whoever asks for a longer one is told so by the route.
_SHOWN: Final = 256
#: What stands in a rendered line without quotes.
_PLAIN: Final = re.compile(r"[\w.:/@+()-]+", re.ASCII)


def decision_fields(decision: Decision, *, path: str, timestamp: str, provider: str = "") -> dict[str, str]:
    """The decision as structured fields, under the original's names (amp.md 4).

    :param timestamp: RFC 3339.
    :param provider: who serves it here, when somebody does.
    """
    asked, route = _shown(decision.asked), decision.route
    fields = {
        "component": "amp-routing",
        "route_type": route.value,
        "requested_model": asked,
        "path": path,
        "timestamp": timestamp,
    }
    if route is RouteType.AMP_CREDITS:
        return fields | {"cost": "amp_credits", "source": "ampcode.com", "model_id": asked}
    if route is RouteType.NO_PROVIDER:
        return fields | {"cost": "none", "source": "error", "model_id": asked}
    resolved = decision.models[0] if decision.models else parse_suffix(decision.asked)[0]
    if resolved != decision.asked:
        fields["resolved_model"] = _shown(resolved)
    if provider:
        fields["provider"] = provider
    fields |= {"cost": "free", "source": "local_oauth"}
    if route is RouteType.MODEL_MAPPING:
        fields["mapping"] = f"{asked} -> {_shown(resolved)}"
    return fields


def decision_sentence(decision: Decision) -> str:
    """The decision for people; for one that costs credits with the line that would map it."""
    asked = _quoted(_shown(decision.asked))
    if decision.route is RouteType.LOCAL_PROVIDER:
        return f"amp: {asked} is served here"
    if decision.route is RouteType.MODEL_MAPPING:
        return f"amp: {asked} is served here as {_quoted(_shown(decision.models[0]))}"
    if decision.route is RouteType.AMP_CREDITS:
        return (
            f"amp: {asked} goes to ampcode.com and uses Amp credits; to serve it here, configure "
            f'ampcode.model-mappings: [{{from: {asked}, to: "<your-local-model>"}}]'
        )
    return f"amp: nobody serves {asked}"


def rendered(fields: dict[str, str]) -> str:
    """``name=value`` for each field; a value that is not a plain word is quoted, so that none can forge a line."""
    return " ".join(f"{name}={value if _PLAIN.fullmatch(value) else _quoted(value)}" for name, value in fields.items())


def _shown(name: str) -> str:
    return name[:_SHOWN].encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    """A JSON string in ASCII, and so a YAML one too: nothing in it can begin a line of its own."""
    return dumps_text(text).replace("\x7f", "\\u007f").encode("ascii", "backslashreplace").decode()
