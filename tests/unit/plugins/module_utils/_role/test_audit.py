# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._role import audit
from ansible_collections.voiceagent.sms.plugins.module_utils._role.channels import expected_with_channels
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot

ROLE = pathlib.Path(__file__).parents[5] / "roles" / "connect_sms"
VARIABLES = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["audit"]["options"]
SOUTH, EAST = "sms-south.voiceagent.cloud.ibm.com", "sms-east.voiceagent.cloud.ibm.com"
PATH = "/sms.receiver/SmsRecv"
KEY, OTHER_KEY = "K" * 44, "L" * 44
ONE, TWO = "+15550000001", "+15550000002"
LIVE = {
    "accepted": True,
    "reason": None,
    "credential": "twilio-sms",
    "role": "Writer",
    "age_days": 12.3,
    "locked": False,
}


def webhook(key: str = KEY, host: str = SOUTH) -> str:
    return f"https://apikey:{key}@{host}{PATH}"


def host(*numbers: str, **values: Any) -> dict[str, Any]:
    """Return a host's variables as the role has them."""
    variables = dict.fromkeys(VARIABLES) | {name: option.get("default") for name, option in VARIABLES.items()}
    given = {f"connect_sms_{name}": value for name, value in values.items()}
    assert set(given) <= set(VARIABLES)
    return variables | {"connect_sms_phone_numbers": list(numbers)} | given


def number(url: str = "", fallback_url: str = "", application_sid: str = "", receives_sms: bool = True) -> Number:
    settings = {"url": url, "method": "POST", "fallback_url": fallback_url, "fallback_method": "POST"}
    return Number("PN1", {**settings, "application_sid": application_sid}, receives_sms, "Support")


def look(rows: dict[str, Number], **more: Any) -> dict[str, Any]:
    return {"snapshot": pack_snapshot(Snapshot("AC1", rows, **{"overrides": {}, **more}))}


def judged(found: Number, answer: dict[str, Any] | None = None, **values: Any) -> tuple[str, str]:
    """Return the status of one number, and its message."""
    plan = audit.audit_plan({"sales": host(ONE, **values)})
    assert not plan["errors"]
    (request,) = audit.key_requests(plan, [look({ONE: found})])
    asked = [{"api_keys": [{**LIVE, **(answer or {})} for _key in request["api_keys"]]}]
    told, _notes, failures = audit.verdicts(plan, [look({ONE: found})], asked)
    assert not failures
    return told[0]["status"], told[0]["msg"]


GATEWAY = {"receiver_host": "sms.example.com:9443", "username": "sms", "password": "gateway-pass"}
ASSISTANT = "https://assistant.example.com/twilio?token=1"


@pytest.mark.parametrize(
    ("found", "answer", "values", "status", "said"),
    [
        (number(webhook()), {}, {}, "connected", "'twilio-sms', 12 days old"),
        (number(webhook()), {}, {"region": "us-south"}, "connected", "twilio-sms"),
        (number(webhook() + "#rc=2"), {}, {"region": "us-south"}, "connected", "twilio-sms"),
        (number(webhook()), {"role": "manager"}, {}, "connected", ""),
        (number(webhook()), {"role": ""}, {}, "connected", ""),
        (
            number(webhook()),
            {"credential": None, "age_days": None},
            {},
            "connected",
            "belongs to no service credential",
        ),
        (number(webhook()), {}, {"region": "us-east"}, "elsewhere", "apikey:***@" + SOUTH),
        (number(webhook().replace("https", "http")), {}, {}, "elsewhere", "http://"),
        (number(webhook(host="sms-fra04.voiceagent.cloud.ibm.com")), {}, {"region": "eu-de"}, "connected", ""),
        (number("https://demo.twilio.com/welcome/sms/reply"), {}, {}, "elsewhere", "demo.twilio.com"),
        (number(), {}, {}, "not_connected", "no webhook"),
        (number(webhook()), {"accepted": False, "reason": "it is disabled"}, {}, "dead_key", "disabled"),
        (number(webhook()), {"role": "Reader"}, {}, "dead_key", "role Reader"),
        (number(f"https://{SOUTH}{PATH}"), {}, {}, "dead_key", "no key"),
        (number(webhook("***")), {}, {}, "dead_key", "other than a key"),
        (number(webhook(), application_sid="AP1"), {}, {}, "overridden", "AP1"),
        (number(webhook(), receives_sms=False), {}, {}, "no_sms", "capability"),
        (number("https://sms:gateway-pass@sms.example.com:9443" + PATH), {}, GATEWAY, "connected", ""),
        (number("https://sms:old@sms.example.com:9443" + PATH), {}, GATEWAY, "dead_key", "another password"),
        (number("https://sms:gateway-pass@sms.example.com" + PATH), {}, GATEWAY, "elsewhere", "sms.example.com"),
        (number(ASSISTANT + "#rc=2"), {}, {"receiver_url": ASSISTANT}, "connected", ""),
        (number(ASSISTANT + "2"), {}, {"receiver_url": ASSISTANT}, "dead_key", "another token"),
    ],
)
def test_verdict(found: Number, answer: dict[str, Any], values: dict[str, Any], status: str, said: str) -> None:
    told = judged(found, answer, **values)
    assert told[0] == status
    assert said in told[1]
    assert KEY not in told[1]


