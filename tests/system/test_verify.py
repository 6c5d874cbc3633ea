# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each result of ``verify_sms`` from a real run, its requests to the receivers, and what it never sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from system.conftest import SOUTH, Accounts, url
from system.playing import Player, Run

#: By receiver: how its agent behaves.
RECEIVERS: dict[str, dict[str, str]] = {
    "slow.example.com": {"region": "us-south", "answer": "2"},
    "mute.example.com": {"region": "us-south", "answer": "none"},
    "busy.example.com": {"region": "us-south", "status": "503"},
    "shut.example.com": {"region": "us-south", "door": "403"},
    "bare.example.com": {"region": "us-south", "door": "bare"},
    "expired.example.com": {"region": "us-south"},
}


@pytest.fixture(autouse=True)
def receivers(box: Sandbox) -> Iterator[None]:
    box.settings(receivers=RECEIVERS)
    yield
    box.settings(receivers=dict.fromkeys(RECEIVERS))


def verdicts(run: Run) -> dict[str, dict[str, Any]]:
    """Return the entries of the numbers in the result, by host."""
    report = run.stdout.partition("[voiceagent.sms.connect_sms : Report on the phone numbers]")[2]
    found = re.search(r"^(?:fatal|ok): \[[^\]]+\](?:: FAILED!)? => ", report, re.MULTILINE)
    assert found, run.output
    result = json.JSONDecoder().raw_decode(report, found.end())[0]
    return {entry["host"]: entry for entry in result["numbers"]}


def sent(run: Run) -> list[str]:
    return sorted(each["fields"]["To"] for each in run.requests if each["operation"] == "twilio.send_message")


def doors(run: Run) -> list[dict[str, Any]]:
    """Return the requests to receivers that are not texts."""
    return [each for each in run.requests if each["cloud"] == "receiver" and not each["fields"]]


def everything(accounts: Accounts) -> tuple[dict[str, Any], str]:
    """Return an inventory with a number for each result, and the number to text from."""
    box, agent = accounts.box, accounts.agent()
    key = box.add_key(agent["guid"])
    dead = box.add_key(agent["guid"], "dead")
    box.remove("ibm", "keys", dead["guid"])
    hosts = {"good": accounts.connected(key)}
    hosts |= {name.partition(".")[0]: accounts.connected(key, name) for name in RECEIVERS}
    hosts |= {
        "dead": accounts.connected(dead),
        "dropped": accounts.connected(key),
        "carried": accounts.number(sms_url="https://other.example.com/sms"),
        "unset": accounts.number(),
        "elsewhere": accounts.number(sms_url="https://other.example.com/sms?t=t0ken-of-another"),
    }
    mine = {"account_sid": accounts.twilio["sid"]}
    box.add_service(**mine, pool=[hosts["dropped"]])
    box.add_service(**mine, pool=[hosts["carried"]], inbound_request_url=url(key["api_key"]["value"]))
    variables = {
        name: {"phone_number": number, "connect_sms_receiver_host": f"{name}.example.com"}
        if f"{name}.example.com" in RECEIVERS
        else {"phone_number": number}
        for name, number in hosts.items()
    }
    return {"all": {"hosts": variables, "vars": {"connect_sms_region": "us-south"}}}, accounts.number()


def test_each_outcome_of_a_real_text(play: Player, accounts: Accounts) -> None:
    inventory, sender = everything(accounts)
    hosts = inventory["all"]["hosts"]
    run = play("-e", f"verify_from={sender}", "-e", "verify_timeout=6", playbook="verify_sms", inventory=inventory)
    assert run.code == 2
    told = verdicts(run)
    assert {host: (entry["verified"], entry["receiver_status"]) for host, entry in told.items()} == {
        "busy": ("refused", 503),
        "shut": ("refused", 403),
        "bare": ("refused", 401),
        "dead": ("refused", 401),
        "dropped": ("silent", None),
        "unset": ("silent", None),
        "elsewhere": ("silent", None),
    }
    well = ("good", "carried", "slow", "expired", "mute")
    numbers = {host: values["phone_number"] for host, values in hosts.items()}
    assert not [host for host in well if numbers[host] in run.output]
    texted = {*well, *(host for host, entry in told.items() if entry["verified"] == "refused")}
    assert sent(run) == sorted(numbers[host] for host in texted)
    assert "dropped" not in told["dropped"]["msg"] or "inbound URL" in told["dropped"]["msg"]
    # Each receiver once, without a key; those of numbers that lead elsewhere not at all.
    assert len(doors(run)) == 6
    assert {(each["method"], each["authorized_as"], str(each["query"])) for each in doors(run)} == {
        ("POST", None, "{}")
    }
    assert "12 phone numbers: 4 refused, 3 silent, 1 received, 4 answered" in run.stdout
    # The results so far are evidence for the next run, which sends nothing.
    quiet = play(playbook="verify_sms", inventory=inventory)
    assert quiet.writes == []
    told = verdicts(quiet)
    assert {host: entry["verified"] for host, entry in told.items()} == {
        "shut": "refused",
        "bare": "refused",
        "expired": "refused",
        "dead": "refused",
        "dropped": "silent",
        "unset": "silent",
        "elsewhere": "silent",
    }
    assert "IAM" in told["dead"]["msg"]
    few = play("-v", "--limit", "good,busy", playbook="verify_sms", inventory=inventory)
    told = verdicts(few)
    assert {host: entry["verified"] for host, entry in told.items()} == {"good": "untried", "busy": "untried"}
    assert told["good"]["last_text_at"]
    assert told["busy"]["errors"]["codes"] == {"11200": 1}


