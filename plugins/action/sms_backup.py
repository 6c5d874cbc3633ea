# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import glob
import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._http.errors import SmsError
from ..module_utils._role import backup
from ..module_utils._role.channels import with_channels
from ..module_utils._role.steps import due_changes
from ..plugin_utils.run import run_id
from ..plugin_utils.vault import decrypting, encrypting


class ActionModule(ActionBase):
    """Records the SMS settings that the next task is about to change. Only here is the vault password at hand."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"plan", "look", "credentials", "channels", "entry_point"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        plan = with_channels(task_vars[args["plan"]], task_vars.get(args.get("channels"), {}).get("results"))
        looked = task_vars[args["look"]].get("results", [])
        found = task_vars.get(args["credentials"], {}).get("results", [])
        files, count = set(), 0
        for folder, account_sid, changes in due_changes(plan, looked, found):
            count += len(changes)
            if changes and not self._task.check_mode:
                try:
                    files.add(self._record(os.path.abspath(folder), account_sid, changes))
                except SmsError as error:
                    raise AnsibleActionFail(str(error)) from None
        return {**result, "changed": False, "files": sorted(files), "count": count}

    def _record(self, folder: str, account_sid: str, changes: Mapping[str, Any]) -> str:
        """Add changes to the run's file in *folder* and return its path."""
        decrypt = decrypting(self._loader)
        earlier = glob.glob(os.path.join(folder, f"connect_sms-*-{run_id()}.json"))
        if earlier:
            path, record = earlier[0], backup.read(earlier[0], decrypt)
        else:
            name = f"connect_sms-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{run_id()}.json"
            path, record = os.path.join(folder, name), backup.new_record(self._task.args.get("entry_point", "main"))
        backup.add(record, account_sid, changes)
        backup.write(path, record, encrypting(self._loader))
        return path
