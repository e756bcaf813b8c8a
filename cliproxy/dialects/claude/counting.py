"""Token counts in Anthropic's dialect (dialects.md 20)."""

from __future__ import annotations

from cliproxy.dialects.interface import Counting

COUNTING = Counting()
