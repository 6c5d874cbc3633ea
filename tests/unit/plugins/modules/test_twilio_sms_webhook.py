# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.running import Run

from ansible_collections.voiceagent.sms.plugins.module_utils._http.pace import READERS
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import from_text
from sandbox.client import Sandbox

MODULE = "twilio_sms_webhook"
ONE, TWO, THREE, FOUR = (f"+1555010000{digit}" for digit in "1234")
URL = "https://apikey:hidden-new@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
OLD = "https://apikey:hidden-old@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
OTHER = "https://u:hidden-other@elsewhere.example/x?token=hidden-token"
SHOWN = URL.replace("hidden-new", "***")
APPLICATION = "AP" + "0" * 32


@pytest.fixture
def add(box: Sandbox) -> Any:
    """Return a function that adds numbers with the same values."""
    return lambda *numbers, **values: box.add_numbers([{"phone_number": number, **values} for number in numbers])


def sms(box: Sandbox, number: str) -> tuple[str, str, str, str]:
    row = box.number(number)
    return row["sms_url"], row["sms_method"], row["sms_fallback_url"], row["sms_application_sid"]


def statuses(result: Any) -> dict[str, str]:
    return {entry["phone_number"]: entry["status"] for entry in result["numbers"]}


# ---- present ----


def test_present(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=OLD, voice_url="https://voice.example/")
    add(TWO, sms_url=URL)
    add(THREE)
    options: dict[str, Any] = {"phone_numbers": [THREE, ONE, TWO], "url": URL}
    dry = run(MODULE, **options, check=True)
    done = run(MODULE, **options)
    assert done["diff"] == dry["diff"]
    assert done["numbers"] == dry["numbers"]
    assert done["changed"] is dry["changed"] is True
    assert statuses(done) == {THREE: "changed", ONE: "changed", TWO: "unchanged"}
    assert [entry["phone_number"] for entry in done["numbers"]] == [THREE, ONE, TWO]
    assert done["summary"] == {"changed": 2, "unchanged": 1, "overridden": 0, "failed": 0}
    assert done.writes == [{"SmsUrl": URL}] * 2, "what differs, in one update each"
    assert [sms(box, number)[0] for number in (ONE, TWO, THREE)] == [URL] * 3
    assert box.number(ONE)["voice_url"] == "https://voice.example/"
    assert "hidden" not in done.text

    entry = done["numbers"][1]
    assert entry["sid"] == box.number(ONE)["sid"]
    assert (entry["changed"], entry["overridden_by"]) == (True, None)
    assert entry["before"] == entry["after"], "the password alone differs, and it is not shown"
    assert entry["after"]["url"] == SHOWN
    assert done["diff"][1]["before"] != done["diff"][1]["after"], "yet the diff says so"

    again = run(MODULE, **options)
    assert (again["changed"], again.writes, again["diff"]) == (False, [], [])
    assert again["summary"]["unchanged"] == 3


def test_all_that_differs_goes_into_one_update(run: Run, box: Sandbox, add: Any) -> None:
    box.add_application(sid=APPLICATION, sms_url=OTHER)
    add(ONE, sms_url=OTHER, sms_method="GET", sms_application_sid=APPLICATION)
    result = run(MODULE, phone_number=ONE, url=URL, fallback_url=OTHER, fallback_method="GET")
    fields = {"SmsUrl": URL, "SmsMethod": "POST", "SmsFallbackUrl": OTHER, "SmsFallbackMethod": "GET"}
    assert result.writes == [{**fields, "SmsApplicationSid": ""}]
    assert sms(box, ONE) == (URL, "POST", OTHER, "")
    assert result["numbers"][0]["before"]["application_sid"] == APPLICATION
    assert result["numbers"][0]["before"]["url"] == "https://u:***@elsewhere.example/x?token=***"
    assert result["numbers"][0]["after"]["fallback_url"] == "https://u:***@elsewhere.example/x?token=***"
    assert run(MODULE, phone_number=ONE, url=URL)["changed"] is False, "a fallback that is not given is not managed"
    assert run(MODULE, phone_number=ONE, url=URL, fallback_url="").writes == [{"SmsFallbackUrl": ""}]


def test_any_notation_means_the_same_number(run: Run, add: Any) -> None:
    add(ONE)
    given = ["+1 (555) 010-0001", 15550100001, "1.555.010.0001", ONE]
    result = run(MODULE, phone_numbers=given, url=URL)
    assert statuses(result) == {ONE: "changed"}
    assert len(result.writes) == 1
    assert run(MODULE, phone_number=15550100001, url=URL)["changed"] is False


