"""``encrypted_content`` (dialects.md 11)."""

from __future__ import annotations

from cliproxy.dialects.signatures import Slot

SLOT = Slot(vendor="openai")
