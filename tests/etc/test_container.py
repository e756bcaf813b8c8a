"""The image's files: what they copy is there, what they run is a command, and without a key nobody is served."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cliproxy.settings.load import examine

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def parsed(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_images_configuration_needs_a_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIPROXY_API_KEY", raising=False)
    assert any("CLIPROXY_API_KEY" in str(problem) for problem in examine(ROOT / "etc/container.yaml").problems)
    monkeypatch.setenv("CLIPROXY_API_KEY", "sk-mine")
    examined = examine(ROOT / "etc/container.yaml")
    assert examined.problems == ()
    assert examined.settings is not None and examined.settings.api_keys[0].label == "container"


def test_the_image_copies_files_that_exist_and_runs_as_nobody_special() -> None:
    for source in re.findall(r"^COPY (etc/\S+)", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).is_file()
    assert DOCKERFILE.index("\nUSER cliproxy") < DOCKERFILE.index("\nENTRYPOINT")
    port = parsed("etc/container.yaml")["port"]
    assert f"EXPOSE {port}" in DOCKERFILE and f"127.0.0.1:{port}/healthz" in DOCKERFILE


def test_the_compose_file_keeps_to_this_machine_and_asks_for_a_key() -> None:
    service = parsed("compose.yaml")["services"]["cliproxy"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert ":?" in service["environment"]["CLIPROXY_API_KEY"]


def test_a_forks_ci_runs_what_ours_does() -> None:
    steps = parsed(".github/workflows/ci.yml")["jobs"]["check"]["steps"]
    assert ".ci/run" in [step.get("run") for step in steps]
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(form.read_text(encoding="utf-8"))
