# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the credentials again after numbers were switched to their keys. No I/O.

A run that deletes a credential renames it first, then searches for holders of its key, then deletes it. A run that has
switched numbers to a key reads its credential again afterwards. So either the first run sees the numbers, or the second
run sees the new name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._http.errors import join
from .._ibm.client import lasts
from .._ibm.credential import is_retired
from .._module.packed import from_text
from .plan import channel_label, ibm_keys
from .steps import Results, numbers_in

#: Seconds for which a token must still be valid to be used once more.
TOKEN_NEEDED = 120
#: What Ansible writes instead of a value of a ``no_log`` option; instead of a part of a text it writes stars.
MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def second_looks(
    plan: Mapping[str, Any], found: Results, done: Results, again: bool | None = False
) -> list[dict[str, Any]]:
    """Return for each of the plan's credentials the GUIDs to read again, none if no number was switched.

    :param found: the results of ``iva_credential``
    :param done: the results of ``twilio_sms_webhook``
    :param again: whether numbers may have been switched before; then all numbers count that did not fail
    """
    if is_restore(plan):
        return [_look_at(put_back) for put_back in _all_put_back(plan, found, done)]
    used = set() if plan["dry_run"] else used_credentials(plan, done, bool(again))
    looks = []
    for index, request in enumerate(plan["credentials"]):
        result = found[index] if index < len(found) else {}
        guid = (result.get("credential") or {}).get("guid") if index in used else None
        # For a new credential, the list also shows whether another machine has created an older one.
        listed = bool(guid) and result.get("api_key_source") == "created"
        looks.append(
            {
                "access": {**request["access"], **_token_of(result)},
                "guids": [guid] if guid else [],
                **({"instance": result["credential"]["instance_guid"]} if listed else {}),
            }
        )
    return looks


def _token_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the token of an earlier task as an option. A run of an hour outlives its token, and needs a new one.

    What Ansible has put in a secret's place is no token: then the identity of the request is used.
    """
    token = result.get("iam_token")
    if not token or token == MASKED or "*" in token:
        return {}
    return {"iam_token": token} if lasts(token, TOKEN_NEEDED) else {}


def used_credentials(plan: Mapping[str, Any], done: Results, again: bool = False) -> set[int]:
    """Return the indexes of the credentials to whose keys numbers were switched, or with *again* may have been."""
    used: set[int] = set()
    for account, result in zip(plan["accounts"], done, strict=False):
        entries = from_text(result.get("entries", ""))
        changed = {one["phone_number"] for one in entries if one["changed"] or again and one["status"] != "failed"}
        for group in account["webhooks"] if changed else ():
            if changed & set(numbers_in(group)):
                used.update(group["credentials"])
    return used


class PutBack(NamedTuple):
    """The API keys that a restore has put back, of those in one request, and the facts about them."""

    request: Mapping[str, Any]
    known: bool  # whether their credentials could be determined
    keys: list[str]
    rows: list[Mapping[str, Any]]  # of iva_credential_info, for each of the keys
    places: dict[str, list[str]]  # the numbers and services that hold each of them

    @property
    def owned(self) -> list[Mapping[str, Any]]:
        """Those of the rows whose credential is known."""
        return [row for row in self.rows if row.get("guid")]


def is_restore(plan: Mapping[str, Any]) -> bool:
    """Whether a plan is one of :func:`plan.restore_plan`."""
    return any("restore" in account for account in plan["accounts"])


def _all_put_back(plan: Mapping[str, Any], found: Results, done: Results) -> list[PutBack]:
    """Return for each of the plan's requests the keys that were put back, without those that did not work before."""
    holders = {} if plan["dry_run"] else _holders_of_restored(plan, done)
    put_back = []
    for request, result in zip(plan["credentials"], found, strict=False):
        rows = dict(zip(request["api_keys"], result.get("api_keys", ()), strict=False))
        good = {key: row for key, row in rows.items() if key in holders and row["accepted"] and not _is_retired(row)}
        places = {key: holders[key] for key in good}
        put_back.append(PutBack(request, "retired" in result, list(good), list(good.values()), places))
    return put_back


def _holders_of_restored(plan: Mapping[str, Any], done: Results) -> dict[str, list[str]]:
    """Return the numbers and services that were restored to recorded API keys, by key."""
    holders: dict[str, list[str]] = {}
    for account, result in zip(plan["accounts"], done, strict=False):
        changed = {entry["phone_number"] for entry in from_text(result.get("entries", "")) if entry["changed"]}
        changed |= {service["sid"] for service in result.get("services", ()) if service["changed"]}
        for place, change in account["restore"].items():
            for key in ibm_keys(change["before"]) if place in changed else ():
                holders.setdefault(key, []).append(place)
    return holders


def _is_retired(row: Mapping[str, Any]) -> bool:
    return is_retired({"name": row.get("credential")})


def _look_at(put_back: PutBack) -> dict[str, Any]:
    guids = list(dict.fromkeys(row["guid"] for row in put_back.owned))
    return {"access": put_back.request["access"], "guids": guids, "api_keys": put_back.keys}


def restored_to_nothing(plan: Mapping[str, Any], found: Results, done: Results, now: Results) -> list[str]:
    """Return messages about restored keys that another run has retired meanwhile, and about keys that could not be checked.

    The other run may have searched for holders of the key before the restore.

    :param found: the results of ``iva_credential_info`` before, and *now* those for :func:`second_looks`
    """
    texts = []
    for put_back, after in zip(_all_put_back(plan, found, done), now, strict=False):
        if put_back.keys and "api_keys" not in after:
            texts.append(f"It is not known whether the API keys that were put back still work: {_without_stop(after)}")
        elif put_back.keys and not put_back.known:
            texts.append(
                "The API keys that were put back work, but the service credentials of the account could not be listed, so"
                " that it is not known whether another run has just retired one of them"
            )
        lost = _lost(put_back, after)
        texts += [
            f"The API key that was put back to {join(put_back.places[key], ', ')} was {what} while it was put back"
            for key, what in lost.items()
        ]
    if texts:
        texts[-1] += ". See with audit_sms which numbers hold a dead key; connect_sms gives them the present one"
    return texts


