"""``cliproxy presets``: the vendors known by name, and the lines to paste."""

from __future__ import annotations

from twisted.python import usage

from cliproxy.cli.options import Options
from cliproxy.cli.terminal import Terminal
from cliproxy.vendors.preset import Preset
from cliproxy.vendors.presets import PRESETS

_GOOGLE = "    keys: [{service-account: FILE.json, project: PROJECT, location: global}]"
_SAID = {"resource": "    resource: RESOURCE", "region": "    region: us-east-1"}


class Presets(Options):
    """List the vendors that a providers entry can name, each with the lines to paste."""

    synopsis = "[NAME]"

    def parseArgs(self, name: str = "") -> None:
        if name and name.lower() not in PRESETS:
            raise usage.UsageError(f"there is no preset {name}; cliproxy presets lists them")
        self.name = name.lower()

    def run(self, terminal: Terminal) -> int:
        print("providers:", file=terminal.out)
        for preset in [PRESETS[self.name]] if self.name else PRESETS.values():
            print("\n".join(lines(preset)), file=terminal.out)
        return 0


def lines(preset: Preset) -> list[str]:
    """One entry, and in a comment what it stands for."""
    dialects = ", ".join(dict.fromkeys(lane.dialect for lane in preset.lanes))
    entry = [f"  - preset: {preset.name:<22} # {preset.root} ({dialects}; {preset.auth})"]
    entry += [_SAID[field] for field in preset.fields if field in _SAID]
    if preset.auth == "google":
        entry.append(_GOOGLE)
    elif preset.auth != "none":
        entry.append("    keys: [YOUR-KEY]")
    return entry
