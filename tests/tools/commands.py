# SPDX-License-Identifier: GPL-3.0-or-later
"""One function per command: which steps it takes, in which order, and what it says at the end."""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import shutil
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tools import checks, process, project, release, sandbox_server, venvs, website

WORKERS = 2


def without(*names: str) -> tuple[str, ...]:
    """Return pytest's arguments that leave out these files of tests/system."""
    return tuple(f"--ignore=tests/system/test_{name}.py" for name in names)


# What tests our own code's way through trouble rather than ansible-core's is tested once, since it takes minutes; the rest on
# the oldest core as well, and most of that on the one between.
OLDEST = without(
    *("audit_page", "awx", "awx_setup", "backup", "credential_alone", "docs", "execution_environment", "fault_table"),
    *("kills", "leaks", "parallel", "rollout", "rotate_steps"),
)
# pylint takes most of sanity's time, and looks at our code rather than at what a core accepts. `make sanity CORE=` has it.
NOT_AGAIN = ("--skip-test", "pylint")
OLDER_CORES = {"core-2.19": (*OLDEST, *without("inventories", "inventory_plugin", "rotate")), "core-2.16": OLDEST}


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


def side_by_side(plans: Sequence[Planned], last: Planned | None = None) -> int:
    """Two steps at a time, on two cores: who is free takes the next; the logs follow once all have ended."""
    print("Steps:", ", ".join(plan.name for plan in plans), flush=True)
    waiting = collections.deque(plans)
    done: dict[str, Done] = {}

    def work() -> None:
        with contextlib.suppress(IndexError):  # nothing is waiting any more
            while True:
                plan = waiting.popleft()
                done[plan.name] = carry_out(plan, terminal=False)
                print(describe(done[plan.name]), flush=True)

    workers = [threading.Thread(target=work, daemon=True) for _number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results = [done[plan.name] for plan in plans]
    results += [carry_out(last, terminal=False)] if last else []
    for result in results:
        print(f"\n==== {result.name} ====")
        print(result.log.path.read_text(encoding="utf-8", errors="replace"), flush=True)
    return conclude(results)


def pytest_step(kind: str, core: str = checks.NEWEST, arguments: tuple[str, ...] = ()) -> Planned:
    name = kind if core == checks.NEWEST else f"{kind}-{core}"
    return Planned(name, functools.partial(checks.pytest, folder=f"tests/{kind}", core=core, arguments=arguments))


def sanity_step(core: str = checks.NEWEST, arguments: tuple[str, ...] = ()) -> Planned:
    name = "sanity" if core == checks.NEWEST else f"sanity-{core}"
    return Planned(name, functools.partial(checks.sanity, only=arguments, core=core))


def set_up(names: Sequence[str]) -> dict[str, str]:
    """Before the steps start, so that none waits for another's; an environment that cannot be is said loudly."""
    told = {}
    for name in names:
        try:
            told[name] = venvs.describe(venvs.ensure(name))
            print(f"{name}: {told[name]}", flush=True)
        except venvs.Unavailable as reason:
            print(f"\n!!! {name} is NOT TESTED on this machine: {reason}\n", flush=True)
    return told


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
    return in_turn(sanity_step(core, arguments))


# The longest first, so that none is left for the end alone.
TEST = (
    sanity_step(),
    Planned("quick", checks.quick),
    pytest_step("unit"),
    pytest_step("system"),
    Planned("integration", checks.integration),
)


def test(core: str, arguments: tuple[str, ...]) -> int:
    set_up([checks.NEWEST])
    return side_by_side(TEST)


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
    told = set_up([checks.NEWEST, "lint", "docs", "importer", *OLDER_CORES])
    older = [name for name in OLDER_CORES if told.get(name) != told[checks.NEWEST]]
    for name in set(OLDER_CORES) - set(older):
        print(f"\n!!! {name} is the newest that this machine can run: it is tested once.\n", flush=True)
    plans = [
        *TEST,
        *(pytest_step("system", name, OLDER_CORES[name]) for name in older),
        *(pytest_step("unit", name) for name in older),
        *(sanity_step(name, NOT_AGAIN) for name in older[-1:]),  # of the oldest; make sanity CORE=2.19 by hand
        Planned("tarball", release.check_tarball),
        Planned("importer", release.check_import),
        Planned("docs", website.build),
        Planned("lint", checks.lint),
    ]
    return side_by_side(plans, last=Planned("tidy", functools.partial(tidy, before=before)))


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
    return in_turn(Planned("docs", website.build))


def release_check(core: str, arguments: tuple[str, ...]) -> int:
    return in_turn(
        Planned("tarball", release.check_tarball),
        Planned("demo", release.check_demo),
        Planned("guides", release.check_guides),
        Planned("importer", release.check_import),
    )


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
