"""Who is measured: nginx, this daemon, and what else is installed or given."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import attrs

from bench import rig
from bench.rig import Running

Start = Callable[[int, Path], AbstractContextManager[Running]]

#: An ``openai`` upstream for the peers that have a configuration file of their own.
_LITELLM = """model_list:
  - model_name: mock-model
    litellm_params: {{model: openai/mock-model, api_base: "http://127.0.0.1:{upstream}/v1", api_key: upstream-key}}
general_settings: {{master_key: {key}}}
"""


@attrs.frozen
class Peer:
    """One proxy.

    :ivar start: starts it before the upstream on that port, with a folder of its own.
    :ivar translates: it reads Anthropic's dialect too.
    """

    name: str
    start: Start
    translates: bool = True


def given(text: str) -> Peer:
    """A peer of the command line, ``NAME=COMMAND``: a program that takes this daemon's configuration file (the Go original,
    another version). In the command ``{folder}`` holds ``config.yaml``, ``{port}`` is where it has to listen."""
    name, _, command = text.partition("=")
    if not name or not command:
        raise ValueError(f"a peer is given as NAME=COMMAND, not {text!r}")
    return Peer(name, partial(rig.by_command, shlex.split(command), rig.CONFIG))


def installed() -> list[Peer]:
    """This daemon, and of the others those that are on this machine's PATH."""
    peers = [Peer("cliproxy", rig.daemon)]
    if shutil.which("nginx"):
        peers.insert(0, Peer("nginx", rig.nginx))
    if shutil.which("litellm"):
        command = ("litellm", "--config", "{folder}/config.yaml", "--port", "{port}", "--host", "127.0.0.1")
        peers.append(Peer("LiteLLM", partial(rig.by_command, command, _LITELLM), translates=False))
    return peers
