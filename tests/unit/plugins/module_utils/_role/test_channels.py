# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of watsonx Orchestrate in a plan, and new keys to store."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._role.test_plan import KEY, ONE, TWO, found, host, look

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack
from ansible_collections.voiceagent.sms.plugins.module_utils._role import channels, outcomes, plan, steps, store
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.holders import place_of

URL = "https://channels.example.com/tenants/t/agents/a/environments/e/channels/twilio_sms/c/events"
THERE = {"changed": False, "url": URL, "channel": {"id": "c", "name": "twilio-sms"}}
MADE = {**THERE, "changed": True}
PREDICTED = {"changed": True, "url": None, "channel": {"id": None, "name": "twilio-sms"}}
ABSENT = {**PREDICTED, "changed": False}
FAILED = {"failed": True, "msg": "there is no agent 'support'"}


def agent(*numbers: str, **values: Any) -> dict[str, Any]:
    return host(*numbers, **{"region": None, "orchestrate_agent": "support", **values})


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ({}, 1),
        ({"orchestrate_agent": "sales"}, 2),
        ({"orchestrate_environment": "draft"}, 2),
        ({"orchestrate_url": "https://api.example.com/instances/2"}, 2),
        ({"orchestrate_api_key": "other", "orchestrate_agent": "sales"}, 2),
        ({"region": "us-south"}, 1),  # a region is no other receiver
    ],
)
def test_each_channel_is_looked_up_once(values: dict[str, Any], count: int) -> None:
    planned = plan.make_plan({"one": agent(ONE), "two": agent(TWO, **values)})
    assert planned["errors"] == {}
    assert planned["credentials"] == []
    assert len(planned["channels"]) == count


@pytest.mark.parametrize("values", [{"orchestrate_channel": "other"}, {"twilio_account_sid": "AC2"}])
def test_an_environment_has_one_channel_of_one_account(values: dict[str, Any]) -> None:
    planned = plan.make_plan({"one": agent(ONE), "two": agent(TWO, **values)})
    assert "host one wants the same agent's channel with another name or Twilio account" in planned["errors"]["two"]
    assert planned["numbers"] == {"one": [ONE]}


@pytest.mark.parametrize("name", ["receiver_url", "receiver_host", "password", "fallback_region"])
def test_two_receivers_are_refused(name: str) -> None:
    planned = plan.make_plan({"one": agent(ONE, **{name: "https://u:s3cret@example.com"})})
    assert f"connect_sms_{name}" in planned["errors"]["one"]
    assert "s3cret" not in planned["errors"]["one"]


def test_a_channel_is_needed_where_a_number_can_be_connected() -> None:
    planned = plan.make_plan({"one": agent(ONE), "two": agent(TWO, orchestrate_agent="sales")})
    assert [each["needed"] for each in channels.channel_requests(planned, [look(ONE)])] == [True, False]
    assert [each["needed"] for each in channels.channel_requests(planned, [{"msg": "refused"}])] == [False, False]


def webhook(result: dict[str, Any], state: str = "present") -> list[Any]:
    planned = plan.make_plan({"one": agent(ONE)}, state=state)
    (account,) = steps.webhooks(channels.with_channels(planned, [result]), [look(ONE)])
    return [group["url"] for group in account["webhooks"]]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_channel_s_url_is_the_webhook(state: str) -> None:
    assert webhook(THERE, state) == [URL]
    assert webhook(MADE, state) == [URL]
    assert webhook(PREDICTED, state) == [channels.TO_BE_CREATED]
    assert webhook(ABSENT, state) == [channels.NOT_THERE]
    assert webhook(FAILED, state) == []


def test_a_plan_without_channels_is_left_as_it_is() -> None:
    planned = plan.make_plan({"one": host(ONE)})
    assert channels.with_channels(planned, []) is planned


def batch(planned: Any, results: list[Any], found_: list[Any] | None = None) -> outcomes.Batch:
    return outcomes.Batch(channels.with_channels(planned, results), [look(ONE, TWO)], found_ or [], [])


def test_why_a_channel_is_not_to_be_had_is_told_once() -> None:
    planned = {**plan.make_plan({"one": agent(ONE), "two": agent(TWO)}), "dry_run": False}
    told = batch(planned, [FAILED])
    assert "there is no agent 'support'" in outcomes.numbers_outcome(told, "one")["msg"]
    assert (
        "for the same reason as host one (channel 'twilio-sms' of agent" in outcomes.numbers_outcome(told, "two")["msg"]
    )


def test_the_summary_names_the_channel() -> None:
    planned = {**plan.make_plan({"one": agent(ONE)}), "dry_run": False}
    words = "watsonx Orchestrate: channel 'twilio-sms' of agent 'support' (live)"
    assert list(channels.in_words(channels.with_channels(planned, [THERE]))) == [words]
    assert list(channels.in_words(channels.with_channels(planned, [MADE]))) == [f"{words} (created)"]
    assert list(channels.in_words(channels.with_channels(planned, [PREDICTED]))) == [f"{words} (would be created)"]
    assert list(channels.in_words(channels.with_channels(planned, [FAILED]))) == []


def test_rotation_has_nothing_to_replace() -> None:
    planned = {**plan.make_plan({"one": agent(ONE)}, rotate=True), "dry_run": False}
    assert (planned["channels"], planned["credentials"]) == ([], [])
    assert steps.webhooks(planned, [look(ONE)])[0]["webhooks"] == []
    told = outcomes.numbers_outcome(batch(planned, []))
    assert (told["changed"], told["failed"]) == (False, False)
    assert "has no key" in told["msg"]
    assert "has no key" in outcomes.summary_line(batch(planned, []), "rotate")


