# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._http.errors import join
from ..module_utils._role.second_look import unsettled
from ..plugin_utils.action_failed import ActionFailed


class ActionModule(ActionBase):
    """Fails where another run has renamed or deleted a credential while numbers were being switched to its key."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "credentials", "now", "again"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        found, now = (task_vars.get(args[name], {}).get("results", []) for name in ("credentials", "now"))
        texts = unsettled(task_vars[args["plan"]], found, now)
        if texts:
            what = "Run again" if args.get("again") else "The numbers are connected again, with the present one"
            raise ActionFailed(f"{join(texts, '; ')}. {what}")
        return {**result, "changed": False}
