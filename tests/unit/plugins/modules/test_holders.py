# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The holders of keys in an account and its subaccounts, and what the credentials cannot read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.plugins.running import Result, Run

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import unpack
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.holders import KINDS, describe_holder
from sandbox.client import Sandbox

MODULE = "twilio_sms_webhook_info"
KEY = "hidden-key-of-a-credential"
URL = f"https://apikey:{KEY}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
ONE = "+15550100001"


def seen(result: Result) -> dict[str, Any]:
    assert KEY not in str({name: value for name, value in result.items() if name != "holders"})
    data: dict[str, Any] = unpack(result["holders"])
    assert data["unseen"] == result["unseen"]
    return data


# By kind: how the sandbox gets one, with the webhook in which field.
PLACES: list[tuple[str, Callable[..., Any], str]] = [
    *[
        ("number", lambda box, n, **values: box.add_numbers({"phone_number": f"+155501000{n:02d}", **values})[0], name)
        for name in ("sms_url", "sms_fallback_url", "voice_url", "voice_fallback_url", "status_callback")
    ],
    *[
        ("application", lambda box, n, **values: box.add_application(**values), name)
        for name in ("sms_url", "sms_fallback_url", "sms_status_callback", "message_status_callback", "voice_url")
    ],
    *[
        ("application", lambda box, n, **values: box.add_application(**values), name)
        for name in ("voice_fallback_url", "status_callback")
    ],
    *[
        ("messaging_service", lambda box, n, **values: box.add_service(**values), name)
        for name in ("inbound_request_url", "fallback_url", "status_callback")
    ],
    *[
        ("short_code", lambda box, n, **values: box.add_short_code(f"999{n:02d}", **values), name)
        for name in ("sms_url", "sms_fallback_url")
    ],
    *[
        ("sender", lambda box, n, **values: box.add_sender(f"whatsapp:+155501000{n:02d}", **values), name)
        for name in ("callback_url", "fallback_url", "status_callback_url")
    ],
    ("sender", lambda box, n, **values: box.add_sender("rcs:agent", **values), "callback_url"),
    ("conversation", lambda box, n, **values: box.add_address(ONE, **values), "auto_creation_webhook_url"),
]


@pytest.mark.parametrize("in_subaccount", [False, True])
def test_every_place_is_looked_at(run: Run, box: Sandbox, in_subaccount: bool) -> None:
    owner = box.environment["TWILIO_ACCOUNT_SID"]
    account = box.add_twilio_account(owner_account_sid=owner)["sid"] if in_subaccount else owner
    made = {}
    for place, (kind, make, field) in enumerate(PLACES):
        key = f"{KEY}-{place}"
        thing = make(box, place, account_sid=account, **{field: URL.replace(KEY, key)})
        made[key] = (kind, thing["sid"], account)
    data = seen(run(MODULE, holders=True))
    found = {key: [(one["kind"], one["sid"], one["account"]) for one in held] for key, held in data["keys"].items()}
    assert found == {key: [holder] for key, holder in made.items()}
    assert data["unseen"] == []
    for held in data["keys"].values():
        assert held[0]["name"]
        assert any(text in describe_holder(held[0]) for text in (held[0]["sid"], held[0]["name"]))


def test_all_fields_that_twilio_describes_are_tested() -> None:
    assert {kind.name for kind in KINDS} == {place[0] for place in PLACES}


def test_requests_do_not_grow_with_the_numbers(run: Run, box: Sandbox) -> None:
    box.add_numbers(count=900, sms_url=URL)
    subs = [box.add_twilio_account(owner_account_sid=box.environment["TWILIO_ACCOUNT_SID"]) for _place in range(2)]
    closed = box.add_twilio_account(owner_account_sid=box.environment["TWILIO_ACCOUNT_SID"], status="closed")
    result = run(MODULE, holders=True)
    assert len(result.requests) == 1 + 7 * (1 + len(subs))
    assert len(seen(result)["keys"][KEY]) == 900
    assert closed["sid"] not in {request["account"] for request in result.requests}
    numbers = seen(result)["numbers"]
    assert {account: len(rows) for account, rows in numbers.items()} == {
        box.environment["TWILIO_ACCOUNT_SID"]: 900,
        **{sub["sid"]: 0 for sub in subs},
    }
    for sub in subs:
        assert sub["auth_token"] not in result.text


def test_the_whole_family_is_seen_from_a_subaccount_with_the_parent_s_token(run: Run, box: Sandbox) -> None:
    owner = box.environment["TWILIO_ACCOUNT_SID"]
    subs = [box.add_twilio_account(owner_account_sid=owner)["sid"] for _place in range(2)]
    box.add_service(inbound_request_url=URL)
    box.add_service(account_sid=subs[1], inbound_request_url=URL)
    data = seen(run(MODULE, holders=True, subaccount_sid=subs[0]))
    assert {holder["account"] for holder in data["keys"][KEY]} == {owner, subs[1]}


