# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._http.errors import join
from ..module_utils._role import channels, steps
from ..module_utils._role.steps import Results
from ..plugin_utils.channel_part import ChannelPart

# Without a token the module's check mode fails if there is no channel, because a run that creates one would. To look for a
# channel needs none, and Twilio's API key may be all there is. So this stands in for the token; it is never sent.
LOOK_ONLY = {"auth_token": "not-needed-to-look-for-a-channel"}


class ActionModule(ChannelPart):
    """Runs ``orchestrate_sms_channel`` for the channels of a plan."""

    _VALID_ARGS = ChannelPart.VARIABLES | {"action", "found", "afterwards"}

    def work(self) -> dict[str, Any]:
        plan = self.plan
        looked, found, afterwards = self.results("look", "found", "afterwards")
        if self._task.args.get("action", "find") == "delete":
            return self._delete(plan, looked, found, afterwards)
        wanted, options = plan.get("channels", ()), LOOK_ONLY
        if wanted and self._task.args.get("action") == "ensure":  # only this depends on which numbers can be connected
            wanted, options = channels.channel_requests(plan, looked), {}
        results = []
        for channel in wanted:
            write = channel.get("needed", False) and not plan["dry_run"]
            results.append(self.channel(channel, write=write, **options))
        warnings = [str(text) for one in results for text in one.get("warnings", ())]
        # The report says so, host by host.
        return {"results": results, **({"warnings": warnings} if warnings else {})}

    def _delete(self, plan: Mapping[str, Any], looked: Results, found: Results, afterwards: Results) -> dict[str, Any]:
        """Delete the play's channels, except those that are, or may be, in use."""
        planned = steps.webhooks(channels.with_channels(plan, found), looked) if plan["dry_run"] else None
        results, kept, problems = [], [], []
        for channel in plan["finish"].get("channels", ()):
            present = self.channel(channel, write=False, **LOOK_ONLY)
            if not present.get("url"):
                if "channel" not in present:
                    kept.append(channels.kept(channel, [], str(present.get("msg"))))
                continue
            accounts = plan["finish"]["accounts"]
            users, problem = channels.users(present["url"], afterwards, planned, accounts)
            problem = problem or plan["finish"].get("problem")
            if users or problem:
                kept.append(channels.kept(channel, users, problem))
                continue
            results.append(self.channel(channel, write=not plan["dry_run"], state="absent"))
            if "channel" not in results[-1]:
                problems.append(f"{channels.channel_label(channel)} was not deleted: {results[-1].get('msg')}")
            elif not plan["dry_run"] and (lost := self._lost(present["url"], accounts)):
                label = channels.channel_label(channel)
                problems.append(
                    f"{label} was deleted while another run connected {join(lost, ', ')}: run connect_sms for it"
                )
        told = {"changed": any(one.get("changed") for one in results), "results": results}
        told.update({"warnings": kept} if kept else {})
        return {**told, "failed": True, "msg": join(problems, "; ")} if problems else told

    def _lost(self, url: str, accounts: list[Mapping[str, Any]]) -> list[str]:
        """Return the numbers that another run has connected to a channel while it was being deleted."""
        return channels.users(url, [self.holders(account) for account in accounts], None, accounts)[0]
