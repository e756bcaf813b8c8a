"""What is known of a model: its limits and how it can be asked to think."""

from __future__ import annotations

import attrs


@attrs.frozen
class Capability:
    """A thinking record. ``min``/``max`` are tokens (0 and 0: no budgets); ``levels`` are words, lowest first."""

    min: int = 0
    max: int = 0
    levels: tuple[str, ...] = ()
    zero_allowed: bool = False
    dynamic_allowed: bool = False


_COMMON = ("max_tokens", "stop", "tools", "tool_choice", "response_format", "structured_outputs")
_SAMPLING = ("temperature", "top_p")
_THINKING = ("reasoning", "include_reasoning", "reasoning_effort")


@attrs.frozen
class ModelInfo:
    """One catalogued model, or what the configuration says of one.

    :ivar known: the catalogue (or the configuration by an alias of a catalogued name) knows how it thinks; False is
        user-defined: nothing is validated or clamped.
    :ivar thinking: None with ``known`` means it cannot think, and thinking fields are removed.
    :ivar samples: it takes temperature, ``top_p`` and ``top_k``.
    :ivar hides_thoughts: the text of its thinking is left out unless ``display`` asks for a summary.
    :ivar created: Unix seconds, 0 unknown.
    :ivar parameters: what a request may say, as its vendor lists it.
    :ivar input_modalities: ``text``, ``image`` and so on; empty when nothing is known of them.
    :ivar methods: Gemini's ``supportedGenerationMethods``; empty when nothing is known of them.
    """

    id: str
    known: bool = False
    thinking: Capability | None = None
    samples: bool = True
    hides_thoughts: bool = False
    created: int = 0
    owned_by: str = ""
    display_name: str = ""
    description: str = ""
    version: str = ""
    context_length: int = 0
    max_completion_tokens: int = 0
    methods: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    input_modalities: tuple[str, ...] = ()

    @property
    def takes(self) -> tuple[str, ...]:
        """What a request may say, in OpenRouter's words: as its vendor lists it, else as far as it is known."""
        if self.parameters or not self.known or not (not self.methods or "generateContent" in self.methods):
            return self.parameters
        return _COMMON + (_SAMPLING if self.samples else ()) + (_THINKING if self.thinking is not None else ())
