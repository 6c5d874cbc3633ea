# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.filter.receiver_url import receiver_url
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import (
    pack,
    pack_snapshot,
    to_text,
)
from ansible_collections.voiceagent.sms.plugins.module_utils._role import outcomes, plan, steps
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.webhook import diff_header

ROLE = pathlib.Path(__file__).parents[5] / "roles" / "connect_sms"
VARIABLES = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
SOUTH, EAST = "sms-south.voiceagent.cloud.ibm.com", "sms-east.voiceagent.cloud.ibm.com"
ONE, TWO, THREE, FOUR = (f"+1555000000{digit}" for digit in "1234")
KEY, OTHER_KEY, OLD_KEY = "K" * 44, "L" * 44, "O" * 44
PATH = "/sms.receiver/SmsRecv"


def host(*numbers: Any, **values: Any) -> dict[str, Any]:
    """Return a host's variables as the role has them: all of them, ``None`` where not given."""
    variables = dict.fromkeys(VARIABLES) | {name: option.get("default") for name, option in VARIABLES.items()}
    variables |= {"connect_sms_phone_numbers": list(numbers), "connect_sms_region": "us-south"}
    given = {f"connect_sms_{name}": value for name, value in values.items()}
    assert set(given) <= set(VARIABLES)
    return variables | given


def look(*numbers: str, url: str = "", account: str = "AC1", **more: Any) -> dict[str, Any]:
    """Return what twilio_sms_webhook_info returns for an account that has *numbers*."""
    settings = {"url": url, "method": "POST", "fallback_url": "", "fallback_method": "", "application_sid": ""}
    rows = {number: Number(f"PN{number[-1]}", settings, number != FOUR) for number in numbers}
    return {"snapshot": pack_snapshot(Snapshot(account, rows, **more))}


def found(api_key: str | None = KEY, **credential: Any) -> dict[str, Any]:
    """Return what iva_credential returns for a credential that exists."""
    return {"changed": False, "credential": {"state": "active", "one_time": False, **credential}, "api_key": api_key}


def entry(number: str, status: str = "changed", msg: str = "connected") -> dict[str, Any]:
    return {"phone_number": number, "status": status, "changed": status == "changed", "msg": msg}


# ---- make_plan ----


def counts(planned: dict[str, Any]) -> tuple[int, int, int]:
    """Return the numbers of credentials, accounts and groups of phone numbers."""
    groups = [group for account in planned["accounts"] for group in account["webhooks"]]
    return len(planned["credentials"]), len(planned["accounts"]), len(groups)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param({}, {}, (1, 1, 1), id="alike"),
        pytest.param({}, {"region": "us-east"}, (2, 1, 2), id="regions"),
        pytest.param({}, {"instance": "support"}, (2, 1, 2), id="instances"),
        pytest.param({}, {"role": "Manager"}, (2, 1, 2), id="roles"),
        pytest.param({}, {"credential_name": "other"}, (2, 1, 2), id="names"),
        pytest.param({}, {"ibmcloud_api_key": "second account"}, (2, 1, 2), id="IBM accounts"),
        pytest.param({}, {"twilio_account_sid": "AC2"}, (1, 2, 2), id="Twilio accounts"),
        pytest.param({}, {"twilio_subaccount_sid": "AC2"}, (1, 2, 2), id="subaccounts"),
        pytest.param({}, {"on_override": "fail"}, (1, 2, 2), id="what to do about overrides"),
        pytest.param({}, {"receiver_host": "gw"}, (1, 1, 2), id="receivers"),
        pytest.param({}, {"api_key": KEY}, (1, 1, 1), id="a key to offer"),
        pytest.param({}, {"password": "own"}, (1, 1, 2), id="own password of one"),
        pytest.param({"password": "own"}, {"password": "own"}, (0, 1, 1), id="own password of both"),
        pytest.param({"fallback_region": "us-east"}, {}, (2, 1, 2), id="fallback of one"),
        pytest.param({"fallback_region": "us-east"}, {"region": "us-east"}, (2, 1, 2), id="another's fallback"),
        pytest.param({"receiver_url": "https://wa/x"}, {"receiver_url": "https://wa/x"}, (0, 1, 1), id="literal URLs"),
    ],
)
def test_each_distinct_thing_is_looked_up_once(first: dict, second: dict, expected: tuple) -> None:
    planned = plan.make_plan({"one": host(ONE, **first), "two": host(TWO, **second)})
    assert counts(planned) == expected
    assert planned["numbers"] == {"one": [ONE], "two": [TWO]}
    assert planned["errors"] == {}


def test_a_thousand_hosts_are_one_credential_and_one_account() -> None:
    hosts = {f"host{n}": host(f"+1555{n:07d}") for n in range(1000)}
    planned = plan.make_plan(hosts)
    assert counts(planned) == (1, 1, 1)
    assert planned["accounts"][0]["webhooks"][0]["phone_numbers"] == ",".join(f"+1555{n:07d}" for n in range(1000))


