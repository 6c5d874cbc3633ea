# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messaging Services and Conversations between a text and a number's webhook."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plugins.running import Result, Run

from sandbox.client import Sandbox

MODULE = "twilio_sms_webhook"
ONE, TWO, THREE, FOUR = (f"+1555010000{digit}" for digit in "1234")
PLACE = "sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
URL, OLD = (f"https://apikey:hidden-{key}@{PLACE}" for key in ("new", "old"))
EAST = "https://apikey:hidden-new@sms-east.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
OTHER = "https://u:hidden-other@elsewhere.example/x"
DEFERS = {"UseInboundWebhookOnNumber": "true"}


@pytest.fixture
def add(box: Sandbox) -> Any:
    """Return a function that adds numbers with the same values."""
    return lambda *numbers, **values: box.add_numbers([{"phone_number": number, **values} for number in numbers])


def statuses(result: Result) -> dict[str, str]:
    return {entry["phone_number"]: entry["status"] for entry in result["numbers"]}


def writes(result: Result) -> list[tuple[str, dict[str, str]]]:
    """The writes in their order: what was updated, and with what."""
    return [(one["operation"].partition("_")[2], one["fields"]) for one in result.requests if one["write"]]


def service(box: Sandbox, sid: str) -> dict[str, Any]:
    return next(row for row in box.rows("twilio", "services") if row["sid"] == sid)


def both(run: Run, **options: Any) -> Result:
    """Run in check mode and for real, and compare the results."""
    dry, done = run(MODULE, check=True, **options), run(MODULE, **options)
    assert [dry[name] for name in ("numbers", "services", "diff", "summary", "changed")] == [
        done[name] for name in ("numbers", "services", "diff", "summary", "changed")
    ]
    assert "hidden" not in done.text
    return done


# ---- a service that leads to the wanted receiver ----


def test_a_service_carries_its_numbers(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=URL)
    made = box.add_service(friendly_name="campaign", pool=[ONE, TWO], inbound_request_url=URL)
    result = both(run, phone_numbers=[ONE, TWO], url=URL, on_override="fail")
    assert statuses(result) == {ONE: "unchanged", TWO: "unchanged"}
    via = {"kind": "messaging_service", "sid": made["sid"], "name": "campaign"}
    assert [(one["via"], one["overridden_by"], one["msg"]) for one in result["numbers"]] == [
        (via, None, "as wanted")
    ] * 2
    assert (result.writes, result["services"], result.warnings, result["changed"]) == ([], [], [], False)
    assert box.text(ONE)["handled_by"] == "messaging_service"


def test_its_key_is_replaced_once_after_its_numbers(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=OLD)
    add(TWO, sms_url=URL)
    add(THREE)
    made = box.add_service(
        friendly_name="campaign", pool=[ONE, TWO, THREE, FOUR][:3], inbound_request_url=OLD + "#rc=2"
    )
    result = both(run, phone_numbers=[ONE, TWO], url=URL)
    assert writes(result) == [("number", {"SmsUrl": URL}), ("service", {"InboundRequestUrl": URL + "#rc=2"})]
    assert statuses(result) == {ONE: "changed", TWO: "changed"}
    words = f"Messaging Service 'campaign' ({made['sid']}) now has another webhook, also for {THREE}"
    assert [one["msg"] for one in result["numbers"]] == [f"connected; {words}", f"as wanted; {words}"]
    (entry,) = result["services"]
    assert (entry["sid"], entry["name"], entry["changed"], entry["status"]) == (
        made["sid"],
        "campaign",
        True,
        "changed",
    )
    assert entry["before"]["url"] == entry["after"]["url"] == f"https://apikey:***@{PLACE}#rc=2"
    assert result["diff"][-1]["before_header"].startswith("Messaging Service 'campaign'")
    assert result["diff"][-1]["before"] != result["diff"][-1]["after"]
    assert len(result["diff"]) == 2
    again = run(MODULE, phone_numbers=[ONE, TWO], url=URL)
    assert (again.writes, again["services"], again["changed"]) == ([], [], False)


