# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._module.packed import to_text
from ..module_utils._role.audit import as_csv, as_table, summary, verdicts
from ..module_utils._role.channels import expected_with_channels
from ..module_utils._role.whole_file import replace
from ..plugin_utils.audit_page import as_page
from ..plugin_utils.run import run_id

display = Display()


class ActionModule(ActionBase):
    """Judges what was read of a batch's phone numbers, shows a table, and writes the reports."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "look", "keys", "channels"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        looked = task_vars[args["look"]].get("results", [])
        asked = task_vars[args["keys"]].get("results", [])
        found = task_vars.get(args.get("channels"), {}).get("results")
        plan = expected_with_channels(task_vars[args["plan"]], found)
        told, notes, failures = verdicts(plan, looked, asked)
        files = []
        for folder in dict.fromkeys(plan["folders"].values()):
            own = [entry for entry in told if plan["folders"].get(entry["host"]) == folder]
            files += self._write(os.path.abspath(os.path.expanduser(folder)), own, notes)
        display.display(as_table(told, notes))
        return {
            **result,
            "changed": False,
            "entries": to_text(told),
            "summary": summary(told),
            "notes": notes,
            "failures": failures,
            "files": files,
        }

    def _write(self, folder: str, told: list[dict[str, Any]], notes: list[str]) -> list[str]:
        """Write the reports and return their paths. Batches of one run add to each other's."""
        path = os.path.join(folder, "audit.json")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            earlier = _earlier(path)
            told = [*earlier.get("numbers", ()), *told]
            notes = list(dict.fromkeys([*earlier.get("notes", ()), *notes]))
            report = {"generated_at": now, "run": run_id(), "summary": summary(told), "notes": notes, "numbers": told}
            texts = {
                "audit.csv": as_csv(told),
                "audit.html": as_page(report, self._task._role._role_path),
                "audit.json": json.dumps(report, indent=1) + "\n",
            }
            for name, text in texts.items():
                replace(os.path.join(folder, name), text.encode())  # tells who may be reached where: for its owner only
        except OSError as error:
            raise AnsibleActionFail(
                f"No report can be written into connect_sms_audit_dir '{folder}' ({error.strerror})"
            ) from None
        return [os.path.join(folder, name) for name in texts]


def _earlier(path: str) -> dict[str, Any]:
    """Return what an earlier batch of this run reported."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return report if isinstance(report, dict) and report.get("run") == run_id() else {}
