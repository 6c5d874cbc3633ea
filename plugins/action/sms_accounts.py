# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import resource
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from ..module_utils._http.pace import READERS
from ..module_utils._module.options import TWILIO_OPTIONS, given
from ..module_utils._twilio.rollout import run_all
from ..plugin_utils import in_process
from ..plugin_utils.module_defaults import access_defaults
from ..plugin_utils.progress import count_of, shown_progress
from ..plugin_utils.role_part import RolePart

ACCOUNTS = 16  # at once; each account has its own limit of concurrent requests (Twilio documentation, error 20429)
LEFT_OUT = {"changed", "failed"}  # of results: the report tells what changed and failed, host by host


class ActionModule(RolePart):
    """Runs a module for many Twilio accounts, several at once. A loop would work on one account after the other."""

    _VALID_ARGS = frozenset({"module", "calls"})

    def work(self) -> dict[str, Any]:
        module, write = self._task.args["module"], not self._task.check_mode
        defaults = access_defaults(self._task, self._templar, "twilio", module)
        calls = [{**defaults, **call} if call else {} for call in self._task.args["calls"]]
        with shown_progress(calls) if write and module == "twilio_sms_webhook" else nullcontext(calls) as calls:
            # Not "results": ansible-core 2.19 takes those for a loop's and shows them in spite of no_log.
            return {"accounts": self._run(module, calls, write=write)}

    def _run(self, module: str, calls: list[dict[str, Any]], *, write: bool) -> list[dict[str, Any]]:
        """Return the result of each call, empty for a call without options."""
        actions = {place: self.action_of(module, call, write=write) for place, call in enumerate(calls) if call}
        code = next((action.code(self._task_vars) for action in actions.values()), None)
        results: list[dict[str, Any]] = [{} for _call in calls]
        accounts: dict[Any, list[int]] = {}
        for place in actions:
            sids = (given(calls[place], name, TWILIO_OPTIONS) for name in ("subaccount_sid", "account_sid"))
            accounts.setdefault(next(filter(None, sids), None), []).append(place)

        def work_on(places: list[int]) -> None:
            for place in places:  # one after the other: they may depend on the same services
                if code is None:
                    result = self.run_action(actions[place])
                else:
                    result = in_process.run(code, actions[place]._task, shows_arguments=False)
                results[place] = {name: value for name, value in result.items() if name not in LEFT_OUT}

        with in_process.silence():
            if code is None or len(accounts) == 1:
                for places in accounts.values():  # Ansible cannot start processes from several threads
                    work_on(places)
            else:
                run_all(accounts.values(), work_on, workers=at_once(calls))
        return results


def at_once(calls: list[dict[str, Any]]) -> int:
    """Return how many accounts to work on at once, so that a quarter of the files that a process may open is enough.

    Each concurrent request has a connection, and each connection is a file.
    """
    allowed, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return ACCOUNTS
    return max(1, min(ACCOUNTS, allowed // 4 // max(map(requests_at_once, calls))))


def requests_at_once(call: Mapping[str, Any]) -> int:
    """Return the maximum number of concurrent requests of a call."""
    return max(READERS, min(int(call.get("concurrency") or 0), count_of(call)))