@pytest.mark.parametrize(
    ("pool", "options", "moves"),
    [
        ([ONE, TWO], {}, True),  # all of them are in this run
        ([ONE, TWO, THREE], {}, False),
        ([ONE, TWO, THREE], {"repair_shared_services": True}, True),
        ([ONE, TWO, THREE], {"foreign_passwords": ["hidden-of-another-agent"]}, True),
    ],
)
def test_the_key_of_another_agent_stays_for_those_who_need_it(
    run: Run, box: Sandbox, add: Any, pool: list[str], options: dict[str, Any], moves: bool
) -> None:
    add(ONE, TWO, THREE)
    made = box.add_service(pool=pool, inbound_request_url=OLD)
    wanted = {"phone_numbers": [ONE, TWO], "url": URL, "foreign_passwords": ["hidden-old"], **options}
    result = both(run, **wanted)
    assert statuses(result) == dict.fromkeys((ONE, TWO), "changed" if moves else "overridden")
    assert service(box, made["sid"])["inbound_request_url"] == (URL if moves else OLD)
    if not moves:
        strict = run(MODULE, **wanted, on_override="fail")
        assert set(statuses(strict).values()) == {"failed"}


@pytest.mark.parametrize(
    ("own", "options", "repaired"),
    [
        (OLD, {}, True),
        (OLD, {"dead_passwords": ["hidden-old"]}, False),
        (f"https://{PLACE}", {}, False),  # without a key
        (OLD, {"dead_passwords": ["hidden-old"], "repair_shared_services": True}, True),
    ],
)
def test_others_are_not_left_to_a_webhook_that_does_not_work(
    run: Run, box: Sandbox, add: Any, own: str, options: dict[str, Any], repaired: bool
) -> None:
    """The service has taken their texts until now, whatever their own webhooks are."""
    add(ONE)
    add(TWO, sms_url=own)
    made = box.add_service(pool=[ONE, TWO], inbound_request_url=OTHER)
    result = both(run, phone_number=ONE, url=URL, on_override="repair", **options)
    assert service(box, made["sid"])["use_inbound_webhook_on_number"] is repaired
    assert statuses(result) == {ONE: "changed" if repaired else "failed"}
    assert repaired or TWO in result["msg"]


def test_its_fallback_and_method_too(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=URL, sms_fallback_url=EAST)
    box.add_service(pool=[ONE], inbound_request_url=URL, inbound_method="GET", fallback_url=OTHER)
    result = both(run, phone_number=ONE, url=URL, fallback_url=EAST)
    assert writes(result) == [("service", {"InboundMethod": "POST", "FallbackUrl": EAST})]


def test_a_deferring_service_keeps_no_old_key(run: Run, box: Sandbox, add: Any) -> None:
    """Nothing uses it, but it would keep the key in use, so that a rotation would never end."""
    add(ONE, TWO, sms_url=OLD)
    box.add_service(pool=[ONE], inbound_request_url=OLD, use_inbound_webhook_on_number=True)
    box.add_service(pool=[TWO], inbound_request_url=OTHER, use_inbound_webhook_on_number=True)
    result = both(run, phone_numbers=[ONE, TWO], url=URL)
    assert writes(result)[2:] == [("service", {"InboundRequestUrl": URL})]
    assert [one["via"] for one in result["numbers"]] == [None, None]
    assert result["summary"]["changed"] == 2


def test_one_service_cannot_have_two_keys(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=OLD)
    box.add_service(pool=[ONE, TWO], inbound_request_url=URL)
    third = URL.replace("new", "third")
    groups = [{"phone_numbers": [ONE], "url": URL}, {"phone_numbers": [TWO], "url": third}]
    result = both(run, webhooks=groups)
    assert statuses(result) == {ONE: "changed", TWO: "overridden"}
    assert [name for name, _fields in writes(result)] == ["number", "number"]


