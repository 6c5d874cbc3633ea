# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements say: the goals, a Markdown page and a plot."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LATENCY = 0.05  # seconds that each request takes
CHANGING = 2000  # numbers of the run in which the cap changes
SLICES, SLICED = 8, 2000  # processes that share a cap, and the numbers of all of them
SLICED_LATENCY = 0.2  # seconds that each request takes there
Rows = Sequence[Mapping[str, Any]]


@dataclasses.dataclass
class Goal:
    """Something that was to be reached: ``value`` at most ``limit``."""

    name: str
    value: float
    limit: float
    unit: str = ""
    how: str = ""

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**dataclasses.asdict(self), "value": round(self.value, 4), "met": self.met}

    def line(self) -> tuple[str, str, str, str]:
        """Return name, value, limit and verdict as they are shown."""
        return (
            self.name,
            f"{self.value:.5g}{self.unit}",
            f"{self.limit:.5g}{self.unit}",
            "met" if self.met else "not met",
        )


class Table:
    """The measurements, to look things up in."""

    def __init__(self, rows: Rows) -> None:
        """Look things up in these."""
        self._rows = {(row["contender"], row["numbers"], row["run"]): row for row in rows}

    def has(self, contender: str, numbers: int, run: str = "first") -> bool:
        """Whether it was measured."""
        return (contender, numbers, run) in self._rows

    def get(self, contender: str, numbers: int, key: str, run: str = "first") -> float:
        """Return one figure."""
        return float(self._rows[contender, numbers, run][key])

    def marginal(self, contender: str, key: str, few: int, many: int, run: str = "first") -> float:
        """Return what one more number costs, whatever a run costs that has none."""
        return (self.get(contender, many, key, run) - self.get(contender, few, key, run)) / (many - few)


def slices_name(count: int) -> str:
    """Return the contender's name."""
    return f"{count} slice{'s' * (count > 1)}, cap 40"