def test_a_number_of_several_hosts_is_asked_for_once() -> None:
    planned = plan.make_plan({"one": host(15550000001, "+1 555 000 0001"), "two": host(ONE, TWO)})
    assert planned["accounts"][0]["webhooks"][0]["phone_numbers"] == f"{ONE},{TWO}"
    assert planned["numbers"] == {"one": [ONE], "two": [ONE, TWO]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"region": None}, "no region is given.*connect_sms_region"),
        ({"region": "eu-de"}, "more than one receiver.*connect_sms_receiver_host"),
        ({"region": "jp-tok"}, "no known receiver"),
        ({"receiver_host": "https://gw"}, "host or host:port"),
        ({"receiver_host": "gw", "password": "hidden&"}, "the receiver's password may only contain"),
        ({"receiver_host": "gw", "password": "fine", "username": "a:b"}, "the receiver's user name may only contain"),
        ({"receiver_url": "u:hidden@gw"}, "is not an absolute http or https URL"),
        ({"receiver_url": "https://wa/x", "fallback_region": "us-east"}, "cannot go with connect_sms_receiver_url"),
        ({"fallback_region": "eu-de"}, "more than one receiver"),
        (
            {"receiver_host": "gw.example.com", "password": "hidden", "fallback_region": "us-east"},
            "the password of gw.example.com would be sent to sms-east",
        ),
        ({"phone_numbers": ["nonsense", "12"]}, "'nonsense' is not a phone number.*'12' is not a phone number"),
        ({"phone_numbers": []}, "host bad has no phone_number"),
        ({"phone_numbers": None}, "host bad has no phone_number"),
    ],
)
def test_one_host_s_error_is_its_own(values: dict[str, Any], said: str) -> None:
    planned = plan.make_plan({"bad": {**host(ONE, **values)}, "good": host(TWO)}, {"worse": "cannot be templated"})
    assert list(planned["numbers"]) == ["good"]
    assert set(planned["errors"]) == {"bad", "worse"}
    assert planned["errors"]["worse"] == "cannot be templated"
    assert re.search(said, planned["errors"]["bad"])
    assert "hidden" not in planned["errors"]["bad"]
    assert counts(planned) == (1, 1, 1)


def test_no_numbers_at_all_names_the_three_ways() -> None:
    error = plan.make_plan({"localhost": host()})["errors"]["localhost"]
    assert all(way in error for way in ("inventory", "phone_number=", "numbers_file"))


@pytest.mark.parametrize(
    ("second", "clashes"),
    [
        ({}, False),
        ({"region": "us-east"}, True),
        ({"receiver_host": "gw"}, True),
        ({"credential_name": "other"}, True),
        ({"receiver_url": "https://wa/x"}, True),
        *(
            ({"region": "us-east", **more}, True)
            for more in ({"backup_dir": "/x"}, {"on_override": "fail"}, {"concurrency": 8})
        ),
        ({"region": "us-east", "twilio_account_sid": "AC2"}, False),  # the same number cannot be in both: Twilio tells
    ],
)
def test_one_number_cannot_have_two_receivers(second: dict[str, Any], clashes: bool) -> None:
    planned = plan.make_plan({"one": host(ONE), "two": host(TWO, ONE, **second), "three": host(THREE)})
    assert ("two" in planned["errors"]) is clashes
    assert set(planned["numbers"]) == ({"one", "three"} if clashes else {"one", "two", "three"})
    if clashes:
        assert ONE in planned["errors"]["two"]
        assert "host one" in planned["errors"]["two"]
        groups = planned["accounts"][0]["webhooks"]
        assert [group["phone_numbers"] for group in groups] == [f"{ONE},{THREE}"]


def test_the_role_s_variables_become_the_modules_options() -> None:
    values = {
        "instance": "support",
        "role": "Manager",
        "iam_token": "t",
        "iam_endpoint": "https://iam",
        "twilio_account_sid": "AC9",
        "twilio_region": "ie1",
        "twilio_auth_token": "a",
        "timeout": 5.0,
        "validate_certs": False,
    }
    planned = plan.make_plan({"one": host(ONE, **values)})
    credential, account = planned["credentials"][0], planned["accounts"][0]
    expected = {"name": "twilio-sms", "instance": "support", "region": "us-south", "role": "Manager"}
    assert {name: credential[name] for name in expected} == expected
    both = {"timeout": 5.0, "validate_certs": False}
    assert credential["access"] == {"iam_token": "t", "iam_endpoint": "https://iam", **both}
    assert account["access"] == {"account_sid": "AC9", "region": "ie1", "auth_token": "a", **both}
    assert account["on_override"] == "warn"


def test_the_fallback_region_has_an_instance_of_its_own() -> None:
    first, second = plan.make_plan({"one": host(ONE, instance="mine", fallback_region="us-east")})["credentials"]
    assert (first["region"], first["instance"]) == ("us-south", "mine")
    assert (second["region"], "instance" in second) == ("us-east", False)


