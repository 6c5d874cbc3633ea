# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display

from ..plugin_utils.in_process import InProcess

STEP = 1000  # numbers between two lines of progress
LOOK = 0.5  # seconds between two reads of the module's progress
display = Display()


class ActionModule(InProcess):
    """Runs the module, and shows its progress if it has more than a thousand numbers.

    A module cannot show anything before it ends. So it writes the count of its updates to a file, and a thread here
    reads the file.
    """

    module_name = "twilio_sms_webhook"

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        if count_of(self._task.args) <= STEP or self._task.check_mode or self._task.async_val:
            return super().run(tmp, task_vars)
        handle, path = tempfile.mkstemp(prefix="voiceagent-sms-progress-")
        os.close(handle)
        self._task.args = {**self._task.args, "_role": {**self._task.args.get("_role", {}), "progress_file": path}}
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(path, ended), daemon=True)
        watcher.start()
        try:
            return super().run(tmp, task_vars)
        finally:
            ended.set()
            watcher.join()
            os.unlink(path)


def count_of(args: Mapping[str, Any]) -> int:
    """Return the maximum number of phone numbers that a task has."""
    groups = args.get("webhooks")
    lists = (
        [group.get("phone_numbers") for group in groups] if isinstance(groups, list) else [args.get("phone_numbers")]
    )
    return sum(numbers.count(",") + 1 if isinstance(numbers, str) else len(numbers or ()) for numbers in lists)


def watch(path: str, ended: threading.Event) -> None:
    """Show the count in the module's file, with a line for each thousand numbers."""
    shown = 0
    while not ended.wait(LOOK):
        with open(path, encoding="ascii") as file:
            noted = file.read().split()
        if noted and int(noted[0]) // STEP > shown // STEP:
            shown, total = map(int, noted)
            display.display(f"{shown} of {total} phone numbers done")
