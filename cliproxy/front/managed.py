"""What every answer below the management prefixes has in common: who it says it is, and the shape of its errors."""

from __future__ import annotations

import re
from typing import Any, Final

from cliproxy import __version__
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSONObject

_PREFIX: Final = re.compile(rb"/v[08]/management(?:/|$)")

#: What the answers say of themselves: pages for the original ask for the version of it that this API is like.
MANAGED: Final = (
    ("X-CPA-VERSION", "7.2.140+cliproxy"),
    ("X-CPA-COMMIT", __version__),
    ("X-CPA-BUILD-DATE", "2026-11-26"),
    ("X-CPA-SUPPORT-PLUGIN", "false"),
)
#: What a page of an origin in ``cors-origins`` may read and send.
EXPOSED: Final = ", ".join(name for name, _ in MANAGED) + ", X-Request-Id, ETag, Retry-After, Content-Disposition"
METHODS: Final = "GET, POST, PUT, PATCH, DELETE, OPTIONS"


def is_managed(path: bytes) -> bool:
    """Whether a path is below a management prefix."""
    return _PREFIX.match(path) is not None


def managed_error(detail: ErrorDetail) -> JSONObject:
    """The original's two shapes: a sentence under ``error``, or a code there and the sentence under ``message``."""
    if detail.code:
        return {"error": detail.code, "message": detail.message}
    return {"error": detail.message}


def present(request: Any) -> None:
    """Say on a management answer what it is."""
    for name, value in MANAGED:
        request.setHeader(name, value)