def test_keys_from_vaults_are_offered_once() -> None:
    hosts = {"one": host(ONE, api_key=KEY), "two": host(TWO, api_key=OTHER_KEY), "three": host(THREE, api_key=KEY)}
    assert plan.make_plan(hosts)["credentials"][0]["candidate_api_keys"] == [KEY, OTHER_KEY]


# ---- credential_requests ----


@pytest.mark.parametrize(
    ("looked", "needed", "wait", "candidates"),
    [
        pytest.param(look(ONE, TWO), True, False, [], id="fresh numbers"),
        pytest.param(look(ONE, url="https://demo.twilio.com/welcome/sms/reply"), True, False, [], id="demo webhook"),
        pytest.param(look(ONE, url=f"https://apikey:{OLD_KEY}@gw/"), True, True, [OLD_KEY], id="a key in a webhook"),
        pytest.param(look(ONE, url="https://u:short@gw/"), True, True, [], id="no API key"),
        pytest.param(look(ONE, url=f"https://apikey:{KEY}@gw/"), True, True, [], id="a key that is offered already"),
        pytest.param(look(), False, False, [], id="not the account's numbers"),
        pytest.param(look(FOUR), False, False, [], id="cannot receive texts"),
        pytest.param({"failed": True, "msg": "HTTP 401"}, False, False, [], id="account not read"),
    ],
)
def test_credential_requests(looked: dict, needed: bool, wait: bool, candidates: list[str]) -> None:
    planned = plan.make_plan({"one": host(ONE, TWO, FOUR, api_key=KEY)})
    (request,) = steps.credential_requests(planned, [looked])
    assert (request["needed"], request["wait"]) == (needed, wait)
    assert request["candidate_api_keys"] == [KEY, *candidates]
    assert planned["credentials"][0]["candidate_api_keys"] == [KEY], "the plan itself stays"


@pytest.mark.parametrize(
    ("foreign", "told"),
    [
        ([[], []], None),
        ([[1], [0]], None),
        ([[0], [0]], [KEY]),
        ([[0, 1], [0, 1]], [KEY, OTHER_KEY]),
        ([[0], []], None),
    ],
)
def test_a_shared_service_s_key_is_foreign_only_if_no_region_of_the_run_has_it(foreign: list, told: Any) -> None:
    """With two regions a service holds two keys, and each instance knows its own only."""
    planned = plan.make_plan({"one": host(ONE, fallback_region="us-east")})
    service = {"sid": "MG1", "pool": [ONE, TWO], "use_inbound_webhook_on_number": "false", "friendly_name": "s"}
    service |= {"method": "POST", "fallback_method": "POST", "others": None}
    service |= {
        "url": f"https://apikey:{KEY}@{SOUTH}{PATH}",
        "fallback_url": f"https://apikey:{OTHER_KEY}@{EAST}{PATH}",
    }
    override = {"kind": "messaging_service", "sid": "MG1", "name": "s"}
    looked = look(ONE, overrides={ONE: override}, services=[service])
    requests = steps.credential_requests(planned, [looked])
    assert [request["other_api_keys"] for request in requests] == [[KEY, OTHER_KEY]] * 2
    credentials = [{**found(key), "foreign": places} for key, places in zip(("A" * 44, "B" * 44), foreign, strict=True)]
    ((group,),) = (
        account["webhooks"] for account in steps.webhooks(with_urls(planned, credentials), [looked], credentials)
    )
    assert group.get("foreign_passwords") == told


CONVERSATION = {"kind": "conversation", "sid": "IG1", "name": "c"}
SERVICE = {"kind": "messaging_service", "sid": "MG1", "name": "s"}


@pytest.mark.parametrize(
    ("override", "url", "on_override", "wait"),
    [
        (CONVERSATION, "", "repair", True),
        (CONVERSATION, "", "warn", False),
        (SERVICE, "https://elsewhere.example.com/", "repair", True),
        (SERVICE, "https://elsewhere.example.com/", "warn", False),
        (SERVICE, "", "repair", False),  # it drops them
    ],
)
def test_texts_that_a_repair_takes_from_somebody_else_are_not_refused(
    override: dict, url: str, on_override: str, wait: bool
) -> None:
    """A new key must be accepted first, because the number's own webhook takes its texts from now on."""
    service = {"sid": "MG1", "url": url, "fallback_url": "", "pool": [ONE], "use_inbound_webhook_on_number": "false"}
    service |= {"friendly_name": "s", "method": "", "fallback_method": "", "others": []}
    planned = plan.make_plan({"one": host(ONE, on_override=on_override)})
    looked = look(ONE, overrides={ONE: override}, services=[service] if override is SERVICE else [])
    assert steps.credential_requests(planned, [looked])[0]["wait"] is wait


