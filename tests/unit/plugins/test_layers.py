# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

"""The wings of module_utils: imports lead downwards only, and the providers do not know each other."""

import ast
import pathlib
import re

import pytest

PLUGINS = pathlib.Path(__file__).parents[3] / "plugins"
WINGS = {
    "_http": set(),
    "_numbers": {"_http"},
    "_twilio": {"_http", "_numbers"},
    "_ibm": {"_http", "_numbers"},
    "_module": {"_http", "_numbers", "_twilio", "_ibm"},
    "_role": {"_http", "_numbers", "_twilio", "_ibm", "_module"},
}
FILES = sorted(file for file in (PLUGINS / "module_utils").rglob("*.py") if file.name != "__init__.py")


def imported(file: pathlib.Path) -> set[str]:
    """Return the packages of module_utils that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            found |= {node.module.split(".")[0]} if node.module else {name.name for name in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_imports_lead_downwards(file: pathlib.Path) -> None:
    assert file.parent.name in WINGS
    assert imported(file) <= WINGS[file.parent.name]


def test_every_wing_is_described() -> None:
    assert {file.parent.name for file in FILES} == set(WINGS)
    readme = (PLUGINS / "module_utils" / "README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", readme, re.MULTILINE) == list(WINGS)
