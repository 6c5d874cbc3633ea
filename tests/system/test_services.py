# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect, rotate, disconnect and restore with Messaging Services, as users in the USA need them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from system.conftest import Accounts, url
from system.playing import Player, Run

REGION = ("-e", "region=us-south")
REPAIR = (*REGION, "-e", "connect_sms_on_override=repair")
RETIRING = "twilio-sms:retiring"


def hosts(numbers: list[str]) -> str:
    return "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))


def service(accounts: Accounts, made: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in accounts.box.rows("twilio", "services") if row["sid"] == made["sid"])


def updates(run: Run) -> list[tuple[str, dict[str, str]]]:
    """The writes to Twilio in their order."""
    return [(one["operation"], one["fields"]) for one in run.writes if one["operation"].partition(".")[0] != "rc"]


def handled_by(accounts: Accounts, *numbers: str) -> list[tuple[str, bool]]:
    outcomes = [accounts.box.text(number) for number in numbers]
    return [(outcome["handled_by"], outcome["delivered"]) for outcome in outcomes]


def test_a_campaign_is_connected_rotated_and_disconnected(
    play: Player, accounts: Accounts, tmp_path: pathlib.Path
) -> None:
    """One service that leads nowhere, and one that leads to the agent with another key."""
    box, sid = accounts.box, accounts.twilio["sid"]
    agent = accounts.agent()
    old = box.add_key(agent["guid"], "twilio-sms", "Writer")
    numbers = [accounts.number() for _place in range(4)]
    silent = box.add_service(account_sid=sid, friendly_name="silent", pool=numbers[:2])
    leading = box.add_service(
        account_sid=sid, friendly_name="leading", pool=numbers[2:], inbound_request_url=url("a-key-pasted-by-hand-1234")
    )
    inventory = hosts(numbers)
    backup = ("-e", f"connect_sms_backup_dir={tmp_path}")

    dry = play(*REPAIR, "--check", "--diff", inventory=inventory)
    run = play(*REPAIR, *backup, "--diff", inventory=inventory)
    assert (dry.code, run.code, dry.writes) == (0, 0, []), dry.output + run.output
    assert dry.recap == run.recap
    assert dry.diff == run.diff
    assert run.changed == {"n0", "n1", "n2", "n3"}
    new = url(old["api_key"]["value"])
    assert [name for name, _fields in updates(run)] == ["twilio.update_number"] * 4 + ["messaging.update_service"] * 2
    assert [fields for name, fields in updates(run) if name == "messaging.update_service"] == [
        {"UseInboundWebhookOnNumber": "true"},
        {"InboundRequestUrl": new},
    ]
    assert "2 Messaging Services changed" in run.output
    assert handled_by(accounts, *numbers) == [("number", True)] * 2 + [("messaging_service", True)] * 2
    looks = {"twilio.list_numbers": 1, "messaging.list_services": 1, "messaging.list_pool": 2}
    assert {name: run.operations[name] for name in looks} == looks

    again = play(*REPAIR, inventory=inventory)
    assert (again.code, again.writes, again.changed) == (0, [], set()), again.output

    # A rotation moves both: no second key stays alive, and no number is without a webhook meanwhile.
    rotated = play(*REGION, playbook="rotate_sms_key", inventory=inventory)
    assert rotated.code == 0, rotated.output
    assert [key["name"] for key in accounts.keys(agent)] == ["twilio-sms"]
    assert service(accounts, leading)["inbound_request_url"] == url(accounts.the_api_key(agent))
    assert handled_by(accounts, *numbers) == [("number", True)] * 2 + [("messaging_service", True)] * 2

    # A part of the leading service's pool cannot be disconnected: the message names the other number.
    part = play(*REGION, "--limit", "n2", playbook="disconnect_sms", inventory=inventory)
    assert part.code != 0
    assert numbers[3] in part.failures["n2"]
    assert part.writes == []
    gone = play(*REGION, playbook="disconnect_sms", inventory=inventory)
    assert gone.code == 0, gone.output
    assert [name for name, _fields in updates(gone)] == ["messaging.update_service"] + ["twilio.update_number"] * 4
    assert accounts.keys(agent) == []
    assert service(accounts, leading)["inbound_request_url"] is None
    assert handled_by(accounts, *numbers) == [("dropped", False)] * 4

    # The connect is undone, services first. The old key is dead, so its service is left alone.
    (record,) = tmp_path.glob("connect_sms-*.json")
    changes = json.loads(record.read_text())["accounts"][sid]
    assert {silent["sid"], leading["sid"]} < set(changes)
    box.change("twilio", "services", leading["sid"], inbound_request_url="https://somebody.example.com/sms")
    back = play("-e", f"backup={record}", "-e", "force=yes", playbook="restore_sms")
    assert back.code == 0, back.output
    assert [name for name, _fields in updates(back)][:2] == ["messaging.update_service"] * 2
    assert service(accounts, silent)["use_inbound_webhook_on_number"] is False
    assert service(accounts, leading)["inbound_request_url"] == url("a-key-pasted-by-hand-1234")
    assert "2 Messaging Services changed" in back.output
    # Settings that are overwritten by force are recorded as they were, not as the first record left them.
    (own,) = set(tmp_path.glob("connect_sms-*.json")) - {record}
    undone = play("-e", f"backup={own}", playbook="restore_sms")
    assert undone.code == 0, undone.output
    assert service(accounts, silent)["use_inbound_webhook_on_number"] is True
    assert service(accounts, leading)["inbound_request_url"] == "https://somebody.example.com/sms"