SERVICE = {"kind": "messaging_service", "sid": "MG1", "name": "Marketing"}


def carrier(url: str, fallback_url: str = "") -> dict[str, Any]:
    """Return what a snapshot has of a number whose Messaging Service takes its texts."""
    service = {"sid": "MG1", "name": "Messaging Service 'Marketing' (MG1)", "url": url, "fallback_url": fallback_url}
    return {"overrides": {ONE: SERVICE}, "services": [{**service, "changed_at": ""}]}


@pytest.mark.parametrize(
    ("url", "answer", "values", "status", "said"),
    [
        (
            webhook(OTHER_KEY),
            {},
            {},
            "connected",
            "'twilio-sms', 12 days old, carried by Messaging Service 'Marketing'",
        ),
        (webhook(OTHER_KEY), {}, {"region": "us-south"}, "connected", "carried by"),
        (
            webhook(OTHER_KEY),
            {"accepted": False, "reason": "it is disabled"},
            {},
            "dead_key",
            "webhook of Messaging Ser",
        ),
        (webhook(OTHER_KEY), {}, {"region": "us-east"}, "overridden", "Defer to sender's webhook"),
        ("https://other.example.com/", {}, {}, "overridden", "MG1"),
        ("", {}, {}, "dropped", "Messaging Service 'Marketing' (MG1) takes its texts and has no webhook"),
        (ASSISTANT + "#rc=2", {}, {"receiver_url": ASSISTANT}, "connected", "carried by"),
        (ASSISTANT + "2", {}, {"receiver_url": ASSISTANT}, "dead_key", "another token"),
        ("https://sms:old@sms.example.com:9443" + PATH, {}, GATEWAY, "dead_key", "another password"),
    ],
)
def test_a_number_whose_service_takes_its_texts(
    url: str, answer: dict[str, Any], values: dict[str, Any], status: str, said: str
) -> None:
    """Its own webhook, right or wrong, has no effect."""
    for own in (webhook(), "https://elsewhere.example.com/", ""):
        plan = audit.audit_plan({"sales": host(ONE, **values)})
        looked = [look({ONE: number(own)}, **carrier(url))]
        (request,) = audit.key_requests(plan, looked)
        told_of = {OTHER_KEY: {**LIVE, **answer}}
        asked = [{"api_keys": [told_of.get(key, {**LIVE, "accepted": False}) for key in request["api_keys"]]}]
        (entry,), _notes, _failures = audit.verdicts(plan, looked, asked)
        assert (entry["status"], said in entry["msg"]) == (status, True), entry["msg"]
        assert OTHER_KEY not in str(entry)
        carried = status in ("connected", "dead_key")
        assert (entry["via"] or {}).get("sid") == ("MG1" if carried else None)
        assert (entry["overridden_by"] or {}).get("sid") == (None if carried else "MG1")


