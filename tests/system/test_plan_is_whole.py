# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan has every value: hosts of one batch differ, inventories use short names, incomplete settings are refused."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.playing import Player

SSH = """#!/bin/sh
echo "$*" >> "$STAND_IN_LOG"
cat >> "$STAND_IN_LOG" < /dev/null
exit 255
"""
OWN = """
- hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Connect, in a loop, with a variable that uses item
      ansible.builtin.include_role:
        name: voiceagent.sms.connect_sms
      vars:
        connect_sms_region: "{{ item }}"
      loop: [us-south]
"""


def test_max_age_is_each_credential_s_own(play: Player, accounts: Accounts) -> None:
    south, east = accounts.agent(), accounts.agent("eastern", "us-east")
    keys = [accounts.box.add_key(agent["guid"], created_at="2026-01-01T10:00:00.000Z") for agent in (south, east)]
    young, old = accounts.connected(keys[0]), accounts.connected(keys[1], "sms-east.voiceagent.cloud.ibm.com")
    hosts = {  # the first host's value must not count for the second
        "a": {"phone_number": old, "connect_sms_region": "us-east", "connect_sms_max_age": 0},
        "b": {"phone_number": young, "connect_sms_region": "us-south", "connect_sms_max_age": 5000},
    }
    run = play(playbook="rotate_sms_key", inventory={"all": {"hosts": hosts}})
    assert run.code == 0, run.output
    assert run.status == {"a": "changed", "b": "ok"}
    assert accounts.sms_url(young) == url(keys[0]["api_key"]["value"])
    assert [key["guid"] for key in accounts.keys(south)] == [keys[0]["guid"]]
    assert [key["guid"] for key in accounts.keys(east)] != [keys[1]["guid"]]