def test_good_outcomes_of_a_real_text(play: Player, accounts: Accounts) -> None:
    inventory, sender = everything(accounts)
    limit = ("-v", "--limit", "good,carried,slow,expired,mute")
    run = play(
        *limit, "-e", f"verify_from={sender}", "-e", "verify_timeout=6", playbook="verify_sms", inventory=inventory
    )
    assert run.code == 0, run.output
    told = verdicts(run)
    assert {host: (entry["verified"], entry["receiver_status"]) for host, entry in told.items()} == {
        "good": ("answered", None),
        "carried": ("answered", None),
        "slow": ("answered", None),
        "expired": ("answered", None),  # the sandbox's Twilio does not mind; a text counts more than a look from here
        "mute": ("received", None),
    }
    assert told["slow"]["seconds"] >= 2


def test_a_good_run_over_two_accounts(play: Player, accounts: Accounts, box: Sandbox) -> None:
    """One receiver, tried once; one limit for both accounts; replies; and a dry run before."""
    key = box.add_key(accounts.agent()["guid"])
    other = box.add_twilio_account()
    first = [accounts.connected(key) for _each in range(2)]
    second = [accounts.connected(key, account_sid=other["sid"]) for _each in range(2)]
    sender = accounts.number()
    hosts: dict[str, Any] = {f"first{place}": {"phone_number": number} for place, number in enumerate(first)}
    hosts |= {
        f"second{place}": {
            "phone_number": number,
            "connect_sms_twilio_account_sid": other["sid"],
            "connect_sms_twilio_auth_token": other["auth_token"],
            "connect_sms_verify_from": accounts.number(account_sid=other["sid"]),
        }
        for place, number in enumerate(second)
    }
    hosts["second1"]["connect_sms_verify_from"] = hosts["second0"]["connect_sms_verify_from"]
    inventory = {
        "all": {
            "hosts": hosts,
            "vars": {"connect_sms_region": "us-south", "connect_sms_verify_from": sender, "connect_sms_verify_max": 3},
        }
    }
    dry = play("-e", "dry_run=yes", playbook="verify_sms", inventory=inventory)
    assert (dry.code, dry.writes) == (0, []), dry.output
    assert dry.stdout.count("a text would be sent") == 3
    run = play("-v", playbook="verify_sms", inventory=inventory)
    assert run.code == 0, run.output
    assert sorted(entry["verified"] for entry in verdicts(run).values()) == ["answered"] * 3 + ["untried"]
    assert len(sent(run)) == 3
    assert len(doors(run)) == 1
    assert run.operations["twilio.list_numbers"] == 6  # two of each account, and verify_from


def test_replies_that_cannot_get_out_fail(play: Player, accounts: Accounts, box: Sandbox) -> None:
    key = box.add_key(accounts.agent()["guid"])
    number = accounts.connected(key, phone_number="+12125550177")
    words = ("-e", "region=us-south", "-e", f"phone_number={number}", "-e", "verify_replies=yes")
    run = play(*words, playbook="verify_sms")
    assert (run.code, run.writes) == (2, []), run.output
    assert "30034" in run.failures["localhost"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-e", "verify_from=me"), "connect_sms_verify_from"),
        (("-e", "verify_from=+15559999999"), "not a phone number of account"),
        (("-e", "verify_max=-1"), "connect_sms_verify_max"),
        (("-e", "phone_number="), "no phone numbers are given"),
    ],
)
def test_what_is_refused(play: Player, accounts: Accounts, box: Sandbox, words: tuple[str, ...], said: str) -> None:
    key = box.add_key(accounts.agent()["guid"])
    number = accounts.connected(key)
    run = play("-e", f"phone_number={number}", *words, playbook="verify_sms")
    assert (run.code, run.writes) == (2, [])
    assert said in run.failures["localhost"]
    assert SOUTH not in run.failures["localhost"] or url("***") in run.failures["localhost"]
