# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides which service credentials may be deleted after a play's last batch, and reports the others. No I/O.

Deleting a key that something holds would silently lose texts. So a credential is only deleted if everything that can hold
a key was read in every account of the inventory, and if the lists are up to date: they must show all numbers of the run
as it has written them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
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
    """Return the API keys in use, what uses them, and the credentials for which enough is known.

    :param read: the results of ``twilio_sms_webhook_info`` with ``holders``, for the accounts of ``plan["finish"]``
    :param look: the results of the same module from the start of the batch
    :param found: the results of ``iva_credential``, and *done* those of ``twilio_sms_webhook``, of the batch
    :param channels: the results of ``sms_channels`` of the batch, and *urls* what became of its :func:`steps.receivers`
    :returns: as :func:`steps.keys_in_use`, and ``credentials``: those of the finish that may be looked into
    """
    plan, finish = with_urls(with_channels(plan, channels), found, urls), plan["finish"]
    planned: Results | None = [*webhooks(plan, look, found)] if plan["dry_run"] else None
    usage = steps.keys_in_use(read, planned, finish["problem"], finish["accounts"])
    if finish["accounts"] and not plan["dry_run"] and not usage["problem"]:
        usage = {**usage, "problem": _not_shown(plan, read, look, found, done)}
    return {**usage, "credentials": [] if usage["problem"] else finish["credentials"]}


def _not_shown(plan: Mapping[str, Any], read: Results, look: Results, found: Results, done: Results) -> str | None:
    """Return the numbers that Twilio does not show as they were written, because an outdated list proves nothing."""
    accounts = [numbers for one in read for numbers in unpack(one["holders"])["numbers"].values()]
    shown = {number: settings for numbers in accounts for number, settings in numbers.items()}
    written = dict(settings_afterwards(plan, look, found, done))
    late = sorted(number for number, settings in written.items() if shown.get(number) != settings)
    return f"Twilio does not yet show the new settings of {join(late, ', ')}" if late else None


def settings_afterwards(
    plan: Mapping[str, Any], look: Results, found: Results, done: Results
) -> Iterator[tuple[str, Settings]]:
    """Yield the numbers of a batch that did not fail, with their settings after the batch."""
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
    moved: Container[int],
    before: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Return warnings and failures about a play's credentials.

    A credential that is kept because something holds its key is only a warning. A credential that IBM Cloud refused to
    delete is a failure, and so is a rotation that did not happen.

    :param retired: the results of ``iva_credential`` with ``state: retiring`` for the credentials of *usage*, of a disconnect
    :param deleted: those with ``state: absent``
    :param found: the results of ``iva_credential`` earlier in the batch, with ``max_age`` in a rotation
    :param before: the usage at the time of *retired*, if it is not *usage*
    :param moved: the indexes of the plan's credentials to whose keys numbers were moved
    """
    if not plan["finish"]["credentials"]:
        return [], []
    warnings, failures = [], []
    if usage["problem"]:
        warnings.append(f"No credential was deleted, because it is not known which are in use: {usage['problem']}")
    kept: dict[str, str] = {}
    # The task has failed_when: false, so a failure shows in missing values and in ``failure``.
    taken = [
        (request, result, used)
        for used, results in ((before or usage, retired), (usage, deleted))
        for request, result in zip(used["credentials"], results, strict=False)
    ]
    for request, result, used in taken:
        if result.get("failure") or "kept" not in result:
            failures.append(f"service credential {request['label']}: {result.get('msg', 'no result')}")
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


def _not_rotated(plan: Mapping[str, Any], found: Results, *, certain: bool, moved: Container[int]) -> list[str]:
    """Return the rotations that were requested but did not happen.

    :param certain: whether all credentials that were retired before are deleted
    """
    texts = []
    for index, (request, result) in enumerate(zip(plan["credentials"], found, strict=False)):
        name, how = request["label"], result.get("rotation")
        if how == "overdue":
            after = "It is deleted now: run again" if certain else "See above what holds its key"
            texts.append(
                f"Service credential {name} is older than connect_sms_max_age, and was not replaced, because an earlier one was"
                f" still retired. {after}"
            )
        elif how == "continued" and not request.get("max_age") and not certain and index not in moved:
            texts.append(
                f"Service credential {name} was not replaced, because an earlier one is still retired and cannot be deleted:"
                " see above why"
            )
    return texts
