# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

"""Doors, real texts and what becomes of them, against the sandbox: its receivers answer under their own names, over HTTPS."""

import time
from typing import Any

import pytest
from unit.plugins.running import Result, Run

from sandbox.client import Sandbox

SENDER = "+15550190000"
NUMBERS = [f"+155501900{place:02d}" for place in range(1, 30)]
SOUTH = "sms-south.voiceagent.cloud.ibm.com"
GATEWAY = {"username": "twilio", "password": "gateway-p4ssword"}
#: By receiver: what a number behind it becomes when it gets a text, with which status, and what its door looks like.
GATEWAYS: dict[str, tuple[dict[str, str], str, int | None, str]] = {
    "answers": ({}, "answered", None, "open"),
    "slow": ({"answer": "1.2"}, "answered", None, "open"),
    "never": ({"answer": "none"}, "received", None, "open"),
    "refuses": ({"status": "503"}, "refused", 503, "open"),
    "forbids": ({"door": "403"}, "refused", 403, "shut"),
    "bare": ({"door": "bare"}, "refused", 401, "shut"),
}


def gateway(name: str) -> str:
    return f"https://twilio:gateway-p4ssword@{name}.example.com/sms.receiver/SmsRecv?t=t0ken-of-{name}#rc=0"


@pytest.fixture
def sms(box: Sandbox) -> Sandbox:
    """Create a receiver of each kind, each with a number, and a number without an answer."""
    box.settings(receivers={f"{name}.example.com": {**GATEWAY, **values[0]} for name, values in GATEWAYS.items()})
    box.add_numbers({"phone_number": SENDER})
    for number, name in zip(NUMBERS, GATEWAYS, strict=False):
        box.add_numbers({"phone_number": number, "sms_url": gateway(name)})
    return box


def verdicts(result: Result) -> list[tuple[str, int | None]]:
    return [(entry["verified"], entry["receiver_status"]) for entry in result["numbers"]]


def test_a_real_text_tells_what_becomes_of_it(run: Run, sms: Sandbox) -> None:
    result = run(
        "twilio_sms_verify",
        phone_numbers=NUMBERS[:6],
        verify_from="1 (555) 019-0000",
        verify_timeout=5,
        verify_body="Hi",
    )
    assert verdicts(result) == [(verified, status) for _more, verified, status, _door in GATEWAYS.values()]
    assert (result["changed"], result["texts_sent"]) == (True, 6)
    sent = [request["fields"] for request in result.requests if request["operation"] == "twilio.send_message"]
    assert sorted(each["To"] for each in sent) == NUMBERS[:6]
    assert {(each["From"], each["Body"]) for each in sent} == {(SENDER, "Hi")}
    seconds = [entry["seconds"] for entry in result["numbers"]]
    assert seconds[1] >= 1
    assert seconds[2:] == [None] * 4
    assert [door["state"] for door in result["receivers"]] == [door for *_more, door in GATEWAYS.values()]
    assert [door["status"] for door in result["receivers"]] == [401, 401, 401, 401, 403, 401]
    assert "t0ken" not in result.text
    # Each receiver gets one request without secrets; only Twilio sends the key.
    doors = [each for each in result.requests if each["operation"] == "receiver.text" and not each["fields"]]
    assert len(doors) == 6
    assert {(each["method"], str(each["query"]), each["authorized_as"]) for each in doors} == {("POST", "{}", None)}


