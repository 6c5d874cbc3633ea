# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other things at Twilio that can hold a webhook, the credentials that can read them, and late lists."""

from __future__ import annotations

from typing import Any

import pytest

PHONE = "+15550100001"
SOUTH = "sms-south.voiceagent.cloud.ibm.com"


@pytest.fixture
def sub(box: Any, twilio: Any) -> dict[str, Any]:
    added: dict[str, Any] = box.add_twilio_account(owner_account_sid=twilio.account)
    return added


# ---- whose credentials ----


def test_the_list_of_accounts_has_tokens_for_an_auth_token_only(
    box: Any, twilio: Any, sub: dict[str, Any], as_user: Any
) -> None:
    rows = twilio.get("/2010-04-01/Accounts.json").json()["accounts"]
    assert {row["sid"]: row["auth_token"] for row in rows}[sub["sid"]] == sub["auth_token"]
    for kind, status in (("main", 200), ("standard", 401), ("restricted", 403)):
        key = box.add_twilio_key(account_sid=twilio.account, kind=kind)
        answer = as_user(twilio.account, key["sid"], key["secret"]).get("/2010-04-01/Accounts.json")
        assert answer.status_code == status
        assert sub["auth_token"] not in answer.text


@pytest.mark.parametrize("kind", ["main", "standard"])
def test_an_api_key_reaches_its_own_account_only(
    box: Any, twilio: Any, sub: dict[str, Any], as_user: Any, kind: str
) -> None:
    key = box.add_twilio_key(account_sid=twilio.account, kind=kind)
    assert as_user(twilio.account, key["sid"], key["secret"]).list().status_code == 200
    answer = as_user(sub["sid"], key["sid"], key["secret"]).list()
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert as_user(sub["sid"], twilio.account, box.environment["TWILIO_AUTH_TOKEN"]).list().status_code == 200


PRODUCTS = ["/v1/Services", "/v2/Channels/Senders?Channel=whatsapp", "/v1/Configuration/Addresses"]


@pytest.mark.parametrize("path", PRODUCTS)
def test_products_answer_for_the_credentials_own_account(
    box: Any, twilio: Any, sub: dict[str, Any], as_user: Any, path: str
) -> None:
    number = box.add_numbers({"phone_number": PHONE, "account_sid": sub["sid"]})[0]
    box.add_service(account_sid=sub["sid"], pool=[number["sid"]])
    box.add_sender(account_sid=sub["sid"])
    box.add_address(PHONE, account_sid=sub["sid"])

    def seen(client: Any) -> int:
        body = client("GET", path).json()
        return len(body[body["meta"]["key"]])

    assert (seen(twilio), seen(as_user(sub["sid"], sub["sid"], sub["auth_token"]))) == (0, 1)


def test_a_channel_must_be_named(twilio: Any) -> None:
    assert twilio.get("/v2/Channels/Senders").status_code == 400


def test_things_of_others_are_not_found(box: Any, twilio: Any, sub: dict[str, Any]) -> None:
    code = box.add_short_code(account_sid=sub["sid"])
    address = box.add_address(PHONE, account_sid=sub["sid"])
    service = box.add_service(account_sid=sub["sid"])
    for path in (
        f"/2010-04-01/Accounts/{twilio.account}/SMS/ShortCodes/{code['sid']}.json",
        f"/v1/Configuration/Addresses/{address['sid']}",
        f"/v1/Services/{service['sid']}",
    ):
        assert twilio("POST", path, data={"FriendlyName": "x"}).status_code == 404


# ---- updates ----


def test_updates(box: Any, twilio: Any) -> None:
    code, address, service = box.add_short_code(), box.add_address(PHONE), box.add_service()
    path = f"/2010-04-01/Accounts/{twilio.account}/SMS/ShortCodes/{code['sid']}.json"
    assert twilio("POST", path, data={"SmsUrl": "nonsense"}).json()["code"] == 21402
    assert twilio("POST", path, data={"SmsUrl": "https://a.example/", "VoiceUrl": "x"}).json()["sms_url"] != ""
    path = f"/v1/Services/{service['sid']}"
    form = {"InboundRequestUrl": "https://a.example/", "UseInboundWebhookOnNumber": "true"}
    answer = twilio("POST", path, data=form).json()
    assert (answer["inbound_request_url"], answer["use_inbound_webhook_on_number"]) == ("https://a.example/", True)
    assert twilio("POST", path, data={"InboundRequestUrl": ""}).json()["inbound_request_url"] is None
    path = f"/v1/Configuration/Addresses/{address['sid']}"
    assert twilio("POST", path, data={"AutoCreation.Enabled": "false"}).json()["auto_creation"]["enabled"] is False
    assert twilio("POST", path, data={"AutoCreation.Type": "Webhook"}).status_code == 400
    assert twilio("POST", path, data={"AutoCreation.WebhookMethod": "POST"}).status_code == 400