@pytest.mark.parametrize(
    ("on_override", "more", "needed"),
    [
        ("warn", {"overrides": {ONE: {"kind": "conversation", "sid": "IG1", "name": "c"}}}, True),
        ("fail", {"overrides": {ONE: {"kind": "conversation", "sid": "IG1", "name": "c"}}}, False),
        ("warn", {"override_problem": "not known"}, True),
        ("fail", {"override_problem": "not known"}, False),
    ],
)
def test_no_credential_is_made_for_numbers_that_are_left_alone(on_override: str, more: dict, needed: bool) -> None:
    planned = plan.make_plan({"one": host(ONE, on_override=on_override)})
    assert steps.credential_requests(planned, [look(ONE, **more)])[0]["needed"] is needed


def test_a_credential_is_needed_if_one_of_its_accounts_needs_it() -> None:
    planned = plan.make_plan({"one": host(ONE), "two": host(TWO, twilio_account_sid="AC2")})
    used = look(TWO, url=f"https://apikey:{OLD_KEY}@gw/", account="AC2")
    (request,) = steps.credential_requests(planned, [{"failed": True, "msg": "no"}, used])
    assert (request["needed"], request["wait"], request["candidate_api_keys"]) == (True, True, [OLD_KEY])


def test_candidates_are_not_without_limit() -> None:
    numbers = [f"+1555{n:07d}" for n in range(100)]
    settings = {"method": "", "fallback_url": "", "fallback_method": "", "application_sid": ""}
    rows = {number: Number("PN", {**settings, "url": f"https://k:{number[1:]:A>44}@gw/"}) for number in numbers}
    planned = plan.make_plan({"one": host(*numbers)})
    (request,) = steps.credential_requests(planned, [{"snapshot": pack_snapshot(Snapshot("AC1", rows))}])
    assert len(request["candidate_api_keys"]) == steps.MAX_CANDIDATES


# ---- webhooks ----


def with_urls(planned: Any, credentials: list[Any]) -> Any:
    """Return a plan with its URLs, as the role's task builds them."""
    urls = [receiver_url(**one) for one in steps.receivers(planned, credentials)]
    return steps.with_urls(planned, credentials, [{"ansible_facts": {steps.URL: url}} for url in urls])


def groups_of(hosts: dict[str, Any], looked: list[Any], credentials: list[Any]) -> list[tuple]:
    accounts = steps.webhooks(with_urls(plan.make_plan(hosts), credentials), looked, credentials)
    return [(steps.numbers_in(g), g["url"], g["fallback_url"]) for account in accounts for g in account["webhooks"]]


@pytest.mark.parametrize(
    ("values", "credentials", "url", "fallback_url"),
    [
        ({}, [found()], f"https://apikey:{KEY}@{SOUTH}{PATH}", None),
        ({"region": "us-east"}, [found()], f"https://apikey:{KEY}@{EAST}{PATH}", None),
        ({"username": "me"}, [found()], f"https://me:{KEY}@{SOUTH}{PATH}", None),
        (
            {"fallback_region": "us-east"},
            [found(), found(OTHER_KEY)],
            f"https://apikey:{KEY}@{SOUTH}{PATH}",
            f"https://apikey:{OTHER_KEY}@{EAST}{PATH}",
        ),
        ({"receiver_host": "GW:9443", "password": "own"}, [], f"https://apikey:own@gw:9443{PATH}", None),
        (
            {"region": None, "receiver_host": "gw", "username": "me", "password": "own"},
            [],
            f"https://me:own@gw{PATH}",
            None,
        ),
        (
            {"password": "own", "fallback_region": "us-east"},
            [],
            f"https://apikey:own@{SOUTH}{PATH}",
            f"https://apikey:own@{EAST}{PATH}",
        ),
        ({"region": None, "receiver_url": "https://wa/x?y#z"}, [], "https://wa/x?y#z", None),
    ],
)
def test_webhooks(values: dict, credentials: list, url: str, fallback_url: str | None) -> None:
    assert groups_of({"one": host(ONE, **values)}, [look(ONE)], credentials) == [([ONE], url, fallback_url)]


def test_a_dry_run_that_would_create_the_credential_shows_a_placeholder() -> None:
    absent = {"changed": True, "credential": {"state": "absent", "one_time": False}, "api_key": None}
    assert groups_of({"one": host(ONE)}, [look(ONE)], [absent]) == [
        ([ONE], f"https://apikey:{steps.PLACEHOLDER}@{SOUTH}{PATH}", None)
    ]


@pytest.mark.parametrize(
    "credential",
    [
        {"failed": True, "msg": "Could not list"},
        {"skipped": True},
        found(None),
        found(None, one_time=True),
        {**found(None), "changed": True},  # created, yet no key in the answer
    ],
)
def test_groups_without_a_key_are_left_out_and_the_others_are_not(credential: dict) -> None:
    hosts = {"one": host(ONE), "two": host(TWO, region="us-east"), "three": host(THREE, twilio_account_sid="AC2")}
    looked = [look(ONE, TWO), {"failed": True, "msg": "HTTP 401"}]
    assert groups_of(hosts, looked, [credential, found(OTHER_KEY)]) == [
        ([TWO], f"https://apikey:{OTHER_KEY}@{EAST}{PATH}", None)
    ]


