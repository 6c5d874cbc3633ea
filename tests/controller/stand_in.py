# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module of awx.awx does to a controller's objects, which are in a file. Its source is a part of each fake module."""

from __future__ import annotations

import json
import os
from typing import Any


class Refusal(Exception):
    """The controller refuses the object."""


def argument_spec(kind: str, options: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the argument spec of the module for a *kind* of objects."""
    spec: dict[str, dict[str, Any]] = {option: {"type": of_type} for option, of_type in options.items()}
    for option in spec:
        if option == "inputs" and kind == "credential":
            spec[option]["no_log"] = True
        elif "secret" in option or "credential" in option:
            spec[option]["no_log"] = False
    return spec


def ensure(kind: str, references: dict[str, list[str]], params: dict[str, Any]) -> dict[str, Any]:
    """Create or change an object, and return the module's result.

    :param references: the kinds of objects that each option names
    """
    path = os.environ["CONTROLLER_STATE"]
    with open(path) as file:
        state = json.load(file)
    given = {key: value for key, value in params.items() if value is not None}
    given.setdefault("name", f"{given.get('role')} of {given.get('teams')}")
    if given["name"] == os.environ.get("CONTROLLER_REFUSES"):
        raise Refusal(f"Unable to create {kind} {given['name']}: refused")
    nodes = given.get("workflow_nodes", [])
    named = [(key, given[key]) for key in references if key in given and key != kind]
    named += [("unified_job_template", node["unified_job_template"]["name"]) for node in nodes]
    for key, value in named:
        for name in value if isinstance(value, list) else [value]:
            if not any(name in state.get(each, {}) for each in references[key]):
                raise Refusal(f"{kind} {given['name']}: {key} {name} was not found")
    objects = state.setdefault(kind, {})
    before = objects.get(given["name"])
    if before is not None and before.get("organization") != given.get("organization"):
        # Some names are unique across organizations, and many objects are looked up by name alone.
        raise Refusal(f"{kind} {given['name']} is of another organization")
    wanted, secrets = given.pop("state", "present"), given.pop("update_secrets", True)
    sync = given.pop("update_project", False)
    if before is not None and wanted == "exists":
        return {"changed": False, "id": list(objects).index(given["name"]) + 1, "name": given["name"]}
    if not given.get("inputs", True):
        del given["inputs"]  # an empty one is not sent
    keeps = before is not None and kind == "credential" and "inputs" in given and not secrets
    if keeps and set(before.get("inputs", {})) == set(given["inputs"]):
        # An encrypted value equals any other, if the fields are the same. Otherwise all inputs are replaced.
        given["inputs"] = before["inputs"]
    after = {**(before or {}), **given}
    if kind == "project" and (sync or before != after):
        after["synchronized"] = not os.environ.get("CONTROLLER_CANNOT_SYNC")
    objects[given["name"]] = after
    with open(path, "w") as file:
        json.dump(state, file)
    if after.get("synchronized") is False:
        raise Refusal(f"The project update - {given['name']}, failed")
    changed = before != after or (kind == "credential" and "inputs" in given and secrets)
    return {"changed": changed, "id": list(objects).index(given["name"]) + 1, "name": given["name"]}
