# SPDX-License-Identifier: GPL-3.0-or-later
"""What a developer or CI can check: each function is one step, writes to one log and returns what it counted."""

from __future__ import annotations

import json
import os
import pathlib
import re
from typing import NamedTuple
from xml.etree import ElementTree

from tools import process, project, pythons, sandbox_server, venvs

NEWEST = "core-newest"
FEWEST_SANITY_TESTS = 10


class Outcome(NamedTuple):
    """How many tests a step ran; a check that is no test (a linter) counts only when it fails."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""

    def __add__(self, other: Outcome) -> Outcome:  # type: ignore[override]
        note = "; ".join(filter(None, (self.note, other.note)))
        return Outcome(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped, note)


class Step:
    """One environment and one log, and how programs are run with them."""

    def __init__(self, log: process.Log, venv: str = NEWEST) -> None:
        self.log = log
        self.venv = venvs.ensure(venv)
        self.env = project.environment(self.venv)

    def run(self, *command: object, cwd: pathlib.Path = project.ROOT, **env: str) -> process.Finished:
        words = [str(word) for word in command]
        words[0] = str(self.venv / "bin" / words[0])
        return process.run(words, self.log, {**self.env, **env}, cwd)

    def check(self, *command: object, cwd: pathlib.Path = project.ROOT, **env: str) -> Outcome:
        """A program that is right when it exits with 0."""
        ended = self.run(*command, cwd=cwd, **env)
        name = pathlib.Path(str(command[0])).name
        return Outcome(failed=1, note=f"{name} failed") if ended.code else Outcome()

    def refuse(self, reason: str) -> Outcome:
        self.log.say(f"FAILED: {reason}")
        return Outcome(failed=1, note=reason)

    def pass_over(self, reason: str) -> Outcome:
        self.log.say(f"SKIPPED, NOT TESTED: {reason}")
        return Outcome(note=f"SKIPPED: {reason}")


# ---- linters ----


def quick(log: process.Log) -> Outcome:
    """The linters that need neither a copy nor the network; all of them, even after one has failed."""
    step = Step(log)
    packages = {
        "ansible_collections.voiceagent.sms.plugins.module_utils": "plugins/module_utils",
        "controller": "tests/controller",
        "sandbox": "tests/sandbox",
        "tools": "tests/tools",
    }
    typed = [word for name, folder in packages.items() if (project.ROOT / folder).is_dir() for word in ("-p", name)]
    return (
        step.check("ruff", "check", "--output-format", "concise", ".")
        + step.check("ruff", "format", "--check", "--output-format", "concise", ".")
        + step.check("mypy", *typed)
        + step.check("yamllint", "--strict", ".")
    )


def lint(log: process.Log) -> Outcome:
    """The slower linters: Ansible's own habits, the documentation's markup, and the changelog's fragments."""
    step = Step(log, "lint")
    with project.locked("lint-copy"):
        place = project.copy("lint-copy")
        tree = str(place.parents[2])
        words = ("lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", ".")
        return (
            step.check("ansible-lint", "--nocolor", "--strict", cwd=place, ANSIBLE_COLLECTIONS_PATH=tree)
            + step.check("antsibull-docs", *words, cwd=place, ANSIBLE_COLLECTIONS_PATH=tree)
            + step.check("antsibull-changelog", "lint", cwd=place)
        )


# ---- pytest ----


