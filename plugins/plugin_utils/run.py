# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifies the run of ansible-playbook, and the version of the collection."""

from __future__ import annotations

import json
import os

import yaml


def run_id() -> str:
    """Return an ID that all batches of one run share, from ansible-playbook's process, the parent of this one."""
    pid = os.getppid()
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return f"{pid}-{file.read().rpartition(')')[2].split()[19]}"  # start time, because process IDs are reused
    except (OSError, IndexError):
        return str(pid)


def collection_version(role_path: str) -> str | None:
    """Return the collection's version, ``None`` if unknown: an installed collection has it in one file, a checkout in
    another.

    :param role_path: folder of a role of the collection
    """
    root = os.path.dirname(os.path.dirname(role_path))
    for name, load in (("MANIFEST.json", json.load), ("galaxy.yml", yaml.safe_load)):
        try:
            with open(os.path.join(root, name), encoding="utf-8") as file:
                facts = load(file)
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(facts, dict):
            return str(facts.get("collection_info", facts).get("version") or "") or None
    return None