# ---- outcome ----


def outcome(hosts: dict, looked: list, credentials: list, done: list, name: str | None = None) -> dict[str, Any]:
    return outcomes.numbers_outcome(
        outcomes.Batch(plan.make_plan(hosts, {"broken": "cannot be templated"}), looked, credentials, done), name
    )


HOSTS = {"one": host(ONE), "two": host(TWO)}
SKIPPED = {"skipped": True, "changed": False}


@pytest.mark.parametrize(
    ("looked", "credential", "done", "said"),
    [
        pytest.param({"failed": True, "msg": "Could not list: HTTP 401"}, SKIPPED, SKIPPED, "HTTP 401", id="look"),
        pytest.param(look(TWO), SKIPPED, SKIPPED, "not a phone number of account AC1", id="not there"),
        pytest.param(look(ONE), {"failed": True, "msg": "wrong role"}, SKIPPED, "wrong role", id="credential"),
        pytest.param(look(ONE), found(None), SKIPPED, "is hidden from this identity", id="redacted"),
        pytest.param(look(ONE), found(None, one_time=True), SKIPPED, "was shown only once", id="one-time key"),
        pytest.param(look(ONE), found(), {"failed": True, "msg": "HTTP 500"}, "HTTP 500", id="update as a whole"),
        pytest.param(look(ONE), found(), SKIPPED, "no result", id="nothing said"),
        pytest.param(
            look(ONE),
            found(),
            {"entries": to_text([entry(ONE, "failed", "21631")]), "failed": True},
            "21631",
            id="update of one",
        ),
    ],
)
def test_each_stage_s_failure_reaches_the_host(looked: dict, credential: dict, done: dict, said: str) -> None:
    result = outcome({"one": host(ONE)}, [looked], [credential], [done], "one")
    assert result["failed"] is True
    assert result["changed"] is False
    assert ONE in result["msg"]
    assert said in result["msg"]


def test_a_host_gets_what_concerns_its_own_numbers() -> None:
    diffs = [{"before_header": diff_header(number), "before": {}, "after": {}} for number in (ONE, TWO)]
    done = {
        "entries": to_text([entry(ONE), entry(TWO, "failed", "21631")]),
        "diff": diffs,
        "warnings": ["w"],
        "failed": True,
    }
    one = outcome(HOSTS, [look(ONE, TWO)], [found()], [done], "one")
    assert one == {
        "changed": True,
        "failed": False,
        "msg": f"{ONE}: connected",
        "numbers": [entry(ONE)],
        "diff": diffs[:1],
    }
    two = outcome(HOSTS, [look(ONE, TWO)], [found()], [done], "two")
    assert (two["failed"], two["changed"], two["msg"]) == (True, False, f"{TWO}: 21631")
    broken = outcome(HOSTS, [look(ONE, TWO)], [found()], [done], "broken")
    assert (broken["failed"], broken["msg"], broken["numbers"]) == (True, "cannot be templated", [])


def test_the_batch_as_a_whole() -> None:
    done = {"entries": to_text([entry(ONE), entry(TWO)]), "warnings": ["careful"]}
    looked = {**look(ONE, TWO), "warnings": ["careful", "and this"]}
    whole = outcome(HOSTS, [looked], [found()], [done])
    assert (whole["failed"], whole["changed"]) == (True, True), "one host is broken"
    assert whole["msg"] == "cannot be templated"
    assert whole["numbers"] == [], "a failure lists what failed"
    batch = outcomes.Batch(plan.make_plan(HOSTS), [looked], [found()], [done])
    assert outcomes.batch_warnings(batch) == ["careful", "and this"]
    assert [one["phone_number"] for one in outcomes.numbers_outcome(batch)["numbers"]] == [ONE, TWO]


def test_a_large_batch_is_summed_up() -> None:
    numbers = [f"+1555{n:07d}" for n in range(30)]
    entries = [entry(number, "unchanged" if n % 3 else "changed") for n, number in enumerate(numbers)]
    planned = plan.make_plan({"one": host(*numbers)})
    result = outcomes.numbers_outcome(
        outcomes.Batch(planned, [look(*numbers)], [found()], [{"entries": to_text(entries)}])
    )
    assert result["msg"] == "10 changed, 20 unchanged"
    assert result["failed"] is False