@pytest.mark.parametrize("on_override", ["warn", "fail", "repair"])
def test_a_channel_is_asked_for_before_its_place_is_known(on_override: str) -> None:
    """Also in an audit, whose groups lead nowhere, because the effect of services is computed later."""
    service = {"kind": "messaging_service", "sid": "MG1", "name": "campaign"}
    looked = [look(ONE, overrides={ONE: service})]
    planned = plan.make_plan({"one": agent(ONE, on_override=on_override)})
    assert [one["needed"] for one in channels.channel_requests(planned, looked)] == [True]
    for account in planned["accounts"]:
        account["webhooks"] = [
            {"phone_numbers": one["phone_numbers"], "channel": one["channel"], "host": "one", "expected": {}}
            for one in account["webhooks"]
        ]
    assert [one["needed"] for one in channels.channel_requests(planned, looked)] == [True]


def seen(*numbers: str, url: str = URL, **more: Any) -> dict[str, Any]:
    """Return what twilio_sms_webhook_info returns with ``holders``."""
    settings = {"url": url, "method": "POST", "fallback_url": "", "fallback_method": "", "application_sid": ""}
    data = {"keys": {}, "unseen": [], "places": {}, "numbers": {"AC1": dict.fromkeys(numbers, settings)}, **more}
    return {"holders": pack(data)}


def test_who_uses_a_channel() -> None:
    assert channels.users(URL, [seen(ONE), seen(TWO, url="https://other.example.com")]) == ([ONE], None)
    assert channels.users(URL, [seen(ONE, url=URL + "?a=b")])[0] == [ONE]
    assert channels.users(URL, [seen(ONE), {"msg": "refused"}]) == ([ONE], "refused")
    application = {"kind": "application", "sid": "AP1", "name": "menu", "account": "AC1"}
    there = seen(places={place_of(URL): [application], place_of("https://other.example.com"): [application]})
    assert channels.users(URL, [there, there]) == (["TwiML application 'menu' (AP1)"], None)
    blind = seen(unseen=["the short codes of account AC1"])
    assert "cannot read the short codes" in str(channels.users(URL, [blind])[1])
    assert channels.users(URL, [blind], accounts=[{"delete_unseen": True}]) == ([], None)
    planned = plan.make_plan({"one": agent(ONE)}, state="absent")
    due = steps.webhooks(channels.with_channels(planned, [THERE]), [look(ONE, url=URL)])
    assert channels.users(URL, [seen(ONE, TWO)], due) == ([TWO], None)


def test_what_is_deleted_after_the_last_batch() -> None:
    finish = plan.finish_plan({"one": agent(ONE), "two": agent(TWO), "three": host(ONE)}, {})
    assert (len(finish["channels"]), len(finish["credentials"])) == (1, 1)


# ---- keys in a store ----

CREATED = {
    **found(name="twilio-sms", guid="g-1", instance="sms-agent", region="us-south"),
    "changed": True,
    "api_key_source": "created",
}


def keeping(**values: Any) -> dict[str, Any]:
    hosts = {"one": host(ONE, store_key_tasks="/a.yml"), "two": host(TWO, **values)}
    return {**plan.make_plan(hosts), "dry_run": False}


def test_new_keys_are_kept_once_for_each_file() -> None:
    key = {"api_key": KEY, "credential": "twilio-sms", "instance": "sms-agent", "region": "us-south"}
    once = [{"tasks": "/a.yml", "sms_key": key}]
    assert store.keys_to_store(keeping(), [CREATED]) == once
    assert store.keys_to_store(keeping(store_key_tasks="/a.yml"), [CREATED]) == once
    assert store.keys_to_store(keeping(store_key_tasks="/b.yml"), [CREATED]) == [
        *once,
        {"tasks": "/b.yml", "sms_key": key},
    ]


@pytest.mark.parametrize(
    ("planned", "result"),
    [
        (keeping(), found()),  # found, not made
        (keeping(), {"skipped": True}),
        (keeping(), {"msg": "refused"}),
        ({**keeping(), "dry_run": True}, CREATED),
        ({**plan.make_plan({"one": host(ONE)}), "dry_run": False}, CREATED),  # no tasks are given
    ],
)
def test_nothing_to_keep(planned: Any, result: dict[str, Any]) -> None:
    assert store.keys_to_store(planned, [result]) == [{"tasks": store.NOTHING}]


def test_a_key_that_was_not_kept_stops_everything() -> None:
    planned = keeping(receiver_url="https://texts.example.com/sms")
    said = store.not_stored(planned, [CREATED], "Keep it")
    assert "'twilio-sms' (g-1) on sms-agent is kept" in said
    assert "task 'Keep it' failed" in said
    assert KEY not in said
    stopped = {**planned, "stopped": said}
    assert steps.webhooks(stopped, [look(ONE, TWO)], [CREATED])[0]["webhooks"] == []
    told = outcomes.numbers_outcome(outcomes.Batch(stopped, [look(ONE, TWO)], [CREATED], []))
    assert [entry["phone_number"] for entry in told["numbers"]] == [ONE, TWO]
    assert told["msg"].count("is kept") == 1
    ensured = outcomes.credentials_outcome({**plan.credential_plan({"one": host()}), "stopped": said}, [CREATED])
    assert (ensured["failed"], said in ensured["msg"]) == (True, True)
