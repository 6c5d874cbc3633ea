# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many numbers: exact request counts, failures by host, and canaries."""

from __future__ import annotations

import collections
import re

import pytest

from system.conftest import PHONES, SOUTH, Accounts, url
from system.playing import Player, Run

LOOK = {"twilio.list_numbers": 1, "messaging.list_services": 1, "conversations.list_addresses": 1}
FIND = {"iam.token": 1, "rc.list_instances": 1, "rc.list_instance_keys": 1}
REGION = ("-e", "region=us-south")
MANY = 30


def fresh(accounts: Accounts, count: int, **values: object) -> list[str]:
    """Add numbers and return them."""
    rows = [{"account_sid": accounts.twilio["sid"], "phone_number": next(PHONES), **values} for _row in range(count)]
    return [str(row["phone_number"]) for row in accounts.box.add_numbers(rows)]


def inventory(numbers: list[str]) -> dict[str, object]:
    """Return an inventory with a host for each number."""
    return {"all": {"hosts": {f"h{place:02d}": {"phone_number": number} for place, number in enumerate(numbers)}}}


def updated(run: Run) -> list[str]:
    """Return the SIDs of the numbers that were written to, in order."""
    return [r["path"].rpartition("/")[2].removesuffix(".json") for r in run.writes if "update_number" in r["operation"]]


@pytest.mark.parametrize("services", [0, 1, 2])
def test_a_list_of_numbers_costs_a_request_each_and_eight_more(play: Player, accounts: Accounts, services: int) -> None:
    agent = accounts.agent()
    numbers = fresh(accounts, MANY)
    for place in range(services):
        sid = accounts.twilio["sid"]
        accounts.box.add_service(account_sid=sid, pool=[numbers[place]], use_inbound_webhook_on_number=False)
    look = {**LOOK, **({"messaging.list_pool": services} if services else {})}
    first = play(*REGION, variables={"phone_numbers": numbers})
    assert first.code == 0, first.output
    # The new credential is checked once more afterwards, in the list.
    again = {"rc.list_instance_keys": 2}
    assert first.operations == {**look, **FIND, **again, "rc.create_key": 1, "twilio.update_number": MANY}
    assert len(first.requests) <= MANY + 1 + 7 + services
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}

    second = play(*REGION, variables={"phone_numbers": numbers})
    assert second.code == 0, second.output
    assert (second.writes, second.changed) == ([], set())
    assert second.operations == {**look, **FIND, "iam.token": 2}  # the second with the key: does it still work?
    assert len(second.requests) <= 1 + 6 + services


def test_each_account_is_listed_once_and_each_credential_looked_up_once(play: Player, accounts: Accounts) -> None:
    """Two Twilio accounts, two regions and an instance by name, in any mixture, in groups of one inventory."""
    box = accounts.box
    other = box.add_twilio_account()
    south, east = accounts.agent("dallas"), accounts.agent("washington", "us-east")
    second = accounts.agent("second", "us-east")
    groups = {
        "a": {"connect_sms_region": "us-south"},
        "b": {"connect_sms_region": "us-east", "connect_sms_instance": "washington"},
        "c": {"connect_sms_region": "us-east", "connect_sms_instance": "second"},
    }
    login = {"connect_sms_twilio_account_sid": other["sid"], "connect_sms_twilio_auth_token": other["auth_token"]}
    children = {}
    for name, values in groups.items():
        own, foreign = fresh(accounts, 3), fresh(accounts, 3, account_sid=other["sid"])
        hosts = {f"{name}-own{place}": {"phone_number": number} for place, number in enumerate(own)}
        hosts |= {f"{name}-foreign{place}": {"phone_number": n, **login} for place, n in enumerate(foreign)}
        children[name] = {"hosts": hosts, "vars": values}
    run = play(inventory={"all": {"children": children}})
    assert run.code == 0, run.output
    assert set(run.status.values()) == {"changed"}
    listings = collections.Counter(r["account"] for r in run.requests if r["operation"] == "twilio.list_numbers")
    assert listings == {accounts.twilio["sid"]: 1, other["sid"]: 1}
    assert run.operations == {
        **dict.fromkeys(LOOK, 2),
        **dict.fromkeys(FIND, 3),
        "rc.list_instance_keys": 6,
        "rc.create_key": 3,
        "twilio.update_number": 18,
    }
    assert [len(accounts.keys(instance)) for instance in (south, east, second)] == [1, 1, 1]