def test_a_service_changes_nothing_where_a_number_cannot_have_texts_or_an_application_takes_them() -> None:
    rows = {ONE: number(webhook(), application_sid="AP1")}
    plan = audit.audit_plan({"sales": host(ONE)})
    for found, status in ((rows, "overridden"), ({ONE: number(receives_sms=False)}, "no_sms")):
        looked = [look(found, **carrier(webhook()))]
        (entry,), _notes, _failures = audit.verdicts(plan, looked, [{"api_keys": [LIVE]}])
        assert (entry["status"], entry["via"]) == (status, None)


@pytest.mark.parametrize(
    ("count", "since", "said"),
    [
        (2, 2, "; webhook errors: 11200 (2)"),
        (2, 1, "; webhook errors (1 since its last change): 11200 (2)"),
        (2, 0, "; webhook errors before its last change: 11200 (2)"),
    ],
)
def test_errors_since_the_last_change_are_told_apart(count: int, since: int, said: str) -> None:
    errors = {
        ONE: {"count": count, "last_at": "2026-11-20T10:00:00Z", "codes": {"11200": count}, "since_change": since}
    }
    plan = audit.audit_plan({"localhost": host()})
    looked = [look({ONE: number(webhook()), "+15550000000": number(webhook())}, errors=errors)]
    told, _notes, _failures = audit.verdicts(plan, looked, [{"api_keys": [LIVE]}])
    (entry,) = [each for each in told if each["phone_number"] == ONE]
    assert entry["msg"].endswith(said)
    assert (entry["status"], audit.recent_errors(entry)) == ("connected", since)
    assert (told[0] is entry) == (since > 0), "those that are not plainly well come first"


def test_who_changed_it_is_told_where_it_matters() -> None:
    change = {"at": "2026-11-20T10:00:00Z", "actor_type": "user", "actor_sid": "US1", "source": "web"}
    change.update(before={"url": webhook("***")}, after={"url": ""})
    plan = audit.audit_plan({"localhost": host()})
    looked = [look({ONE: number(), TWO: number(webhook())}, changes={ONE: change, TWO: change})]
    told, notes, _failures = audit.verdicts(plan, looked, [{"api_keys": [LIVE]}])
    assert [(each["status"], each["changed_by"]) for each in told] == [("not_connected", change), ("connected", None)]
    assert told[0]["msg"] == "no webhook is set; changed by user US1 (web) at 2026-11-20T10:00:00Z"
    _told, notes, _failures = audit.verdicts(plan, [look({ONE: number()}, changes_problem="not known")], [])
    assert notes == ["not known"]


def test_retired_credentials_and_who_holds_their_keys() -> None:
    retired = {"name": "twilio-sms:retiring", "guid": "g1", "instance": "agent", "region": "us-south", "age_days": 3.0}
    plan = audit.audit_plan({"localhost": host()})
    rows = {ONE: number(webhook()), TWO: number(webhook(OTHER_KEY))}
    asked = [{"api_keys": [{**LIVE, "guid": "g1"}, {**LIVE, "guid": "g2"}], "retired": [retired]}]
    told, _notes, _failures = audit.verdicts(plan, [look(rows)], asked)
    assert audit.retired_credentials(told, [*asked, *asked]) == [{**retired, "phone_numbers": [ONE]}]
    assert audit.retired_credentials([], asked) == [{**retired, "phone_numbers": []}]
    assert audit.retired_credentials(told, [{"skipped": True}]) == []


def test_which_agents_an_audit_is_about() -> None:
    hosts = {
        "one": host(ONE, region="us-south"),
        "named": host(TWO, region="us-east", instance="other"),
        "same": host("+15550000003", region="us-east", instance="other"),
        "gateway": host("+15550000004", **GATEWAY),
    }
    key = {**LIVE, "instance": "agent", "instance_guid": "g1", "instance_crn": "crn:1", "region": "us-south"}
    plan = audit.audit_plan(hosts)
    told = audit.agents_of(plan, [{"api_keys": [key, key]}, {"msg": "no permission"}])
    assert [(each["instance"], each["region"]) for each in told] == [("agent", "us-south"), ("other", "us-east")]
    assert [each["region"] for each in audit.agents_of(plan, [])] == ["us-south", "us-east"]


