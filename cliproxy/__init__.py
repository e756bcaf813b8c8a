"""One local endpoint for coding agents, over a pool of the operator's own credentials."""

__version__ = "0.2.0"
