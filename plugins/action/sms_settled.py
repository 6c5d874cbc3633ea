# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ..module_utils._http.errors import join
from ..module_utils._role.second_look import unsettled
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.role_part import RolePart


class ActionModule(RolePart):
    """Fails where another run has renamed or deleted a credential while numbers were being switched to its key."""

    _VALID_ARGS = RolePart.VARIABLES | {"now", "again"}

    def work(self) -> dict[str, Any]:
        texts = unsettled(self.plan, *self.results("credentials", "now"))
        if texts:
            again = self._task.args.get("again")
            what = "Run again" if again else "The numbers are connected again, with the present one"
            raise ActionFailed(f"{join(texts, '; ')}. {what}")
        return {}