def test_a_pool_with_outsiders(play: Player, accounts: Accounts) -> None:
    """Nothing is written and no credential is made for numbers whose service also carries others."""
    box, sid = accounts.box, accounts.twilio["sid"]
    agent = accounts.agent()
    inside, outside = accounts.number(), accounts.number(sms_url="https://elsewhere.example.com/sms")
    made = box.add_service(account_sid=sid, friendly_name="shared", pool=[inside, outside])
    words = ("-e", f"phone_number={inside}")
    refused = play(*REPAIR, *words)
    assert refused.code != 0
    assert refused.writes == []
    assert accounts.keys(agent) == []
    for said in (outside, made["sid"], "repair_shared_services"):
        assert said in refused.failures["localhost"]
    allowed = play(*REPAIR, *words, "-e", "connect_sms_repair_shared_services=true", "-e", "connect_sms_retries=3")
    assert allowed.code == 0, allowed.output
    assert accounts.sms_url(inside) == url(accounts.the_api_key(agent)) + "#rc=3"
    assert accounts.sms_url(outside) == "https://elsewhere.example.com/sms"
    assert handled_by(accounts, inside) == [("number", True)]


def test_a_pool_with_an_outsider_whose_own_key_is_dead(play: Player, accounts: Accounts) -> None:
    """Its own webhook leads to the receiver, and was of no account until now: the service takes its texts."""
    box, agent = accounts.box, accounts.agent()
    box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    dead = box.add_key(agent["guid"], "dead", api_key={"disabled": True})
    inside, outside = accounts.number(), accounts.connected(dead)
    there = "https://elsewhere.example.com/sms"
    box.add_service(account_sid=accounts.twilio["sid"], pool=[inside, outside], inbound_request_url=there)
    run = play(*REPAIR, "-e", f"phone_number={inside}")
    assert run.code != 0
    assert outside in run.failures["localhost"]
    assert run.writes == []


def test_a_key_without_the_right_to_update_services(play: Player, accounts: Accounts) -> None:
    box, sid = accounts.box, accounts.twilio["sid"]
    accounts.agent()
    number = accounts.number()
    box.add_service(account_sid=sid, pool=[number])
    allowed = ["twilio.list_numbers", "twilio.update_number", "messaging.list_*", "conversations.list_addresses"]
    key = box.add_twilio_key(account_sid=sid, kind="restricted", permissions=allowed)
    env = {"TWILIO_AUTH_TOKEN": "", "TWILIO_API_KEY": key["sid"], "TWILIO_API_SECRET": key["secret"]}
    run = play(*REPAIR, "-e", f"phone_number={number}", env=env)
    assert run.code != 0
    assert "/twilio/messaging/services/update" in run.failures["localhost"]


