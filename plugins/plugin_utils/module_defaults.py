# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play's ``module_defaults`` for access to the clouds, for actions that need them before modules run."""

from __future__ import annotations

from typing import Any

COLLECTION = "voiceagent.sms"


def access_defaults(task: Any, templar: Any, group: str, module: str) -> dict[str, Any]:
    """Return the default options that Ansible would give to *module*, of an action group of this collection."""
    found: dict[str, Any] = {}
    for key in (f"group/{COLLECTION}.{group}", f"{COLLECTION}.{module}"):
        for defaults in getattr(task, "module_defaults", None) or ():
            found.update(templar.template(defaults.get(key) or {}))
    return found
