# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts at once: regions, accounts, a subaccount, and mistakes among them."""

from __future__ import annotations

import collections

import pytest

from system.conftest import EAST, Accounts, url
from system.playing import AS_PROCESSES, Player, Run

STRANGER = "+15559990001"  # nobody's number


def by_account(run: Run, operation: str) -> dict[str, int]:
    return dict(collections.Counter(r["account"] for r in run.requests if r["operation"] == operation))


def test_regions_accounts_and_mistakes_in_one_run(play: Player, accounts: Accounts) -> None:
    box, own = accounts.box, accounts.twilio
    other = box.add_twilio_account()
    pair = box.add_twilio_key(account_sid=other["sid"])  # the environment's auth token is another account's
    sub = box.add_twilio_account(owner_account_sid=own["sid"])
    south, east = accounts.agent(), accounts.agent("sms-agent-east", "us-east")
    key = box.add_key(south["guid"])
    box.add_key(south["guid"], name="of somebody else")
    numbers = {
        "fresh": accounts.number(),
        "done": accounts.connected(key),
        "drifted": accounts.number(sms_url="https://old.example.com/sms"),
        "eastern": accounts.number(),
        "foreign": accounts.number(account_sid=other["sid"]),
        "child": accounts.number(account_sid=sub["sid"]),
    }
    lines = {name: f"{name} phone_number={number}" for name, number in numbers.items()}
    ini = f"""
[dallas]
{lines["fresh"]}
{lines["done"]}
{lines["drifted"]}
stranger phone_number={STRANGER}
short phone_number=12

[washington]
{lines["eastern"]}

[foreigners]
{lines["foreign"]}

[children]
{lines["child"]}

[dallas:vars]
connect_sms_region=us-south

[washington:vars]
connect_sms_region=us-east

[foreigners:vars]
connect_sms_region=us-south
connect_sms_twilio_account_sid={other["sid"]}
connect_sms_twilio_api_key_sid={pair["sid"]}
connect_sms_twilio_api_key_secret="{pair["secret"]}"

[children:vars]
connect_sms_region=us-south
connect_sms_twilio_subaccount_sid={sub["sid"]}
"""
    first = play("--diff", "-vvv", inventory=ini)
    assert first.code == 2, first.output
    assert first.status == {
        **dict.fromkeys(("fresh", "drifted", "eastern", "foreign", "child"), "changed"),
        "done": "ok",
        **dict.fromkeys(("stranger", "short"), "failed"),
    }
    for host in ("done", "stranger", "short"):  # the first host of a batch also counts what is done for all
        assert "changed" not in first.recap[host], first.recap
    assert STRANGER in first.failures["stranger"]
    assert own["sid"] in first.failures["stranger"]
    assert "'12' is not a phone number" in first.failures["short"]
    assert by_account(first, "twilio.list_numbers") == {own["sid"]: 1, other["sid"]: 1, sub["sid"]: 1}
    assert by_account(first, "twilio.update_number") == {own["sid"]: 3, other["sid"]: 1, sub["sid"]: 1}
    assert {name: count for name, count in first.operations.items() if name.startswith(("iam.", "rc."))} == {
        "iam.token": 3,  # one with the key that is there already: does it still work?
        "rc.list_instances": 2,
        "rc.list_instance_keys": 3,  # the third, and the next: are the credentials what they were?
        "rc.get_key": 1,
        "rc.create_key": 1,
    }
    dallas, washington = url(key["api_key"]["value"]), url(accounts.the_api_key(east), EAST)
    wanted = {name: washington if name == "eastern" else dallas for name in numbers}
    assert {name: accounts.sms_url(number) for name, number in numbers.items()} == wanted
    assert all(box.text(number)["delivered"] for number in numbers.values())
    # What takes a subaccount's texts is read with the subaccount's own token, which is never shown.
    assert "It is not known" not in first.output
    asked = {one["authorized_as"] for one in first.requests if one["operation"] == "messaging.list_services"}
    assert asked == {own["sid"], pair["sid"], sub["sid"]}

    # The same as YAML, where the numbers are texts: the same hosts, and nothing left to do.
    def group(names: str, **variables: str) -> dict[str, object]:
        return {"hosts": {name: {"phone_number": numbers[name]} for name in names.split()}, "vars": variables}

    foreign = {
        "connect_sms_twilio_account_sid": other["sid"],
        "connect_sms_twilio_auth_token": other["auth_token"],
    }
    children = {
        "dallas": group("fresh done drifted", connect_sms_region="us-south"),
        "washington": group("eastern", connect_sms_region="us-east"),
        "foreigners": group("foreign", connect_sms_region="us-south", **foreign),
        "children": group("child", connect_sms_region="us-south", connect_sms_twilio_subaccount_sid=sub["sid"]),
    }
    hosts = {"all": {"children": children}}
    second = play(inventory=hosts)
    assert second.code == 0, second.output
    assert (second.writes, set(second.status.values())) == ([], {"ok"})
    assert not any("changed" in counts for counts in second.recap.values())

    # With --limit the others are left alone, and so are their accounts.
    for name in ("drifted", "foreign"):
        box.change("twilio", "numbers", numbers[name], sms_url="https://old.example.com/sms")
    limited = play("--limit", "foreigners", inventory=hosts)
    assert (limited.code, limited.status) == (0, {"foreign": "changed"})
    assert set(by_account(limited, "twilio.list_numbers")) == {other["sid"]}
    assert accounts.sms_url(numbers["foreign"]) == dallas
    assert accounts.sms_url(numbers["drifted"]) == "https://old.example.com/sms"


