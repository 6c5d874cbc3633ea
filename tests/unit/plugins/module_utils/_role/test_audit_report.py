# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import csv
import json
import pathlib
import re
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._role import audit_report
from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit import ERRORS, STATUSES

ROOT = pathlib.Path(__file__).parents[5]
FACTS = {"version": "1.2.3", "agents": [], "retired": []}


def entry(number: int, status: str = "connected", **values: Any) -> dict[str, Any]:
    """Return a verdict."""
    return {
        "phone_number": f"+1555{number:07d}",
        "friendly_name": "Support",
        "host": "localhost",
        "account_sid": "AC1",
        "sid": f"PN{number}",
        "region": "us-south",
        "url": "",
        "fallback_url": "",
        "overridden_by": None,
        "via": None,
        "key": None,
        "errors": None,
        "changed_by": None,
        "status": status,
        "msg": f"about {number}",
        **values,
    }


def report(
    before: Any, *told: dict[str, Any], run: str = "two", now: str = "2026-11-25T10:00:00+00:00", **facts: Any
) -> Any:
    return audit_report.make_report(before, list(told), [], {**FACTS, **facts}, run=run, now=now)


def test_csv_holds_no_formula() -> None:
    key = {"credential": "@cmd", "role": "Writer", "age_days": 12.3}
    errors = {"count": 3, "last_at": "2026-11-20", "codes": {"11200": 2, "11205": 1}, "since_change": 1}
    told = [entry(1, host="=cmd()", key=key, errors=errors, via={"sid": "MG1"}), entry(2)]
    first, second = csv.DictReader(audit_report.as_csv(told).splitlines())
    assert (first["phone_number"], first["host"], first["key_credential"]) == ("+15550000001", "'=cmd()", "'@cmd")
    assert (first["key_age_days"], first["errors_codes"], first["errors_since_change"]) == (
        "12",
        "11200:2 11205:1",
        "1",
    )
    assert (first["via"], second["via"], second["key_age_days"]) == ("MG1", "", "")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ([], "0 phone numbers: "),
        ([entry(1)], "1 phone number: 1 connected"),
        ([entry(1), entry(2)], "2 phone numbers: 2 connected"),
    ],
)
def test_the_table_counts(told: list[dict[str, Any]], line: str) -> None:
    assert audit_report.as_table(told, []).splitlines()[0] == line


def test_the_table_is_short_and_shows_every_status_before_one_is_repeated() -> None:
    told = [entry(index, "dead_key") for index in range(30)] + [entry(30, "elsewhere"), entry(31, "unknown")]
    told += [entry(32 + index) for index in range(9)]
    retired = [{"name": "old", "guid": "g1", "instance": "agent", "region": None, "age_days": 1.2, "phone_numbers": []}]
    lines = audit_report.as_table(told, ["something"], retired, ["reports"]).splitlines()
    assert lines[0] == "41 phone numbers: 30 dead_key, 1 elsewhere, 1 unknown, 9 connected"
    assert [line.split()[1] for line in lines[1:26]] == ["dead_key", "elsewhere", "unknown"] + ["dead_key"] * 22
    assert lines[26:] == [
        "  and 7 more",
        "  Retired, but not deleted: service credential 'old' (agent, 1 day old), the key of no phone number of this audit",
        "  Note: something",
        "  Written to reports: audit.html, audit.csv, audit.json",
    ]


@pytest.mark.parametrize("count", [25, 24, 26, 5000])
def test_in_turn_loses_nothing(count: int) -> None:
    kinds = list(STATUSES)
    told = sorted(
        (entry(index, kinds[index % 5]) for index in range(count)), key=lambda each: kinds.index(each["status"])
    )
    turned = audit_report.in_turn(told)
    assert sorted(each["phone_number"] for each in turned) == sorted(each["phone_number"] for each in told)
    assert len({each["status"] for each in turned[:5]}) == 5


# ---- the audit before ----


def test_what_is_different_from_the_run_before() -> None:
    first = report(None, entry(1), entry(2), entry(3, "elsewhere"), run="one", now="2026-11-20T10:00:00+00:00")
    assert (first["since"], first["previous"]) == (None, None)
    second = report(first, entry(1), entry(3), entry(4, "dead_key"))
    assert second["since"] == {
        "at": "2026-11-20T10:00:00+00:00",
        "new": ["+15550000004"],
        "gone": [{"phone_number": "+15550000002", "was": "connected"}],
        "changed": [{"phone_number": "+15550000003", "was": "elsewhere", "status": "connected"}],
    }
    assert [(each["connected"], each["numbers"]) for each in second["history"]] == [(2, 3), (2, 3)]
    third = report(second, entry(1), entry(3), entry(4, "dead_key"), run="three")
    assert third["since"] == {"at": second["generated_at"], "new": [], "gone": [], "changed": []}
    assert json.loads(json.dumps(third)) == third


