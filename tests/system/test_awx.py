# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job templates as a controller runs them: parallel slices, survey answers, and what a job leaves behind."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controller.jobs import Job, environment_of, injected
from sandbox.client import Sandbox
from system.conftest import PHONES, Accounts, url
from system.leaks import Leaks

SLICES = 4
NUMBERS = 10
AT_SCALE = 2000
LIMIT, REFUSED = 40, 0.03  # concurrent requests of the account, and the share of requests that may be refused
IBM, TWILIO = "SMS - IBM Cloud", "SMS - Twilio"
OLD = "https://user:a-password-of-somebody-else@elsewhere.example.com/inbound"


class Controller:
    """Launches the job templates against the sandbox."""

    def __init__(self, box: Sandbox, accounts: Accounts, folder: pathlib.Path) -> None:
        """Take two accounts."""
        self._box, self._folder = box, folder
        self._machine = environment_of(folder / "home")
        given, self.credentials = accounts.environment, {}
        inputs = {
            IBM: {
                "ibmcloud_api_key": given["IC_API_KEY"],
                "iam_endpoint": given["IBMCLOUD_IAM_API_ENDPOINT"],
                "resource_controller_endpoint": given["IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT"],
            },
            TWILIO: {
                "account_sid": given["TWILIO_ACCOUNT_SID"],
                "auth_token": given["TWILIO_AUTH_TOKEN"],
                "api_endpoint": given["TWILIO_API_ENDPOINT"],
            },
        }
        for name, values in inputs.items():
            self.credentials[name] = injected(name, values)
        self._secrets = {given["IC_API_KEY"], given["TWILIO_AUTH_TOKEN"], OLD, "a-password-of-somebody-else"}

    def launch(
        self,
        template: str,
        hosts: Mapping[str, Mapping[str, Any]],
        answers: Mapping[str, Any] | None = None,
        options: tuple[str, ...] = (),
        credentials: tuple[str, ...] = (IBM, TWILIO),
        empty: bool = False,
        slices: int = 1,
    ) -> list[Job]:
        """Run a job template, and check what must be true after every job.

        :param slices: the number of slices of the inventory, as in a controller
        """
        environment = {**self._machine}
        for name in credentials:
            environment |= dict.fromkeys(self.credentials[name], "") if empty else self.credentials[name]
        names = sorted(hosts)
        jobs = []
        for number in range(1, slices + 1):
            chosen = {name: hosts[name] for name in names[number - 1 :: slices]}
            jobs.append(Job(self._folder, template, chosen, environment, answers, options))
        with ThreadPoolExecutor(slices) as pool:
            list(pool.map(lambda job: job.run(self._machine), jobs))
        leaks = Leaks({*self._box.secrets(), *self._secrets})
        for job in jobs:
            kept = job.kept()
            assert any("job_events" in str(path) for path in kept)
            assert not [(path, leak) for path, text in kept.items() for leak in leaks.in_text(text)]
            assert not [word for word in ("Traceback", "MODULE FAILURE") if word in job.stdout], job.stdout
            stats = [event for event in job.events if event["event"] == "playbook_on_stats"]
            assert not [event for event in stats if event["event_data"].get("artifact_data")]
        return jobs


@pytest.fixture
def controller(box: Sandbox, accounts: Accounts, tmp_path: pathlib.Path) -> Controller:
    (tmp_path / "home").mkdir()
    return Controller(box, accounts, tmp_path)


def inventory(accounts: Accounts, count: int, sms_url: str = "", **variables: Any) -> dict[str, dict[str, Any]]:
    """Add numbers, and return them as hosts of the inventory source, with more variables."""
    sid = accounts.twilio["sid"]
    rows = [{"account_sid": sid, "phone_number": next(PHONES), "sms_url": sms_url} for _row in range(count)]
    numbers = [row["phone_number"] for row in accounts.box.add_numbers(rows)]
    return {number: {"phone_number": number, "ansible_connection": "local", **variables} for number in numbers}


def test_the_workflow_with_slices_at_once(controller: Controller, accounts: Accounts, box: Sandbox) -> None:
    agent = accounts.agent()
    hosts = inventory(accounts, NUMBERS, sms_url=OLD)
    box.clear_log()

    (first,) = controller.launch("SMS - ensure credential", hosts, credentials=(IBM,))
    assert first.code == 0, first.stdout
    (key,) = accounts.keys(agent)
    assert [report["credentials"][0]["guid"] for report in first.reports.values()] == [key["guid"]]
    assert not box.requests(cloud="twilio")

    jobs = controller.launch("SMS - connect in slices", hosts, options=("--diff",), slices=SLICES)
    assert [job.code for job in jobs] == [0] * SLICES, "\n".join(job.stdout for job in jobs)
    assert accounts.keys(agent) == [key]
    reports = [list(job.reports) for job in jobs]
    assert [sorted(names) for names in reports] == [sorted(hosts)[place::SLICES] for place in range(SLICES)]
    for job in jobs:
        for host, report in job.reports.items():
            (entry,) = report["numbers"]
            assert (entry["phone_number"], entry["status"], report["changed"]) == (host, "changed", True)
    assert {accounts.sms_url(number) for number in hosts} == {url(accounts.the_api_key(agent))}

    (audit,) = controller.launch("SMS - audit", hosts, {"audit_fail_on": "any", "audit_days": 0})
    assert audit.code == 0, audit.stdout
    assert len(audit.reports) == NUMBERS

    # The whole again changes nothing.
    box.clear_log()
    again = controller.launch("SMS - connect in slices", hosts, slices=2)
    assert [job.code for job in again] == [0, 0]
    assert box.writes() == []


