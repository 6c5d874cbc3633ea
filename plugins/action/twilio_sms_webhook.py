# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ..plugin_utils.in_process import InProcess
from ..plugin_utils.progress import shown_progress


class ActionModule(InProcess):
    """Runs the module in the task's own process if possible, and shows its progress if it has many numbers."""

    module_name = "twilio_sms_webhook"

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        if self._task.check_mode or self._task.async_val:
            return super().run(tmp, task_vars)
        with shown_progress([self._task.args]) as (args,):
            self._task.args = args
            return super().run(tmp, task_vars)
