# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._module.packed import from_text
from ..module_utils._role import audit
from ..module_utils._role.channels import with_channels
from ..module_utils._role.outcomes import (
    Batch,
    batch_warnings,
    both_passes,
    credentials_outcome,
    numbers_outcome,
    summary,
)

display = Display()


class ActionModule(ActionBase):
    """Reports what became of a host's phone numbers, or of the whole batch's, as this task's own result.

    Takes the names of the registered variables, not their values: templating a thousand outcomes for each of a
    thousand hosts would cost more than everything else.
    """

    _requires_connection = False
    _VALID_ARGS = frozenset(
        {"entry_point", "plan", "look", "credentials", "channels", "backup", "webhooks", "first_pass", "audit", "host"}
    )

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        plan = task_vars[args["plan"]]
        if args.get("audit"):
            return {**result, **self._audited(task_vars, args)}
        if not args.get("look"):
            return {**result, **credentials_outcome(plan, _results(task_vars, args["credentials"]))}
        host = args.get("host")
        looked, found, done = (_results(task_vars, args[step]) for step in ("look", "credentials", "webhooks"))
        # A fact outlives its play: it counts only for the run of the role that set it.
        first = task_vars.get(args.get("first_pass"), {})
        first = first if first.get("run_id") == plan["run_id"] else {"webhooks": [], "files": []}
        plan_now = with_channels(plan, task_vars.get(args.get("channels"), {}).get("results"))
        batch = Batch(plan_now, looked, found, both_passes(first["webhooks"], done))
        told = numbers_outcome(batch, host)
        # Results of tasks with no_log show no warnings in ansible-core 2.16, which gathers those of a loop beside its
        # results. One report passes them on; newer releases have shown them and do not show the same words again.
        if host in (None, next(iter(plan["numbers"]), None)):
            gathered = [each for step in ("look", "webhooks") for each in _warnings(task_vars, args[step])]
            warnings = list(dict.fromkeys([*batch_warnings(batch), *gathered]))
            told.update({"warnings": warnings} if warnings else {})
        if host in (None, plan["last_host"]):
            files = [*first["files"], *task_vars.get(args["backup"], {}).get("files", ())]
            display.display(f"connect_sms: {summary(batch, args.get('entry_point', 'main'), files)}")
        return {**result, **told}

    @staticmethod
    def _audited(task_vars: Mapping[str, Any], args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an audit found of a host's numbers. A host that names none stands for all of its account."""
        told, host = task_vars[args["audit"]], args.get("host")
        plan = task_vars[args["plan"]]
        own = set(plan["numbers"].get(host, ())) or None
        entries = [each for each in from_text(told["entries"], own) if host in (None, each["host"])]
        return audit.outcome(entries, told["failures"], plan["fail_on"], host)


def _results(task_vars: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return task_vars.get(name, {}).get("results", [])


def _warnings(task_vars: Mapping[str, Any], name: str) -> list[str]:
    return [each for each in task_vars.get(name, {}).get("warnings") or () if isinstance(each, str)]
