# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook that are killed while one of their requests waits for its answer."""

from __future__ import annotations

import os
import signal
import time
from typing import NamedTuple

from system.counts import tried
from system.playing import Player, alive, family

WAIT = 60


class Point(NamedTuple):
    """A request at which a run is killed: the *place*-th of an operation, with its work done or not."""

    operation: str
    place: int
    done: bool

    def __str__(self) -> str:
        return f"{'after' if self.done else 'at'} {self.operation} {self.place + 1}"


class Victim(Player):
    """Runs playbooks that are killed."""

    def kill(self, point: Point, *arguments: str, playbook: str, env: dict[str, str] | None = None) -> None:
        """Start a playbook and end it and all its children with SIGKILL while it waits for an answer."""
        mode = "hang_after" if point.done else "hang"
        box = self._box
        fault = box.fault(point.operation, mode=mode, skip=point.place, seconds=20)
        with self.start(self.command(playbook, *arguments), self.environment(env or {})) as running:
            deadline = time.monotonic() + WAIT
            while not box.hits(fault) and not running.ended() and time.monotonic() < deadline:
                time.sleep(0.03)
            reached = not running.ended() and box.hits(fault)
        assert reached, f"{point}: the run did not come there"
        tried("kills")
        box.clear_faults()

    def interrupt(self, operation: str, count: int, *arguments: str, playbook: str) -> list[int]:
        """Press Ctrl-C after a number of requests of a kind; return the run's processes that are still alive."""
        self._box.clear_log()
        with self.start(self.command(playbook, *arguments), self.environment()) as running:
            deadline = time.monotonic() + WAIT
            while self._box.operations().count(operation) < count and time.monotonic() < deadline:
                assert not running.ended(), "the run ended before it came there"
                time.sleep(0.03)
            members = family(running.pid)
            os.killpg(running.pid, signal.SIGINT)  # as a terminal does
            assert running.wait(WAIT) != 0
            deadline = time.monotonic() + WAIT / 2  # a loaded machine may need some of it
            while (left := [each for each in members if alive(each)]) and time.monotonic() < deadline:
                time.sleep(0.1)
            return left
