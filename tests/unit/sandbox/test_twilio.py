# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio in the sandbox: numbers, accounts, credentials, services, addresses, alerts."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest
import requests

UNKNOWN = "0" * 32


def error(response: requests.Response) -> tuple[int, int]:
    body = response.json()
    assert body["status"] == response.status_code
    assert body["more_info"].endswith(str(body["code"]))
    return response.status_code, body["code"]


def phones(response: requests.Response) -> list[str]:
    return [row["phone_number"] for row in response.json()["incoming_phone_numbers"]]


# --- credentials ---


def test_wrong_credentials(twilio: Any, as_user: Any, number: Any) -> None:
    for user, password in ((twilio.account, "x"), ("AC" + UNKNOWN, "x"), ("SK" + UNKNOWN, "x"), ("", "")):
        assert error(as_user(twilio.account, user, password).fetch(number["sid"])) == (401, 20003)
    assert error(as_user("None", "", "").list()) == (401, 20003)
    twilio.session.auth = None
    assert error(twilio.list()) == (401, 20003)


def test_an_api_key_needs_the_account_in_the_path(box: Any, twilio: Any, as_user: Any) -> None:
    key = box.add_twilio_key()
    assert as_user(twilio.account, key["sid"], key["secret"]).list().status_code == 200
    assert error(as_user(key["sid"], key["sid"], key["secret"]).list()) == (401, 20003)


def test_kinds_of_api_keys(box: Any, twilio: Any, as_user: Any, number: Any) -> None:
    def client(**values: Any) -> Any:
        key = box.add_twilio_key(**values)
        return as_user(twilio.account, key["sid"], key["secret"])

    accounts = "/2010-04-01/Accounts.json"
    assert client(kind="main").get(accounts).status_code == 200
    assert error(client(kind="standard").get(accounts)) == (401, 20003)
    assert error(client(kind="restricted").list()) == (403, 70051)
    reader = client(kind="restricted", permissions=["twilio.list_*", "twilio.fetch_number"])
    assert reader.list().status_code == 200
    assert error(reader.update(number["sid"], SmsUrl="")) == (403, 70051)


def test_a_parent_works_on_its_subaccounts_but_not_the_other_way(box: Any, twilio: Any, as_user: Any) -> None:
    sub = box.add_twilio_account(owner_account_sid=twilio.account)
    number = box.add_numbers({"phone_number": "+15550109999", "account_sid": sub["sid"]})[0]
    parent = as_user(sub["sid"], *twilio.session.auth)
    child = as_user(sub["sid"], sub["sid"], sub["auth_token"])
    assert phones(twilio.list()) == []
    assert error(twilio.fetch(number["sid"])) == (404, 20404)
    assert phones(parent.list()) == phones(child.list()) == ["+15550109999"]
    assert parent.update(number["sid"], SmsUrl="https://a.example/").status_code == 200
    assert error(as_user(twilio.account, sub["sid"], sub["auth_token"]).list()) == (401, 20003)
    stranger = box.add_twilio_account()
    assert error(as_user(sub["sid"], stranger["sid"], stranger["auth_token"]).list()) == (401, 20003)


def test_newer_apis_answer_for_the_credentials_own_account(box: Any, twilio: Any, as_user: Any) -> None:
    sub = box.add_twilio_account(owner_account_sid=twilio.account)
    service = box.add_service(account_sid=sub["sid"])
    box.add_address("+15550109999", account_sid=sub["sid"])
    child = as_user(sub["sid"], sub["sid"], sub["auth_token"])
    assert twilio.get("/v1/Services").json()["services"] == []
    assert len(child.get("/v1/Services").json()["services"]) == 1
    assert error(twilio.get(f"/v1/Services/{service['sid']}")) == (404, 20404)
    assert error(twilio.get("/v1/Configuration/Addresses/%2B15550109999")) == (404, 20404)
    assert child.get("/v1/Configuration/Addresses/%2B15550109999").status_code == 200


def test_a_suspended_account_is_closed(box: Any, twilio: Any) -> None:
    box.change("twilio", "accounts", twilio.account, status="suspended")
    assert error(twilio.list()) == (403, 20403)
    assert error(twilio.get("/v1/Services")) == (403, 20403)


