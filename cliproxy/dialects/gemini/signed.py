"""Google's ``thoughtSignature``: a thought that shows no other vendor is Gemini's (dialects.md 11)."""

from __future__ import annotations

from cliproxy.dialects.signatures import Slot

SLOT = Slot(vendor="gemini", assumed="gemini", wrapped=frozenset(("openai",)), as_bytes=True)
