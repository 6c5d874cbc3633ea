# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program to its end and measure what it takes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.client import Sandbox

TICK = os.sysconf("SC_CLK_TCK")
LIMIT = 1800.0  # seconds; above what the slowest contender needs


@dataclasses.dataclass
class Measured:
    """What one run took."""

    wall: float
    #: Seconds of CPU, user and system, of the program and of all it started and waited for.
    cpu: float
    #: Peak resident memory of the largest single process among them, in MB.
    peak_mb: float
    requests: int
    updates: int
    writes: int
    refused: int  # answered 429
    #: Requests in flight at once, as the sandbox saw them.
    most_at_once: int
    operations: dict[str, int]
    #: Seconds of CPU of the sandbox meanwhile. It plays the clouds, so no contender pays for it.
    sandbox_cpu: float
    #: Seconds from the first update of a number to the last.
    updating: float
    #: Share of the machine's CPU that others used meanwhile: the higher it is, the less the measurement is worth.
    others: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data with sensible numbers of digits."""
        return {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(self).items()
        }


class Failed(Exception):
    """A contender did not do its work."""


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a running process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy() -> float:
    """Return the seconds of CPU that the whole machine has used."""
    values = [int(value) for value in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(values[:8]) - values[3] - values[4]) / TICK


def run(
    box: Sandbox,
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: pathlib.Path,
    log: pathlib.Path,
    limit: float = LIMIT,
) -> Measured:
    """Run a command and measure it; its output goes to *log*.

    The kernel itself adds up CPU and memory of a process and of the children it waited for, so nothing is sampled.
    """
    box.clear_log()
    sandbox = box.pid
    before, machine = cpu_of(sandbox), busy()
    told = log.with_suffix(".json")
    launcher = [sys.executable, "-S", "-E", str(pathlib.Path(__file__).with_name("launch.py")), str(told)]
    with open(log, "wb") as output:
        child = subprocess.Popen(
            [*launcher, *command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.wait(limit)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
    machine = busy() - machine
    used = json.loads(told.read_text())
    if used["code"]:
        tail = log.read_text(errors="replace")[-2000:]
        raise Failed(f"exit code {used['code']} after {used['wall']:.0f} s: {tail}")
    summary = box.summary()
    operations = {name: sum(statuses.values()) for name, statuses in summary["operations"].items()}
    times = [request["at"] for request in box.requests(operation="twilio.update_number") if request["status"] == 200]
    wall, cpu, sandbox_cpu = used["wall"], used["cpu"], cpu_of(sandbox) - before
    return Measured(
        wall=wall,
        cpu=cpu,
        peak_mb=used["peak_mb"],
        requests=summary["total"],
        updates=summary["operations"].get("twilio.update_number", {}).get("200", 0),
        writes=summary["writes"],
        refused=sum(statuses.get("429", 0) for statuses in summary["operations"].values()),
        most_at_once=max(summary["peak_concurrency"].values(), default=0),
        operations=operations,
        sandbox_cpu=sandbox_cpu,
        updating=max(times, default=0.0) - min(times, default=0.0),
        others=max(0.0, machine - cpu - sandbox_cpu) / (wall * (os.cpu_count() or 1)),
    )
