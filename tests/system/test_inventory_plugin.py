# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin as users and controllers run it, and numbers from a CSV file."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import yaml

from sandbox.client import Sandbox
from system.conftest import Accounts
from system.leaks import Leaks
from system.playing import ROOT, Player, Run

EXAMPLE = ROOT / "playbooks" / "inventory" / "numbers.twilio_numbers.yml"
PLUGIN = "plugin: voiceagent.sms.twilio_numbers\n"
KEY = "k" * 40
CONNECTED = f"https://apikey:{KEY}@sms-east.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"


class Lister(Player):
    """Runs ansible-inventory like a Player runs ansible-playbook, with the same checks."""

    def list(self, *arguments: str, env: dict[str, str] | None = None) -> Run:
        command = [str(pathlib.Path(sys.executable).with_name("ansible-inventory")), *arguments]
        environment = self.environment(env or {})
        known = self._files()
        self._box.clear_log()
        ended = subprocess.run(
            command, env=environment, cwd=self.here, capture_output=True, text=True, timeout=60, check=False
        )
        run = Run(ended.returncode, ended.stdout, ended.stderr, self._box.requests())
        secrets = {*self._box.secrets(), KEY, environment.get("TWILIO_AUTH_TOKEN", "")}
        self.judge(run, Leaks(secrets), known)
        return run

    def written(self, text: str, name: str = "account.twilio_numbers.yml") -> str:
        """Write a configuration and return its path."""
        (self.here / name).write_text(text)
        return str(self.here / name)

    def debug(self, hosts: str, message: str) -> str:
        """Write a playbook that shows a message, and return what runs it."""
        tasks = [{"ansible.builtin.debug": {"msg": message}}]
        self.written(json.dumps([{"hosts": hosts, "gather_facts": False, "tasks": tasks}]), "debug.yml")
        return str(self.here / "debug")


@pytest.fixture
def lister(box: Sandbox, accounts: Accounts, tmp_path: pathlib.Path) -> Lister:
    return Lister(box, tmp_path, accounts.environment)


def hostvars(run: Run) -> dict[str, dict[str, Any]]:
    assert run.code == 0, run.output
    variables: dict[str, dict[str, Any]] = json.loads(run.stdout)["_meta"]["hostvars"]
    return variables


def test_graph_of_the_example(lister: Lister, accounts: Accounts) -> None:
    idle, connected = accounts.number(), accounts.number(sms_url=CONNECTED)
    accounts.number(capabilities={"voice": True, "sms": False})
    run = lister.list("-i", str(EXAMPLE), "--graph")
    assert run.code == 0, run.output
    assert run.stdout.split() == [
        *("@all:", "|--@ungrouped:", "|--@texts_to_nobody:", "|", f"|--{idle}"),
        *("|--@texts_to_sms_east_voiceagent_cloud_ibm_com:", "|", f"|--{connected}"),
    ]
    assert run.stderr == ""
    assert run.operations == {"twilio.list_numbers": 1}


def test_list_as_a_controller_does_it(lister: Lister, accounts: Accounts) -> None:
    """With environment variables only, those of empty fields among them, and at -vvv."""
    evil = "{{ lookup('pipe', 'echo templated') }}"
    number = accounts.number(sms_url=CONNECTED, friendly_name="Support #1 (Boston)")
    odd = accounts.number(friendly_name=evil)
    settings = {
        "keyed_groups": [{"key": "twilio_capabilities", "prefix": "can"}],
        "compose": {"region": "'us-' ~ 'east'"},
    }
    place = lister.written(PLUGIN + yaml.safe_dump(settings))
    empty = dict.fromkeys(("TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_SUBACCOUNT_SID", "TWILIO_EDGE"), "")
    output = lister.folder / "output.json"
    run = lister.list("-i", place, "--list", "--export", "--output", str(output), "-vvv", env=empty)
    assert run.code == 0, run.output
    listed = json.loads(output.read_text())
    variables = listed["_meta"]["hostvars"]
    assert variables[number] == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "phone_number": number,
        "region": "us-east",
        "twilio_account_sid": accounts.twilio["sid"],
        "twilio_application_sid": "",
        "twilio_capabilities": ["mms", "sms", "voice"],
        "twilio_date_created": variables[number]["twilio_date_created"],
        "twilio_friendly_name": "Support #1 (Boston)",
        "twilio_number_sid": accounts.box.number(number)["sid"],
        "twilio_origin": "twilio",
        "twilio_sms_webhook_host": "sms-east.voiceagent.cloud.ibm.com",
        "twilio_sms_webhook_origin": "https://sms-east.voiceagent.cloud.ibm.com",
    }
    assert sorted(listed["can_sms"]["hosts"]) == [number, odd]
    assert variables[odd]["twilio_friendly_name"] == {"__ansible_unsafe": evil}

    # What a controller then hands to its jobs: a program that prints the list.
    script = lister.here / "hosts"
    script.write_text(f"#!/bin/sh\ncat {output}\n")
    script.chmod(0o755)
    message = "{{ twilio_friendly_name }} by {{ ansible_playbook_python == ansible_python_interpreter }}"
    shown = lister("-i", str(script), playbook=lister.debug(odd, message))
    assert f"{json.dumps(evil)[1:-1]} by True" in shown.stdout


