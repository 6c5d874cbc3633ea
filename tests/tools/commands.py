# SPDX-License-Identifier: GPL-3.0-or-later
"""One function per command: which steps it takes, in which order, and what it says at the end."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tools import checks, process, project, release, sandbox_server, venvs

OLDER_CORES = ("core-2.19", "core-2.16")


class Planned(NamedTuple):
    name: str
    function: Callable[[process.Log], checks.Outcome]


class Done(NamedTuple):
    name: str
    outcome: checks.Outcome
    seconds: float
    log: process.Log


def carry_out(plan: Planned, terminal: bool) -> Done:
    """One step; whatever goes wrong in it is its own failure and keeps no other step from running."""
    log = process.Log(project.LOGS / f"{plan.name}.log", terminal)
    began = time.monotonic()
    try:
        outcome = plan.function(log)
    except venvs.Unavailable as reason:
        outcome = checks.Outcome(note=f"SKIPPED, NOT TESTED: {reason}")
    except Exception as error:
        log.say(traceback.format_exc())
        outcome = checks.Outcome(failed=1, note=f"{type(error).__name__}: {error}".splitlines()[0])
    return Done(plan.name, outcome, time.monotonic() - began, log)


def describe(done: Done) -> str:
    outcome = done.outcome
    verdict = "FAILED" if outcome.failed else "ok"
    if "SKIPPED" in outcome.note and not outcome.failed:
        verdict = "------"
    counted = f"{outcome.passed} passed" + (f", {outcome.failed} failed" if outcome.failed else "")
    counted += f", {outcome.skipped} skipped" if outcome.skipped else ""
    text = counted if outcome.passed or outcome.failed or outcome.skipped else ""
    return "  ".join(filter(None, (f"{verdict:6}  {done.name:18} {done.seconds:5.0f} s", text, outcome.note)))


def conclude(results: Sequence[Done]) -> int:
    """The summary, and as the last line the one that machines read."""
    print("\nSummary")
    for done in results:
        print(f"  {describe(done)}")
    passed, failed = (sum(getattr(done.outcome, key) for done in results) for key in ("passed", "failed"))
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def in_turn(*plans: Planned) -> int:
    return conclude([carry_out(plan, terminal=True) for plan in plans])


def in_lanes(*lanes: Sequence[Planned], last: Planned | None = None) -> int:
    """Lanes at the same time, the steps of a lane one after the other; the logs follow once all have ended."""
    results: list[list[Done]] = [[] for _lane in lanes]

    def walk(number: int) -> None:
        for plan in lanes[number]:
            done = carry_out(plan, terminal=False)
            results[number].append(done)
            print(describe(done), flush=True)

    for lane in lanes:
        print("Lane:", " -> ".join(plan.name for plan in lane), flush=True)
    threads = [threading.Thread(target=walk, args=(number,), daemon=True) for number in range(len(lanes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [done for lane in results for done in lane]
    everything += [carry_out(last, terminal=False)] if last else []
    for done in everything:
        print(f"\n==== {done.name} ====")
        print(done.log.path.read_text(encoding="utf-8", errors="replace"), flush=True)
    return conclude(everything)


def pytest_step(kind: str, core: str = checks.NEWEST, arguments: tuple[str, ...] = ()) -> Planned:
    name = kind if core == checks.NEWEST else f"{kind}-{core}"
    return Planned(name, functools.partial(checks.pytest, folder=f"tests/{kind}", core=core, arguments=arguments))


def set_up(names: Sequence[str]) -> None:
    """Before the lanes start, so that they do not wait for each other; an environment that cannot be is said loudly."""
    for name in names:
        try:
            place = venvs.ensure(name)
            print(f"{name}: {venvs.describe(place)}", flush=True)
        except venvs.Unavailable as reason:
            print(f"\n!!! {name} is NOT TESTED on this machine: {reason}\n", flush=True)


def quick(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("quick", checks.quick), pytest_step("unit", arguments=arguments))


def lint(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("quick", checks.quick), Planned("lint", checks.lint))


def unit(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(pytest_step("unit", core, arguments))


def system(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(pytest_step("system", core, arguments))


def integration(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("integration", functools.partial(checks.integration, only=arguments)))


def sanity(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("sanity", functools.partial(checks.sanity, only=arguments)))


LANES = (
    (
        Planned("quick", checks.quick),
        pytest_step("unit"),
        pytest_step("system"),
        Planned("integration", checks.integration),
    ),
    (Planned("sanity", checks.sanity),),
)


def test(core: str, arguments: tuple[str, ...]) -> int:
    set_up([checks.NEWEST])
    return in_lanes(*LANES)


def tidy(log: process.Log, before: str) -> checks.Outcome:
    """A run leaves the work tree as it was, and nobody behind."""
    changed = sorted(set(project.git_status().splitlines()) ^ set(before.splitlines()))
    running = process.left_over(f"{project.MARK}={os.getpid()}\0")
    for line in (*changed, *running):
        log.say(line)
    untidy = [word for word, found in (("files changed", changed), ("processes left", running)) if found]
    return checks.Outcome(failed=len(untidy), note=", ".join(untidy))


def ci(core: str, arguments: tuple[str, ...]) -> int:
    """Everything: `make test`, the slower linters, the older cores, and the tarball as a user installs it."""
    before = project.git_status()
    set_up([checks.NEWEST, "lint", *OLDER_CORES])
    older = [pytest_step(kind, core) for core in OLDER_CORES for kind in ("unit", "system")]
    first, second = LANES
    lanes = [*first, Planned("tarball", release.check_tarball)], [*second, Planned("lint", checks.lint), *older]
    return in_lanes(*lanes, last=Planned("tidy", functools.partial(tidy, before=before)))


def demo(core: str, arguments: tuple[str, ...]) -> int:
    return release.demo(venvs.ensure(core))


def sandbox(core: str, arguments: tuple[str, ...]) -> int:
    """In the foreground, until Ctrl-C; the variables that point at it are written to a file to be sourced."""
    venv = venvs.ensure(checks.NEWEST)
    variables = project.CACHE / "sandbox.env"
    print(f"In another shell: . {variables}   (Ctrl-C here ends the sandbox)", flush=True)
    command = sandbox_server.command(venv, "--port", "0", "--env-file", str(variables), "--seed", "demo", *arguments)
    env = project.environment(venv, PYTHONPATH=str(project.ROOT / "tests"))
    return subprocess.run(command, env=env, cwd=project.ROOT, check=False).returncode


def bench(core: str, arguments: tuple[str, ...]) -> int:
    venv = venvs.ensure(core)
    env = project.environment(venv, PYTHONPATH=str(project.ROOT / "tests"))
    command = [str(venv / "bin" / "python"), "tests/benchmarks/run.py", *arguments]
    return subprocess.run(command, env=env, cwd=project.ROOT, check=False).returncode


def docs(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("docs", release.docs))


def release_check(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(Planned("tarball", release.check_tarball), Planned("demo", release.check_demo))


def clean(core: str, arguments: tuple[str, ...]) -> int:
    for name in (".cache", "dist", "site"):
        shutil.rmtree(project.ROOT / name, ignore_errors=True)
    return 0


COMMANDS: dict[str, Callable[[str, tuple[str, ...]], int]] = {
    "bench": bench,
    "ci": ci,
    "clean": clean,
    "demo": demo,
    "docs": docs,
    "integration": integration,
    "lint": lint,
    "quick": quick,
    "release-check": release_check,
    "sandbox": sandbox,
    "sanity": sanity,
    "system": system,
    "test": test,
    "unit": unit,
}
