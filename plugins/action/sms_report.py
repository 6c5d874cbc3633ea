# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._module.packed import from_text
from ..module_utils._role import audit
from ..module_utils._role.plan import credential_outcome, outcome


class ActionModule(ActionBase):
    """Reports what became of a host's phone numbers, or of the whole batch's, as this task's own result.

    Takes the names of the registered variables, not their values: templating a thousand outcomes for each of a
    thousand hosts would cost more than everything else.
    """

    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "look", "credentials", "webhooks", "audit", "host"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        if args.get("audit"):
            return {**result, **self._audited(task_vars, args)}
        if not args.get("look"):
            found = task_vars.get(args["credentials"], {}).get("results", [])
            return {**result, **credential_outcome(task_vars[args["plan"]], found)}
        steps = [task_vars.get(args[step], {}).get("results", []) for step in ("look", "credentials", "webhooks")]
        plan, host = task_vars[args["plan"]], args.get("host")
        told = outcome(plan, *steps, host)
        # ansible-core 2.16 shows no warnings of tasks with no_log, and gathers those of a loop beside its results. The
        # first host passes them on; newer releases have shown them and do not show the same words again.
        if host in (None, next(iter(plan["numbers"]), None)):
            gathered = [each for step in ("look", "webhooks") for each in self._gathered(task_vars, args[step])]
            warnings = list(dict.fromkeys([*told.get("warnings", ()), *gathered]))
            told.update({"warnings": warnings} if warnings else {})
        return {**result, **told}

    @staticmethod
    def _audited(task_vars: Mapping[str, Any], args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an audit found of a host's numbers. A host that names none stands for all of its account."""
        told, host = task_vars[args["audit"]], args.get("host")
        plan = task_vars[args["plan"]]
        own = set(plan["numbers"].get(host, ())) or None
        entries = [each for each in from_text(told["entries"], own) if host in (None, each["host"])]
        return audit.outcome(entries, told["failures"], plan["fail_on"], host)

    @staticmethod
    def _gathered(task_vars: Mapping[str, Any], name: str) -> list[str]:
        return [each for each in task_vars.get(name, {}).get("warnings") or () if isinstance(each, str)]