def test_connection_overrides_in_the_fragment_stay(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=OLD + "#rc=2")
    assert run(MODULE, phone_number=ONE, url=URL).writes == [{"SmsUrl": URL + "#rc=2"}]
    assert run(MODULE, phone_number=ONE, url=URL)["changed"] is False


def test_groups_with_webhooks_of_their_own(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, THREE)
    groups = [{"phone_numbers": [ONE, THREE], "url": URL}, {"phone_numbers": [TWO], "url": OTHER, "method": "GET"}]
    result = run(MODULE, webhooks=groups)
    assert [sms(box, number)[:2] for number in (ONE, TWO, THREE)] == [(URL, "POST"), (OTHER, "GET"), (URL, "POST")]
    assert result.operations.count("twilio.list_numbers") == 1
    assert "hidden" not in result.text


def test_the_account_is_listed_once_for_many_numbers(run: Run, box: Sandbox) -> None:
    numbers = [row["phone_number"] for row in box.add_numbers(count=50)]
    result = run(MODULE, phone_numbers=numbers, url=URL)
    assert len(result.writes) == 50
    assert len(result.requests) == 50 + 3, "the list, the services and the address configurations"


# ---- absent ----


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({}, {ONE: {"SmsUrl": "", "SmsFallbackUrl": ""}, TWO: {"SmsUrl": ""}}),
        ({"url": URL}, {ONE: {"SmsUrl": ""}}),
        ({"url": URL, "fallback_url": OTHER}, {ONE: {"SmsUrl": "", "SmsFallbackUrl": ""}, TWO: {"SmsUrl": ""}}),
        ({"url": "https://nowhere.example/"}, {}),
    ],
)
def test_absent(run: Run, box: Sandbox, add: Any, options: dict, written: dict[str, dict[str, str]]) -> None:
    add(ONE, sms_url=OLD + "#rc=2", sms_fallback_url=OTHER)
    add(TWO, sms_url=OTHER)
    add(THREE)
    arguments = {"phone_numbers": [ONE, TWO, THREE], "state": "absent", **options}
    dry = run(MODULE, **arguments, check=True)
    done = run(MODULE, **arguments)
    assert done["diff"] == dry["diff"]
    assert [entry["phone_number"] for entry in done["numbers"] if entry["changed"]] == list(written)
    assert sorted(map(str, done.writes)) == sorted(map(str, written.values()))
    # Without a URL it is not known which services to clear.
    assert ("messaging.list_services" in done.operations) is ("url" in options)
    assert run(MODULE, **arguments).writes == []


# ---- numbers that fail ----


def test_a_number_that_fails_does_not_stop_the_others(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, THREE)
    add(TWO, bundle_required=True, sms_url=OLD)
    box.add_numbers([{"phone_number": FOUR, "capabilities": {"voice": True, "sms": False}}])
    unknown = "+15559999999"
    result = run(MODULE, phone_numbers=[ONE, TWO, unknown, FOUR, THREE], url=URL)
    assert result.code == "numbers_failed"
    assert statuses(result) == {ONE: "changed", TWO: "failed", unknown: "failed", FOUR: "failed", THREE: "changed"}
    assert result["changed"] is True
    assert result["summary"] == {"changed": 2, "unchanged": 0, "overridden": 0, "failed": 3}
    assert all(text in result["msg"] for text in (TWO, "21631", unknown, "20404", FOUR, "no SMS capability", "3 of 5"))
    failed = result["numbers"][1]
    assert (failed["changed"], failed["before"]) == (False, failed["after"])
    assert [sms(box, number)[0] for number in (ONE, TWO, THREE)] == [URL, OLD, URL]
    assert len(result.writes) == 3
    assert [diff["before_header"].split()[-1] for diff in result["diff"]] == [ONE, THREE]
    assert "hidden" not in result.text


def test_a_message_that_repeats_the_url_is_redacted(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE)
    box.fault("twilio.update_number", status=400, code=21402, message=f"SmsUrl is not valid: {URL}")
    result = run(MODULE, phone_number=ONE, url=URL)
    assert "21402" in result["msg"]
    assert "hidden" not in result.text


def test_ten_are_named_and_the_rest_counted(run: Run) -> None:
    result = run(MODULE, phone_numbers=[f"+1555999{n:04d}" for n in range(25)], url=URL)
    assert result.code == "numbers_failed"
    assert result["msg"].count("+1555999") == 10
    assert "15 more" in result["msg"]
    assert len(result["numbers"]) == 25