def test_a_number_with_an_application_is_connected_through_its_service_all_the_same(
    run: Run, box: Sandbox, add: Any
) -> None:
    application = box.add_application(sms_url=OTHER)
    add(ONE, sms_url=URL, sms_application_sid=application["sid"])
    box.add_service(pool=[ONE], inbound_request_url=URL)
    assert writes(both(run, phone_number=ONE, url=URL)) == [("number", {"SmsApplicationSid": ""})]


# ---- repair ----


@pytest.mark.parametrize("values", [{}, {"inbound_request_url": OTHER}, {"inbound_request_url": EAST}])
def test_repair(run: Run, box: Sandbox, add: Any, values: dict[str, Any]) -> None:
    add(ONE, TWO)
    made = box.add_service(friendly_name="campaign", pool=[ONE, TWO], **values)
    result = both(run, phone_numbers=[ONE, TWO], url=URL, on_override="repair")
    assert writes(result) == [("number", {"SmsUrl": URL})] * 2 + [("service", DEFERS)], "the numbers first"
    assert statuses(result) == {ONE: "changed", TWO: "changed"}
    assert [(one["via"], one["overridden_by"]) for one in result["numbers"]] == [(None, None)] * 2
    assert result["services"][0]["after"]["use_inbound_webhook_on_number"] == "true"
    assert service(box, made["sid"])["inbound_request_url"] == values.get("inbound_request_url"), "it is kept"
    assert box.text(ONE)["handled_by"] == "number"
    again = run(MODULE, phone_numbers=[ONE, TWO], url=URL, on_override="repair")
    assert (again.writes, again["changed"], again["services"]) == ([], False, [])


def test_a_repaired_service_alone_is_a_change_of_its_numbers(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=URL)
    box.add_service(pool=[ONE])
    result = both(run, phone_number=ONE, url=URL, on_override="repair")
    assert (statuses(result), result["numbers"][0]["changed"], len(result["diff"])) == ({ONE: "changed"}, True, 1)