def test_accounts(box: Any, twilio: Any) -> None:
    sub = box.add_twilio_account(owner_account_sid=twilio.account, friendly_name="shop")
    box.add_twilio_account(friendly_name="strangers")
    listed = twilio.get("/2010-04-01/Accounts.json").json()["accounts"]
    assert [row["sid"] for row in listed] == [twilio.account, sub["sid"]]
    named = twilio.get("/2010-04-01/Accounts.json", FriendlyName="shop").json()["accounts"]
    assert [row["owner_account_sid"] for row in named] == [twilio.account]
    own = twilio.get(f"/2010-04-01/Accounts/{twilio.account}.json").json()
    assert (own["owner_account_sid"], own["auth_token"]) == (twilio.account, twilio.session.auth[1])


# --- lists and look-ups ---


def test_lists_are_paged(box: Any, twilio: Any) -> None:
    added = [row["phone_number"] for row in box.add_numbers(count=120, prefix="+1555")]
    first = twilio.list().json()
    assert (first["page_size"], first["start"], first["end"], first["previous_page_uri"]) == (50, 0, 49, None)
    assert first["next_page_uri"].startswith("/2010-04-01/")
    found, uri, count = [], first["uri"], 0
    while uri:
        page = twilio.get(uri).json()
        found += [row["phone_number"] for row in page["incoming_phone_numbers"]]
        uri, count = page["next_page_uri"], count + 1
    assert (found, count) == (added, 3)
    assert page["previous_page_uri"].startswith("/2010-04-01/")
    assert phones(twilio.get(page["previous_page_uri"])) == added[50:100]
    assert phones(twilio.list(PageSize=1000)) == added
    assert phones(twilio.list(PageSize=50, Page=1)) == added[50:100]


@pytest.mark.parametrize("query", [{"PageSize": 1001}, {"PageSize": 0}, {"Page": "x"}, {"PageToken": "PAx"}])
def test_bad_pages(twilio: Any, number: Any, query: dict[str, Any]) -> None:
    assert twilio.list(**query).status_code == 400


def test_a_page_has_no_member_that_the_sdk_does_not_know(twilio: Any) -> None:
    known = {"first_page_uri", "next_page_uri", "previous_page_uri", "uri", "start", "end", "page", "page_size"}
    assert set(twilio.list().json()) == known | {"incoming_phone_numbers"}


def test_a_look_up_is_not_exact(box: Any, twilio: Any) -> None:
    box.add_numbers(
        [{"phone_number": "+1888333444"}, {"phone_number": "+18883334445"}, {"phone_number": "+18005550000"}]
    )
    assert phones(twilio.list(PhoneNumber="+1888333444")) == ["+1888333444", "+18883334445"]
    assert phones(twilio.list(PhoneNumber="3334445")) == ["+18883334445"]
    assert phones(twilio.list(PhoneNumber="+1888***4445")) == ["+18883334445"]
    assert phones(twilio.list(PhoneNumber="+1999")) == []


def test_filters(box: Any, twilio: Any) -> None:
    box.add_numbers(
        [{"phone_number": "+15550000001", "origin": "hosted"}, {"phone_number": "+15550000002", "beta": True}]
    )
    box.change("twilio", "numbers", "+15550000001", friendly_name="shop")
    assert phones(twilio.list(Origin="hosted")) == ["+15550000001"]
    assert phones(twilio.list(FriendlyName="shop")) == ["+15550000001"]
    assert phones(twilio.list(Beta="true")) == ["+15550000002"]


def test_a_number_that_is_not_there(twilio: Any, box: Any) -> None:
    assert error(twilio.fetch("PN" + UNKNOWN)) == (404, 20404)
    assert error(twilio.update("PN" + UNKNOWN, SmsUrl="")) == (404, 20404)


def test_unset_is_an_empty_text_or_null(twilio: Any, number: Any) -> None:
    body = twilio.fetch(number["sid"]).json()
    assert [body[name] for name in ("sms_url", "sms_fallback_url", "sms_application_sid")] == ["", "", ""]
    assert [body[name] for name in ("voice_url", "trunk_sid", "bundle_sid")] == [None, None, None]
    assert body["capabilities"] == {"voice": True, "sms": True, "mms": True, "fax": False}
    assert (body["sms_method"], body["status"], body["type"]) == ("POST", "in-use", "local")


# --- updates ---