def test_a_canary_that_fails_stops_the_rest(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    number = accounts.number()
    hosts = {"all": {"hosts": {"canary": {"phone_number": STRANGER}, "rest": {"phone_number": number}}}}
    run = play("-e", "region=us-south", "-e", "connect_sms_serial=1", inventory=hosts)
    assert run.code == 2
    assert run.status == {"canary": "failed"}
    assert run.writes == []


def test_a_number_given_beside_an_inventory_wins(play: Player, accounts: Accounts) -> None:
    key = accounts.box.add_key(accounts.agent()["guid"])
    given, listed = accounts.connected(key), accounts.number()
    hosts = {"all": {"hosts": {"listed": {"phone_number": listed}}}}
    run = play("-e", "region=us-south", "-e", f"phone_number={given}", inventory=hosts)
    assert (run.code, run.status, run.writes) == (0, {"localhost": "ok"}, [])


@pytest.mark.parametrize("words", [(), AS_PROCESSES], ids=["in the task's process", "as processes"])
def test_many_subaccounts_at_once(play: Player, accounts: Accounts, words: tuple[str, ...]) -> None:
    """Subaccounts are worked on at once, one of them refuses, and the others do not notice."""
    box, own = accounts.box, accounts.twilio
    accounts.agent()
    count = 3 if words else 6  # processes start one after the other
    subs = [box.add_twilio_account(owner_account_sid=own["sid"])["sid"] for _place in range(count)]
    hosts = {
        f"sub{place}": {
            "connect_sms_twilio_subaccount_sid": sid,
            "connect_sms_phone_numbers": [accounts.number(account_sid=sid) for _place in range(3)],
        }
        for place, sid in enumerate(subs)
    }
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    numbers = {name: variables["connect_sms_phone_numbers"] for name, variables in hosts.items()}
    box.settings(latency=0.1)
    with box.failing("twilio.update_number", status=401, code=20003, times=None, match=subs[2]):
        first = play("-vvv", *words, inventory=inventory)
    assert first.code == 2, first.output
    assert first.status == {**dict.fromkeys(hosts, "changed"), "sub2": "failed"}
    assert "HTTP 401 (20003)" in first.failures["sub2"]
    for operation, each in (("twilio.list_numbers", 1), ("messaging.list_services", 1)):
        assert by_account(first, operation) == dict.fromkeys(subs, each), operation
    assert by_account(first, "twilio.update_number") == {
        **dict.fromkeys(subs, 3),
        subs[2]: by_account(first, "twilio.update_number")[subs[2]],
    }
    assert first.operations["twilio.list_accounts"] == (1 if not words else len(subs))
    connected = {accounts.sms_url(number) for name, own in numbers.items() for number in own if name != "sub2"}
    assert len(connected) == 1
    assert not any(accounts.sms_url(number) for number in numbers["sub2"])
    lists = [request["concurrent"] for request in first.requests if request["operation"] == "twilio.list_numbers"]
    assert (max(lists) > 1) is not bool(words), "Ansible starts processes one after the other"
    second = play(*words, inventory=inventory)
    assert (second.code, second.operations["twilio.update_number"]) == (0, 3)
    third = play(*words, inventory=inventory)
    assert (third.code, third.writes, set(third.status.values())) == (0, [], {"ok"})