@pytest.mark.parametrize(
    ("outsider", "leads_there"),
    [
        ({"number": {"sms_url": OTHER}}, False),
        ({"number": {}}, False),
        ({"number": {"sms_url": OLD}}, True),
        ({"number": {"sms_url": URL, "application": True}}, False),
        ({"short_code": {"sms_url": OTHER}}, False),
        ({"short_code": {"sms_url": OLD}}, True),
        ({"sender": {"callback_url": OTHER}}, False),
        ({"sender": {"callback_url": URL}}, True),
        ({"sender": {"sender_id": "messenger:1234"}}, False),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_a_pool_with_outsiders(
    run: Run, box: Sandbox, add: Any, outsider: dict[str, Any], leads_there: bool, shared: bool
) -> None:
    add(ONE)
    pools: dict[str, Any] = {"pool": [ONE]}
    ((kind, values),) = outsider.items()
    if kind == "number":
        if values.pop("application", False):
            values["sms_application_sid"] = box.add_application()["sid"]
            outsider["number"] = {**values, "application": True}
        add(TWO, **values)
        pools["pool"], name = [ONE, TWO], TWO
    elif kind == "short_code":
        box.add_short_code("99990", **values)
        pools["short_codes"] = [name := "99990"]
    else:
        name = box.add_sender(**values)["sender_id"]
        pools["senders"] = [name]
    made = box.add_service(friendly_name="campaign", **pools)
    result = both(run, phone_number=ONE, url=URL, on_override="repair", repair_shared_services=shared)
    if leads_there or shared:
        assert writes(result) == [("number", {"SmsUrl": URL}), ("service", DEFERS)]
        assert statuses(result) == {ONE: "changed"}
    else:
        assert (writes(result), statuses(result)) == ([], {ONE: "failed"})
        assert all(word in result["msg"] for word in (made["sid"], name, "repair_shared_services"))
    assert [one["sms_url"] for one in box.rows("twilio", "numbers") if one["phone_number"] == TWO] in (
        [],
        [values.get("sms_url", "")],
    )


def test_no_service_is_switched_where_a_number_failed(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE)
    add(TWO, bundle_required=True)
    made = box.add_service(pool=[ONE, TWO], inbound_request_url=OTHER)
    result = run(MODULE, phone_numbers=[ONE, TWO], url=URL, on_override="repair")
    assert [name for name, _fields in writes(result)] == ["number", "number"]
    assert statuses(result) == {ONE: "failed", TWO: "failed"}
    assert f"({made['sid']}): left alone, because these of its numbers failed: {TWO}" in result["msg"]
    assert result["services"][0]["changed"] is False


def test_a_refused_repair_names_the_permission(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE)
    box.add_service(pool=[ONE])
    box.fault("messaging.update_service", status=403, code=70051, times=None)
    result = run(MODULE, phone_number=ONE, url=URL, on_override="repair")
    assert (result.code, statuses(result)) == ("numbers_failed", {ONE: "failed"})
    assert "70051" in result["msg"]
    assert "/twilio/messaging/services/update" in result["msg"]
    assert result["services"][0]["status"] == "failed"


@pytest.mark.parametrize("values", [{}, {"inbound_request_url": OLD}])
def test_a_success_of_a_service_that_changed_nothing(run: Run, box: Sandbox, add: Any, values: dict[str, str]) -> None:
    add(ONE, sms_url=URL)
    box.add_service(pool=[ONE], **values)
    box.fault("messaging.update_service", body="unheeded")
    result = run(MODULE, phone_number=ONE, url=URL, on_override="repair")
    assert statuses(result) == {ONE: "failed"}
    assert "but does not show the new" in result["msg"]
    assert statuses(run(MODULE, phone_number=ONE, url=URL, on_override="repair")) == {ONE: "changed"}


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("in_a_service", [False, True])
def test_conversations(run: Run, box: Sandbox, add: Any, release: bool, in_a_service: bool) -> None:
    add(ONE)
    if in_a_service:
        box.add_service(pool=[ONE])
    address = box.add_address(ONE, friendly_name="desk")
    result = both(run, phone_number=ONE, url=URL, on_override="repair", release_conversations=release)
    made = [("number", {"SmsUrl": URL})] + ([("service", DEFERS)] if in_a_service else [])
    assert writes(result) == made + ([("address", {"AutoCreation.Enabled": "false"})] if release else [])
    assert statuses(result) == {ONE: "changed" if release else "overridden"}
    assert box.text(ONE)["handled_by"] == ("number" if release else "conversation")
    if release:
        entry = result["services"][-1]
        assert (entry["kind"], entry["sid"]) == ("conversation", address["sid"])
        assert (entry["before"], entry["after"]) == (
            {"auto_creation_enabled": "true"},
            {"auto_creation_enabled": "false"},
        )


def test_only_repair_looks_into_pools(run: Run, box: Sandbox, add: Any) -> None:
    add(*[f"+1555020{n:04d}" for n in range(30)])
    numbers = [f"+1555020{n:04d}" for n in range(20)]
    box.add_short_code("99990", sms_url=OLD)
    box.add_service(pool=[f"+1555020{n:04d}" for n in range(30)], short_codes=["99990"])
    look = ["twilio.list_numbers", "messaging.list_services", "conversations.list_addresses", "messaging.list_pool"]
    more = ["messaging.list_pool_short_codes", "messaging.list_pool_senders", "twilio.list_numbers"]
    asked = run(MODULE, check=True, phone_numbers=numbers, url=URL)
    assert sorted(asked.operations) == sorted(look)
    asked = run(MODULE, check=True, phone_numbers=numbers, url=URL, on_override="repair")
    assert sorted(asked.operations) == sorted([*look, *more, "twilio.list_short_codes"])


# ---- absent: the way back ----


def test_absent_clears_the_service_first(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=OLD)
    made = box.add_service(pool=[ONE, TWO], inbound_request_url=OLD, fallback_url=OTHER)
    result = both(run, phone_numbers=[ONE, TWO], url=URL, state="absent")
    assert writes(result) == [("service", {"InboundRequestUrl": ""})] + [("number", {"SmsUrl": ""})] * 2
    assert statuses(result) == {ONE: "changed", TWO: "changed"}
    assert service(box, made["sid"])["fallback_url"] == OTHER
    assert run(MODULE, phone_numbers=[ONE, TWO], url=URL, state="absent").writes == []


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("pools", [{"pool": [ONE, TWO]}, {"pool": [ONE], "short_codes": ["99990"]}])
def test_absent_of_a_part_of_a_pool(run: Run, box: Sandbox, add: Any, pools: dict[str, Any], shared: bool) -> None:
    add(ONE, TWO, sms_url=OLD)
    box.add_short_code("99990")
    box.add_service(inbound_request_url=OLD, **pools)
    options = {"phone_number": ONE, "url": URL, "state": "absent", "repair_shared_services": shared}
    result = both(run, **options)
    if shared:
        assert writes(result) == [("service", {"InboundRequestUrl": ""}), ("number", {"SmsUrl": ""})]
    else:
        assert (writes(result), statuses(result)) == ([], {ONE: "failed"})
        assert ("99990" if "short_codes" in pools else TWO) in result["msg"]


def test_absent_leaves_services_of_others_alone(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, THREE, sms_url=OLD)
    box.add_service(pool=[ONE], inbound_request_url=OTHER)
    box.add_service(pool=[TWO], inbound_request_url=OLD, use_inbound_webhook_on_number=True)
    result = both(run, phone_numbers=[ONE, TWO, THREE], url=URL, state="absent")
    assert sorted(map(str, writes(result))) == sorted(
        map(str, [("service", {"InboundRequestUrl": ""}), *[("number", {"SmsUrl": ""})] * 3])
    )


def test_absent_whose_service_cannot_be_cleared(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, TWO, sms_url=OLD)
    box.add_service(pool=[ONE], inbound_request_url=OLD)
    box.fault("messaging.update_service", status=500, times=None)
    result = run(MODULE, phone_numbers=[ONE, TWO], url=URL, state="absent")
    assert statuses(result) == {ONE: "failed", TWO: "changed"}
    assert box.number(ONE)["sms_url"] == OLD, "its texts still arrive: nothing was begun"
    assert result["numbers"][0]["changed"] is False


# ---- restore ----


def recorded(box: Sandbox, sid: str, **changes: Any) -> dict[str, Any]:
    before = {
        "url": OLD,
        "method": "POST",
        "fallback_url": "",
        "fallback_method": "POST",
        "use_inbound_webhook_on_number": "false",
    }
    return {sid: {"kind": "messaging_service", "name": "campaign", "before": before, "after": {**before, **changes}}}


def number_change() -> dict[str, Any]:
    before = {"url": OLD, "method": "POST", "fallback_url": "", "fallback_method": "POST", "application_sid": ""}
    return {ONE: {"before": before, "after": {**before, "url": URL}}}


def test_restore_puts_the_service_back_first(run: Run, box: Sandbox, add: Any) -> None:
    add(ONE, sms_url=URL)
    made = box.add_service(
        friendly_name="campaign", pool=[ONE], inbound_request_url=OLD, use_inbound_webhook_on_number=True
    )
    address = box.add_address(ONE, auto_creation_enabled=False)
    on, off = {"auto_creation_enabled": "true"}, {"auto_creation_enabled": "false"}
    data = {
        **number_change(),
        **recorded(box, made["sid"], use_inbound_webhook_on_number="true"),
        address["sid"]: {"kind": "conversation", "name": "desk", "before": on, "after": off},
    }
    result = both(run, webhooks=[], _role={"restore": json.dumps(data)}, on_override="ignore")
    assert writes(result) == [
        ("service", {"UseInboundWebhookOnNumber": "false"}),
        ("address", {"AutoCreation.Enabled": "true"}),
        ("number", {"SmsUrl": OLD}),
    ]
    assert [one["status"] for one in result["services"]] == ["changed", "changed"]
    assert run(MODULE, webhooks=[], _role={"restore": json.dumps(data)}, on_override="ignore").writes == []


@pytest.mark.parametrize(
    ("now", "refusal", "said"),
    [
        ({"inbound_request_url": OTHER}, None, "changed since by somebody else"),
        ({"inbound_request_url": URL}, "its recorded API key is dead", "its recorded API key is dead"),
        (None, None, "does not exist any more"),
    ],
)
def test_a_service_that_is_not_restored(
    run: Run, box: Sandbox, add: Any, now: dict[str, Any] | None, refusal: str | None, said: str
) -> None:
    add(ONE, sms_url=OLD)
    made = box.add_service(friendly_name="campaign", pool=[ONE], **(now or {}))
    data = recorded(box, made["sid"], url=URL)
    data[made["sid"]]["refusal"] = refusal
    if now is None:
        box.remove("twilio", "services", made["sid"])
    result = both(run, webhooks=[], _role={"restore": json.dumps(data)})
    assert (result.code, result.writes) == ("numbers_failed", [])
    assert said in result["msg"]
    if now:
        forced = run(MODULE, webhooks=[], _role={"restore": json.dumps(data), "force": True})
        assert forced.writes == [{"InboundRequestUrl": OLD}]


@pytest.mark.parametrize(("own", "restored"), [(URL, False), ("", True), (OTHER, True)])
def test_a_restored_service_takes_no_texts_from_others(
    run: Run, box: Sandbox, add: Any, own: str, restored: bool
) -> None:
    """While it deferred, another number of its pool was connected. Its own numbers wait for it, too."""
    add(ONE, sms_url=URL)
    add(TWO, sms_url=own)
    made = box.add_service(
        friendly_name="campaign", pool=[ONE, TWO], inbound_request_url=OTHER, use_inbound_webhook_on_number=True
    )
    data = {**number_change(), **recorded(box, made["sid"], url=URL)}
    settings = {"url": OTHER, "method": "POST", "fallback_url": "", "fallback_method": "POST"}
    for when, defers in (("before", "false"), ("after", "true")):
        data[made["sid"]][when] = {**settings, "use_inbound_webhook_on_number": defers}
    result = both(run, webhooks=[], _role={"restore": json.dumps(data)})
    assert service(box, made["sid"])["use_inbound_webhook_on_number"] is not restored
    if not restored:
        assert result.writes == []
        assert TWO in result["msg"]
        assert run(MODULE, webhooks=[], _role={"restore": json.dumps(data), "force": True}).writes


@pytest.mark.parametrize(
    ("now", "refusal", "force", "fails"),
    [
        ({"inbound_method": "GET"}, None, False, False),  # changed since by somebody else
        ({}, "its recorded API key is dead", False, False),
        ({}, None, False, True),
        ({}, None, True, True),
    ],
)
def test_a_number_keeps_its_webhook_while_its_service_defers_to_it(
    run: Run, box: Sandbox, add: Any, now: dict[str, Any], refusal: str | None, force: bool, fails: bool
) -> None:
    add(ONE, sms_url=URL)
    made = box.add_service(
        friendly_name="campaign", pool=[ONE], inbound_request_url=OLD, use_inbound_webhook_on_number=True, **now
    )
    data = {**number_change(), **recorded(box, made["sid"], use_inbound_webhook_on_number="true")}
    data[ONE]["before"] = {**data[ONE]["before"], "url": ""}
    data[made["sid"]]["refusal"] = refusal
    if fails:
        box.fault("messaging.update_service", status=403, code=70051, times=None)
    result = run(MODULE, webhooks=[], _role={"restore": json.dumps(data), "force": force})
    assert result.code == "numbers_failed"
    assert not [sent for what, sent in writes(result) if what == "number"]
    assert box.number(ONE)["sms_url"] == URL


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "studio"},
        {"before": {}},
        {"after": None},
        {"name": None},
        {"before": {"auto_creation_enabled": "true"}},
    ],
)
def test_a_record_that_is_none(run: Run, box: Sandbox, damage: dict[str, Any]) -> None:
    data = recorded(box, "MG" + "0" * 32, url=URL)
    data["MG" + "0" * 32].update(damage)
    result = run(MODULE, webhooks=[], _role={"restore": json.dumps(data)})
    assert (result.code, result.requests) == ("bad_backup", [])
