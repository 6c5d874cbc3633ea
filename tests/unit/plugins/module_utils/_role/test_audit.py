# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._role import audit
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
    """Return the status of one number, and what is said of it."""
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
        (number(webhook()), {"credential": None, "age_days": None}, {}, "connected", "no service credential's"),
        (number(webhook()), {}, {"region": "us-east"}, "elsewhere", "apikey:***@" + SOUTH),
        (number(webhook().replace("https", "http")), {}, {}, "elsewhere", "http://"),
        (number(webhook(host="sms-fra04.voiceagent.cloud.ibm.com")), {}, {"region": "eu-de"}, "connected", ""),
        (number("https://demo.twilio.com/welcome/sms/reply"), {}, {}, "elsewhere", "demo.twilio.com"),
        (number(), {}, {}, "not_connected", "no webhook"),
        (number(webhook()), {"accepted": False, "reason": "it is disabled"}, {}, "dead_key", "disabled"),
        (number(webhook()), {"role": "Reader"}, {}, "dead_key", "role Reader"),
        (number(f"https://{SOUTH}{PATH}"), {}, {}, "dead_key", "no key"),
        (number(webhook("***")), {}, {}, "dead_key", "none"),
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
    outcomes = {name: audit.outcome([], failures, plan["fail_on"], name)["failed"] for name in hosts}
    assert outcomes == {"sales": True, "support": False}


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


def test_csv_holds_no_formula() -> None:
    plan = audit.audit_plan({"=cmd()": host(ONE)})
    told, _notes, _failures = audit.verdicts(plan, [look({ONE: number(webhook())})], [{"api_keys": [LIVE]}])
    (row,) = csv.DictReader(audit.as_csv(told).splitlines())
    assert (row["phone_number"], row["host"], row["key_credential"]) == (ONE, "'=cmd()", "twilio-sms")


def test_the_table_is_short() -> None:
    plan = audit.audit_plan({"localhost": host()})
    rows = {f"+1556{index:07d}": number() for index in range(40)} | {ONE: number(webhook())}
    told, notes, _failures = audit.verdicts(plan, [look(rows)], [{"api_keys": [LIVE]}])
    lines = audit.as_table(told, [*notes, "something"]).splitlines()
    assert lines[0] == "41 phone numbers: 40 not_connected, 1 connected"
    assert lines[-2:] == ["  and 15 more", "  Note: something"]
    assert len(lines) == 28