def test_every_host_reports_its_own_and_a_failing_one_fails_alone(play: Player, accounts: Accounts) -> None:
    key = accounts.box.add_key(accounts.agent()["guid"])
    numbers = fresh(accounts, 12)
    done, refused = numbers[4], numbers[7]
    accounts.box.change("twilio", "numbers", done, sms_url=url(key["api_key"]["value"], SOUTH))
    sid = accounts.box.number(refused)["sid"]
    accounts.box.fault("twilio.update_number", status=400, code=21649, message="Bundle required", times=None, match=sid)
    hosts = inventory(numbers)
    run = play(*REGION, inventory=hosts)
    assert run.code == 2
    assert run.status == {f"h{n:02d}": "failed" if n == 7 else "ok" if n == 4 else "changed" for n in range(12)}
    assert set(run.failures) == {"h07"}
    assert "21649" in run.failures["h07"]
    assert refused in run.failures["h07"]
    assert "[ERROR]" not in run.output, "one line says it, without the source of the role's task around it"
    assert run.operations == {**LOOK, **FIND, "iam.token": 2, "rc.get_key": 1, "twilio.update_number": 12 - 1}

    # A retry of the one that failed, and a report on all of them together.
    accounts.box.clear_faults()
    retry = play(*REGION, "--limit", "h07", inventory=hosts)
    assert (retry.code, retry.status, updated(retry)) == (0, {"h07": "changed"}, [sid])
    accounts.box.change("twilio", "numbers", done, sms_url="")
    whole = play(*REGION, "-v", "-e", "connect_sms_report_per_host=false", inventory=hosts)
    assert whole.code == 0, whole.output
    assert whole.changed == {"h00"}, "the first host reports on the batch"
    assert set(whole.recap) == {"h00"}
    assert "1 changed, 11 unchanged" in whole.output or "11 unchanged, 1 changed" in whole.output


@pytest.mark.parametrize("given", ['[1, "10%", "100%"]', [1, "10%", "100%"]], ids=["as text", "as a list"])
def test_canaries_go_first(play: Player, accounts: Accounts, given: object) -> None:
    accounts.agent()
    numbers = fresh(accounts, 20)
    run = play(*REGION, inventory=inventory(numbers), variables={"connect_sms_serial": given})
    assert run.code == 0, run.output
    assert all(accounts.sms_url(number) for number in numbers)
    batches, seen = [], 0
    for request in run.requests:
        if request["operation"] == "rc.list_instances":  # once in each batch, before its updates
            batches.append(seen)
        seen += request["operation"] == "twilio.update_number"
    assert [*batches, seen] == [0, 1, 3, 20], "one number, then a tenth, then the rest"
    assert run.operations["rc.create_key"] == 1


@pytest.mark.parametrize(("allowed", "last"), [(None, 10), ("40", 10), ("20", 4), (0, 4)])
def test_too_many_failures_stop_the_batches_that_follow(
    play: Player, accounts: Accounts, allowed: object, last: int
) -> None:
    accounts.agent()
    numbers = fresh(accounts, 10)
    sid = accounts.box.number(numbers[1])["sid"]
    accounts.box.fault("twilio.update_number", status=400, code=21649, times=None, match=sid)
    variables = {"connect_sms_serial": [4, "100%"]}
    if allowed is not None:
        variables["connect_sms_max_fail_percentage"] = allowed
    run = play(*REGION, inventory=inventory(numbers), variables=variables)
    assert run.code == 2
    assert [name for name, status in run.status.items() if status == "failed"] == ["h01"]
    assert len(run.recap) == last
    assert [bool(accounts.sms_url(number)) for number in numbers] == [n != 1 and n < last for n in range(10)]


def test_progress_shows_while_thousands_are_updated(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    numbers = fresh(accounts, 3000)
    run = play(*REGION, "-vvv", variables={"phone_numbers": numbers})
    assert run.code == 0, run.output
    assert run.operations == {
        **LOOK,
        "twilio.list_numbers": 3,
        **FIND,
        "rc.list_instance_keys": 2,
        "rc.create_key": 1,
        "twilio.update_number": 3000,
    }
    assert re.search(r"^[12]\d{3} of 3000 phone numbers done$", run.stdout, re.MULTILINE), run.stdout
