# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ..module_utils._http.errors import join
from ..module_utils._role.second_look import (
    channels_gone,
    channels_unknown,
    gone,
    is_restore,
    left_over,
    restored_to_nothing,
    unknown,
    used_channels,
)
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.channel_part import ChannelPart


class ActionModule(ChannelPart):
    """Fails if another run has renamed or deleted a credential while numbers were being switched to its key.

    Problems that cannot be checked or repaired are only returned, so that the hosts' reports come first.
    """

    _VALID_ARGS = ChannelPart.VARIABLES | {"now", "again", "superseded", "deleted"}

    def work(self) -> dict[str, Any]:
        plan = self.plan
        found, done, now = self.results("credentials", "webhooks", "now")
        if is_restore(plan):
            return {"problem": join(restored_to_nothing(plan, found, done, now), "; ")}
        (found_channels,) = self.results("channels")
        channels = {place: self.channel(plan["channels"][place], write=False) for place in used_channels(plan, done)}
        texts = gone(plan, found, now) + channels_gone(plan, found_channels, channels)
        if texts and not self._task.args.get("again"):
            raise ActionFailed(f"{join(texts, '; ')}. The numbers are connected again, with the current one")
        told = [f"{text}, and so was the one before it: run connect_sms again" for text in texts]
        if self._task.args.get("again"):
            told += left_over(self.registered("superseded"), *self.results("deleted"))
        return {"problem": join(told + unknown(plan, found, now) + channels_unknown(plan, channels), "; ")}