def test_of_thousands_only_those_are_listed_that_somebody_has_to_look_at() -> None:
    numbers = [f"+1555{n:07d}" for n in range(1001)]
    statuses = {numbers[900]: "overridden", numbers[5]: "unchanged"}
    for count, listed in ((1000, numbers[:1000]), (1001, [numbers[900]])):
        planned = plan.make_plan({"one": host(*numbers[:count])})
        done = {"entries": to_text(entry(number, statuses.get(number, "changed")) for number in numbers[:count])}
        result = outcomes.numbers_outcome(outcomes.Batch(planned, [look(*numbers[:count])], [found()], [done]))
        assert [one["phone_number"] for one in result["numbers"]] == listed
        assert (result["changed"], result["failed"]) == (True, False)


def test_a_large_failure_names_ten_numbers_and_each_reason_once() -> None:
    numbers = [f"+1555{n:07d}" for n in range(30)]
    planned = plan.make_plan({"one": host(*numbers)})
    result = outcomes.numbers_outcome(
        outcomes.Batch(planned, [{"failed": True, "msg": "HTTP 401"}], [SKIPPED], [SKIPPED]), "one"
    )
    assert result["msg"].count("HTTP 401") == 1
    assert result["msg"].count("+1555") == 10
    assert "20 more" in result["msg"]


def test_no_outcome_holds_a_secret() -> None:
    hosts = {"one": host(ONE, password="hidden-one"), "two": host(TWO, api_key="hidden-two-hidden-two")}
    looked = look(ONE, TWO, url="https://u:hidden-three@gw/")
    for done in ({"entries": to_text([entry(ONE)])}, SKIPPED, {"failed": True, "msg": "no"}):
        for name in (None, "one", "two"):
            assert "hidden" not in str(outcome(hosts, [looked], [found("hidden-four-hidden")], [done], name))


# ---- the credentials alone ----


def test_a_plan_of_credentials_has_each_once_and_no_numbers() -> None:
    hosts = {
        "a": host(region="us-south"),
        "b": host(ONE, region="us-south", twilio_account_sid="AC2"),
        "c": host("no number", region="us-east", fallback_region="us-south"),
        "gateway": host(password="own"),
        "other": host(receiver_url="https://wa/x"),
        "lost": host(region=None),
    }
    planned = plan.credential_plan(hosts, {"bad": "cannot be templated"})
    assert [(one["region"], one["create"]) for one in planned["credentials"]] == [("us-south", True), ("us-east", True)]
    assert (planned["accounts"], planned["numbers"]) == ([], {})
    assert set(planned["errors"]) == {"bad", "lost"}
    assert "connect_sms_region" in planned["errors"]["lost"]
    requests = steps.credential_requests(planned)
    assert [(one["needed"], one["wait"]) for one in requests] == [(True, True)] * 2


def test_what_became_of_credentials() -> None:
    planned = plan.credential_plan({"a": host(), "b": host(region="us-east"), "c": host(credential_name="third")})
    made = {**found(readable=True, guid="G1"), "changed": True, "diff": {"before": {}, "after": {"name": "x"}}}
    hidden = found(None, readable=False, guid="G2")
    told = outcomes.credentials_outcome(planned, [made, hidden, found(readable=True, guid="G3")])
    assert (told["changed"], told["failed"], told["diff"]) == (True, False, [made["diff"]])
    assert [entry["changed"] for entry in told["credentials"]] == [True, False, False]
    assert "us-south: created (G1)" in told["msg"]
    assert "us-east: exists (G2), but its API key cannot be read" in told["msg"]
    assert KEY not in str(told)

    dry = {**found(None, state="absent", readable=False, guid=None), "changed": True}
    refused = {"failed": True, "msg": "HTTP 403"}
    told = outcomes.credentials_outcome(planned, [dry, refused, found(readable=True, guid="G3")])
    assert (told["changed"], told["failed"]) == (True, True)
    assert "HTTP 403" in told["msg"]
    assert "us-east" in told["msg"]
    (nothing,) = [outcomes.credentials_outcome(plan.credential_plan({"a": host(password="own")}), [])]
    assert (nothing["changed"], nothing["failed"], nothing["msg"]) == (
        False,
        False,
        "no host needs a service credential",
    )


def test_a_missing_credential_says_what_makes_it() -> None:
    planned = plan.make_plan({"a": host(ONE, create_credential=False)})
    assert planned["credentials"][0]["create"] is False
    missing = {"msg": "There is none", "failure": {"code": "missing_credential"}}
    assert steps.webhooks(planned, [look(ONE)], [missing])[0]["webhooks"] == []
    told = outcomes.numbers_outcome(outcomes.Batch(planned, [look(ONE)], [missing], [{}]), "a")
    assert told["failed"] is True
    assert "There is none. Run the playbook voiceagent.sms.ensure_sms_credential first" in told["msg"]


# ---- services ----


def service(sid: str, url: str, *pool: str, defers: str = "false", **more: Any) -> dict[str, Any]:
    """Return a Messaging Service as a snapshot holds it."""
    words = {"sid": sid, "friendly_name": "campaign", "name": f"Messaging Service 'campaign' ({sid})", "changed_at": ""}
    settings = {
        "method": "POST",
        "fallback_url": "",
        "fallback_method": "POST",
        "use_inbound_webhook_on_number": defers,
    }
    return {**words, **settings, "url": url, "pool": list(pool), "others": [], **more}


