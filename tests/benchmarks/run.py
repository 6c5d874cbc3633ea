# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks (``make bench``): how long each contender takes for how many numbers, and whether our goals are met.

``--quick`` takes a few minutes and writes below .cache/; without it docs/benchmarks.* are written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from benchmarks import report
from benchmarks.contenders import ROOT, World, twilio_cli
from benchmarks.measure import Measured
from benchmarks.report import CHANGING, LATENCY, SLICED, SLICED_LATENCY, SLICES
from sandbox.client import Sandbox

SLOW = 100  # numbers for contenders that start a process for each
CLI = 10  # numbers for one that takes seconds for each
SHORT = 10.0  # seconds; what takes longer is measured once
HOSTS = 200  # hosts of the goal for inventories


class Bench:
    """Runs the contenders and keeps what was measured."""

    def __init__(self, world: World, sizes: list[int], runs: int) -> None:
        """Measure these counts of phone numbers; what is short is measured *runs* times, and the median counts."""
        self.world = world
        self.sizes = sizes
        self.runs = runs
        self.results: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def note(self, contender: str, count: int, which: str, measured: Measured) -> None:
        """Keep a measurement and show it."""
        self.results.append({"contender": contender, "numbers": count, "run": which, **measured.to_json()})
        print(
            f"{contender:18} {count:6} {which:7} {measured.wall:7.1f} s  CPU {measured.cpu:7.1f} s"
            f"  {measured.requests:6} requests  {measured.refused:4} refused  {measured.peak_mb:4.0f} MB"
            f"  (sandbox CPU {measured.sandbox_cpu:.1f} s, others {measured.others:.0%})",
            flush=True,
        )

    def median(self, contender: str, count: int, which: str, once: Callable[[], Measured]) -> None:
        """Keep the run with the median wall time of several."""
        done = [once()]
        while len(done) < self.runs and done[0].wall < SHORT:
            done.append(once())
        done.sort(key=lambda measured: measured.wall)
        self.note(contender, count, which, done[len(done) // 2])

    def both(self, contender: str, count: int, once: Callable[[], Measured], **settings: object) -> None:
        """Keep a first run, in which every number changes, and a second, in which none does."""
        world = self.world
        world.reset(count, **settings)
        if contender not in OURS:
            world.foreign_key()
        self.note(contender, count, "first", world.all_connected(once()))
        self.median(contender, count, "second", once)

    def yardsticks(self, *hosts: int) -> None:
        """What Ansible itself costs."""
        self.world.reset(0)
        self.median("empty play", 0, "first", self.world.empty_play)
        for count in hosts:
            self.world.reset(count)
            self.median("debug play", count, "first", self.world.debug_play)

    def everything(self) -> None:
        """Run all contenders."""
        world = self.world
        inventories = sorted({HOSTS, *(size for size in self.sizes if size <= 1000)})
        self.yardsticks(*inventories)
        for size in self.sizes:
            self.both("list mode", size, world.list_mode)
            self.both("SDK script", size, world.sdk_script)
        for size in inventories:
            self.both("inventory mode", size, world.inventory_mode)
        for size in self.sizes:
            if size >= 1000:
                world.reset(size)
                measured = world.all_connected(world.list_mode("-e", "connect_sms_concurrency=16"))
                self.note("list mode, 16 at once", size, "first", measured)
        for count in (HOSTS, 1000):
            world.reset(count)
            self.median("plan", count, "first", world.plan_only)
        world.reset(CHANGING, twilio_concurrency=40)
        self.note("list mode, cap 40, 20, 40", CHANGING, "first", world.all_connected(world.changing_cap()))
        for name, once in (("50 subaccounts", world.subaccounts_mode), ("50, SDK script", world.subaccounts_script)):
            world.reset(0)
            world.add_subaccounts(50, 20)
            if name not in OURS:
                world.foreign_key()
            self.note(name, 1000, "first", world.all_connected(once()))
        for count in (1, SLICES):
            world.reset(SLICED, twilio_concurrency=40)
            world.ensure_credential()
            world.box.settings(latency=SLICED_LATENCY)
            self.note(report.slices_name(count), SLICED, "first", world.all_connected(world.slices(count)))
        for cap, ceiling in ((40, 64), (4, 16)):
            world.reset(1000, twilio_concurrency=cap)
            measured = world.all_connected(world.list_mode("-e", f"connect_sms_concurrency={ceiling}"))
            self.note(f"list mode, cap {cap}", 1000, "first", measured)
        for name, once in (("uri tasks", world.uri_tasks), ("module per host", world.module_per_host)):
            world.reset(SLOW)
            world.foreign_key()
            self.note(name, SLOW, "first", world.all_connected(once()))
        self.cli()

    def cli(self) -> None:
        """Run Twilio's own command line, where npm can install it."""
        program = twilio_cli()
        if isinstance(program, str):
            self.notes.append(f"twilio-cli was left out: {program}.")
            return
        self.world.reset(CLI)
        self.world.foreign_key()
        self.note("twilio-cli", CLI, "first", self.world.all_connected(self.world.twilio_cli(program)))


OURS = ("list mode", "inventory mode", "50 subaccounts")


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "ansible_core": version("ansible-core"),
        "twilio": version("twilio"),
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "latency": LATENCY,
    }


def main() -> int:
    """Measure, write the report and check the goals."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make bench")
    parser.add_argument("--quick", action="store_true", help="1000 numbers at the most; docs/ is left alone")
    chosen = parser.parse_args()
    sizes = [100, 1000] if chosen.quick else [100, 1000, 10_000]
    target = ROOT / ".cache" / "bench" if chosen.quick else ROOT / "docs"
    target.mkdir(parents=True, exist_ok=True)
    with Sandbox.start(max_age=7200) as box, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(World(box, pathlib.Path(folder)), sizes, 1 if chosen.quick else 3)
        bench.everything()
    others = statistics.mean(row["others"] for row in bench.results)
    data = {"machine": {**machine(), "others": round(others, 3)}, "results": bench.results, "notes": bench.notes}
    goals = report.goals(bench.results)
    data["goals"] = [goal.to_json() for goal in goals]
    (target / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n")
    (target / "benchmarks.md").write_text(report.markdown(data, goals))
    (target / "benchmarks.svg").write_text(report.plot(bench.results))
    print(f"\n{report.goal_lines(goals)}\n\n{target.relative_to(ROOT)}/benchmarks.{{md,json,svg}} written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
