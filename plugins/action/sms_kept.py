# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..module_utils._http.errors import join
from ..module_utils._role.deletion import verdict
from ..module_utils._role.second_look import used_credentials
from ..module_utils._role.steps import found_for
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.role_part import RolePart

display = Display()


class ActionModule(RolePart):
    """Reports the credentials kept after a play's last batch, and fails if one should be gone."""

    _VALID_ARGS = RolePart.VARIABLES | {"usage", "before", "retired", "deleted", "settled", "fail"}

    def work(self) -> dict[str, Any]:
        found, retired, deleted = self.results("credentials", "retired", "deleted")
        found = found_for(self.plan, found)
        usage, before = self.registered("usage"), self.registered("before") or None
        moved = used_credentials(self.plan, self.written())
        warnings, failures = verdict(self.plan, usage, retired, deleted, found, moved=moved, before=before)
        if self._task.args.get("fail"):
            problem = self.registered("settled").get("problem")
            failures += [problem] if problem else []
            if failures:
                raise ActionFailed(join(failures, "; "))
            return {}
        # Warn now also about what fails the run in the end: if all hosts fail with their numbers, the end is not reached.
        for text in warnings + failures:
            display.display(f"connect_sms: {text}")
        return {"msg": join(warnings + failures, "; ")} if warnings or failures else {}