def test_connect_through_it(lister: Lister, accounts: Accounts) -> None:
    """The account's own number and a subaccount's, in one run; the second run changes nothing."""
    agent = accounts.agent()
    own = accounts.number()
    sub = accounts.box.add_twilio_account(owner_account_sid=accounts.twilio["sid"])
    other = accounts.number(account_sid=sub["sid"])
    place = lister.written(f"{PLUGIN}subaccounts: all\n")
    for changed in ({own, other}, set()):
        run = lister("-i", place, "-e", "region=us-south")
        assert run.code == 0, run.output
        assert run.changed == changed
        # One list for the inventory, and for the subaccount's own token, with which its services are read.
        assert run.operations["twilio.list_accounts"] == 1
    for number in (own, other):
        assert accounts.the_api_key(agent) in accounts.sms_url(number)
        assert accounts.box.text(number)["reply"].startswith("sms-agent: ")


def test_the_cache(lister: Lister, accounts: Accounts) -> None:
    """It is in a folder that is searched for leaks."""
    number = accounts.number(sms_url=CONNECTED)
    cache = "cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: ./cache\n"
    place = lister.written(PLUGIN + cache)
    first = lister.list("-i", place, "--list")
    assert len(first.requests) == 1
    later = accounts.number()
    second = lister.list("-i", place, "--list")
    assert second.requests == []
    assert list(hostvars(second)) == [number]
    assert hostvars(second) == hostvars(first)
    assert any("sms-east" in file.read_text() for file in (lister.here / "cache").iterdir())
    renewed = lister("-i", place, "--list-hosts", "--flush-cache", playbook=lister.debug("all", "x"))
    assert later in renewed.stdout
    assert list(hostvars(lister.list("-i", place, "--list"))) == [number, later]


@pytest.mark.parametrize(
    ("env", "verbose", "message", "requests"),
    [
        ({"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": ""}, "-v", "credentials are missing: give account_sid", 0),
        ({"TWILIO_AUTH_TOKEN": "f" * 32}, "-v", "HTTP 401 (20003)", 1),
        ({"TWILIO_AUTH_TOKEN": "f" * 32}, "-vvv", "HTTP 401 (20003)", 1),
        ({"TWILIO_API_ENDPOINT": "http://127.0.0.1:9"}, "-vvv", "could not be reached", 0),
    ],
)
def test_credentials_and_networks_that_fail(
    lister: Lister, env: dict[str, str], verbose: str, message: str, requests: int
) -> None:
    place = lister.written(PLUGIN)
    run = lister.list("-i", place, "--list", verbose, env={"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", **env})
    assert run.code != 0
    # Old releases break lines at 80 columns.
    assert message in " ".join(run.stderr.split())
    assert len(run.requests) == requests


def test_documentation() -> None:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-doc")), "-t", "inventory", "--json"]
    ended = subprocess.run([*command, "voiceagent.sms.twilio_numbers"], capture_output=True, text=True, check=True)
    doc = json.loads(ended.stdout)["voiceagent.sms.twilio_numbers"]
    assert {"account_sid", "subaccounts", "prefix", "keyed_groups", "cache"} <= set(doc["doc"]["options"])
    assert doc["examples"].count("plugin: voiceagent.sms.twilio_numbers") == 5


# --- numbers_file ----------------------------------------------------------------------------------------------------


def test_numbers_from_a_file_in_the_current_directory(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    numbers = [accounts.number() for _number in range(3)]
    national = [f"{number[1:2]} ({number[2:5]}) {number[5:8]}-{number[8:]}" for number in numbers]
    rows = "".join(f'{number};"Line; {place}"\r\n' for place, number in enumerate(national))
    (play.here / "numbers.csv").write_bytes(f"\ufeffNumber;Description\r\n\r\n{rows}".encode())
    run = play("-e", "region=us-south", "-e", "numbers_file=numbers.csv")
    assert run.code == 0, run.output
    assert run.changed == {"localhost"}
    assert run.operations["twilio.update_number"] == 3
    assert all("sms-south" in accounts.sms_url(number) for number in numbers)


def test_a_file_that_belongs_to_a_host(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    own, listed = accounts.number(), accounts.number()
    file = play.folder / "numbers.csv"
    file.write_text(f"{listed}\n")
    hosts = {"support": {"phone_number": own, "connect_sms_numbers_file": str(file), "connect_sms_region": "us-south"}}
    run = play(inventory={"all": {"hosts": hosts}})
    assert run.code == 0, run.output
    assert run.operations["twilio.update_number"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [("number\n15551230001\nsoon\n", "line 3 (column 1): it is not complete"), (None, "cannot be read: No such file")],
)
def test_a_file_with_mistakes(play: Player, accounts: Accounts, content: str | None, message: str) -> None:
    accounts.agent()
    if content is not None:
        (play.here / "numbers.csv").write_text(content)
    run = play("-e", "region=us-south", "-e", "numbers_file=numbers.csv")
    assert run.code != 0
    assert f"numbers_file '{play.here}/numbers.csv'" in run.failures["localhost"]
    assert message in run.failures["localhost"]
    assert run.requests == []
