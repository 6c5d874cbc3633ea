# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channels of watsonx Orchestrate in a batch's plan: which are needed, and their URLs as webhooks. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._http.errors import join
from .._http.urls import place
from .._module.packed import unpack, unpack_snapshot
from .._twilio.holders import describe_holder, place_of
from .._twilio.webhook import URLS
from .plan import channel_label
from .steps import Decisions, Refusals, Results, decisions_on, groups_of, numbers_in

#: Placeholders for the URL of a channel that a dry run would create, and of one that does not exist.
TO_BE_CREATED = "https://channels.invalid/CHANNEL-TO-BE-CREATED"
NOT_THERE = "https://channels.invalid/no-such-channel"


def channel_requests(plan: Mapping[str, Any], looked: Results) -> list[dict[str, Any]]:
    """Return the plan's channels with ``needed``: whether there is a number that can be connected to it.

    :param looked: the results of ``twilio_sms_webhook_info``
    """
    refusals = Refusals()
    needed = {
        whole.group.get("channel")
        for whole in groups_of(plan, looked)
        if any(not refusals.of(number, whole) for number in numbers_in(whole.group))
    }
    return [{**channel, "needed": index in needed} for index, channel in enumerate(plan["channels"])]


def with_channels(plan: Mapping[str, Any], found: Results | None) -> Mapping[str, Any]:
    """Return the plan with the channels' URLs as the webhooks of their groups, or with the ``problem`` of a group.

    :param found: the results of ``sms_channels``, in the order of the plan's ``channels``
    """
    if not plan.get("channels"):
        return plan
    results = list(found or ()) + [{}] * (len(plan["channels"]) - len(found or ()))
    accounts = []
    for account in plan["accounts"]:
        groups = [
            {**group, **_url(results[group["channel"]])} if group.get("channel") is not None else group
            for group in account["webhooks"]
        ]
        accounts.append({**account, "webhooks": groups})
    return {**plan, "accounts": accounts, "channels_found": results}


def _url(result: Mapping[str, Any]) -> dict[str, Any]:
    if result.get("url"):
        return {"url": result["url"]}
    if "channel" in result:  # there is none, and this run does not create it
        return {"url": TO_BE_CREATED if result["changed"] else NOT_THERE}
    return {
        "url": NOT_THERE,
        "problem": str(result.get("msg") or "its channel of watsonx Orchestrate was not looked up"),
    }


def expected_with_channels(plan: Mapping[str, Any], found: Results | None) -> Mapping[str, Any]:
    """Return an audit's plan with the channels' URLs as its groups' expected webhooks.

    :param found: the results of ``sms_channels``; a group whose channel is unknown has the ``problem``
    """
    filled = with_channels(plan, found)
    for account in filled["accounts"]:
        for group in account["webhooks"]:
            if group.get("channel") is not None:
                label = channel_label(plan["channels"][group["channel"]])
                problem = f"{label} could not be found" if group.get("problem") else None
                group["expected"] = {**group["expected"], "url": group["url"], "problem": problem}
    return filled


def in_words(plan: Mapping[str, Any]) -> Iterator[str]:
    """Describe a plan's channels after :func:`with_channels` has added them."""
    for channel, result in zip(plan.get("channels", ()), plan.get("channels_found", ()), strict=False):
        if "channel" in result:
            made = " (would be created)" if result["changed"] and not result.get("url") else ""
            made = " (created)" if result["changed"] and result.get("url") else made
            yield f"watsonx Orchestrate: {channel_label({**channel, 'name': result['channel']['name']})}{made}"


def users(
    url: str,
    looked: Results,
    planned: Results | None = None,
    accounts: list[Mapping[str, Any]] | None = None,
) -> tuple[list[str], str | None]:
    """Return what still leads to a channel, and the reason if this is not fully known.

    :param looked: the results of ``twilio_sms_webhook_info`` with ``holders``
    :param planned: in a dry run, the result of :func:`steps.webhooks`, treated as done
    :param accounts: the plan's accounts that were read, and whether to delete what may be in use elsewhere
    """
    due: dict[str, list[Decisions]] = {}
    for account in planned or ():
        if account["snapshot"]:
            snapshot = unpack_snapshot(account["snapshot"])
            due.setdefault(snapshot.account_sid, []).append(decisions_on(account, snapshot))
    cleared = {change.sid for decided in due.values() for each in decided for change in each.verdict.changes}
    found: dict[str, None] = {}
    for look, asked in zip(looked, accounts or [{}] * len(looked), strict=True):
        if "holders" not in look:
            return list(found), str(look.get("msg", "an account could not be read"))
        seen = unpack(look["holders"])
        if seen["unseen"] and not asked.get("delete_unseen"):
            return list(found), f"these credentials cannot read {join(seen['unseen'], '; ')}"
        for sid, numbers in seen["numbers"].items():
            for each in due.get(sid, ()):
                numbers.update({n: one.after for n, one in each.numbers.items() if n in numbers and one.after})
            leading = (n for n, one in numbers.items() if any(place(one[name]) == place(url) for name in URLS))
            found.update(dict.fromkeys(leading))
        others = [one for one in seen["places"].get(place_of(url), ()) if one["sid"] not in cleared]
        found.update(dict.fromkeys(map(describe_holder, others)))
    return list(found), None


def kept(channel: Mapping[str, Any], holders: list[str], problem: str | None) -> str:
    """Return why a channel is not deleted, for messages."""
    if problem:
        return f"{channel_label(channel)} is kept, because it is not known what uses it: {problem}"
    return f"{channel_label(channel)} is kept, because its webhook is still in use by {join(holders, ', ')}"