def pytest(log: process.Log, folder: str, core: str = NEWEST, arguments: tuple[str, ...] = (), **env: str) -> Outcome:
    if not (project.ROOT / folder).is_dir():
        return Outcome(note=f"SKIPPED: there is no {folder} yet")
    step = Step(log, core)
    report = project.LOGS / f"{log.path.stem}.xml"
    report.unlink(missing_ok=True)
    log.say(f"{folder} with {venvs.describe(step.venv)}")
    ended = step.run("pytest", folder, f"--junitxml={report}", *arguments, cwd=project.ROOT, **env)
    outcome = count_junit(report) if report.exists() else Outcome()
    # What a test has tried in great numbers is said in the summary: that it is green says little without that.
    tried = re.findall(r"^(\S.* tried): (\d+)$", log.path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    outcome += Outcome(note=", ".join(f"{count} {what}" for what, count in tried))
    if ended.code and not outcome.failed:
        return outcome + step.refuse(
            f"pytest ended with {ended.code}" + (" (no test was found)" if ended.code == 5 else "")
        )
    return outcome


def count_junit(report: pathlib.Path) -> Outcome:
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return Outcome(max(total - failed - skipped, 0), failed, skipped)


# ---- ansible-test ----


def _prepare_ansible_test(step: Step) -> None:
    """ansible-test hands its own pip neither PIP_* nor proxies, and fetches get-pip from a host of its own."""
    internals = next(step.venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    found = re.search(r"pip='([0-9.]+)'", internals.read_text())
    if not found:
        raise RuntimeError(f"{internals} no longer says which pip ansible-test wants")
    stand_in = project.HOME / ".ansible" / "test" / "cache" / f"get_pip_{found[1].replace('.', '_')}.py"
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    stand_in.write_text(pathlib.Path(__file__).with_name("get_pip.py").read_text())

    outer = project.outer_environment()
    settings = venvs.pip_settings(venvs.Installer().pip)
    certificates = outer.get("REQUESTS_CA_BUNDLE") or outer.get("SSL_CERT_FILE")
    proxy = outer.get("HTTPS_PROXY") or outer.get("https_proxy")
    settings = {**({"cert": certificates} if certificates else {}), **({"proxy": proxy} if proxy else {}), **settings}
    file = project.HOME / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # an index may be written with a password
    file.write_text("".join(["[global]\n", *(f"{key} = {value}\n" for key, value in sorted(settings.items()))]))


def _found_nothing(output: str) -> str | None:
    """ansible-test calls it a success when it finds nothing to test."""
    for sentence in ("All targets skipped", "No targets", "not tested"):
        if sentence in output:
            return f"ansible-test tested nothing: {sentence!r}"
    return None


def sanity(log: process.Log, only: tuple[str, ...] = (), core: str = NEWEST) -> Outcome:
    step = Step(log, core)
    log.say(f"Sanity of {venvs.describe(step.venv)}")
    # Modules are compiled and imported with each Python at hand, whether active or not.
    folders = dict.fromkeys(str(pathlib.Path(python.path).parent) for python in pythons.at_hand())
    step.env["PATH"] = os.pathsep.join([step.env["PATH"], *folders])
    folder = "sanity-copy" if core == NEWEST else f"sanity-copy-{core}"
    with project.locked(folder):
        place = project.copy(folder)
        _prepare_ansible_test(step)
        fault = place / "plugins" / "module_utils" / "planted_fault.py"
        fault.parent.mkdir(parents=True, exist_ok=True)
        fault.write_text("this is no Python\n")
        log.say("First a planted fault: sanity has to find it, or it does not see the files at all.")
        planted = step.run(
            "ansible-test", "sanity", "--color", "no", "--test", "compile", fault.relative_to(place), cwd=place
        )
        fault.unlink()
        if not planted.code or "planted_fault.py" not in planted.output:
            return step.refuse("ansible-test sanity did not find the planted fault")
        log.say("It was found; now the real run.")
        ended = step.run("ansible-test", "sanity", "--color", "no", "--junit", *only, cwd=place)
        return count_sanity(step, ended, place / "tests" / "output" / "junit", only)


def count_sanity(step: Step, ended: process.Finished, reports: pathlib.Path, only: tuple[str, ...]) -> Outcome:
    """From its reports: on the terminal a test with nothing to look at cannot be told from one that passed."""
    outcome = Outcome()
    for report in sorted(reports.glob("ansible-test-sanity-*.xml")):
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
        failed = sum(case.find("failure") is not None for case in cases)
        skipped = sum(case.find("skipped") is not None for case in cases)
        name = report.stem.removeprefix("ansible-test-sanity-")
        outcome += Outcome(len(cases) - failed - skipped, failed, skipped, name if failed else "")
    if ended.code and not outcome.failed:
        outcome += step.refuse(f"ansible-test sanity ended with {ended.code}")
    if (not only or only[0] == "--skip-test") and outcome.passed + outcome.failed < FEWEST_SANITY_TESTS:
        ran = f"only {outcome.passed + outcome.failed} sanity tests had something to look at"
        outcome += step.refuse(_found_nothing(ended.output) or ran)
    return outcome


def integration_targets(place: pathlib.Path) -> set[str]:
    """Every target that a run must have run: not the helpers, nor those that say they cannot be."""
    targets = set()
    for folder in (place / "tests" / "integration" / "targets").glob("*/"):
        aliases = folder / "aliases"
        said = set(aliases.read_text().split()) if aliases.exists() else set()
        if not said & {"hidden", "disabled", "unsupported"} and not folder.name.startswith(("setup_", "prepare_")):
            targets.add(folder.name)
    return targets


def integration(log: process.Log, only: tuple[str, ...] = ()) -> Outcome:
    """All targets against one sandbox.

    With ansible-test's local mode, in our own environment, rather than --venv: that would make a second environment
    with the same Python, the same ansible-core and the same SDKs (minutes when cold), and the one thing it adds, that
    nothing but the listed requirements is installed, our environments have already.
    """
    if not (project.ROOT / "tests" / "integration" / "targets").is_dir():
        return Outcome(note="SKIPPED: there are no integration targets yet")
    step = Step(log)
    with project.locked("integration-copy"), sandbox_server.running(step.venv, "demo") as box:
        place = project.copy("integration-copy")
        # YAML reads JSON, and JSON needs no library here.
        variables = json.dumps({"sandbox_url": box.url, **box.environment}, indent=2)
        (place / "tests" / "integration" / "integration_config.yml").write_text(f"{variables}\n")
        wanted = set(only) or integration_targets(place)
        ended = step.run("ansible-test", "integration", "--color", "no", "--continue-on-error", *only, cwd=place)
        return count_integration(step, ended, wanted)


def count_integration(step: Step, ended: process.Finished, wanted: set[str]) -> Outcome:
    run = set(re.findall(r"^Running (\S+) integration test role", ended.output, re.MULTILINE))
    run |= set(re.findall(r"^Running (\S+) integration test script", ended.output, re.MULTILINE))
    failed: set[str] = set()
    listed = re.search(r"integration test\(s\) listed below \(out of \d+\) failed[^\n]*\n(.*)", ended.output, re.DOTALL)
    if listed:
        failed = {line.split()[0] for line in listed[1].splitlines() if line.split() and line.split()[0] in run}
    outcome = Outcome(len(run - failed), len(failed), note=", ".join(sorted(failed)))
    if wanted - run:
        outcome += step.refuse(_found_nothing(ended.output) or f"not run: {', '.join(sorted(wanted - run))}")
    if ended.code and not outcome.failed:
        outcome += step.refuse(f"ansible-test integration ended with {ended.code}")
    return outcome
