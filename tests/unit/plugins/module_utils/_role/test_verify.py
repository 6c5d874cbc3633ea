# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._role import verify
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.webhook import FIELDS

ROLE = pathlib.Path(__file__).parents[5] / "roles" / "connect_sms"
VARIABLES = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["verify"]["options"]
DEFAULTS = {name: option.get("default") for name, option in VARIABLES.items()}
SOUTH = "https://sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
RIGHT = SOUTH.replace("://", "://apikey:the-key-of-the-agent@")
FOREIGN = "https://other.example.com/sms?t=token"


def settings(url: str) -> dict[str, str]:
    return {**dict.fromkeys(FIELDS, ""), "url": url, "method": "POST"}


def batch(
    *accounts: dict[str, str], expected: bool = True, **options: Any
) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """Return a plan for accounts with numbers (and where their texts go), what was seen there, and what IAM said."""
    plan: dict[str, Any] = {"credentials": [{"access": {}}], "accounts": [], "numbers": {}, "errors": {}}
    looked = []
    for index, numbers in enumerate(accounts):
        where = {"url": None, "place": [SOUTH] if expected else None, "password": None}
        text, host = ",".join(numbers), f"host{index}"
        group = {
            "host": host,
            "phone_numbers": text,
            "expected": where,
            "identity": 0,
            "region": None,
            "instance": None,
        }
        wanted = {"verify_from": None, "verify_max": 10, **options}
        account = {"access": {}, "label": f"Twilio account AC{index}", "phone_numbers": text}
        plan["accounts"].append({**account, "webhooks": [group], "verify": wanted})
        found = {number: Number(f"PN{number}", settings(url)) for number, url in numbers.items()}
        looked.append({"snapshot": pack_snapshot(Snapshot(f"AC{index}", found, {}))})
    asked = [{"api_keys": [{"accepted": True, "credential": "sms", "role": "Writer", "age_days": 1, "reason": None}]}]
    return plan, looked, asked


def shares(*counts: int, most: int) -> list[int]:
    accounts = [{f"+1555{place}{n:06d}": RIGHT for n in range(count)} for place, count in enumerate(counts)]
    return [call["verify_max"] for call in verify.verify_requests(*batch(*accounts, verify_from="+1", verify_max=most))]


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [((5, 5), 10, [5, 5]), ((50, 2), 10, [8, 2]), ((3, 3, 3), 2, [1, 1, 0]), ((4,), 0, [0]), ((1, 50), 10, [1, 9])],
)
def test_all_accounts_together_get_no_more_texts_than_one_may(
    counts: tuple[int, ...], most: int, expected: list[int]
) -> None:
    assert shares(*counts, most=most) == expected


def test_a_receiver_is_tried_for_one_account_only() -> None:
    accounts = {"+15550000001": RIGHT}, {"+15550000002": RIGHT, "+15550000003": FOREIGN}
    calls = verify.verify_requests(*batch(*accounts, expected=False))
    assert [call["receivers"] for call in calls] == [[SOUTH], ["https://other.example.com/"]]


SERVICE = {"sid": "MG1", "name": "Messaging Service 'Sales' (MG1)", "url": RIGHT.replace("south", "east"), "method": ""}


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param(RIGHT, [["south"], ["east"]], id="the service carries a number of the second item"),
        pytest.param(FOREIGN, [[], ["east"]], id="texts of the first item do not get anywhere"),
    ],
)
def test_a_receiver_is_tried_where_texts_go(first: str, expected: list[list[str]]) -> None:
    """Both items show the whole account: another item's webhooks, and a service that takes only the second's texts."""
    numbers = {"+15550000001": first, "+15550000002": RIGHT}
    plan, looked, asked = batch(*({number: url} for number, url in numbers.items()))
    found = {number: Number(f"PN{number}", settings(url)) for number, url in numbers.items()}
    override = {"kind": "messaging_service", "sid": "MG1", "name": "Sales"}
    service = {**SERVICE, "fallback_url": "", "changed_at": ""}
    whole = Snapshot("AC0", found, {"+15550000002": override}, services=[service])
    for account, look in zip(plan["accounts"], looked, strict=True):
        account["webhooks"][0]["expected"]["place"].append(SOUTH.replace("south", "east"))
        look["snapshot"] = pack_snapshot(whole)
    calls = verify.verify_requests(plan, looked, asked)
    assert [call["receivers"] for call in calls] == [
        [SOUTH.replace("south", where) for where in each] for each in expected
    ]


@pytest.mark.parametrize(
    ("url", "expected", "silent"),
    [
        (RIGHT, True, False),
        (FOREIGN, True, True),
        ("", True, True),
        (FOREIGN, False, False),  # nobody said where the agent is
        ("https://demo.twilio.com/welcome/sms/reply", False, True),
        ("", False, False),  # the module sees that by itself
    ],
)
def test_numbers_that_lead_elsewhere_get_no_text(url: str, expected: bool, silent: bool) -> None:
    plan, looked, _asked = batch({"+15550000001": url}, expected=expected)
    (call,) = verify.verify_requests(plan, looked, [{}])
    assert (set(call["silent"]) == {"+15550000001"}) is silent
    assert "token" not in str(call["silent"])


def proof(*verified: str, door: str = "open", **more: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("seconds", "receiver_status", "last_text_at", "errors", "replies", "replies_msg"))
    numbers = [
        {**empty, "phone_number": f"+1555000000{place}", "sid": "PN", "verified": each, "msg": "", "failed": False}
        | {"receiver": SOUTH, "webhook": "", **more}
        for place, each in enumerate(verified, 1)
    ]
    return {"numbers": numbers, "receivers": [{"receiver": SOUTH, "state": door, "status": 403, "msg": "so it is"}]}


