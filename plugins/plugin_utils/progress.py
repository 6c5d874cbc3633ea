# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows how far ``twilio_sms_webhook`` is while it runs."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.utils.display import Display

STEP = 1000  # numbers between two lines of progress, and the most numbers for which none is shown
LOOK = 0.5  # seconds between two reads of the counts
display = Display()


@contextmanager
def shown_progress(calls: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the options of the module's calls, and show their progress meanwhile if they have many numbers.

    A module cannot show anything before it ends. So each call writes the count of its updates to a file, and a thread here
    reads the files.
    """
    numbers = [count_of(call) for call in calls]
    if sum(numbers) <= STEP:
        yield calls
        return
    with tempfile.TemporaryDirectory(prefix="voiceagent-sms-progress-") as folder:
        paths = [os.path.join(folder, str(place)) for place in range(len(calls))]
        for path, count in zip(paths, numbers, strict=True):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"0 {count}")
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(paths, ended), daemon=True)
        watcher.start()
        try:
            yield [
                {**call, "_role": {**(call.get("_role") or {}), "progress_file": path}} if call else call
                for call, path in zip(calls, paths, strict=True)
            ]
        finally:
            ended.set()
            watcher.join()


def count_of(args: Mapping[str, Any]) -> int:
    """Return the maximum number of phone numbers that a call has."""
    groups = args.get("webhooks")
    lists = (
        [group.get("phone_numbers") for group in groups] if isinstance(groups, list) else [args.get("phone_numbers")]
    )
    return sum(numbers.count(",") + 1 if isinstance(numbers, str) else len(numbers or ()) for numbers in lists)


def watch(paths: list[str], ended: threading.Event) -> None:
    """Show the sum of the counts in the files, with a line for each thousand numbers."""
    shown = 0
    while not ended.wait(LOOK):
        done = total = 0
        for path in paths:
            with open(path, encoding="ascii") as file:
                own, of = map(int, file.read().split())
            done, total = done + own, total + of
        if done // STEP > shown // STEP:
            shown = done
            display.display(f"{shown} of {total} phone numbers done")