def test_only_what_is_sent_changes(box: Any, twilio: Any, number: Any) -> None:
    before = twilio.fetch(number["sid"]).json()
    after = twilio.update(number["sid"], SmsUrl="https://u:p@a.example/x#rc=2", SmsMethod="GET", Nonsense="1").json()
    assert after == {**before, "sms_url": "https://u:p@a.example/x#rc=2", "sms_method": "GET"} | {
        "date_updated": after["date_updated"]
    }
    assert twilio.update(number["sid"]).json()["sms_url"] == "https://u:p@a.example/x#rc=2"


def test_an_empty_text_clears(box: Any, twilio: Any) -> None:
    application = box.add_application(sms_url="https://a.example/")
    number = box.add_numbers(
        {
            "phone_number": "+15550000001",
            "sms_url": "https://b.example/",
            "sms_application_sid": application["sid"],
            "voice_url": "https://c.example/",
        }
    )[0]
    cleared = twilio.update(number["sid"], SmsUrl="", SmsApplicationSid="", SmsMethod="", VoiceUrl="").json()
    assert (cleared["sms_url"], cleared["sms_application_sid"], cleared["sms_method"]) == ("", "", "POST")
    assert cleared["voice_url"] is None


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"SmsUrl": "ftp://a.example/"}, 21402),
        ({"SmsUrl": "a.example/x"}, 21402),
        ({"SmsUrl": "https:///x"}, 21402),
        ({"SmsUrl": "https://a.example/a b"}, 21402),
        ({"SmsUrl": "https://a.example:port/"}, 21402),
        ({"SmsUrl": "https://a.example/" + "x" * 4000}, 21402),
        ({"SmsFallbackUrl": "nonsense"}, 21402),
        ({"StatusCallback": "nonsense"}, 21609),
        ({"SmsMethod": "PUT"}, 21502),
        ({"SmsMethod": "post"}, 21502),
        ({"SmsFallbackMethod": "x"}, 21502),
        ({"SmsApplicationSid": "nonsense"}, 21218),
        ({"SmsApplicationSid": "AP" + UNKNOWN}, 21218),
        ({"FriendlyName": "x" * 65}, 20001),
    ],
)
def test_bad_values_change_nothing(twilio: Any, number: Any, form: dict[str, str], code: int) -> None:
    before = twilio.fetch(number["sid"]).json()
    assert error(twilio.update(number["sid"], **{"FriendlyName": "new", **form})) == (400, code)
    assert twilio.fetch(number["sid"]).json() == before


def test_the_message_about_a_bad_url_repeats_it(twilio: Any, number: Any) -> None:
    answer = twilio.update(number["sid"], SmsUrl="htps://apikey:secret@a.example/")
    assert "apikey:secret" in answer.json()["message"]


def test_an_application_of_another_account(box: Any, twilio: Any, number: Any) -> None:
    other = box.add_application(account_sid=box.add_twilio_account()["sid"])
    assert error(twilio.update(number["sid"], SmsApplicationSid=other["sid"])) == (400, 21218)


@pytest.mark.parametrize(
    ("values", "code"),
    [({"bundle_required": True}, 21631), ({"address_required": True}, 21613), ({"origin": "hosted"}, 22105)],
)
def test_numbers_with_conditions(box: Any, twilio: Any, values: dict[str, Any], code: int) -> None:
    number = box.add_numbers({"phone_number": "+15550000001", **values})[0]
    url = "nonsense" if code == 22105 else "https://a.example/"
    assert error(twilio.update(number["sid"], SmsUrl=url)) == (400, code)


def test_other_verbs_are_refused_and_logged_as_writes(box: Any, twilio: Any, number: Any) -> None:
    assert error(twilio("PUT", f"{twilio.numbers}/{number['sid']}.json")) == (405, 20004)
    assert error(twilio("POST", f"/2010-04-01/Accounts/{twilio.account}/Calls.json")) == (404, 20404)
    assert [request["operation"] for request in box.writes()] == ["unknown", "unknown"]


def test_what_must_never_happen_happens_loudly(box: Any, twilio: Any, number: Any) -> None:
    sub = box.add_twilio_account(owner_account_sid=twilio.account)
    assert error(twilio.update(number["sid"], AccountSid="AC" + UNKNOWN)) == (404, 20404)
    assert box.summary()["alarms"] == []
    moved = twilio.update(number["sid"], AccountSid=sub["sid"])
    assert moved.json()["account_sid"] == sub["sid"]
    assert error(twilio.fetch(number["sid"])) == (404, 20404)
    bought = twilio("POST", f"{twilio.numbers}.json", data={"AreaCode": "510"})
    assert bought.status_code == 201
    assert bought.json()["sms_url"] == "https://demo.twilio.com/welcome/sms/reply"
    assert twilio("DELETE", f"{twilio.numbers}/{bought.json()['sid']}.json").status_code == 204
    assert phones(twilio.list()) == []
    assert [alarm.split()[0] for alarm in box.summary()["alarms"]] == ["MOVED", "BOUGHT", "RELEASED"]
    assert "ALARM" in box.output()