def test_nothing_is_sent_without_verify_from(run: Run, sms: Sandbox) -> None:
    at = time.time() - 3600
    sms.add_message("+15557650000", NUMBERS[0], at=at - 60)
    sms.add_message("+15557650000", NUMBERS[0], at=at, body="private words")
    sms.add_message(NUMBERS[0], "+15557650000", direction="outbound-reply")
    sms.add_alert(error_code="11200", request_url=gateway("answers"), request_variables=f"To=%2B{NUMBERS[0][1:]}")
    result = run("twilio_sms_verify", phone_numbers=NUMBERS[:6])
    assert verdicts(result) == [("untried", None)] * 4 + [("refused", 403), ("refused", 401)]
    assert (result["changed"], result["texts_sent"], result.writes) == (False, 0, [])
    first = result["numbers"][0]
    assert first["last_text_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(at)))
    assert (first["errors"]["count"], first["errors"]["codes"]) == (1, {"11200": 1})
    assert result["numbers"][1]["last_text_at"] is None
    assert "private" not in result.text
    assert "5557650000" not in result.text


def test_check_mode_sends_nothing(run: Run, sms: Sandbox) -> None:
    result = run("twilio_sms_verify", check=True, phone_numbers=NUMBERS[:6], verify_from=SENDER)
    assert (result["changed"], result["texts_sent"]) == (True, 6)
    assert verdicts(result)[:4] == [("untried", None)] * 4
    assert result["numbers"][0]["msg"] == "a text would be sent"


def test_never_more_than_verify_max(run: Run, sms: Sandbox) -> None:
    """One of each webhook comes before a second of any."""
    more = NUMBERS[20:23]
    for number in more:
        sms.add_numbers({"phone_number": number, "sms_url": gateway("answers")})
    wanted = [*more, NUMBERS[3], SENDER]
    result = run("twilio_sms_verify", phone_numbers=wanted, verify_from=SENDER, verify_max=2, verify_timeout=5)
    assert [entry["verified"] for entry in result["numbers"]] == ["answered", "untried", "untried", "refused", "silent"]
    assert len([each for each in result.requests if each["operation"] == "twilio.send_message"]) == 2
    assert "verify_max" in result["numbers"][1]["msg"]
    none = run("twilio_sms_verify", phone_numbers=wanted, verify_from=SENDER, verify_max=0)
    assert none.writes == []


def test_numbers_whose_texts_go_nowhere_get_none(run: Run, sms: Sandbox) -> None:
    for number, values in zip(
        NUMBERS[10:],
        (
            {"sms_url": ""},
            {"sms_url": gateway("answers"), "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False}},
            {"sms_url": gateway("answers")},
            {"sms_url": gateway("answers")},
            {"sms_url": gateway("answers")},
        ),
        strict=False,
    ):
        sms.add_numbers({"phone_number": number, **values})
    dropping = sms.add_service(pool=[NUMBERS[12]], friendly_name="dropping")
    sms.add_address(NUMBERS[13])
    sms.add_service(pool=[NUMBERS[0]], inbound_request_url=gateway("never"))
    wanted = [*NUMBERS[10:15], NUMBERS[25], NUMBERS[0]]
    result = run(
        "twilio_sms_verify",
        phone_numbers=wanted,
        verify_from=SENDER,
        verify_timeout=1,
        silent={NUMBERS[14]: "its texts go to somebody else"},
    )
    assert verdicts(result) == [("silent", None)] * 5 + [("untried", None), ("received", None)]
    messages = [entry["msg"] for entry in result["numbers"]]
    for word, message in zip(
        ("no webhook", "no SMS capability", dropping["sid"], "Conversations", "somebody else", "20404", "accepted"),
        messages,
        strict=True,
    ):
        assert word in message
    assert [entry["failed"] for entry in result["numbers"]] == [False] * 5 + [True, False]
    assert [each["To"] for each in result.writes] == [NUMBERS[0]]
    assert [door["receiver"] for door in result["receivers"]] == ["https://never.example.com/sms.receiver/SmsRecv"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ({"phone_numbers": ["12"]}, "bad_phone_number", "12"),
        ({"phone_numbers": []}, "bad_phone_number", "empty"),
        ({"phone_numbers": NUMBERS[:1], "verify_from": "me"}, "bad_phone_number", "verify_from"),
        ({"phone_numbers": NUMBERS[:1], "verify_from": "+15559999999"}, "bad_verify_from", "+15559999999"),
        ({"phone_numbers": NUMBERS[:1], "verify_from": NUMBERS[20]}, "bad_verify_from", "text each other"),
        ({"phone_numbers": NUMBERS[:1], "verify_from": NUMBERS[21]}, "bad_verify_from", "demo.twilio.com"),
        ({"phone_numbers": NUMBERS[:1], "verify_timeout": 0}, "bad_timeout", "verify_timeout"),
        ({"phone_numbers": NUMBERS[:1], "verify_timeout": 1e9}, "bad_timeout", "verify_timeout"),
        ({"phone_numbers": NUMBERS[:1], "verify_max": -1}, "bad_verify_max", "verify_max"),
        ({"phone_numbers": NUMBERS[:1], "verify_body": " "}, "bad_verify_body", "verify_body"),
        ({"phone_numbers": NUMBERS[:1], "alert_days": 31}, "bad_alert_days", "alert_days"),
    ],
)
def test_what_is_refused_before_a_text_is_sent(
    run: Run, sms: Sandbox, arguments: dict[str, Any], code: str, word: str
) -> None:
    sms.add_numbers({"phone_number": NUMBERS[20], "sms_url": gateway("answers")})
    sms.add_numbers({"phone_number": NUMBERS[21], "sms_url": "https://demo.twilio.com/welcome/sms/reply"})
    result = run("twilio_sms_verify", **arguments)
    assert result["failed"]
    assert result["failure"]["code"] == code
    assert word in result["msg"]
    assert result.writes == []


def test_a_text_is_never_sent_twice(run: Run, sms: Sandbox) -> None:
    """If the answer to a text is lost, the text is looked up; a refused text was not sent."""
    sms.fault("twilio.send_message", mode="reset_after", match=NUMBERS[0])
    sms.fault("twilio.send_message", mode="reset_before", match=NUMBERS[2])
    sms.fault("twilio.send_message", status=400, code=21610, match=NUMBERS[3])
    sms.fault("twilio.list_messages", status=500, skip=12, times=5)
    chosen = [NUMBERS[0], NUMBERS[2], NUMBERS[3]]
    result = run("twilio_sms_verify", phone_numbers=chosen, verify_from=SENDER, verify_timeout=3)
    assert [entry["verified"] for entry in result["numbers"]] == ["answered", "silent", "untried"]
    assert [entry["failed"] for entry in result["numbers"]] == [False, False, True]
    assert "21610" in result["numbers"][2]["msg"]
    assert sorted(each["To"] for each in result.writes) == chosen


def test_fallbacks_and_answers_that_are_lost(run: Run, sms: Sandbox) -> None:
    sms.change("twilio", "numbers", NUMBERS[3], sms_fallback_url=gateway("answers"))
    sms.change("twilio", "numbers", NUMBERS[4], sms_fallback_url=gateway("bare"))
    sms.change("twilio", "numbers", NUMBERS[5], sms_fallback_url=gateway("never"))
    result = run("twilio_sms_verify", phone_numbers=NUMBERS[3:6], verify_from=SENDER, verify_timeout=2)
    assert verdicts(result) == [("answered", 503), ("refused", 403), ("received", 401)]
    assert "by the fallback" in result["numbers"][2]["msg"]
    sms.settings(answers_blocked=True)
    lost = run("twilio_sms_verify", phone_numbers=NUMBERS[:1], verify_from=SENDER, verify_timeout=5)
    assert verdicts(lost) == [("received", None)]
    assert "30034" in lost["numbers"][0]["msg"]


def test_whether_answers_can_get_out(run: Run, sms: Sandbox) -> None:
    account = sms.environment["TWILIO_ACCOUNT_SID"]
    numbers = {
        name: sms.add_numbers({"phone_number": number, "sms_url": gateway("answers")})[0]
        for name, number in {
            "alone": "+12125550001",
            "registered": "+12125550002",
            "pending": "+12125550003",
            "unregistered": "+12125550004",
            "canadian": "+14165550001",
            "british": "+447700900001",
            "german": "+4915550000001",
            "nowhere": "+81355500001",
            "approved": "+18005550001",
            "rejected": "+18335550001",
            "unverified": "+18885550001",
            "bahamian": "+12425550001",
        }.items()
    }
    for name, status in (("registered", "VERIFIED"), ("pending", "IN_PROGRESS"), ("unregistered", None)):
        service = sms.add_service(pool=[numbers[name]["sid"]], use_inbound_webhook_on_number=True, friendly_name=name)
        if status:
            sms.add_campaign(service["sid"], campaign_status=status)
    sms.add_verification(numbers["approved"]["sid"])
    sms.add_verification(numbers["rejected"]["sid"], status="TWILIO_REJECTED")
    sms.change("twilio", "accounts", account, geo_blocked=["DE"])
    result = run(
        "twilio_sms_verify", phone_numbers=[each["phone_number"] for each in numbers.values()], verify_replies=True
    )
    told = {
        name: (entry["replies"], entry["replies_msg"]) for name, entry in zip(numbers, result["numbers"], strict=True)
    }
    for name, (status, word) in {
        "alone": ("blocked", "30034"),
        "registered": ("ok", "registered"),
        "pending": ("blocked", "IN_PROGRESS"),
        "unregistered": ("blocked", "no A2P"),
        "canadian": ("ok", ""),
        "british": ("ok", ""),
        "german": ("blocked", "21408"),
        "nowhere": ("unknown", "geo permissions"),
        "approved": ("ok", "approved"),
        "rejected": ("blocked", "TWILIO_REJECTED"),
        "unverified": ("blocked", "30032"),
        "bahamian": ("ok", ""),
    }.items():
        assert told[name][0] == status, (name, told[name])
        assert word in told[name][1]
    assert result.writes == []


def test_what_credentials_may_not_read_is_said(run: Run, sms: Sandbox) -> None:
    key = sms.add_twilio_key(kind="restricted", permissions=["twilio.list_numbers", "twilio.send_message"])
    access = {"api_key_sid": key["sid"], "api_key_secret": key["secret"]}
    result = run("twilio_sms_verify", phone_numbers=["+12125550001", NUMBERS[0]], verify_replies=True, **access)
    assert not result.get("failed")
    assert [(entry["verified"], entry["replies"]) for entry in result["numbers"]] == [("untried", "unknown")] * 2
    assert any("last texts" in warning for warning in result.warnings)
    refused = run("twilio_sms_verify", phone_numbers=NUMBERS[:1], verify_from=SENDER, **access)
    assert refused["failed"]
    assert refused.writes == []  # what became of a text could not be seen


def test_literal_webhooks_are_not_asked(run: Run, sms: Sandbox) -> None:
    """If the path or the query is the secret, a request would deliver a message."""
    sms.settings(receivers={"assistant.example.com": {}, "expired.example.com": {}})
    sms.change("twilio", "numbers", NUMBERS[0], sms_url="https://assistant.example.com/sms.receiver/SmsRecv?t=t0ken-1")
    sms.change("twilio", "numbers", NUMBERS[1], sms_url="https://expired.example.com/t0ken-2")
    sms.change("twilio", "numbers", NUMBERS[2], sms_url="https://nowhere.example.com/t0ken-3")
    result = run("twilio_sms_verify", phone_numbers=NUMBERS[:3])
    assert verdicts(result) == [("untried", None), ("refused", None), ("untried", None)]
    assert [door["state"] for door in result["receivers"]] == ["open", "shut", "unknown"]
    assert "certificate" in result["numbers"][1]["msg"]
    assert "nowhere.example.com could not be reached" in result["numbers"][2]["msg"]
    assert not [each for each in result.requests if each["cloud"] == "receiver"]
    shown = str([result["receivers"], [(each["msg"], each["receiver"]) for each in result["numbers"]]])
    assert "t0ken" not in shown