def goals(rows: Rows) -> list[Goal]:
    """Return the goals for which there are measurements, in one run on one machine."""
    table = Table(rows)
    get = table.get
    found: list[Goal] = []

    def add(name: str, limit: float, value: Callable[[], float], unit: str = "", how: str = "") -> None:
        with contextlib.suppress(KeyError):  # not measured this time
            found.append(Goal(name, value(), limit, unit, how))

    for size in (1000, 10_000):
        pages = math.ceil(size / 1000)
        add(
            f"{size}: requests of a first run",
            size + pages + 7,
            functools.partial(get, "list mode", size, "requests"),
            how="one for each number, one for each page, and 7: the last one reads the new credential again",
        )
        add(
            f"{size}: requests of a second run",
            pages + 6,
            functools.partial(get, "list mode", size, "requests", "second"),
        )
        add(f"{size}: writes of a second run", 0, functools.partial(get, "list mode", size, "writes", "second"))

    def against_script(size: int, contender: str = "list mode") -> float:
        script = get("SDK script", size, "wall") + get("empty play", 0, "wall")
        return get(contender, size, "wall") / script

    how = "first run, list mode (up to 64 at once), over SDK script (16 threads) and one empty play"
    add("1000: wall", 1.0, lambda: against_script(1000), " x", how)
    add("10000: wall", 0.6, lambda: against_script(10_000), " x", how)

    for size, limit in ((1000, 1.0), (10_000, 0.6)):
        wall = functools.partial(against_script, size, "list mode, 16 at once")
        add(f"{size}: wall, connect_sms_concurrency=16", limit, wall, " x", "as many at once as the script, so as slow")

    def per_update(few: int, many: int) -> float:
        return table.marginal("list mode", "cpu", few, many) / table.marginal("SDK script", "cpu", few, many)

    def updates_alone(size: int) -> float:
        ours, script = (
            get(name, size, "cpu") - get(name, size, "cpu", "second") for name in ("list mode", "SDK script")
        )
        return ours / script

    few, many = (1000, 10_000) if table.has("list mode", 10_000) else (100, 1000)
    how = f"what a number costs more, from {few} to {many} numbers, over the same of the SDK script"
    add("CPU for each number more", 0.45, lambda: per_update(few, many), " x", how)
    how = f"first run less second run at {many} numbers, over the same of the SDK script"
    add("CPU of the updates alone", 0.45, lambda: updates_alone(many), " x", how)

    def refused(cap: int) -> float:
        return get(f"list mode, cap {cap}", 1000, "refused") / get(f"list mode, cap {cap}", 1000, "requests")

    add("cap of 40, concurrency 64: refused", 2.0, lambda: 100 * refused(40), " %")
    add(
        "cap of 4, concurrency 16: numbers left", 0, lambda: 1000 - get("list mode, cap 4", 1000, "updates"),
        how=f"{100 * refused(4):.1f} % refused" if table.has("list mode, cap 4", 1000) else "",
    )  # fmt: skip
    add(
        "cap of 40: wall of a first run",
        0.9,
        lambda: against_script(1000, "list mode, cap 40"),
        " x",
        "over SDK script (16 threads, no cap) and one empty play",
    )
    changing = ("list mode, cap 40, 20, 40", CHANGING)
    add(
        "a cap of 40, then 20, then 40: refused",
        2.0,
        lambda: 100 * get(*changing, "refused") / get(*changing, "requests"),
        " %",
    )
    add(
        "a cap of 40, then 20, then 40: time of the updates",
        1.3,
        lambda: get(*changing, "updating") / (LATENCY * CHANGING * 0.035),
        " x",
        "over what the caps allow at best",
    )
    sliced, whole = ((slices_name(count), SLICED) for count in (SLICES, 1))
    add(
        f"{SLICES} slices with a cap of 40: refused",
        3.0,
        lambda: 100 * get(*sliced, "refused") / get(*sliced, "requests"),
        " %",
    )
    add(
        f"{SLICES} slices with a cap of 40: time of the updates",
        1 / 0.85,
        lambda: get(*sliced, "updating") / get(*whole, "updating"),
        " x",
        f"over that of one run with all {SLICED} numbers; each request takes {1000 * SLICED_LATENCY:.0f} ms",
    )
    add(
        "50 subaccounts of 20 numbers: wall",
        1.0,
        lambda: (
            get("50 subaccounts", 1000, "wall") / (get("50, SDK script", 1000, "wall") + get("empty play", 0, "wall"))
        ),
        " x",
        "over SDK script (16 threads over all) and one empty play; the role works on up to 16 accounts at once",
    )
    add(
        "1000 hosts: wall of a second run",
        1.5,
        lambda: get("inventory mode", 1000, "wall", "second") / get("debug play", 1000, "wall"),
        " x",
        "over a play with one debug task for each host",
    )
    add(
        "planning, for each host",
        4.0,
        lambda: 1000 * (get("plan", 1000, "wall") - get("plan", 200, "wall")) / 800,
        " ms",
        "the inventory's reading included",
    )

    def per_host() -> float:
        hosts = [
            (get("inventory mode", n, "wall", "second") - get("list mode", 100, "wall", "second")) / n
            for n in (200, 1000)
        ]
        return hosts[1] / hosts[0]

    add(
        "1000 hosts: wall for each host",
        1.25,
        per_host,
        " x",
        "over that with 200 hosts, each less a run of fixed costs",
    )
    add("10000: peak memory of any process", 250, lambda: max(
        get("list mode", 10_000, "peak_mb", run) for run in ("first", "second")
    ), " MB")  # fmt: skip

    def evenness() -> float:
        fixed = get("list mode", 100, "wall", "second")
        return ((get("list mode", 10_000, "wall") - fixed) / 10_000) / ((get("list mode", 1000, "wall") - fixed) / 1000)

    add(
        "10000: time for each number",
        1.15,
        lambda: get("list mode", 10_000, "wall") / 10 / get("list mode", 1000, "wall"),
        " x",
        "over that at 1000 numbers, with all that a run takes",
    )
    how = "over that at 1000 numbers, both less the fixed costs (a second run with 100 numbers)"
    add("10000: time for each number more", 1.15, evenness, " x", how)
    return found