def through(sid: str, *numbers: str) -> dict[str, Any]:
    return {number: {"kind": "messaging_service", "sid": sid, "name": "campaign"} for number in numbers}


LEADS = f"https://apikey:{OLD_KEY}@{SOUTH}{PATH}"


@pytest.mark.parametrize(
    ("on_override", "url", "others", "refused"),
    [
        ("warn", "", [], False),
        ("fail", "", [], True),
        ("fail", LEADS, [], False),
        ("repair", "", [], False),
        ("repair", "", [{"name": "99990", "url": ""}], True),
        ("repair", LEADS, [{"name": "99990", "url": ""}], False),
    ],
)
def test_no_credential_for_numbers_that_their_service_keeps(
    on_override: str, url: str, others: list, refused: bool
) -> None:
    made = service("MG1", url, ONE, others=others)
    looked = [look(ONE, overrides=through("MG1", ONE), services=[made])]
    planned = plan.make_plan({"one": host(ONE, on_override=on_override)})
    (request,) = steps.credential_requests(planned, looked)
    assert request["needed"] is not refused
    if not refused and url:
        assert request["candidate_api_keys"] == [OLD_KEY], "what carries a number holds the present key"
        assert request["wait"] is True, "and the number is in service"
    told = outcomes.numbers_outcome(outcomes.Batch(planned, looked, [{"skipped": True}], [{"skipped": True}]), "one")
    assert ("left alone: Messaging Service 'campaign' (MG1)" in told["msg"]) is refused


def test_services_are_recorded_before_they_change(tmp_path: pathlib.Path) -> None:
    made = [service("MG1", LEADS, ONE), service("MG2", "", TWO), service("MG3", "", FOUR)]
    overrides = {**through("MG1", ONE), **through("MG2", TWO)}
    looked = [look(ONE, TWO, overrides=overrides, services=made)]
    hosts = {"one": host(ONE, TWO, on_override="repair", backup_dir=str(tmp_path))}
    ((folder, account, changes),) = steps.due_changes(with_urls(plan.make_plan(hosts), [found()]), looked, [found()])
    assert (folder, account, set(changes)) == (str(tmp_path), "AC1", {ONE, TWO, "MG1", "MG2"})
    assert changes["MG1"]["after"]["url"] == LEADS.replace(OLD_KEY, KEY)
    assert changes["MG2"]["after"]["use_inbound_webhook_on_number"] == "true"


def test_behaviour_goes_along() -> None:
    planned = plan.make_plan({"one": host(ONE, retries=0, retry_on=["5xx"]), "two": host(TWO, edges=["dublin"])})
    (account,) = steps.webhooks(with_urls(planned, [found()]), [look(ONE, TWO)], [found()])
    first, second = account["webhooks"]
    assert (first["retries"], first["retry_on"], "edges" in first) == (0, ["5xx"], False)
    assert (second["edges"], "retries" in second) == (["dublin"], False)
    refused = plan.make_plan({"one": host(ONE, retries=6)})
    assert refused["errors"] == {"one": "connect_sms_retries must be 0 to 5"}


# ---- key_usage ----


def holders(*held: tuple[str, str, str, str], unseen: tuple[str, ...] = (), account: str = "AC1") -> dict[str, Any]:
    """Return what twilio_sms_webhook_info returns: for each key what holds it (kind, SID, field)."""
    keys: dict[str, list[dict[str, Any]]] = {}
    for key, kind, sid, field in held:
        name = {"PN1": ONE, "PN2": TWO}.get(sid, "thing")
        keys.setdefault(key, []).append(
            {"kind": kind, "sid": sid, "name": name, "account": account, "fields": field.split()}
        )
    return {"holders": pack({"keys": keys, "unseen": list(unseen), "numbers": {}})}


def test_holders_are_named_once_whoever_sees_them() -> None:
    seen = holders(
        (KEY, "number", "PN1", "sms_url"), (KEY, "application", "AP1", "voice_url"), ("short", "number", "PN2", "x")
    )
    usage = steps.keys_in_use([seen, seen])
    assert usage == {"keys": [KEY], "holders": [[ONE, "TwiML application 'thing' (AP1)"]], "problem": None}


@pytest.mark.parametrize(
    ("results", "accounts", "problem"),
    [
        ([holders(unseen=("the short codes",))], None, "the short codes"),
        ([holders(unseen=("the short codes",))], [{"delete_unseen": True}], None),
        ([holders(unseen=("this",)), holders(unseen=("that",))], [{"delete_unseen": True}, {}], "that"),
        ([{"failed": True, "msg": "HTTP 500"}], [{"delete_unseen": True}], "HTTP 500"),
    ],
)
def test_what_is_not_known_of_all(results: list, accounts: list | None, problem: str | None) -> None:
    usage = steps.keys_in_use(results, accounts=accounts)
    assert (problem in str(usage["problem"])) if problem else usage["problem"] is None


