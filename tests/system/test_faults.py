# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of both clouds: lost answers are looked up, safe requests are repeated, and nothing is created twice."""

from __future__ import annotations

from system.conftest import Accounts, url
from system.playing import Player


def test_a_create_without_an_answer_makes_one_credential(play: Player, accounts: Accounts) -> None:
    """The request was processed, but the answer was an error, missing, or late."""
    box = accounts.box
    ways = {
        "error": {"mode": "answer_after", "status": 503},
        "reset": {"mode": "reset_after"},
        "html": {"mode": "answer_after", "status": 502, "body": "html"},
        "late": {"mode": "hang_after", "seconds": 6},
        "never_done": {"mode": "reset_before"},
    }
    agents = {name: accounts.agent(name) for name in ways}
    for name, way in ways.items():
        box.fault("rc.create_key", match=agents[name]["guid"], **way)
    numbers = {name: accounts.number() for name in ways}
    variables = {name: {"phone_number": number, "connect_sms_instance": name} for name, number in numbers.items()}
    hosts = {"all": {"hosts": variables, "vars": {"connect_sms_region": "us-south", "connect_sms_timeout": 2}}}
    run = play("--diff", "-vvv", inventory=hosts)
    assert run.code == 0, run.output
    assert run.status == dict.fromkeys(ways, "changed")
    assert all(fault["hits"] == 1 for fault in box.faults())
    for name, agent in agents.items():
        assert accounts.sms_url(numbers[name]) == url(accounts.the_api_key(agent)), name
        assert box.text(numbers[name])["reply"] == f"{name}: you wrote: hello"
    again = play(inventory=hosts)
    assert (again.code, again.writes, again.changed) == (0, [], set())


def test_trouble_that_passes_is_waited_out(play: Player, accounts: Accounts) -> None:
    """Too many requests, a token that expires during the run, an error page of a proxy, an update without an answer."""
    box = accounts.box
    agent = accounts.agent()
    numbers = [accounts.number() for _number in range(6)]
    late, reset = (box.number(number)["sid"] for number in numbers[:2])
    faults = {
        "iam.token": {"status": 503, "body": "html"},
        "rc.list_instances": {"status": 502, "body": "html"},
        "rc.list_instance_keys": {"status": 401, "code": "RC-Unauthorized"},
        "twilio.list_numbers": {"body": "truncated"},
        "conversations.list_addresses": {"status": 429, "code": 20429},
    }
    expected = dict.fromkeys(faults, 1)
    for operation, fault in faults.items():
        box.fault(operation, **fault)
    box.fault("twilio.update_number", mode="hang_after", seconds=5, match=late)
    box.fault("twilio.update_number", mode="reset_after", match=reset)
    box.fault("twilio.update_number", status=429, code=20429, times=4)
    run = play("-e", "region=us-south", "-e", "connect_sms_timeout=2", variables={"phone_numbers": numbers})
    assert run.code == 0, run.output
    assert {fault["operation"]: fault["hits"] for fault in box.faults() if fault["operation"] in faults} == expected
    counts = run.operations
    assert counts["iam.token"] == 3  # refused once, and asked for anew after the 401
    assert counts["rc.create_key"] == 1
    assert counts["twilio.update_number"] == len(numbers) + 4 + 2
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}


def test_trouble_that_stays_fails_only_whom_it_meets(play: Player, accounts: Accounts) -> None:
    box = accounts.box
    silent, agent = accounts.agent("silent"), accounts.agent("fine")
    variables = {name: {"phone_number": accounts.number()} for name in ("page", "refused", "fine")}
    variables["silent"] = {"phone_number": accounts.number(), "connect_sms_instance": "silent"}
    sids = {name: box.number(values["phone_number"])["sid"] for name, values in variables.items()}
    box.fault(
        "twilio.update_number", status=502, body="html", message="<b>Bad gateway</b>", times=None, match=sids["page"]
    )
    box.fault(
        "twilio.update_number", status=400, code=21649, message="Bundle required", times=None, match=sids["refused"]
    )
    box.fault("rc.list_instance_keys", mode="hang", seconds=8, times=None, match=silent["guid"])
    settings = {"connect_sms_region": "us-south", "connect_sms_instance": "fine", "connect_sms_timeout": 1}
    run = play("--diff", inventory={"all": {"hosts": variables, "vars": settings}})
    assert run.code == 2
    assert run.status == {"fine": "changed", "page": "failed", "refused": "failed", "silent": "failed"}
    assert "HTTP 502" in run.failures["page"]
    assert "<" not in run.failures["page"]
    assert "HTTP 400 (21649): Bundle required" in run.failures["refused"]
    assert f"{box.url} gave no answer within 1 s" in run.failures["silent"]
    assert "list the service credentials" in run.failures["silent"]
    assert all(variables[name]["phone_number"] in run.failures[name] for name in run.failures)
    assert accounts.keys(silent) == []
    box.clear_faults()
    again = play(inventory={"all": {"hosts": variables, "vars": settings}})
    assert again.status == {"fine": "ok", "page": "changed", "refused": "changed", "silent": "changed"}
    assert accounts.sms_url(variables["page"]["phone_number"]) == url(accounts.the_api_key(agent))
