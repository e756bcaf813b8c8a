"""Anthropic's routes: Messages and its token count."""

from __future__ import annotations

import attrs

from cliproxy.dialects.registry import DIALECTS
from cliproxy.front.access import Access
from cliproxy.front.call import Call, Relayed
from cliproxy.front.routes import Front, Routes
from cliproxy.front.wanted import Wanted, wanted
from cliproxy.providers.interface import Operation


def messages(call: Call) -> Wanted:
    """A Messages request."""
    return wanted(call, DIALECTS["claude"])


def count(call: Call) -> Wanted:
    """A request for Messages' token count."""
    return wanted(call, DIALECTS["claude"], Operation.COUNT)


@attrs.define(slots=False, eq=False)
class ClaudeRoutes:
    """What Anthropic's SDK and Claude Code call."""

    app = Routes()
    front: Front

    @app.route("/v1/messages", methods=("POST",), access=Access.CLIENT_KEY)
    def messages(self, call: Call) -> Relayed:
        """Messages."""
        return self.front.complete(call, messages(call))

    @app.route("/v1/messages/count_tokens", methods=("POST",), access=Access.CLIENT_KEY)
    def count_tokens(self, call: Call) -> Relayed:
        """How many tokens a request would be."""
        return self.front.complete(call, count(call))