def test_a_dry_run_takes_its_changes_for_done() -> None:
    made = service("MG1", LEADS, TWO)
    looked = [look(ONE, TWO, url=LEADS, overrides=through("MG1", TWO), services=[made])]
    planned = plan.make_plan({"one": host(ONE, TWO)})
    seen = holders(
        (OLD_KEY, "number", "PN1", "sms_url"),
        (OLD_KEY, "number", "PN2", "sms_url voice_url"),
        (OLD_KEY, "messaging_service", "MG1", "inbound_request_url"),
        (OLD_KEY, "application", "AP1", "sms_url"),
    )
    usage = steps.keys_in_use([seen], steps.webhooks(with_urls(planned, [found()]), looked, [found()]))
    assert dict(zip(usage["keys"], usage["holders"], strict=True)) == {
        OLD_KEY: [TWO, "TwiML application 'thing' (AP1)"],
        KEY: [ONE, TWO, "Messaging Service 'campaign' (MG1)"],
    }


# ---- restore ----


def test_a_service_is_restored_with_all_or_not_at_all() -> None:
    settings = {"url": LEADS, "method": "POST", "fallback_url": "", "fallback_method": "POST"}
    change = {"before": settings, "after": settings}
    record = {"accounts": {"AC1": {ONE: change, "MG1": {"kind": "messaging_service", "name": "x", **change}}}}
    whole = plan.restore_plan("localhost", record, {**host(), "connect_sms_phone_numbers": None}, "AC1")
    assert (set(whole["accounts"][0]["restore"]), whole["numbers"]) == ({ONE, "MG1"}, {"localhost": [ONE]})
    assert whole["accounts"][0]["phone_numbers"] == ONE
    part = plan.restore_plan("localhost", record, host(ONE), "AC1")
    assert set(part["accounts"][0]["restore"]) == {ONE}


@pytest.mark.parametrize(
    ("hosts", "restored"),
    [
        ({"localhost": host(ONE, TWO)}, [ONE, TWO]),
        ({"localhost": host()}, []),  # all
        ({"a": host(ONE), "b": host(TWO, ONE)}, [ONE, TWO, ONE]),
        ({"a": host(), "b": host()}, []),
        ({"15550000001": host(), "b": host(TWO)}, ["+15550000001", TWO]),
        ({"a": host(ONE), "b": host(TWO, region="us-east")}, "b differs from host a in connect_sms_region:"),
        (
            {"a": host(ONE), "b": host(ONE), "c": host(TWO, concurrency=2)},
            "c differs from host a in connect_sms_concur",
        ),
        ({"a": host(ONE), "b": host()}, "b has no phone_number, .* but host a has one"),
        ({"a": host(), "15550000002": host()}, "a has no phone_number, .* but host 15550000002 has one"),
    ],
)
def test_a_restore_by_many_hosts_takes_the_numbers_of_all(hosts: dict[str, Any], restored: list[str] | str) -> None:
    if isinstance(restored, str):
        with pytest.raises(ValueError, match=restored):
            plan.restore_values(hosts)
    else:
        assert plan.restore_values(hosts)["connect_sms_phone_numbers"] == restored


@pytest.mark.parametrize(
    ("now", "accepted", "force", "recorded"),
    [
        ("https://new.example.com/sms", True, False, True),
        ("https://NEW.example.com:443/sms", True, False, True),  # the same, in another notation
        (LEADS, True, False, False),
        ("https://else.example.com", True, False, False),
        ("https://else.example.com", True, True, True),
        ("https://new.example.com/sms", False, False, False),
        ("https://new.example.com/sms", None, False, False),
        ("https://new.example.com/sms", False, True, True),
    ],
)
def test_the_record_of_a_restore_has_what_it_overwrites(now: str, accepted: Any, force: bool, recorded: bool) -> None:
    settings = {"method": "POST", "fallback_url": "", "fallback_method": "POST", "application_sid": ""}
    change = {
        "before": {**settings, "url": LEADS, "fallback_method": ""},
        "after": {**settings, "url": "https://new.example.com/sms"},
    }
    values = {**host(ONE), "connect_sms_restore_force": force}
    planned = plan.restore_plan("localhost", {"accounts": {"AC1": {ONE: change}}}, values, "AC1", "/backups")
    snapshot = Snapshot("AC1", {ONE: Number("PN1", {**settings, "url": now})})
    looked, asked = [{"snapshot": pack_snapshot(snapshot)}], [{"api_keys": [{"accepted": accepted}]}]
    ((_folder, _account, changes),) = steps.due_changes(planned, looked, asked)
    # Twilio cannot unset a method, so the current one stays.
    after = {"before": {**settings, "url": now}, "after": {**settings, "url": LEADS}}
    assert changes == ({ONE: after} if recorded else {})