def test_a_subaccount_s_own_credentials(run: Run, box: Sandbox) -> None:
    sub = box.add_twilio_account(owner_account_sid=box.environment["TWILIO_ACCOUNT_SID"])
    box.add_short_code(account_sid=sub["sid"], sms_url=URL)
    data = seen(run(MODULE, holders=True, account_sid=sub["sid"], auth_token=sub["auth_token"]))
    assert (len(data["keys"][KEY]), data["unseen"]) == (1, [])


@pytest.mark.parametrize("kind", ["standard", "main"])
@pytest.mark.parametrize("with_subaccount", [False, True])
def test_an_api_key_does_not_see_subaccounts(
    run: Run, box: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: str, with_subaccount: bool
) -> None:
    owner = box.environment["TWILIO_ACCOUNT_SID"]
    key = box.add_twilio_key(kind=kind)
    box.add_application(sms_url=URL)
    sub = box.add_twilio_account(owner_account_sid=owner)["sid"] if with_subaccount else None
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "")
    data = seen(run(MODULE, holders=True, api_key_sid=key["sid"], api_key_secret=key["secret"]))
    assert [holder["kind"] for holder in data["keys"][KEY]] == ["application"]
    if kind == "standard":
        assert data["unseen"] == [f"the subaccounts of account {owner} (20003), which an auth token can read"]
    else:
        assert data["unseen"] == ([f"subaccount {sub} (active)"] if sub else [])


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("twilio.list_applications", "TwiML applications"),
        ("twilio.list_short_codes", "short codes"),
        ("messaging.list_services", "Messaging Services"),
        ("messaging.list_senders", "WhatsApp and RCS senders"),
        ("conversations.list_addresses", "Conversations address configurations"),
    ],
)
def test_what_is_refused_is_named(run: Run, box: Sandbox, operation: str, words: str) -> None:
    box.add_numbers({"phone_number": ONE, "sms_url": URL})
    box.fault(operation, status=403, code=70051, times=None)
    data = seen(run(MODULE, holders=True))
    assert data["unseen"] == [f"the {words} of account {box.environment['TWILIO_ACCOUNT_SID']} (70051)"]
    assert len(data["keys"][KEY]) == 1


def test_a_suspended_subaccount_is_named(run: Run, box: Sandbox) -> None:
    owner = box.environment["TWILIO_ACCOUNT_SID"]
    sub = box.add_twilio_account(owner_account_sid=owner, status="suspended")["sid"]
    assert seen(run(MODULE, holders=True))["unseen"] == [f"subaccount {sub} (suspended)"]


def test_a_channel_that_twilio_does_not_know_has_no_senders(run: Run, box: Sandbox) -> None:
    box.fault("messaging.list_senders", status=400, code=20001, skip=1)
    assert seen(run(MODULE, holders=True))["unseen"] == []


def test_what_breaks_is_no_proof(run: Run, box: Sandbox) -> None:
    box.fault("twilio.list_applications", times=None, status=200, body="html")
    result = run(MODULE, holders=True)
    assert result.get("failed")
    assert "Could not list the TwiML applications" in result["msg"]


@pytest.mark.parametrize(
    "form",
    [
        "https://relay.example.com/sms?key={}",
        "https://relay.example.com/{}/sms",
        "https://relay.example.com/?to=https%3A%2F%2Fapikey%3A{}%40sms-south.voiceagent.cloud.ibm.com%2F",
        "https://relay.example.com/?to=https%253A%252F%252Fapikey%253A{}%2540sms-south.voiceagent.cloud.ibm.com%252F",
        "https://relay.example.com/?to=a%3Fnext%3Dhttps%25253A%25252F%25252Fapikey%25253A{}%252540sms-south.example",
        "https://relay.example.com/sms#{}",
        "https://{}@relay.example.com/sms",
    ],
)
def test_a_key_anywhere_in_a_url(run: Run, box: Sandbox, form: str) -> None:
    """Something between Twilio and the receiver may be given the key: without it, texts are refused all the same."""
    key = "abcDEF-_012" * 4
    box.add_numbers({"phone_number": ONE, "sms_url": form.format(key)})
    assert [holder["name"] for holder in unpack(run(MODULE, holders=True)["holders"])["keys"][key]] == [ONE]
    others = ("AC" + "0" * 32, key[:43], key + "x")
    box.change("twilio", "numbers", ONE, sms_url=f"https://relay.example.com/?{'&'.join(others)}")
    assert unpack(run(MODULE, holders=True)["holders"])["keys"] == {}