def _lost(put_back: PutBack, after: Mapping[str, Any]) -> dict[str, str]:
    """Return the reasons why keys do not work, or will soon stop working, by key."""
    credentials = {credential["guid"]: credential for credential in after.get("credentials", ())}
    lost = {}
    for key, row, answer in zip(put_back.keys, put_back.rows, after.get("api_keys", ()), strict=False):
        credential = credentials.get(row.get("guid"))
        what = credential and _what_became(row["credential"], {**credential, "first": True})
        if what or not answer["accepted"]:
            lost[key] = what or "deleted or disabled"
    return lost


def used_channels(plan: Mapping[str, Any], done: Results) -> list[int]:
    """Return the indexes of the channels of watsonx Orchestrate to which numbers were switched."""
    used: set[int] = set()
    for account, result in zip(plan["accounts"], [] if plan["dry_run"] else done, strict=False):
        changed = {one["phone_number"] for one in from_text(result.get("entries", "")) if one["changed"]}
        groups = [group for group in account["webhooks"] if group.get("channel") is not None]
        used.update(group["channel"] for group in groups if changed & set(numbers_in(group)))
    return sorted(used)


def channels_gone(plan: Mapping[str, Any], found: Results, now: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return messages about channels that another run has deleted while numbers were switched to them.

    :param found: the results of ``orchestrate_sms_channel`` before, and *now* those afterwards, by place
    """
    return [
        f"{channel_label(plan['channels'][place])} was deleted by another run while numbers were connected"
        for place, after in now.items()
        if "channel" in after and after.get("url") != found[place].get("url")
    ]


def channels_unknown(plan: Mapping[str, Any], now: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return messages about channels that may not exist any more."""
    return [
        f"It is not known whether {channel_label(plan['channels'][place])} is there still: {_without_stop(after)}. Its numbers are"
        " connected: run connect_sms again"
        for place, after in now.items()
        if "channel" not in after
    ]


def gone(plan: Mapping[str, Any], found: Results, now: Results) -> list[str]:
    """Return messages about credentials that have changed since numbers were switched to their keys.

    :param now: the results of ``iva_credential_info`` for :func:`second_looks`
    """
    return [
        f"Service credential {request['label']} ({credential['guid']}) was {what} while numbers were connected"
        for request, before, after in _seen(plan, found, now)
        for credential in after.get("credentials", ())
        if not (
            credential["state"] == "absent" and before.get("api_key_source") == "created"
        )  # not visible yet, so nobody can have retired it
        and (what := _what_became(before["credential"]["name"], credential))
    ]


def unknown(plan: Mapping[str, Any], found: Results, now: Results) -> list[str]:
    """Return messages about credentials that could not be checked, and what to do.

    Numbers were switched to their keys. Connecting them once more would not help.
    """
    return [
        f"It is not known whether service credential {request['label']} is there still: {_without_stop(after)}. Its numbers"
        " are connected; if another run has retired it meanwhile, their texts will be refused: run connect_sms again"
        for request, _before, after in _seen(plan, found, now)
        if "credentials" not in after
    ]


def _seen(
    plan: Mapping[str, Any], found: Results, now: Results
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each available credential: as planned, as found, as it is now. The report covers the others."""
    for request, before, after in zip(plan["credentials"], found, now, strict=False):
        if before.get("credential"):
            yield request, before, after


def superseded(plan: Mapping[str, Any], now: Results) -> dict[str, Any]:
    """Return this run's credentials that duplicate older ones, to be deleted, in the form of the plan's ``finish``.

    :param now: the first results of ``iva_credential_info`` for :func:`second_looks`
    """
    credentials = [
        {**request, "guid": credential["guid"], "delete_unseen": False}
        for request, after in zip(plan["credentials"], now, strict=False)
        for credential in after.get("credentials", ())
        if credential.get("first") is False
    ]
    return {"credentials": credentials, "accounts": plan["accounts"] if credentials else [], "problem": None}


def left_over(given_way: Mapping[str, Any], deleted: Results) -> list[str]:
    """Return messages about this run's duplicates of older credentials that were not deleted.

    :param given_way: the result of :func:`superseded`
    :param deleted: the results of ``iva_credential`` for them, none where it is not known what holds their keys
    """
    credentials = given_way.get("credentials", [])
    unseen = [{"msg": "it is not known what still uses its key"}] * len(credentials)
    texts = []
    for one, result in zip(credentials, deleted or unseen, strict=False):
        if result.get("kept"):
            result = {"msg": "something still uses its key"}
        if result.get("failure") or "kept" not in result:
            texts.append(
                f"Service credential {one['label']} ({one['guid']}) of this run duplicates an older one and was not deleted:"
                f" {_without_stop(result)}. Run rotate_sms_key, which deletes it once nothing uses its key"
            )
    return texts


def _without_stop(result: Mapping[str, Any]) -> str:
    return str(result.get("msg", "no result")).rstrip(".")


def _what_became(name: str, credential: Mapping[str, Any]) -> str | None:
    if credential["state"] != "active":
        return "deleted by another run"
    if credential["name"] != name:
        return "retired by another run"
    return None if credential.get("first", True) else "created by another machine at the same moment, and earlier"