# --- Messaging, Conversations, Monitor ---


def test_services_and_pools(box: Any, twilio: Any) -> None:
    inside, outside = box.add_numbers(count=2)
    service = box.add_service(pool=[inside["phone_number"]], inbound_request_url="https://u:p@a.example/")
    path = f"/v1/Services/{service['sid']}"
    body = twilio.get(path).json()
    assert (body["use_inbound_webhook_on_number"], body["inbound_request_url"]) == (False, "https://u:p@a.example/")
    listed = twilio.get("/v1/Services").json()
    assert listed["services"] == [body]
    assert (listed["meta"]["key"], listed["meta"]["page_size"]) == ("services", 50)
    member = twilio.get(f"{path}/PhoneNumbers").json()["phone_numbers"][0]
    assert member["capabilities"] == ["Voice", "SMS", "MMS"]
    assert twilio.get(f"{path}/PhoneNumbers/{inside['sid']}").json() == member
    assert error(twilio.get(f"{path}/PhoneNumbers/{outside['sid']}")) == (404, 20404)
    updated = twilio("POST", path, data={"UseInboundWebhookOnNumber": "true", "InboundRequestUrl": ""}).json()
    assert (updated["use_inbound_webhook_on_number"], updated["inbound_request_url"]) == (True, None)
    assert error(twilio("POST", path, data={"InboundRequestUrl": "x"})) == (400, 21402)


def test_newer_apis_page_with_absolute_urls(box: Any, twilio: Any) -> None:
    numbers = box.add_numbers(count=120)
    service = box.add_service(pool=[number["sid"] for number in numbers])
    found, url = [], f"{box.url}/v1/Services/{service['sid']}/PhoneNumbers"
    while url:
        assert url.startswith(box.url)
        page = twilio.get(url.removeprefix(box.url)).json()
        found += [row["sid"] for row in page["phone_numbers"]]
        url = page["meta"]["next_page_url"]
    assert found == [number["sid"] for number in numbers]


def test_addresses(box: Any, twilio: Any) -> None:
    address = box.add_address("+15550000001")
    box.add_address("whatsapp:+15550000001", type="whatsapp", auto_creation_enabled=False)
    for name in (address["sid"], quote("+15550000001", safe="")):
        found = twilio.get(f"/v1/Configuration/Addresses/{name}").json()
        assert (found["address"], found["auto_creation"]["enabled"]) == ("+15550000001", True)
    assert error(twilio.get("/v1/Configuration/Addresses/%2B15550000002")) == (404, 20404)
    listed = twilio.get("/v1/Configuration/Addresses", Type="sms").json()["address_configurations"]
    assert [row["sid"] for row in listed] == [address["sid"]]
    assert error(twilio.get("/v1/Configuration/Addresses", PageSize=51)) == (400, 20007)


def test_alerts_of_thirty_days(box: Any, twilio: Any) -> None:
    now = time.time()
    day = 86400
    box.add_alert(error_code="11200", at=now - day, request_url="https://u:p@a.example/")
    box.add_alert(error_code="11205", at=now - 10 * day, log_level="warning")
    box.add_alert(error_code="11210", at=now - 31 * day)

    def codes(**query: Any) -> list[str]:
        return [alert["error_code"] for alert in twilio.get("/v1/Alerts", **query).json()["alerts"]]

    def date(days: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(now - days * day))

    assert codes() == ["11200", "11205"]
    assert codes(LogLevel="error") == ["11200"]
    assert codes(StartDate=date(60)) == ["11200", "11205"]
    assert codes(StartDate=date(5)) == ["11200"]
    assert codes(EndDate=date(5)) == ["11205"]
    assert twilio.get("/v1/Alerts", StartDate="yesterday").status_code == 400
    alert = twilio.get("/v1/Alerts").json()["alerts"][0]
    assert "response_body" not in alert
    assert "response_body" in twilio.get(f"/v1/Alerts/{alert['sid']}").json()
