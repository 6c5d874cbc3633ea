# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which service credentials may be deleted after a play's last batch, and what is said of the others. No I/O.

A key that is deleted while something holds it loses texts without a word. So a credential is deleted only when all that
can hold a key was read in every account of the inventory, and was read as it is: with all numbers that the run has just
written, as it has written them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._http.errors import join
from .._module.packed import from_text, unpack, unpack_snapshot
from . import steps
from .channels import with_channels
from .steps import Results, decisions_on, webhooks, with_urls

Settings = Mapping[str, str]


def key_usage(
    plan: Mapping[str, Any],
    read: Results,
    look: Results,
    found: Results,
    done: Results,
    channels: Results | None = None,
    urls: Results | None = None,
) -> dict[str, Any]:
    """Return which API keys are held, by what, and the credentials about which that is known well enough.

    :param read: the results of ``twilio_sms_webhook_info`` with ``holders``, for the accounts of ``plan["finish"]``
    :param look: what the batch began with, of the same module
    :param found: the results of ``iva_credential``, and *done* those of ``twilio_sms_webhook``, of the batch
    :param channels: the results of ``sms_channels`` of the batch, and *urls* what became of its :func:`steps.receivers`
    :returns: as :func:`steps.key_usage`, and ``credentials``: those of the finish that may be looked into
    """
    plan, finish = with_urls(with_channels(plan, channels), found, urls), plan["finish"]
    planned: Results | None = [*webhooks(plan, look, found)] if plan["dry_run"] else None
    usage = steps.key_usage(read, planned, finish["problem"], finish["accounts"])
    if finish["accounts"] and not plan["dry_run"] and not usage["problem"]:
        usage = {**usage, "problem": _not_shown(plan, read, look, found, done)}
    return {**usage, "credentials": [] if usage["problem"] else finish["credentials"]}


def _not_shown(plan: Mapping[str, Any], read: Results, look: Results, found: Results, done: Results) -> str | None:
    """Return which numbers Twilio does not show as they were written: a list that is late proves nothing."""
    accounts = [numbers for one in read for numbers in unpack(one["holders"])["numbers"].values()]
    shown = {number: settings for numbers in accounts for number, settings in numbers.items()}
    written = dict(settings_afterwards(plan, look, found, done))
    late = sorted(number for number, settings in written.items() if shown.get(number) != settings)
    return f"Twilio does not show yet what was written to {join(late, ', ')}" if late else None


def settings_afterwards(
    plan: Mapping[str, Any], look: Results, found: Results, done: Results
) -> Iterator[tuple[str, Settings]]:
    """Yield the numbers of a batch that did not fail, each with the settings that it has once the batch is done."""
    told = {entry["phone_number"]: entry["status"] for result in done for entry in from_text(result.get("entries", ""))}
    for account in webhooks(plan, look, found):
        if account["snapshot"]:
            for number, one in decisions_on(account, unpack_snapshot(account["snapshot"])).numbers.items():
                if one.after is not None and told.get(number, "failed") != "failed":
                    yield number, one.after


def verdict(
    plan: Mapping[str, Any],
    usage: Mapping[str, Any],
    retired: Results,
    deleted: Results,
    found: Results,
    *,
    moved: bool,
    before: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Return what is to be said of a play's credentials: warnings, and failures.

    A credential that is kept because something holds its key is as it should be. One that IBM Cloud refused to delete is
    not, nor is a rotation that was asked for and did not come to be.

    :param retired: the results of ``iva_credential`` with ``state: retiring`` for the credentials of *usage*, of a disconnect
    :param deleted: those with ``state: absent``
    :param found: what ``iva_credential`` did for the batch before, with ``max_age`` in a rotation
    :param before: the usage by which *retired* came to be, where it is not *usage*
    :param moved: whether the batch has changed any number
    """
    if not plan["finish"]["credentials"]:
        return [], []
    warnings, failures = [], []
    if usage["problem"]:
        warnings.append(f"No credential was deleted, because it is not known which are in use: {usage['problem']}")
    kept: dict[str, str] = {}
    # A task that is told not to fail says so: what failed is seen by what is missing, and by the failure.
    steps_taken = [(result, before or usage) for result in retired] + [(result, usage) for result in deleted]
    for result, used in steps_taken:
        if result.get("failure") or "kept" not in result:
            failures.append(str(result.get("msg", "no result")))
        for one in result.get("kept", ()):
            holders = [holder for index in one["keys_in_use"] for holder in used["holders"][index]]
            kept[one["guid"]] = (
                f"Service credential '{one['name']}' ({one['guid']}) is kept, because its key is still in use by"
                f" {join(list(dict.fromkeys(holders)), ', ')}"
            )
    warnings += kept.values()
    failures = list(dict.fromkeys(failures))
    if not plan["dry_run"]:
        failures += _not_rotated(plan, found, certain=bool(deleted) and not kept, moved=moved)
    return warnings, failures


def _not_rotated(plan: Mapping[str, Any], found: Results, *, certain: bool, moved: bool) -> list[str]:
    """Return which rotations that were asked for did not happen.

    :param certain: whether nothing that was retired before is left
    """
    texts = []
    for request, result in zip(plan["credentials"], found, strict=False):
        name, how = request["label"], result.get("rotation")
        if how == "overdue":
            after = "That is deleted now: run again" if certain else "See above what holds its key"
            texts.append(
                f"Service credential {name} is older than connect_sms_max_age, and was not replaced, because an earlier one was"
                f" still retired. {after}"
            )
        elif how == "continued" and not request.get("max_age") and not certain and not moved:
            texts.append(
                f"Service credential {name} was not replaced, because an earlier one is still retired and cannot be deleted:"
                " see above why"
            )
    return texts