@pytest.mark.parametrize("allowed", [False, True])
def test_what_an_api_key_cannot_see_keeps_the_credential(play: Player, accounts: Accounts, allowed: bool) -> None:
    agent = accounts.agent()
    number = accounts.connected(accounts.box.add_key(agent["guid"], "twilio-sms", "Writer"))
    key = accounts.box.add_twilio_key(account_sid=accounts.twilio["sid"])
    env = {"TWILIO_AUTH_TOKEN": "", "TWILIO_API_KEY": key["sid"], "TWILIO_API_SECRET": key["secret"]}
    words = (*REGION, "-e", f"phone_number={number}", "-e", f"connect_sms_delete_unseen={str(allowed).lower()}")
    run = play(*words, playbook="rotate_sms_key", env=env)
    assert run.code == 0, run.output
    assert (RETIRING in {key["name"] for key in accounts.keys(agent)}) is not allowed
    assert (f"the subaccounts of account {accounts.twilio['sid']}" in run.output) is not allowed


def test_every_kind_of_holder_keeps_the_credential(play: Player, accounts: Accounts) -> None:
    """In the account and in a subaccount that is not in the play."""
    box, sid = accounts.box, accounts.twilio["sid"]
    agent = accounts.agent()
    old = box.add_key(agent["guid"], "twilio-sms", "Writer")
    secret = url(old["api_key"]["value"])
    number = accounts.connected(old)
    sub = box.add_twilio_account(owner_account_sid=sid)["sid"]
    made = [
        box.add_application(account_sid=sid, voice_url=secret)["sid"],
        box.add_short_code("99901", account_sid=sub, sms_url=secret)["short_code"],
        box.add_sender("whatsapp:+15559990001", account_sid=sid, callback_url=secret)["sender_id"],
        box.add_address("+15559990002", account_sid=sub, auto_creation_webhook_url=secret)["sid"],
        box.add_service(account_sid=sub, status_callback=secret)["sid"],
        accounts.number(account_sid=sub, voice_fallback_url=secret),
    ]
    run = play(*REGION, "-e", f"phone_number={number}", playbook="rotate_sms_key")
    assert run.code == 0, run.output
    told = " ".join(run.output.split())
    assert [name for name in made if name not in told] == []
    assert {key["name"] for key in accounts.keys(agent)} == {"twilio-sms", RETIRING}
    lists = {name: count for name, count in run.operations.items() if name.partition("_")[0].endswith(".list")}
    assert lists["twilio.list_accounts"] == 1
    assert {lists[name] for name in ("twilio.list_applications", "twilio.list_short_codes")} == {2}


def test_a_service_with_another_agent_s_key_and_others_in_its_pool(play: Player, accounts: Accounts) -> None:
    """Both agents use the same receiver, so only the key shows which. Senders outside the run are not moved to another agent."""
    box, sid = accounts.box, accounts.twilio["sid"]
    mine, theirs = accounts.agent("mine"), accounts.agent("theirs")
    key = box.add_key(mine["guid"], created_at="2026-01-01T00:00:00Z")
    other = box.add_key(theirs["guid"], created_at="2026-01-01T00:00:00Z")
    inside, outside, second, beside = (accounts.number() for _place in range(4))
    foreign = url(other["api_key"]["value"])
    shared = box.add_service(
        account_sid=sid, friendly_name="shared", pool=[inside, outside], inbound_request_url=foreign
    )
    # The same agent with the key of another credential of its instance: all senders in the pool move along.
    earlier = box.add_key(mine["guid"], "by hand", created_at="2026-01-01T00:00:00Z")
    along = box.add_service(
        account_sid=sid,
        friendly_name="along",
        pool=[second, beside],
        inbound_request_url=url(earlier["api_key"]["value"]),
    )
    words = ("-e", "region=us-south", "-e", "instance=mine")
    inventory = hosts([inside, second])

    dry = play(*words, "--check", "--diff", inventory=inventory)
    run = play(*words, "--diff", inventory=inventory)
    assert (dry.code, run.code, dry.writes) == (0, 0, []), run.output
    assert dry.diff == run.diff
    assert service(accounts, shared)["inbound_request_url"] == foreign
    assert box.text(outside)["reply"].startswith("theirs:")
    assert f"{inside}: connected, but Messaging Service 'shared'" in " ".join(run.output.split())
    present = url(key["api_key"]["value"])
    assert accounts.sms_url(inside) == present, "it counts as soon as the service defers"
    assert service(accounts, along)["inbound_request_url"] == present
    assert box.text(beside)["reply"].startswith("mine:")

    taken = play(*words, "-e", "connect_sms_repair_shared_services=true", inventory=inventory)
    assert taken.code == 0, taken.output
    assert service(accounts, shared)["inbound_request_url"] == present
    assert taken.changed == {"n0"}
