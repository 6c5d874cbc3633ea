# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules behave the same in the task's own process and in separate processes."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.playing import AS_PROCESSES, Player, Run

OWN = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: A module of ours
      voiceagent.sms.twilio_sms_webhook_info:
        phone_numbers: "{{ number }}"
"""


def ran_as_process(run: Run) -> bool:
    """Whether the run, with ``-vvv``, started a module as a process."""
    return bool(re.search(r"^<[^>]*> EXEC ", run.stdout, re.MULTILINE))


def what_happened(run: Run) -> dict[str, Any]:
    """Return the requests and output of a run, without values that differ in each run."""
    report = run.stdout.rpartition("TASK [")[2].splitlines()
    said = [line for line in run.output.splitlines() if "WARNING" in line or line.startswith(("---", "+++", "+", "-"))]
    return {
        "code": run.code,
        "recap": run.recap,
        "status": run.status,
        "failures": run.failures,
        "diff": run.diff,
        "said": sorted(set(said)),
        "operations": run.operations,
        "written": sorted((request["operation"], sorted(request["fields"])) for request in run.writes),
        "report": report,
    }


def everything(box: Sandbox, folder: pathlib.Path, words: tuple[str, ...]) -> list[Run]:
    """Connect, audit, rotate and disconnect, successfully and with failures, in their own accounts."""
    accounts = Accounts(box)
    folder.mkdir()
    play = Player(box, folder, accounts.environment)
    agent = accounts.agent()
    numbers = [accounts.number(sms_application_sid="AP" + "0" * 32), accounts.number(), "+15550000999"]
    box.add_service(account_sid=accounts.twilio["sid"], friendly_name="taker", pool=numbers[1:2])
    common = ("-vvv", "--diff", "-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}", *words)
    runs = [play(*common, "--check"), play(*common), play(*common, playbook="audit_sms")]
    with box.failing("twilio.update_number", status=400, code=21402, message="no", times=None):
        runs.append(play(*common, playbook="rotate_sms_key"))
    with box.failing("rc.list_instance_keys", status=403, message="no", times=None):
        runs.append(play(*common))
    runs += [play(*common, playbook="rotate_sms_key"), play(*common, playbook="disconnect_sms")]
    assert accounts.keys(agent) == []
    names = {number: f"number {place}" for place, number in enumerate(numbers)}
    for run in runs:
        assert ran_as_process(run) is bool(words), run.output
        run.stdout, run.stderr = (generally(text, names) for text in (run.stdout, run.stderr))
    return runs


def generally(text: str, names: dict[str, str]) -> str:
    """Return the output of a run without values that differ in each run: numbers, identifiers, times."""
    for own, name in names.items():
        text = text.replace(own, name)
    text = re.sub(r"\b([A-Z]{2})[0-9a-f]{32}\b", r"\1", text)
    text = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "GUID", text)
    text = re.sub(r'("age_days": )[\d.e-]+', r"\1DAYS", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME", text)


def test_playbooks_do_the_same(box: Sandbox, tmp_path: pathlib.Path) -> None:
    ours = everything(box, tmp_path / "ours", ())
    theirs = everything(box, tmp_path / "theirs", AS_PROCESSES)
    for here, there in zip(ours, theirs, strict=True):
        assert what_happened(here) == what_happened(there)


@pytest.mark.parametrize(
    ("change", "as_process"),
    [
        ("", False),
        ("      delegate_to: localhost\n", False),
        ("      vars: {ansible_python_interpreter: '{{ ansible_playbook_python }}'}\n", False),
        ("      environment: {TWILIO_EDGE: sydney}\n", True),
        (f"      vars: {{{AS_PROCESSES[1].replace('=', ': ')}}}\n", True),
        ("      async: 30\n", True),
    ],
)
def test_where_a_module_of_a_user_s_own_play_runs(
    play: Player, accounts: Accounts, change: str, as_process: bool
) -> None:
    number = accounts.number(sms_url=url("a-key"))
    jobs = {"ANSIBLE_ASYNC_DIR": str(play.temporary / "jobs")}
    run = play("-vvv", "-e", f"number={number}", playbook=OWN + change, env=jobs)
    assert run.code == 0, run.output
    assert ran_as_process(run) is as_process, run.output
    assert "https://apikey:***@" in run.stdout