# ---- lists that lag behind, and changes that are not made ----


def test_a_list_lags_behind(box: Any, twilio: Any) -> None:
    number = box.add_numbers({"phone_number": PHONE, "sms_url": "https://old.example/"})[0]
    box.settings(twilio_list_lag=60)
    for url in ("https://new.example/", "https://newer.example/"):
        assert twilio.update(number["sid"], SmsUrl=url).json()["sms_url"] == url
    assert [row["sms_url"] for row in twilio.list().json()["incoming_phone_numbers"]] == ["https://old.example/"]
    assert twilio.fetch(number["sid"]).json()["sms_url"] == "https://newer.example/"


def test_a_list_is_empty_on_request(box: Any, twilio: Any, number: Any) -> None:
    box.fault("twilio.list_numbers", body="empty", skip=1)
    box.add_service(pool=[number["sid"]])
    box.fault("messaging.list_services", body="empty")
    assert [len(twilio.list(PageSize=1).json()["incoming_phone_numbers"]) for _time in range(3)] == [1, 0, 1]
    body = twilio.get("/v1/Services").json()
    assert (body["services"], body["meta"]["next_page_url"]) == ([], None)


def test_a_change_is_answered_and_not_made(box: Any, twilio: Any, number: Any) -> None:
    box.fault("twilio.update_number", body="unheeded")
    answers = [twilio.update(number["sid"], SmsUrl="https://new.example/") for _time in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["sms_url"] for answer in answers] == ["", "https://new.example/"]
    assert [write["fields"] for write in box.writes()] == [{"SmsUrl": "https://new.example/"}] * 2


# ---- a text's way ----


def url_of(key: dict[str, Any], fragment: str = "") -> str:
    return f"https://apikey:{key['api_key']['value']}@{SOUTH}/sms.receiver/SmsRecv{fragment}"


@pytest.mark.parametrize(
    ("service", "handled_by", "delivered"),
    [
        (None, "short_code", True),
        ({"use_inbound_webhook_on_number": True}, "short_code", True),
        ({"inbound_request_url": "SOUTH"}, "messaging_service", True),
        ({}, "dropped", False),
    ],
)
def test_a_short_code(box: Any, agent: Any, service: dict[str, Any] | None, handled_by: str, delivered: bool) -> None:
    url = url_of(box.add_key(agent["guid"]))
    box.add_short_code("99990", sms_url=url)
    if service is not None:
        box.add_service(short_codes=["99990"], **{name: url if to == "SOUTH" else to for name, to in service.items()})
    outcome = box.text("99990")
    assert (outcome["handled_by"], outcome["delivered"]) == (handled_by, delivered)


def test_a_conversation_with_a_webhook_calls_it(box: Any, agent: Any, number: Any) -> None:
    url = url_of(box.add_key(agent["guid"]))
    box.add_address(PHONE, auto_creation_type="webhook", auto_creation_webhook_url=url)
    assert (box.text(PHONE)["handled_by"], len(box.texts())) == ("conversation", 2)


@pytest.mark.parametrize(
    ("fragment", "failures", "delivered"),
    [
        ("", 1, False),
        ("#rc=2", 1, False),
        ("#rp=5xx", 1, True),
        ("#rp=5xx", 2, False),
        ("#rc=2&rp=ct,5xx", 2, True),
        ("#rc=0&rp=5xx", 1, False),
    ],
)
def test_a_text_is_tried_again_as_the_fragment_says(
    box: Any, agent: Any, number: Any, fragment: str, failures: int, delivered: bool
) -> None:
    box.change("twilio", "numbers", PHONE, sms_url=url_of(box.add_key(agent["guid"]), fragment))
    box.fault("receiver.text", status=503, times=failures)
    assert box.text(PHONE)["delivered"] is delivered
