# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._role.verify import conclude

display = Display()


class ActionModule(ActionBase):
    """Tells what became of a batch's texts, shows a table, and fails where a text did not arrive or cannot be answered."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "look", "keys", "channels", "proofs"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        look, keys, proofs = (task_vars[self._task.args[step]] for step in ("look", "keys", "proofs"))
        steps = (step.get("results", []) for step in (look, keys, proofs))
        # ansible-core 2.16 gathers the warnings of a loop beside its results.
        notes = [str(each) for step in (look, proofs) for each in step.get("warnings") or ()]
        channels = task_vars.get(self._task.args.get("channels"), {}).get("results")
        told = conclude(task_vars[self._task.args["plan"]], *steps, channels, notes)
        display.display(told.pop("table"))
        return {**result, **told}
