"""What routing answers with: a route of candidates."""

from __future__ import annotations

import attrs

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential

#: (credential id, upstream model): what cool-downs are kept under.
ModelKey = tuple[str, str]
#: (credential id, upstream model, configured suffix): what tries, turns and conversations are kept under.
Key = tuple[str, str, str]


def _key(candidate: Candidate) -> Key:
    return (*candidate.model_key, candidate.suffix or "")


@attrs.frozen
class Candidate:
    """One way to serve a name: a credential and the upstream model it would be asked for.

    :ivar model: the upstream's name, without suffix.
    :ivar suffix: the thinking suffix in force, raw text: the configured name's own, else the client's; None when neither.
    :ivar alias: the id the credential offers it under, without prefix, as configured.
    :ivar renames: answers name the model as the client did.
    :ivar info: how the model may be asked to think, and its limits.
    :ivar model_key: its credential and its model: two that differ in their suffix alone are cooled together.
    :ivar key: itself, whatever suffix a client gives it.
    """

    credential: Credential
    model: str
    suffix: str | None
    alias: str
    info: ModelInfo
    listed: bool = True
    renames: bool = False
    model_key: ModelKey = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: (self.credential.id, self.model), takes_self=True)
    )
    key: Key = attrs.field(repr=False, default=attrs.Factory(_key, takes_self=True))


@attrs.frozen
class Route:
    """Where a requested name leads.

    :ivar requested: the name as the client wrote it.
    :ivar base: the name without its suffix; for ``auto`` the model it became.
    :ivar suffix: the client's suffix, raw text; None without one.
    :ivar candidates: in configuration order, never empty. A credential may stand in several, of
        different keys.
    :ivar fallbacks: names to resolve and try when every candidate has failed, in order.
    """

    requested: str
    base: str
    suffix: str | None
    candidates: tuple[Candidate, ...]
    fallbacks: tuple[str, ...] = ()