@pytest.mark.parametrize(
    ("given", "accepted", "verified", "fails"),
    [
        (proof("untried"), True, "untried", False),
        (proof("untried"), False, "refused", True),  # IAM says that the key is dead
        (proof("untried", door="shut"), True, "refused", True),
        (proof("untried", door="unknown"), True, "untried", False),
        (proof("answered", door="shut"), False, "answered", False),  # a text counts more than a look from here
        (proof("received"), False, "received", False),
        (proof("silent"), True, "silent", True),
        (proof("answered", replies="blocked"), True, "answered", True),
        (proof("answered", replies="unknown"), True, "answered", False),
        ({"msg": "no Messages for this key"}, True, "untried", True),
    ],
)
def test_conclusions(given: dict[str, Any], accepted: bool, verified: str, fails: bool) -> None:
    plan, looked, asked = batch({"+15550000001": RIGHT})
    asked[0]["api_keys"][0].update(accepted=accepted, reason=None if accepted else "IAM does not know it")
    told = verify.conclude(plan, looked, asked, [given])
    assert ([each["verified"] for each in told["numbers"]], told["failed"]) == ([verified], fails)
    assert "+15550000001" in told["msg"]
    assert told["table"].startswith(f"1 phone number: 1 {verified}")


def test_an_account_that_cannot_be_read_fails_and_hides_no_number() -> None:
    plan, looked, asked = batch({f"+1555000000{n}": RIGHT for n in range(3, 6)}, {"+15550000001": RIGHT})
    looked[0] = {"msg": "Could not list the phone numbers: HTTP 401 (20003)"}
    told = verify.conclude(plan, looked, asked, [proof("answered")])
    assert told["failed"]
    assert f"{told}".count("20003") == 1, "told once, in the message"
    assert {each["phone_number"]: (each["verified"], each["msg"]) for each in told["numbers"]} == {
        f"+1555000000{n}": ("untried", "Twilio account AC0 could not be read") for n in range(3, 6)
    }
    assert told["summary"] == {"untried": 3, "answered": 1}


@pytest.mark.parametrize(
    ("bad", "shown", "more"),
    [
        pytest.param(0, 0, "", id="none is named if there are very many"),
        pytest.param(1, 1, "", id="one"),
        pytest.param(30, 30, "and 5 more", id="more than the table has rows"),
        pytest.param(150, 100, "and 125 more", id="more than the result has entries"),
    ],
)
def test_many_numbers_make_no_long_result(bad: int, shown: int, more: str) -> None:
    numbers = {f"+1555{n:07d}": RIGHT for n in range(300)}
    plan, looked, asked = batch(numbers)
    given = proof("untried")
    row = given["numbers"][0]
    silent = {"verified": "silent", "msg": "lost"}
    given["numbers"] = [{**row, "phone_number": each, **(silent if n < bad else {})} for n, each in enumerate(numbers)]
    told = verify.conclude(plan, looked, asked, [given])
    assert [each["verified"] for each in told["numbers"]] == ["silent"] * shown
    assert told["summary"] == {**({"silent": bad} if bad else {}), "untried": 300 - bad}
    assert more in told["table"]
    if bad:
        good = [each for each in numbers if each not in {one["phone_number"] for one in given["numbers"][:bad]}]
        assert not [each for each in good if each in f"{told}"], "a failing run names only those that failed"


@pytest.mark.parametrize(("bad", "shown"), [(0, 2), (1, 1)])
def test_a_failing_run_names_only_what_failed(bad: int, shown: int) -> None:
    plan, looked, asked = batch({"+15550000001": RIGHT, "+15550000002": RIGHT})
    told = verify.conclude(plan, looked, asked, [proof("answered", "silent" if bad else "received")])
    assert (told["failed"], len(told["numbers"])) == (bool(bad), shown)
    assert ("+15550000001" in f"{told}") is not bool(bad)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"phone_numbers": []}, "host one has no phone_number"),
        ({"verify_from": "12"}, "connect_sms_verify_from: '12' is not a phone number"),
        ({"verify_timeout": -1.0}, "connect_sms_verify_timeout must be more than 0 and at most 3600 seconds"),
        ({"verify_timeout": 0.0}, "connect_sms_verify_timeout must be"),
        ({"verify_timeout": float("nan")}, "connect_sms_verify_timeout must be"),
        ({"verify_timeout": 1e9}, "connect_sms_verify_timeout must be"),
        ({"verify_max": -1}, "connect_sms_verify_max must be 0 or more"),
        ({"verify_body": " "}, "connect_sms_verify_body is empty"),
    ],
)
def test_a_mistake_is_a_host_s_before_any_request(values: dict[str, Any], said: str) -> None:
    given = {"phone_numbers": "+15550000001", **values}
    plan = verify.verify_plan({"one": DEFAULTS | {f"connect_sms_{name}": value for name, value in given.items()}})
    assert said in plan["errors"]["one"]
    assert plan["accounts"] == []


@pytest.mark.parametrize(("host", "number"), [("15551234567", "+15551234567"), ("0015551234567", "+15551234567")])
def test_a_host_whose_name_is_a_number(host: str, number: str) -> None:
    plan = verify.verify_plan({host: DEFAULTS})
    assert (plan["errors"], plan["numbers"]) == ({}, {host: [number]})
