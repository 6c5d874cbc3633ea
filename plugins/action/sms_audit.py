# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible import context
from ansible.utils.display import Display

from ..module_utils._module.packed import to_text
from ..module_utils._role.audit import agents_of, count_by_status, retired_credentials, verdicts
from ..module_utils._role.audit_report import as_csv, as_table, make_report
from ..module_utils._role.channels import expected_with_channels
from ..module_utils._role.whole_file import replace
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.audit_page import as_page
from ..plugin_utils.role_part import RolePart
from ..plugin_utils.run import collection_version, run_id

display = Display()


class ActionModule(RolePart):
    """Gives each phone number of a batch a verdict, shows a table, and writes the reports."""

    def work(self) -> dict[str, Any]:
        looked, asked = self.results("look", "keys")
        plan = expected_with_channels(self.plan, self.registered("channels").get("results"))
        told, notes, failures = verdicts(plan, looked, asked)
        folders = list(dict.fromkeys(plan["folders"].values()))
        files = []
        for folder in folders:
            own = [entry for entry in told if plan["folders"].get(entry["host"]) == folder]
            files += self._write(os.path.abspath(os.path.expanduser(folder)), plan, own, notes, asked)
        display.display(as_table(told, notes, retired_credentials(told, asked), folders))
        verdict = {"entries": to_text(told), "summary": count_by_status(told)}
        return {**verdict, "notes": notes, "failures": failures, "files": files}

    def _write(
        self,
        folder: str,
        plan: Mapping[str, Any],
        told: list[dict[str, Any]],
        notes: list[str],
        asked: list[Mapping[str, Any]],
    ) -> list[str]:
        """Write the reports and return their paths. Later batches of a run add to the reports."""
        path = os.path.join(folder, "audit.json")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        role_path = self._task._role._role_path
        facts = {
            "version": collection_version(role_path),
            "agents": agents_of(plan, asked),
            "retired": retired_credentials(told, asked),
        }
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            report = make_report(_earlier(path), told, notes, facts, run=run_id(), now=now)
            page = as_page(report, role_path, options=plan["options"].get("localhost", ()), inventory=_inventories())
            texts = {
                "audit.csv": as_csv(report["numbers"]),
                "audit.html": page,
                "audit.json": json.dumps(report, indent=1) + "\n",
            }
            for name, text in texts.items():
                replace(os.path.join(folder, name), text.encode())  # readable by its owner only: it lists phone numbers
        except OSError as error:
            raise ActionFailed(
                f"No report can be written into connect_sms_audit_dir '{folder}' ({error.strerror})"
            ) from None
        return [os.path.join(folder, name) for name in texts]


def _earlier(path: str) -> Any:
    """Return the content of the folder's ``audit.json``, ``None`` if there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def _inventories() -> list[str]:
    """Return the inventories of this run, as paths for a command line in this folder."""
    here = os.getcwd() + os.sep
    given = context.CLIARGS.get("inventory") or ()
    return [each.removeprefix(here) for each in given]
