"""What describes the management API: the OpenAPI document and the page in the docs, both made of the table of routes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from cliproxy.management.openapi import as_rst
from cliproxy.settings.model import RemoteManagement, Secret
from tests.support.settings import settings
from tests.support.world import World

PAGE = Path(__file__).parents[2] / "docs" / "management.rst"
SECRET = {"X-Management-Key": "manage-me"}


def document() -> tuple[World, Any]:
    world = World(settings(remote_management=RemoteManagement(secret_key=Secret("manage-me"))))
    return world, world.get("/v0/management/openapi.json", SECRET, key=None).json


def test_the_page_has_every_route() -> None:
    """As the table has it. ``UPDATE=1`` writes the page anew."""
    world, _ = document()
    before, _, rest = PAGE.read_text().partition(".. routes begin\n")
    after = rest.partition(".. routes end")[2]
    wanted = f"{before}.. routes begin\n\n{as_rst(world.service.management_table)}\n\n.. routes end{after}"
    if os.environ.get("UPDATE"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted
    world.close()


def test_the_document_is_whole() -> None:
    """Every operation has a sentence, a name of its own, and each argument of its path."""
    world, told = document()
    names = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)
    for path, operations in told["paths"].items():
        for operation in operations.values():
            assert operation["summary"].endswith("."), path
            arguments = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert arguments == set(re.findall(r"{(\w+)}", path))
    world.close()


def test_the_document_is_true() -> None:
    """What it has is there, with the methods that it has and no others."""
    world, told = document()
    for path, operations in told["paths"].items():
        real = path.replace("{", "").replace("}", "")
        call = world.request("POST" if "post" not in operations else "DELETE", real, {}, SECRET, key=None)
        if "post" not in operations or "delete" not in operations:
            assert call.status == 405, path
            allowed = {word.strip().lower() for word in call.headers["allow"].split(",")} - {"head", "options"}
            assert allowed == set(operations), path
    world.close()
