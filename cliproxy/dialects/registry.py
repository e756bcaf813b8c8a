"""The four dialects by name."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.openai import DIALECT as OPENAI
from cliproxy.dialects.responses import DIALECT as RESPONSES

__all__ = ["CLAUDE", "DIALECTS", "GEMINI", "OPENAI", "RESPONSES"]

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI, RESPONSES, CLAUDE, GEMINI)}
