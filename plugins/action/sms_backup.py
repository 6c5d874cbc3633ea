# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..module_utils._http.errors import SmsError
from ..module_utils._role.backup import Changes, Recorder
from ..module_utils._role.channels import with_channels
from ..module_utils._role.steps import due_changes, unknown_yet, with_urls
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.role_part import RolePart
from ..plugin_utils.run import run_id
from ..plugin_utils.vault import decrypting, encrypting


class ActionModule(RolePart):
    """Records the SMS settings that the next task is about to change. Only an action plugin has the vault password."""

    _VALID_ARGS = RolePart.VARIABLES | {"entry_point", "reserve"}

    def work(self) -> dict[str, Any]:
        plan = with_channels(self.plan, self.registered("channels").get("results"))
        looked, found, urls = self.results("look", "credentials", "urls")
        reserve = bool(self._task.args.get("reserve"))
        plan, found = unknown_yet(plan) if reserve else (with_urls(plan, found, urls), found)
        folders: dict[str, dict[str, Changes]] = {}
        for folder, account_sid, changes in due_changes(plan, looked, found):
            of_folder = folders.setdefault(os.path.abspath(folder), {})
            if changes:
                of_folder[account_sid] = {**of_folder.get(account_sid, {}), **changes}
        dry = bool(self._task.check_mode) or plan["dry_run"]
        try:
            files = [] if dry else [self._work(*folder, reserve=reserve) for folder in folders.items()]
        except SmsError as error:
            raise ActionFailed(str(error)) from None
        count = sum(len(changes) for of_folder in folders.values() for changes in of_folder.values())
        return {"files": sorted(file for file in files if file), "count": count}

    def _work(self, folder: str, changes: Mapping[str, Changes], *, reserve: bool) -> str | None:
        """Reserve disk space for the record of changes in *folder*, or write the record and return its path."""
        loader = self._loader
        recorder = Recorder(folder, run_id(), encrypt=encrypting(loader), decrypt=decrypting(loader))
        entry_point = str(self._task.args.get("entry_point", "main"))
        if not changes:
            recorder.release()
            return None
        if reserve:
            recorder.reserve(changes, entry_point)
            return None
        return recorder.write(changes, entry_point)
