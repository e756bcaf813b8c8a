"""What routing answers with: a route of candidates."""

from __future__ import annotations

import attrs

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential


@attrs.frozen
class Candidate:
    """One way to serve a name: a credential and the upstream model it would be asked for.

    :ivar model: the upstream's name, without suffix.
    :ivar suffix: the thinking suffix in force, raw text: the configured name's own, else the client's; None when neither.
    :ivar alias: the id the credential offers it under, without prefix, as configured.
    :ivar info: how the model may be asked to think, and its limits.
    """

    credential: Credential
    model: str
    suffix: str | None
    alias: str
    info: ModelInfo


@attrs.frozen
class Route:
    """Where a requested name leads.

    :ivar requested: the name as the client wrote it.
    :ivar base: the name without its suffix; for ``auto`` the model it became.
    :ivar suffix: the client's suffix, raw text; None without one.
    :ivar candidates: in configuration order, never empty. A credential may stand in several, one an upstream model.
    :ivar fallbacks: names to resolve and try when every candidate has failed, in order.
    """

    requested: str
    base: str
    suffix: str | None
    candidates: tuple[Candidate, ...]
    fallbacks: tuple[str, ...] = ()
