# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at credentials after numbers were switched to their keys: were they what they were all the time? No I/O.

Who wants to delete a credential renames it first, then looks what holds its key, then deletes. Who has switched numbers
to a key looks at its credential afterwards. So either the one sees the numbers, or the other sees the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._module.packed import from_text
from .steps import Results, numbers_in


def second_looks(plan: Mapping[str, Any], found: Results, done: Results) -> list[dict[str, Any]]:
    """Return for each of the plan's credentials which GUIDs are to be looked at: none where no number was switched.

    :param found: the results of ``iva_credential``
    :param done: the results of ``twilio_sms_webhook``
    """
    used = set() if plan["dry_run"] else _used(plan, done)
    looks = []
    for index, request in enumerate(plan["credentials"]):
        result = found[index] if index < len(found) else {}
        guid = (result.get("credential") or {}).get("guid") if index in used else None
        # Of one that was just created, the list also tells whether another machine has created an older one.
        listed = bool(guid) and result.get("api_key_source") == "created"
        looks.append(
            {
                "access": {
                    **request["access"],
                    **({"iam_token": result["iam_token"]} if result.get("iam_token") else {}),
                },
                "guids": [guid] if guid else [],
                **({"instance": result["credential"]["instance_guid"]} if listed else {}),
            }
        )
    return looks


def _used(plan: Mapping[str, Any], done: Results) -> set[int]:
    """Return the places of the credentials to whose keys numbers were switched."""
    used: set[int] = set()
    for account, result in zip(plan["accounts"], done, strict=False):
        changed = {entry["phone_number"] for entry in from_text(result.get("entries", "")) if entry["changed"]}
        for group in account["webhooks"] if changed else ():
            if changed & set(numbers_in(group)):
                used.update(group["credentials"])
    return used


def unsettled(plan: Mapping[str, Any], found: Results, now: Results) -> list[str]:
    """Return in words which credentials are no longer what they were when numbers were switched to their keys.

    :param now: the results of ``iva_credential_info`` for :func:`second_looks`
    """
    texts = []
    for request, before, after in zip(plan["credentials"], found, now, strict=False):
        if not before.get("credential"):
            continue  # it was never to be had: no number was switched, and the report says why
        if "credentials" not in after:
            texts.append(
                f"It is not known whether service credential {request['label']} is there still: {after.get('msg')}"
            )
        for credential in after.get("credentials", ()):
            what = _what_became(before["credential"]["name"], credential)
            if what:
                texts.append(
                    f"Service credential {request['label']} ({credential['guid']}) was {what} while numbers were connected"
                )
    return texts


def superseded(plan: Mapping[str, Any], now: Results) -> dict[str, Any]:
    """Return what is deleted of what this run has made, because older ones turned up: in the form of the plan's ``finish``.

    :param now: the first results of ``iva_credential_info`` for :func:`second_looks`
    """
    credentials = [
        {**request, "guid": credential["guid"], "delete_unseen": False}
        for request, after in zip(plan["credentials"], now, strict=False)
        for credential in after.get("credentials", ())
        if credential.get("first") is False
    ]
    return {"credentials": credentials, "accounts": plan["accounts"] if credentials else [], "problem": None}


def _what_became(name: str, credential: Mapping[str, Any]) -> str | None:
    if credential["state"] != "active":
        return "deleted by another run"
    if credential["name"] != name:
        return "retired by another run"
    return None if credential.get("first", True) else "created by another machine at the same moment, and earlier"