def test_batches_of_a_run_add_up_and_are_compared_with_the_run_before() -> None:
    before = report(None, entry(1), entry(2), run="one")
    retired = {"name": "old", "guid": "g1", "phone_numbers": ["+15550000001"]}
    agent = {"instance": "agent", "instance_guid": "i1", "region": "us-south"}
    first = report(before, entry(1), retired=[retired], agents=[agent])
    assert [each["phone_number"] for each in first["since"]["gone"]] == ["+15550000002"]
    kept = copy.deepcopy(first)
    both = report(
        first, entry(2, "elsewhere"), retired=[{**retired, "phone_numbers": ["+15550000002"]}], agents=[agent]
    )
    assert first == kept
    assert [each["phone_number"] for each in both["numbers"]] == ["+15550000001", "+15550000002"]
    assert both["since"]["gone"] == []
    assert [each["was"] for each in both["since"]["changed"]] == ["connected"]
    assert [each["numbers"] for each in both["history"]] == [2, 2]
    assert both["retired"][0]["phone_numbers"] == ["+15550000001", "+15550000002"]
    assert both["agents"] == [agent]
    assert (both["summary"], both["version"]) == ({"elsewhere": 1, "connected": 1, "errors": 0}, "1.2.3")


def test_the_first_audit_s_batches_have_nothing_to_compare_with() -> None:
    first = report(None, entry(1))
    assert report(first, entry(2))["since"] is None


def test_a_report_of_an_older_version_counts_and_anything_else_does_not() -> None:
    old = {"generated_at": "2026-11-01T00:00:00+00:00", "run": "one", "summary": {}, "notes": []}
    numbers = [{"phone_number": "+15550000001", "status": "elsewhere"}]
    assert report({**old, "numbers": numbers}, entry(1))["since"]["changed"][0]["was"] == "elsewhere"
    broken: list[Any] = [
        None,
        [],
        "text",
        7,
        {},
        {"numbers": numbers},
        {**old, "numbers": None},
        {**old, "generated_at": 1},
    ]
    assert [report(each, entry(1))["since"] for each in broken] == [None] * len(broken)
    odd = [None, 1, {}, {"phone_number": 1, "status": "connected"}, {"phone_number": "+15550000001", "status": "odd"}]
    told = report({**old, "numbers": odd, "history": [1, {"at": "x"}, None]}, entry(1))
    assert (told["since"]["new"], len(told["history"])) == (["+15550000001"], 1)


def test_only_so_many_audits_are_remembered() -> None:
    last: Any = None
    for index in range(audit_report.KEPT + 5):
        last = report(last, entry(1), run=str(index))
    assert len(last["history"]) == audit_report.KEPT
    assert len(json.dumps({**last, "numbers": []})) < 12_000


def test_previous_statuses_are_kept_small() -> None:
    before = report(None, *(entry(index) for index in range(5000)), run="one")
    assert len(json.dumps(report(before, entry(1))["previous"])) < 100_000


# ---- what to do ----


def test_there_is_advice_for_everything_and_the_guide_says_what_each_means() -> None:
    assert set(audit_report.ADVICE) == {*STATUSES, ERRORS}
    guide = (ROOT / "docs" / "guides" / "audit.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (\w+) \|", guide, re.MULTILINE)) - {"status"} == set(STATUSES)


@pytest.mark.parametrize("status", audit_report.ADVICE)
def test_advice_names_playbooks_that_there_are(status: str) -> None:
    words, playbook, options = audit_report.ADVICE[status]
    assert (ROOT / "playbooks" / f"{playbook}.yml").is_file()
    variables = set(re.findall(r"connect_sms_\w+", words + options))
    spec = (ROOT / "roles" / "connect_sms" / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    known = yaml.safe_load(spec)["argument_specs"]["main"]["options"]
    assert variables <= set(known)
    for name, value in re.findall(r"(connect_sms_\w+)=(\w+)", options):
        assert value in known[name].get("choices", [value])