def test_nothing_more_is_tried_once_the_credentials_are_refused(run: Run, box: Sandbox, add: Any) -> None:
    numbers = [row["phone_number"] for row in add(ONE, TWO, THREE, FOUR)]
    box.fault("twilio.update_number", status=401, code=20003, times=None)
    result = run(MODULE, phone_numbers=numbers, url=URL, concurrency=1)
    assert set(statuses(result).values()) == {"failed"}
    assert len(result.writes) == 1


# ---- calls that are refused as a whole ----


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"phone_numbers": [ONE, "nonsense"], "url": URL}, "bad_phone_number"),
        ({"phone_numbers": [ONE]}, "missing_url"),
        ({"phone_numbers": [ONE], "url": ""}, "missing_url"),
        ({"phone_numbers": [ONE], "url": "apikey:hidden@gateway/x"}, "bad_url"),
        ({"phone_numbers": [ONE], "url": "ftp://u:hidden@gateway/x"}, "bad_url"),
        ({"phone_numbers": [ONE], "url": URL, "fallback_url": "https://u:p/hidden@gateway/"}, "bad_url"),
        ({"phone_numbers": [ONE], "url": URL, "concurrency": 0}, "bad_concurrency"),
        ({"phone_numbers": [ONE], "url": URL, "timeout": 0}, "bad_timeout"),
        ({"phone_numbers": [ONE], "url": URL, "timeout": -1}, "bad_timeout"),
        ({"phone_numbers": [ONE], "url": URL, "timeout": "nan"}, "bad_timeout"),
        ({"phone_numbers": [ONE], "url": URL, "timeout": "1e99"}, "bad_timeout"),
        (
            {"webhooks": [{"phone_numbers": [ONE], "url": URL}, {"phone_numbers": ["1 555 010 0001"], "url": OTHER}]},
            "bad_phone_number",
        ),
        ({"phone_numbers": [ONE], "url": URL, "_role": {"snapshot": "nonsense"}}, "bad_snapshot"),
        ({"phone_numbers": [ONE], "url": URL, "auth_token": "", "account_sid": "SK1"}, "bad_sid"),
        ({"phone_numbers": [ONE], "url": URL, "api_endpoint": "http://twilio.example"}, "insecure_endpoint"),
    ],
)
def test_what_is_refused_before_any_request(run: Run, add: Any, options: dict[str, Any], code: str) -> None:
    add(ONE)
    result = run(MODULE, **options)
    assert result.code == code
    assert result.requests == []
    assert "hidden" not in result.text


