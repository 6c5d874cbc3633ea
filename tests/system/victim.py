# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook that are killed while one of their requests waits for its answer."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from typing import NamedTuple

from system.counts import tried
from system.playing import Player

WAIT = 60


class Point(NamedTuple):
    """A request at which a run is killed: the *place*-th of an operation, with its work done or not."""

    operation: str
    place: int
    done: bool

    def __str__(self) -> str:
        return f"{'after' if self.done else 'at'} {self.operation} {self.place + 1}"


def family(pid: int) -> list[int]:
    """Return a process and all that it has started: workers and modules have sessions of their own."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Victim(Player):
    """Runs playbooks that do not live to see their end."""

    def kill(self, point: Point, *arguments: str, playbook: str, env: dict[str, str] | None = None) -> None:
        """Start a playbook and end it and all its children with SIGKILL while it waits for an answer."""
        mode = "hang_after" if point.done else "hang"
        box = self._box
        fault = box.fault(point.operation, mode=mode, skip=point.place, seconds=20)
        running = self._start(playbook, arguments, env)
        deadline = time.monotonic() + WAIT
        while not box.hits(fault) and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.03)
        reached = running.poll() is None and box.hits(fault)
        for member in family(running.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        running.wait()
        assert reached, f"{point}: the run did not come there"
        tried("kills")
        box.clear_faults()

    def interrupt(self, operation: str, count: int, *arguments: str, playbook: str) -> list[int]:
        """Press Ctrl-C after so many requests of a kind; return which of the run's processes live on."""
        self._box.clear_log()
        running = self._start(playbook, arguments, start_new_session=True)
        deadline = time.monotonic() + WAIT
        while self._box.operations().count(operation) < count and time.monotonic() < deadline:
            assert running.poll() is None, "the run ended before it came there"
            time.sleep(0.03)
        members = family(running.pid)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        assert running.wait(WAIT) != 0
        deadline = time.monotonic() + 5
        while (left := [each for each in members if alive(each)]) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def _start(
        self, playbook: str, arguments: tuple[str, ...], env: dict[str, str] | None = None, **more: bool
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(playbook, *arguments),
            env=self.environment(env or {}),
            cwd=self.here,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **more,
        )
