# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..module_utils._role.verify import conclude
from ..plugin_utils.role_part import RolePart

display = Display()


class ActionModule(RolePart):
    """Reports the results of a batch's texts, shows a table, and fails if a text did not arrive or cannot be answered."""

    _VALID_ARGS = RolePart.VARIABLES | {"proofs"}

    def work(self) -> dict[str, Any]:
        channels = self.registered("channels").get("results")
        told = conclude(self.plan, *self.results("look", "keys", "proofs"), channels)
        display.display(told.pop("table"))
        return told
