# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's objects for a controller, as Ansible reads them."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jinja2
import jinja2.nativetypes
import yaml

from controller.options import LISTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "playbooks" / "vars" / "awx_objects.yml"


class Verbatim(str):
    """A text that Ansible must not template."""


class Loader(yaml.SafeLoader):
    """Reads values that are marked as unsafe."""


Loader.add_constructor("!unsafe", lambda loader, node: Verbatim(node.value))
JINJA = jinja2.nativetypes.NativeEnvironment(undefined=jinja2.ChainableUndefined)
JINJA.filters["bool"] = lambda value: str(value).lower() in ("yes", "true", "on", "1")
JINJA.filters["dict2items"] = lambda value: [{"key": key, "value": each} for key, each in value.items()]
JINJA.filters["items2dict"] = lambda value: {item["key"]: item["value"] for item in value}
JINJA.globals["lookup"] = lambda plugin, name: os.environ.get(name, "") if plugin == "ansible.builtin.env" else 1 / 0


def rendered(value: Any, variables: dict[str, Any]) -> Any:
    """Return a value as Ansible would template it. (Its own templates need plugins, whose loader tests cannot share.)"""
    if isinstance(value, dict):
        return {key: rendered(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [rendered(each, variables) for each in value]
    if isinstance(value, str) and not isinstance(value, Verbatim) and "{{" in value:
        return JINJA.from_string(value).render(variables)
    return value


def read() -> dict[str, Any]:
    """Return the unchanged data file."""
    data: dict[str, Any] = yaml.load(FILE.read_text(), Loader)  # noqa: S506  a safe loader with one more tag
    return data


def objects(**site: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the lists as Ansible reads them, with the given settings."""
    variables = {**read(), **site}
    for name in [name for name in variables if name.startswith("awx_sms_")]:
        variables[name] = rendered(variables[name], variables)
    return {kind: rendered(variables[name], variables) for kind, name in LISTS.items()}


def questions(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a survey's questions by their variables."""
    return {question["variable"]: question for question in item["survey_spec"]["spec"]}


def required(item: dict[str, Any]) -> set[str]:
    """Return the variables that a launch must give."""
    return {name for name, question in questions(item).items() if question["required"]}
