# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs two ansible-playbook commands at the same time, because each keeps one core busy for seconds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from sandbox.client import Sandbox

Item = TypeVar("Item")


def two_at_a_time(boxes: list[Sandbox], work: Callable[[Sandbox, Item], None], items: Iterable[Item]) -> None:
    """Do *work* on all items, one for each sandbox at a time; then raise all errors."""
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    problems: list[str] = []

    def walk(box: Sandbox) -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                work(box, item)
            except Exception as error:  # each of them is to be known, and the others go on
                problems.append(f"{item}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=walk, args=(box,)) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, "\n\n".join(problems)