@pytest.mark.parametrize(
    ("values", "ask"),
    [({}, False), ({"region": "us-south"}, True), ({"instance": "agent"}, True), (GATEWAY, False)],
)
def test_iam_is_asked_where_an_agent_of_ibms_is_named(values: dict[str, Any], ask: bool) -> None:
    """Even if no webhook holds a key, a credential may have been left behind."""
    plan = audit.audit_plan({"sales": host(ONE, **values)})
    (request,) = audit.key_requests(plan, [look({ONE: number()})])
    assert (request["api_keys"], request["ask"]) == ([], ask)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"region": "us-south", "instance": "my agent"}, ["-e", "region=us-south", "-e", "instance=my agent"]),
        ({"credential_name": "other"}, ["-e", "connect_sms_credential_name=other"]),
        ({"receiver_host": "sms-fra04.voiceagent.cloud.ibm.com"}, ["-e"]),
        (GATEWAY, None),
        ({"receiver_url": ASSISTANT}, None),
        ({"twilio_auth_token": "secret"}, None),
        ({"ibmcloud_api_key": "secret"}, None),
    ],
)
def test_options_of_a_command_hold_no_secret(values: dict[str, Any], words: list[str] | None) -> None:
    told = audit.command_options(host(**values))
    assert told == words or (words == ["-e"] and told and told[1].startswith("connect_sms_receiver_host="))
    secret = [name for name, option in VARIABLES.items() if option.get("no_log") and name != "connect_sms_api_key"]
    assert {name.removeprefix("connect_sms_") for name in secret} <= set(audit.SECRET_VARIABLES)
    assert not set(audit.SECRET_VARIABLES) & set(audit.SHOWN_VARIABLES)
    assert {f"connect_sms_{name}" for name in audit.SHOWN_VARIABLES} <= set(VARIABLES)


def test_an_unknown_answer_is_no_good_news() -> None:
    plan = audit.audit_plan({"sales": host(ONE)})
    looked = [look({ONE: number(webhook())})]
    told, notes, _failures = audit.verdicts(plan, looked, [{"msg": "no permission", "failed": True}])
    assert (told[0]["status"], notes) == ("unknown", ["no permission"])
    looked = [look({ONE: number(webhook())}, override_problem="not known")]
    told, notes, _failures = audit.verdicts(plan, looked, [{"api_keys": [LIVE]}])
    assert (told[0]["status"], notes) == ("unknown", ["not known"])


def test_an_account_that_cannot_be_read_fails_its_hosts() -> None:
    hosts = {"sales": host(ONE, twilio_account_sid="AC1"), "support": host(TWO, twilio_account_sid="AC2")}
    plan = audit.audit_plan(hosts)
    told, _notes, failures = audit.verdicts(plan, [{"msg": "20003"}, look({TWO: number()})], [{"skipped": True}])
    assert failures == {"sales": "20003"}
    assert [entry["status"] for entry in told] == ["not_connected", "unknown"]
    outcomes = {name: audit.audit_outcome([], failures, plan["fail_on"], name)["failed"] for name in hosts}
    assert outcomes == {"sales": True, "support": False}


CHANNEL = {"orchestrate_agent": "support", "orchestrate_channel": "sms", "orchestrate_environment": "live"}


@pytest.mark.parametrize("names", [(None,), ("one", "two", "three")], ids=["one task reports", "each host reports"])
@pytest.mark.parametrize(
    ("values", "looked", "channels", "label"),
    [
        pytest.param(
            {"twilio_account_sid": "AC1"}, [{"msg": "refused (20003)"}], None, "Twilio account AC1", id="the account"
        ),
        pytest.param(
            CHANNEL, None, [{"msg": "refused (20003)"}], "channel 'sms' of agent 'support' (live)", id="the channel"
        ),
    ],
)
def test_what_met_many_hosts_is_told_once(
    values: dict[str, Any], looked: Any, channels: Any, label: str, names: tuple[str | None, ...]
) -> None:
    hosts = {name: host(f"+1555000000{place}", **values) for place, name in enumerate(("one", "two", "three"))}
    numbers = {f"+1555000000{place}": number(webhook()) for place in range(3)}
    plan = expected_with_channels(audit.audit_plan(hosts), channels)
    told, notes, failures = audit.verdicts(plan, looked or [look(numbers)], [])
    assert notes == ["refused (20003)"]
    outcomes = [
        audit.audit_outcome([each for each in told if name in (None, each["host"])], failures, plan["fail_on"], name)
        for name in names
    ]
    assert all(one["failed"] for one in outcomes)
    assert f"{outcomes}".count("20003") == 1, outcomes
    assert "20003" in outcomes[0]["msg"]
    assert all("for the same reason as host one" in one["msg"] for one in outcomes[1:])
    rows = [entry for one in outcomes for entry in one["numbers"]]
    assert [entry["phone_number"] for entry in rows] == list(numbers)
    assert all(entry["msg"].startswith(label) for entry in rows)