def test_short_names_in_an_inventory_mean_nothing_but_a_phone_number(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    own = {"region": "emea", "instance": "m5.large", "force": "yes", "backup": "nightly", "dry_run": "yes"}
    own |= {"max_age": "young", "create_credential": "maybe", "numbers_file": "/none", "audit_days": "x"}
    hosts = {name: {"phone_number": accounts.number(), **own} for name in ("a", "b")}
    run = play(inventory={"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}})
    assert run.code == 0, run.output
    assert run.status == {"a": "changed", "b": "changed"}
    for playbook in ("disconnect_sms", "audit_sms"):
        ended = play("-e", "region=us-south", playbook=playbook, inventory={"all": {"hosts": hosts}})
        assert ended.code == 0, ended.output


def test_what_is_empty_is_not_given(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    lines = [
        "instance credential_name role fallback_region receiver_host username password receiver_url api_key",
        "on_override concurrency backup_dir report_per_host create_credential ibmcloud_api_key iam_token",
        "iam_profile_id iam_endpoint resource_controller_endpoint twilio_account_sid twilio_auth_token",
        "twilio_api_key_sid twilio_api_key_secret twilio_subaccount_sid twilio_edge twilio_region",
        "twilio_api_endpoint timeout validate_certs max_age audit_dir audit_fail_on audit_days",
    ]
    names = [f"connect_sms_{name}" for line in lines for name in line.split()]
    hosts = {
        "nulls": {"phone_number": accounts.number(), **dict.fromkeys(names)},
        "empties": {"phone_number": accounts.number(), **dict.fromkeys(names, "")},
        "blanks": {"phone_number": accounts.number(), **dict.fromkeys(names, " ")},
    }
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    extra = dict.fromkeys(("instance", "numbers_file", "dry_run", "max_age", "create_credential", "phone_number"))
    for playbook in ("connect_sms", "rotate_sms_key", "audit_sms", "disconnect_sms"):
        run = play(playbook=playbook, inventory=inventory, variables={**extra, "audit_days": "", "phone_numbers": []})
        assert run.code == 0, run.output
    assert all(accounts.sms_url(host["phone_number"]) == "" for host in hosts.values())


@pytest.mark.parametrize("mine", [False, True], ids=["the playbook", "a play of one's own"])
def test_nothing_goes_to_a_host(play: Player, accounts: Accounts, tmp_path: pathlib.Path, mine: bool) -> None:
    accounts.agent()
    stand_in, log = tmp_path / "ssh", tmp_path / "ssh.log"
    stand_in.write_text(SSH)
    stand_in.chmod(0o755)
    lure = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_ssh_executable": str(stand_in),
        "ansible_become": True,
        "ansible_become_user": "nobody",
        "ansible_python_interpreter": "/usr/bin/python-of-the-host",
        "ansible_shell_executable": "/bin/false",
    }
    hosts = {name: {"phone_number": accounts.number(), **lure} for name in ("a", "b")}
    words = [] if mine else ["-e", "region=us-south"]
    run = play(
        *words,
        playbook=OWN if mine else "connect_sms",
        inventory={"all": {"hosts": hosts}},
        env={"STAND_IN_LOG": str(log)},
    )
    assert run.code == 0, run.output
    assert not log.exists()
    assert all(accounts.box.text(host["phone_number"])["delivered"] for host in hosts.values())


def test_a_run_with_nothing_to_do_is_not_green(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    accounts.agent()
    number = accounts.number()
    inventory = {"all": {"hosts": {"a": {"phone_number": number}}}}
    (tmp_path / "failed.txt").write_text("a\n")
    for limit in ("a", "~a", f"@{tmp_path / 'failed.txt'}"):
        limited = play("-e", "region=us-south", "-e", f"phone_number={number}", "--limit", limit, inventory=inventory)
        assert limited.code != 0
        assert f"--limit {limit} leaves nothing to do" in limited.output
    for playbook in ("connect_sms", "rotate_sms_key", "disconnect_sms", "audit_sms", "ensure_sms_credential"):
        empty = play("-e", "region=us-south", playbook=playbook, inventory="[numbers]\n")
        assert empty.code != 0
        assert "has no hosts" in empty.output
        assert empty.requests == []


@pytest.mark.parametrize(
    ("playbook", "hidden", "words"),
    [
        pytest.param("connect_sms", False, (), id="connect"),
        pytest.param("connect_sms", True, ("connect_sms_on_override=repair",), id="connect, services are unreadable"),
        pytest.param("connect_sms", True, ("connect_sms_on_override=fail",), id="connect, services forbid it"),
        pytest.param("audit_sms", False, (), id="audit"),
        pytest.param("verify_sms", False, (), id="verify"),
    ],
)
def test_what_met_a_whole_account_is_told_once(
    play: Player, accounts: Accounts, box: Sandbox, playbook: str, hidden: bool, words: tuple[str, ...]
) -> None:
    """Twilio refuses the token, or only the list of Messaging Services."""
    accounts.agent()
    hosts = {f"h{index}": {"phone_number": accounts.number()} for index in range(4)}
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    if hidden:
        box.fault("messaging.list_services", status=403, times=None)
    wrong = {} if hidden else {"env": {"TWILIO_AUTH_TOKEN": "f" * 32}, "secrets": ["f" * 32]}
    run = play(*(part for word in words for part in ("-e", word)), playbook=playbook, inventory=inventory, **wrong)
    assert run.code == 2
    told = "HTTP 403" if hidden else "(20003)"
    assert 1 <= run.output.count(told) <= 3, run.output  # of one host, in its message and its entry
    if playbook != "verify_sms":  # whose one task reports on all hosts
        assert all("the same reason as host h0" in run.failures[f"h{index}"] for index in (1, 2, 3))


def test_what_met_a_whole_account_has_an_entry_for_each_number(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    numbers = [accounts.number() for _index in range(4)]
    wrong = {"TWILIO_AUTH_TOKEN": "f" * 32}
    single = play("-e", "region=us-south", variables={"phone_numbers": numbers}, env=wrong, secrets=["f" * 32])
    report = json.JSONDecoder().raw_decode(single.stdout, single.stdout.index("FAILED! => ") + 11)[0]
    assert [entry["phone_number"] for entry in report["numbers"]] == numbers
    assert {entry["status"] for entry in report["numbers"]} == {"failed"}


@pytest.mark.parametrize(
    ("playbook", "bad", "said"),
    [
        pytest.param("connect_sms", {"region": "eu-de"}, "connect_sms_receiver_host", id="no receiver host"),
        pytest.param("connect_sms", {"backup_dir": "good.yml/folder"}, "connect_sms_backup_dir", id="no folder"),
        pytest.param("connect_sms", {"concurrency": 0}, "connect_sms_concurrency", id="no concurrency"),
        pytest.param("connect_sms", {"password": "other-password", "clash": True}, "of host good", id="a clash"),
        pytest.param("audit_sms", {"region": "eu-es"}, "eu-es", id="an audit"),
        pytest.param("verify_sms", {"region": "eu-es"}, "eu-es", id="a verification"),
    ],
)
def test_numbers_of_a_host_that_cannot_be_planned_have_entries(
    play: Player, accounts: Accounts, playbook: str, bad: dict[str, object], said: str
) -> None:
    key = accounts.box.add_key(accounts.agent()["guid"])
    good, other = accounts.connected(key), accounts.number()
    numbers = [good, other] if bad.pop("clash", False) else [other]
    values = {f"connect_sms_{name}": value for name, value in bad.items()}
    hosts = {"good": {"phone_number": good}, "refused": {"connect_sms_phone_numbers": numbers, **values}}
    (play.here / "good.yml").write_text("a file")
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    run = play(playbook=playbook, inventory=inventory, secrets=["other-password"])
    assert run.code == 2
    told = run.stdout[re.search(r"^fatal: \[[^\]]+\](: FAILED!)? => ", run.stdout, re.MULTILINE).end() :]
    result = json.JSONDecoder().raw_decode(told)[0]
    assert said in result["msg"]
    assert [entry["phone_number"] for entry in result["numbers"]] == numbers
    assert {entry.get("status", entry.get("verified")) for entry in result["numbers"]} <= {
        "failed",
        "unknown",
        "untried",
    }
    assert said in run.output


def test_one_refused_of_many_is_short(play: Player, accounts: Accounts) -> None:
    key = accounts.box.add_key(accounts.agent()["guid"])
    numbers = [accounts.connected(key) for _count in range(150)]
    run = play("-e", "region=us-south", variables={"phone_numbers": [*numbers, "+15559990001"]})
    assert run.code == 2
    assert len(run.output) < 4000
    assert not [number for number in numbers if number in run.output]
    assert "150 unchanged, 1 failed" in run.output
    assert "skipping" not in play("-e", "region=us-south", variables={"phone_numbers": numbers}).output