def test_slices_share_an_account_s_limit(accounts: Accounts, tmp_path: pathlib.Path) -> None:
    """2,000 numbers in 8 jobs at once that share a limit and do not know of each other."""
    with Sandbox.start() as box:
        accounts = Accounts(box)
        agent = accounts.agent()
        key = box.add_key(agent["guid"])
        hosts = inventory(accounts, AT_SCALE, connect_sms_report_per_host=False)
        box.settings(latency=0.05, twilio_concurrency=LIMIT)
        box.clear_log()
        (tmp_path / "home").mkdir()
        jobs = Controller(box, accounts, tmp_path).launch("SMS - connect in slices", hosts, slices=8)
        assert [job.code for job in jobs] == [0] * 8, "\n".join(job.stdout for job in jobs)
        assert [each["guid"] for each in accounts.keys(agent)] == [key["guid"]]
        right = url(key["api_key"]["value"])
        assert {row["sms_url"] for row in box.rows("twilio", "numbers") if row["phone_number"] in hosts} == {right}
        asked = box.requests(cloud="twilio")
        refused = [request for request in asked if request["status"] == 429]
        assert len(refused) <= REFUSED * len(asked), f"{len(refused)} of {len(asked)}"
        written = [request["path"] for request in asked if request["write"] and request["status"] == 200]
        assert len(written) == len(set(written)) == AT_SCALE, "each number once"


def test_slices_without_a_credential_create_none(controller: Controller, accounts: Accounts, box: Sandbox) -> None:
    agent = accounts.agent()
    hosts = inventory(accounts, 4, sms_url=OLD)
    box.clear_log()
    jobs = controller.launch("SMS - connect in slices", hosts, options=("-vvv",), slices=2)
    assert [job.code for job in jobs] == [2, 2]
    for job in jobs:
        # Each slice reports it in full once; the other host refers to it.
        assert ["voiceagent.sms.ensure_sms_credential" in message for message in job.messages].count(True) == 1, (
            job.messages
        )
        assert len(job.messages) == len(job.reports) == 2
    assert (accounts.keys(agent), box.writes()) == ([], [])


def test_a_repair_creates_no_credential(controller: Controller, accounts: Accounts, box: Sandbox) -> None:
    agent = accounts.agent()
    hosts = inventory(accounts, 1, sms_url=OLD)
    (number,) = hosts
    box.clear_log()
    (job,) = controller.launch("SMS - repair", hosts, {"phone_numbers": f"tel:{number}"})
    assert job.code == 2
    assert any("voiceagent.sms.ensure_sms_credential" in message for message in job.messages), job.messages
    assert (accounts.keys(agent), box.writes()) == ([], [])
    key = box.add_key(agent["guid"])
    (job,) = controller.launch("SMS - repair", hosts, {"phone_numbers": f"tel:{number}"})
    assert job.code == 0, job.stdout
    assert accounts.sms_url(number) == url(key["api_key"]["value"])


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        pytest.param({"dry_run": "yes"}, ("--diff",), id="the form says so, in a word"),
        pytest.param({"dry_run": "no"}, ("--check", "--diff"), id="the job's type is check"),
    ],
)
def test_dry_runs(
    controller: Controller, accounts: Accounts, box: Sandbox, answers: dict[str, str], options: tuple[str, ...]
) -> None:
    accounts.agent()
    hosts = inventory(accounts, 1, sms_url=OLD)
    (number,) = hosts
    box.clear_log()
    # Numbers in the survey take precedence over the inventory's: the job works on localhost.
    typed = {**answers, "phone_numbers": f"{number}\n"}
    (job,) = controller.launch("SMS - connect", hosts, typed, options)
    assert job.code == 0, job.stdout
    assert [(report["changed"], len(report["numbers"])) for report in job.reports.values()] == [(True, 1)]
    assert (box.writes(), accounts.sms_url(number)) == ([], OLD)


def test_empty_fields_are_missing_credentials(controller: Controller, accounts: Accounts, box: Sandbox) -> None:
    hosts = inventory(accounts, 1)
    box.clear_log()
    (job,) = controller.launch("SMS - connect", hosts, empty=True)
    assert job.code == 2
    assert all("credentials are missing" in message for message in job.messages), job.messages
    assert box.requests() == []