@pytest.mark.parametrize("empty", [["TWILIO_ACCOUNT_SID"], ["TWILIO_AUTH_TOKEN"]])
def test_missing_credentials(run: Run, empty: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in empty:
        monkeypatch.setenv(name, "")
    result = run(MODULE, phone_number=ONE, url=URL)
    assert (result.code, result.requests) == ("missing_credentials", [])
    assert "TWILIO_AUTH_TOKEN" in result["msg"]


def test_wrong_credentials(run: Run, box: Sandbox, add: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add(ONE)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "hidden-wrong-token")
    result = run(MODULE, phone_number=ONE, url=URL)
    assert (result.code, result["failure"]["status"]) == ("20003", 401)
    assert "check account_sid with auth_token" in result["msg"]
    assert result.writes == []
    assert "hidden" not in result.text


# ---- overrides ----


@pytest.mark.parametrize("kind", ["messaging_service", "conversation"])
@pytest.mark.parametrize(
    ("on_override", "status", "written"), [("warn", "overridden", 2), ("fail", "failed", 1), ("ignore", "changed", 2)]
)
def test_overrides(run: Run, box: Sandbox, add: Any, kind: str, on_override: str, status: str, written: int) -> None:
    add(ONE, TWO)
    made = box.add_service(friendly_name="them", pool=[ONE]) if kind == "messaging_service" else box.add_address(ONE)
    box.add_service(friendly_name="defers", pool=[TWO], use_inbound_webhook_on_number=True)
    box.add_address(TWO, auto_creation_enabled=False)
    result = run(MODULE, phone_numbers=[ONE, TWO], url=URL, on_override=on_override)
    assert statuses(result) == {ONE: status, TWO: "changed"}
    assert len(result.writes) == written
    assert result["overrides_checked"] is (on_override != "ignore")
    assert len(result.warnings) == (on_override == "warn")
    entry = result["numbers"][0]
    if on_override == "ignore":
        assert entry["overridden_by"] is None
        assert {operation.partition(".")[0] for operation in result.operations} == {"twilio"}
    else:
        assert (entry["overridden_by"]["kind"], entry["overridden_by"]["sid"]) == (kind, made["sid"])
        assert made["sid"] in entry["msg"]
    assert (result.code == "numbers_failed") is (on_override == "fail")


def test_overrides_are_looked_up_once_for_all_numbers(run: Run, box: Sandbox) -> None:
    numbers = [row["phone_number"] for row in box.add_numbers(count=20, sms_url=URL)]
    for start in (0, 10):
        box.add_service(pool=numbers[start : start + 10])
    result = run(MODULE, phone_numbers=numbers, url=URL)
    assert sorted(result.operations) == sorted(
        ["twilio.list_numbers", "messaging.list_services", "conversations.list_addresses", *["messaging.list_pool"] * 2]
    )
    assert result["summary"]["overridden"] == 20
    assert result["changed"] is False


@pytest.mark.parametrize(("on_override", "code"), [("warn", None), ("fail", "overrides_unknown"), ("ignore", None)])
def test_overrides_that_cannot_be_known(run: Run, box: Sandbox, add: Any, on_override: str, code: str | None) -> None:
    add(ONE)
    box.fault("messaging.list_services", status=403, code=20403, times=None)
    result = run(MODULE, phone_number=ONE, url=URL, on_override=on_override)
    assert result.code == code
    assert len(result.warnings) == (on_override == "warn")
    assert len(result.writes) == (code is None)
    if code is None:
        assert result["overrides_checked"] is False


def test_a_parent_s_credentials(run: Run, box: Sandbox) -> None:
    owner = box.environment["TWILIO_ACCOUNT_SID"]
    sub = box.add_twilio_account(owner_account_sid=owner)
    box.add_numbers({"phone_number": ONE, "account_sid": sub["sid"]})
    assert run(MODULE, phone_number=ONE, url=URL)["summary"]["failed"] == 1, "not a number of the parent's"
    result = run(MODULE, phone_number=ONE, url=URL, subaccount_sid=sub["sid"])
    assert statuses(result) == {ONE: "changed"}
    assert (result["overrides_checked"], result.warnings) == (True, [])
    asked = {request["operation"]: (request["authorized_as"], request["account"]) for request in result.requests}
    own = (sub["sid"], sub["sid"])  # products answer for the credentials' own account
    assert asked == {
        "twilio.list_numbers": (owner, sub["sid"]),
        "twilio.list_accounts": (owner, owner),
        "messaging.list_services": own,
        "conversations.list_addresses": own,
        "twilio.update_number": (owner, sub["sid"]),
    }
    assert sub["auth_token"] not in result.text


def test_a_parent_s_api_key(run: Run, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sub = box.add_twilio_account(owner_account_sid=box.environment["TWILIO_ACCOUNT_SID"])
    key = box.add_twilio_key(kind="main")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "")
    options = {"api_key_sid": key["sid"], "api_key_secret": key["secret"], "subaccount_sid": sub["sid"]}
    result = run(MODULE, phone_number=ONE, url=URL, **options)
    assert (result.code, result.requests) == ("api_key_of_parent", [])


# ---- settings that are not as asked ----


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"sms_url": OLD}, {}),
        ({"sms_url": URL}, {"method": "GET"}),
        ({"sms_url": URL, "sms_application_sid": APPLICATION}, {}),
        ({"sms_url": URL, "sms_fallback_url": OTHER}, {"fallback_url": ""}),
        ({"sms_url": OLD}, {"state": "absent"}),
    ],
)
def test_a_success_that_changed_nothing(run: Run, box: Sandbox, add: Any, values: dict, options: dict) -> None:
    box.add_application(sid=APPLICATION)
    add(ONE, **values)
    add(TWO)
    box.fault("twilio.update_number", body="unheeded", match=box.number(ONE)["sid"])
    result = run(MODULE, phone_numbers=[ONE, TWO], url=URL, **options)
    assert statuses(result)[ONE] == "failed"
    assert result["numbers"][0]["changed"] is False
    assert "but does not show the new Sms" in result["msg"]
    assert statuses(run(MODULE, phone_numbers=[ONE, TWO], url=URL, **options))[ONE] == "changed"


# ---- connection behaviour ----


