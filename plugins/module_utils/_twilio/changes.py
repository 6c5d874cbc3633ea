# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds out who changed a phone number's inbound SMS webhook last, from Twilio's Monitor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .._http.errors import SmsError
from .._http.times import from_iso
from .._http.urls import redact_url
from .client import PARENT_CANNOT_KNOW

EVENT_DAYS = 30  # Twilio keeps events for this long (documentation, Monitor Events), or longer for a fee
# The properties that determine where a number's texts go: Twilio's name and ours.
_PROPERTIES = {"sms_url": "url", "sms_fallback_url": "fallback_url", "sms_application_sid": "application_sid"}


def moment(text: Any) -> datetime | None:
    """Parse a time from Twilio: ISO 8601 in its newer APIs, RFC 2822 in the older one; ``None`` if it is neither."""
    found = from_iso(text)
    if found is None:
        try:
            found = parsedate_to_datetime(str(text or ""))
        except (ValueError, TypeError, IndexError):
            return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def iso(text: Any) -> str:
    """Return a time from Twilio in ISO 8601, in UTC and without fractions, ``""`` if there is none."""
    found = moment(text)
    return found.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if found else ""


def last_changes(twilio: Any, numbers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the last change of each number's webhook, by number, without secrets. Numbers without a known change are missing.

    A change has ``at``, ``actor_type``, ``actor_sid``, ``source``, ``before`` and ``after``. The last two have those of
    ``url``, ``fallback_url`` and ``application_sid`` that changed.

    :param twilio: a :class:`client.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :raises SmsError: if the events cannot be read
    """
    if not twilio.sees_overrides:  # Monitor only covers the credentials' own account
        raise SmsError(PARENT_CANNOT_KNOW, code="events_unknown")
    since = (datetime.now(timezone.utc) - timedelta(days=EVENT_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    by_sid = {found.sid: number for number, found in numbers.items()}
    changes: dict[str, dict[str, Any]] = {}
    for event in twilio.number_updates(since):
        number, changed = by_sid.get(event.get("resource_sid")), _changed(event)
        if number is not None and changed is not None:
            at = iso(event.get("event_date"))
            if number not in changes or at > changes[number]["at"]:
                who = {name: str(event.get(name) or "") for name in ("actor_type", "actor_sid", "source")}
                changes[number] = {"at": at, **who, **changed}
    return changes


def describe_change(change: Mapping[str, Any]) -> str:
    """Describe a change, for messages."""
    kind = {"user": "user", "account": "the API, with credentials of account"}.get(change["actor_type"])
    who = " ".join(part for part in (kind or change["actor_type"], change["actor_sid"]) if part) or "somebody"
    where = f" ({change['source']})" if change["source"] else ""
    return f"changed by {who}{where} at {change['at']}"


def _changed(event: Mapping[str, Any]) -> dict[str, dict[str, str]] | None:
    """Return an event's change of a webhook, before and after, ``None`` if it changed something else.

    The properties are in ``resource_properties`` according to Twilio's documentation, and directly in ``event_data`` in
    the examples of its API description.
    """
    data = event.get("event_data")
    properties = data.get("resource_properties", data) if isinstance(data, dict) else None
    before, after = {}, {}
    for name, ours in _PROPERTIES.items():
        value = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(value, dict):
            before[ours], after[ours] = (_shown(ours, value.get(when)) for when in ("previous", "updated"))
    return {"before": before, "after": after} if before else None


def _shown(name: str, value: Any) -> str:
    text = str(value or "")
    return text if name == "application_sid" else redact_url(text)