@pytest.mark.parametrize("count", [3, 1100])
@pytest.mark.parametrize(
    ("fail_on", "unread", "shown"),
    [
        pytest.param([], False, {3: 3, 1100: 0}, id="not failed"),
        pytest.param(["not_connected"], False, {3: 2, 1100: 1000}, id="bad numbers"),
        pytest.param([], True, {3: 0, 1100: 0}, id="another account of the host's batch"),
    ],
)
def test_a_failing_audit_names_only_what_failed(
    fail_on: list[str], unread: bool, shown: dict[int, int], count: int
) -> None:
    """The first number is connected, all others are not."""
    numbers = [f"+1555{n:07d}" for n in range(count)]
    plan = audit.audit_plan({"one": host(*numbers, audit_fail_on=fail_on)})
    rows = {each: number() for each in numbers} | {numbers[0]: number(webhook())}
    told, _notes, failures = audit.verdicts(plan, [look(rows)], [{"api_keys": [LIVE]}])
    outcome = audit.audit_outcome(told, {**failures, **({"two": "no region"} if unread else {})}, plan["fail_on"])
    assert outcome["failed"] is bool(fail_on or unread)
    assert len(outcome["numbers"]) == shown[count]
    assert not outcome["failed"] or numbers[0] not in f"{outcome}"


def test_each_key_is_asked_about_once_for_each_identity() -> None:
    hosts = {
        "one": host(ONE),
        "two": host(TWO),
        "three": host(ONE, ibmcloud_api_key="other", twilio_account_sid="AC2"),
        "gateway": host(TWO, **GATEWAY),
    }
    plan = audit.audit_plan(hosts)
    rows = {ONE: number(webhook(), webhook(OTHER_KEY)), TWO: number(webhook())}
    requests = audit.key_requests(plan, [look(rows), look(rows)])
    assert [(request["access"].get("ibmcloud_api_key"), request["api_keys"]) for request in requests] == [
        (None, [KEY, OTHER_KEY]),
        ("other", [KEY, OTHER_KEY]),
    ]


def test_localhost_without_numbers_is_the_whole_account() -> None:
    plan = audit.audit_plan({"localhost": host()})
    told, _notes, _failures = audit.verdicts(
        plan, [look({ONE: number(), TWO: number(webhook())})], [{"api_keys": [LIVE]}]
    )
    assert {entry["phone_number"]: entry["status"] for entry in told} == {ONE: "not_connected", TWO: "connected"}
    assert audit.audit_plan({"sales": host()})["errors"] == {"sales": "host sales has no phone_number"}


@pytest.mark.parametrize(
    ("status", "errors", "fail_on", "fails"),
    [
        ("connected", 0, ["any", "errors"], False),
        ("connected", 1, ["any"], True),
        ("connected", 1, ["errors"], True),
        ("connected", 1, ["dead_key"], False),
        ("connected", None, ["errors"], False),
        ("elsewhere", 0, ["any"], True),
        ("elsewhere", 0, ["elsewhere"], True),
        ("elsewhere", 0, ["dead_key", "errors"], False),
        ("elsewhere", 3, [], False),
    ],
)
def test_what_a_run_fails_on(status: str, errors: int | None, fail_on: list[str], fails: bool) -> None:
    entry = {"status": status, "errors": None if errors is None else {"count": errors}}
    assert audit.failing(entry, fail_on) is fails
