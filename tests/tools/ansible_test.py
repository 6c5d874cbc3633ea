# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares ansible-test, and proves that it ran its tests, because it also succeeds if it finds nothing to test."""

from __future__ import annotations

import ast
import json
import pathlib
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

from tools import project

FEWEST_SANITY_TESTS = 10


def prepare(programs: pathlib.Path) -> None:
    """Replace the get-pip script that ansible-test would download, and provide the pip settings that it hides from pip."""
    internals = next(programs.parent.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    wanted = re.search(r"pip='([0-9.]+)'", internals.read_text())
    if not wanted:
        raise RuntimeError(f"{internals} no longer says which pip ansible-test wants")
    place = project.HOME / ".ansible" / "test" / "cache" / f"get_pip_{wanted[1].replace('.', '_')}.py"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(pathlib.Path(__file__).with_name("get_pip.py"), place)

    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=False
    )
    settings = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)=(.*)$", listed.stdout, re.MULTILINE))
    file = project.HOME / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # the URL of an index may contain a password
    lines = (f"{name} = {ast.literal_eval(value)}".replace("\n", "\n  ") for name, value in settings.items())
    file.write_text("\n".join(["[global]", *lines, ""]))


def reports(place: pathlib.Path) -> list[pathlib.Path]:
    """Return ansible-test's reports in a copy of the collection: one for each sanity test, one for each target."""
    return sorted(place.glob("tests/output/junit/*.xml"))


def had_work(report: pathlib.Path) -> bool:
    """Whether a sanity test had something to test."""
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    return any(case.find("skipped") is None for case in cases)


def targets(place: pathlib.Path) -> set[str]:
    """Return all targets that a run must include, without helpers and disabled targets."""
    found = set()
    for folder in place.glob("tests/integration/targets/*/"):
        aliases = folder / "aliases"
        said = set(aliases.read_text().split()) if aliases.exists() else set()
        if not said & {"hidden", "disabled", "unsupported"} and not folder.name.startswith(("setup_", "prepare_")):
            found.add(folder.name)
    return found


def left_out(place: pathlib.Path, wanted: set[str]) -> set[str]:
    """Return the targets of *wanted* without a report: they did not run."""
    return wanted - {match[0] for file in reports(place) if (match := re.match(r".+(?=-\w+-[\d.]+$)", file.stem))}


def counts(name: str, succeeded: bool) -> tuple[int, int]:
    """Return how many tests of a session passed and failed, from its reports; without a report, it counts as one."""
    by_pytest = project.LOGS / f"{name}.xml"
    by_ansible_test = [report for report in reports(project.CACHE / name / project.COLLECTION) if had_work(report)]
    if by_pytest.exists():
        (suite,) = ElementTree.parse(by_pytest).getroot().iter("testsuite")
        total, failures, errors, skipped = (
            int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
    else:
        total, skipped = max(len(by_ansible_test), 1), 0
        failed = sum("<failure" in report.read_text() for report in by_ansible_test)
    failed = 0 if succeeded else max(failed, 1)  # ansible-test's reports also count rescued failures
    return max(total - failed - skipped, 0), failed


def totals(report: pathlib.Path) -> tuple[int, int]:
    """Add up the sessions of nox's report."""
    sessions = json.loads(report.read_text())["sessions"]
    pairs = [
        counts(session["name"], session["result"] == "success")
        for session in sessions
        if session["result"] != "skipped"
    ]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