def test_connection_behaviour(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=URL)
    add(TWO, sms_url=OLD + "#ct=500&rc=1&sni=y")
    add(THREE, sms_url=URL + "#rp=5xx,ct&e=dublin&rc=3")
    options: dict[str, Any] = {"retries": 3, "retry_on": ["ct", "5xx"], "edges": ["dublin"]}
    result = run(MODULE, phone_numbers=[ONE, TWO, THREE], url=URL, **options)
    assert statuses(result) == {ONE: "changed", TWO: "changed", THREE: "unchanged"}
    assert sms(box, ONE)[0] == URL + "#rc=3&rp=ct,5xx&e=dublin"
    assert sms(box, TWO)[0] == URL + "#ct=500&sni=y&rc=3&rp=ct,5xx&e=dublin"
    assert run(MODULE, phone_numbers=[ONE, TWO, THREE], url=URL).writes == [], "not given: it stays"
    assert run(MODULE, phone_number=ONE, url=URL, retries=0).writes == [{"SmsUrl": URL + "#rp=ct,5xx&e=dublin&rc=0"}]
    groups = [{"phone_numbers": [ONE], "url": URL, "retries": 5}]
    assert run(MODULE, webhooks=groups).writes == [{"SmsUrl": URL + "#rp=ct,5xx&e=dublin&rc=5"}]


@pytest.mark.parametrize("retries", [-1, 6])
def test_retries_that_twilio_does_not_know(run: Run, add: Any, retries: int) -> None:
    assert run(MODULE, phone_number=ONE, url=URL, retries=retries).code == "bad_retries"


# ---- with twilio_sms_webhook_info ----

INFO = "twilio_sms_webhook_info"


def test_info_about_some_numbers(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=OLD, sms_fallback_url=OTHER)
    add(TWO, capabilities={"sms": False})
    box.add_service(friendly_name="them", pool=[ONE])
    result = run(INFO, phone_numbers=["1 555 010 0001", TWO, THREE])
    assert result["changed"] is False
    assert result.writes == []
    one, two, three = result["numbers"]
    assert (one["phone_number"], one["receives_sms"], one["overridden_by"]["name"]) == (ONE, True, "them")
    assert one["settings"]["url"] == OLD.replace("hidden-old", "***")
    assert (two["phone_number"], two["receives_sms"], two["overridden_by"]) == (TWO, False, None)
    assert (three["phone_number"], three["sid"], three["settings"]) == (THREE, None, None)
    assert result["overrides_checked"] is True
    assert "snapshot" not in result
    assert "hidden" not in result.text


def test_what_has_to_be_read_one_by_one_is_read_at_once(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=URL)
    for _place in range(20):
        box.add_service(pool=[])
        box.add_alert(request_url=URL, request_variables=f"To=%2B{ONE[1:]}")
    box.settings(latency=0.02)
    result = run(INFO, phone_numbers=[ONE, TWO], alert_days=1)
    assert result["numbers"][0]["errors"]["count"] == 20
    for operation in ("messaging.list_pool", "monitor.fetch_alert"):
        at_once = [request["concurrent"] for request in result.requests if request["operation"] == operation]
        assert len(at_once) == 20, result.operations
        assert max(at_once) == READERS


def test_info_about_all_numbers(run: Run, add: Any) -> None:
    add(ONE, TWO, THREE)
    result = run(INFO, overrides=False)
    assert [entry["phone_number"] for entry in result["numbers"]] == [ONE, TWO, THREE]
    assert (result["overrides_checked"], result.operations) == (False, ["twilio.list_numbers"])


def test_info_refuses_what_is_no_number(run: Run) -> None:
    result = run(INFO, phone_numbers=["nonsense"])
    assert (result.code, result.requests) == ("bad_phone_number", [])


def test_a_snapshot_saves_the_second_look(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=OLD)
    box.add_service(pool=[TWO])
    look = run(INFO, phone_numbers=[ONE, TWO], snapshot=True)
    result = run(MODULE, phone_numbers=[ONE, TWO], url=URL, _role={"snapshot": look["snapshot"]})
    assert [(entry["phone_number"], entry["status"]) for entry in from_text(result["entries"])] == [
        (ONE, "changed"),
        (TWO, "overridden"),
    ]
    assert set(result.operations) == {"twilio.update_number"}
    assert result["overrides_checked"] is True
    for one in (look, result):  # of ten thousand numbers, Ansible would handle every value several times
        assert "numbers" not in one
        assert not {"phone_numbers", "webhooks"} & set(one["invocation"]["module_args"])
    assert "hidden" not in result.text
