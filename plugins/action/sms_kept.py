# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._http.errors import join
from ..module_utils._role.deletion import verdict
from ..plugin_utils.action_failed import ActionFailed

display = Display()


class ActionModule(ActionBase):
    """Says which credentials were kept after a play's last batch, and fails where one should be gone and is not."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "credentials", "webhooks", "usage", "before", "retired", "deleted", "fail"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        plan, usage = (task_vars[self._task.args[name]] for name in ("plan", "usage"))
        names = ("credentials", "webhooks", "retired", "deleted")
        found, done, retired, deleted = (self._results(task_vars, name) for name in names)
        if any(account["state"] == "absent" for account in plan["accounts"]):
            found = []  # What an earlier part of the play found is of no interest to a disconnect.
        before = task_vars.get(self._task.args.get("before"))
        moved = any(one.get("changed") for one in done)
        warnings, failures = verdict(plan, usage, retired, deleted, found, moved=moved, before=before)
        if self._task.args.get("fail"):
            if failures:
                raise ActionFailed(join(failures, "; "))
            return {**result, "changed": False}
        # Also what fails in the end is said now: where all hosts have failed with their numbers, the end never comes.
        for text in warnings + failures:
            display.display(f"connect_sms: {text}")
        return {
            **result,
            "changed": False,
            **({"msg": join(warnings + failures, "; ")} if warnings or failures else {}),
        }

    def _results(self, task_vars: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        results: list[Mapping[str, Any]] = task_vars.get(self._task.args.get(name), {}).get("results", [])
        return results
