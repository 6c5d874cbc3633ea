# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display

from ..module_utils._module.packed import from_text
from ..module_utils._role import audit
from ..module_utils._role.channels import with_channels
from ..module_utils._role.outcomes import (
    Batch,
    batch_warnings,
    credentials_line,
    credentials_outcome,
    numbers_outcome,
    summary_line,
)
from ..plugin_utils.role_part import RolePart

display = Display()


class ActionModule(RolePart):
    """Reports the results of a host's phone numbers, or of the whole batch's, as this task's own result."""

    BYPASS_HOST_LOOP = False
    _VALID_ARGS = RolePart.VARIABLES | {"entry_point", "backup", "settled", "audit", "retired", "deleted", "host"}

    def work(self) -> dict[str, Any]:
        args, plan = self._task.args, self.plan
        host = args.get("host")
        if args.get("audit"):
            return self._audited(plan, host)
        looked, found = self.results("look", "credentials")
        if not args.get("look"):
            told = credentials_outcome(plan, found)
            if not told["failed"]:
                display.display(f"connect_sms: {credentials_line(found)}")
            return told
        plan_now = with_channels(plan, self.registered("channels").get("results"))
        entry_point = args.get("entry_point", "main")
        # Of another entry point they are an earlier play's.
        ended = sum(self.results("retired", "deleted"), []) if entry_point == "disconnect" else []
        batch = Batch(plan_now, looked, found, self.written(), ended)
        told = numbers_outcome(batch, host)
        if host in (None, next(iter(plan["numbers"]), None)):
            warnings = batch_warnings(batch)
            told.update({"warnings": warnings} if warnings else {})
        if host in (None, plan["last_host"]):
            files = [*self.first_pass["files"], *self.registered("backup").get("files", ())]
            display.display(f"connect_sms: {summary_line(batch, entry_point, files)}")
            problem = self.registered("settled").get("problem")
            if problem and not host and told["failed"]:  # then the end never comes, where this would be said
                display.display(f"connect_sms: {problem}")
        return told

    def _audited(self, plan: Mapping[str, Any], host: str | None) -> dict[str, Any]:
        """Return an audit's findings on a host's numbers. A host without numbers represents its whole account."""
        told = self.registered("audit")
        own = {number for known in (plan["numbers"], plan["unplanned"]) for number in known.get(host, ())} or None
        entries = [each for each in from_text(told["entries"], own) if host in (None, each["host"])]
        return audit.audit_outcome(entries, told["failures"], plan["fail_on"], host)