def goal_lines(found: Sequence[Goal]) -> str:
    """Return the goals as text."""
    return "\n".join(
        f"{goal.line()[3]:8} {goal.line()[0]:40} {goal.line()[1]:>10}  (at most {goal.line()[2]})" for goal in found
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def markdown(data: Mapping[str, Any], found: Sequence[Goal]) -> str:
    """Return the page."""
    machine, rows = data["machine"], data["results"]
    measured = _table(
        ["who", "numbers", "run", "wall s", "CPU s", "requests", "429", "peak MB", "at once", "sandbox CPU s"],
        [
            [
                row["contender"], row["numbers"] or "", row["run"], f"{row['wall']:.1f}", f"{row['cpu']:.1f}", row["requests"],
                row["refused"], f"{row['peak_mb']:.0f}", row["most_at_once"], f"{row['sandbox_cpu']:.1f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    judged = _table(["goal", "measured", "at most", "", "how"], [[*goal.line(), goal.how] for goal in found])
    notes = "".join(f"- {note}\n" for note in data["notes"])
    return f"""# Benchmarks

`make bench` writes this page. It measures all contenders in one run against the same sandbox (`tests/sandbox`), which
answers each request after {machine["latency"] * 1000:.0f} ms. Measured on {machine["date"]} with {machine["cores"]} cores,
{machine["system"]}, Python {machine["python"]}, ansible-core {machine["ansible_core"]} and twilio {machine["twilio"]}.
The seconds apply to this machine; the ratios also apply to others. Other programs used {machine["others"]:.0%} of its CPU meanwhile.

![Wall time by phone numbers](benchmarks.svg)

## Goals

{judged}

## Measurements

{measured}

- *list mode*: `connect_sms.yml` with a file of numbers (`numbers_file`), which the script reads, too.
  *inventory mode*: with an inventory whose hosts are numbers. A first run updates every number, a second run none.
- *SDK script*: `tests/benchmarks/sdk_script.py`, the Twilio SDK with 16 threads. It lists the numbers, compares them, and
  updates them. It is given the URL, and reads neither IBM Cloud nor Messaging Services nor conversations.
- *{slices_name(SLICES)}*: as many processes at once, each with a part of the numbers, after the credential was created, as in a
  controller's sliced job. Here each request takes {1000 * SLICED_LATENCY:.0f} ms; with less, their starts on few cores take longer
  than all updates.
- *uri tasks*: one list, and one `ansible.builtin.uri` task for each number, 16 forks. *module per host*: one process of
  `twilio_sms_webhook` for each number, 16 forks. *twilio-cli*: one call for each number, one after the other. The slow ones
  are measured with few numbers only.
- *empty play* and *debug play* (one debug task on a host for each number) show what Ansible itself takes.
- *CPU* is that of the program and all processes that it has started; *peak MB* is that of its largest process. The sandbox
  plays the clouds on the same cores. Its CPU is in the last column and belongs to no contender.
{notes}"""


COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#cc79a7", "#e69f00", "#009e73")
LEFT, TOP, WIDTH, HEIGHT = 70, 20, 560, 340


def plot(rows: Rows) -> str:
    """Return an SVG of wall times of first runs by numbers, both on logarithmic scales."""
    names = ["list mode", "inventory mode", "SDK script", "uri tasks", "module per host", "twilio-cli"]
    points = {
        name: sorted(
            (row["numbers"], row["wall"]) for row in rows if row["contender"] == name and row["run"] == "first"
        )
        for name in names
    }
    walls = [wall for line in points.values() for _numbers, wall in line]
    low, high = 10 ** math.floor(math.log10(min(walls))), 10 ** math.ceil(math.log10(max(walls)))

    def x(numbers: float) -> float:
        return LEFT + WIDTH * (math.log10(numbers) - 1) / 3

    def y(wall: float) -> float:
        return TOP + HEIGHT * (1 - math.log10(wall / low) / math.log10(high / low))

    parts = []
    for number in (10, 100, 1000, 10_000):
        parts.append(f'<path class="g" d="M{x(number):.0f} {TOP}v{HEIGHT}"/>')
        parts.append(f'<text x="{x(number):.0f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{number}</text>')
    wall = low
    while wall <= high:
        parts.append(f'<path class="g" d="M{LEFT} {y(wall):.0f}h{WIDTH}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(wall) + 4:.0f}" text-anchor="end">{wall:g} s</text>')
        wall *= 10
    parts.append(
        f'<text x="{LEFT + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 38}" text-anchor="middle">phone numbers (first run)</text>'
    )
    for place, (name, line) in enumerate((name, line) for name, line in points.items() if line):
        colour = COLOURS[place]
        path = "L".join(f"{x(numbers):.1f} {y(wall):.1f}" for numbers, wall in line)
        parts.append(f'<path fill="none" stroke="{colour}" stroke-width="2" d="M{path}"/>')
        parts += [f'<circle cx="{x(n):.1f}" cy="{y(wall):.1f}" r="4" fill="{colour}"/>' for n, wall in line]
        row = TOP + 20 * place + 16
        parts.append(f'<circle cx="{LEFT + WIDTH + 20}" cy="{row - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + WIDTH + 32}" y="{row}">{name}</text>')
    size = f"{LEFT + WIDTH + 160} {TOP + HEIGHT + 50}"
    style = "text{font:13px sans-serif;fill:#333}.g{stroke:#ddd}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"><title>Wall time by phone numbers</title>'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>' + "".join(parts) + "</svg>\n"
    )
