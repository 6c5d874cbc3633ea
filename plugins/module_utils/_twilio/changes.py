# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who changed a phone number's inbound SMS webhook last, as Twilio's Monitor tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .._http.errors import SmsError
from .._http.urls import redact_url
from .client import PARENT_CANNOT_KNOW

EVENT_DAYS = 30  # how long every account's events are kept (Twilio documentation, Monitor Events); some pay for more
# What of a number decides where its texts go, by Twilio's name, and ours.
_PROPERTIES = {"sms_url": "url", "sms_fallback_url": "fallback_url", "sms_application_sid": "application_sid"}


def moment(text: Any) -> datetime | None:
    """Return a time as Twilio writes it, ISO 8601 in its newer APIs and RFC 2822 in the older one, ``None`` for none."""
    text = str(text or "")
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def iso(text: Any) -> str:
    """Return a time of Twilio's in ISO 8601, in UTC and without fractions, ``""`` for none."""
    found = moment(text)
    return found.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if found else ""


def last_changes(twilio: Any, numbers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the last change of each number's webhook, by number, without secrets; of others nothing is known.

    A change has ``at``, ``actor_type``, ``actor_sid``, ``source``, ``before`` and ``after``; the last two hold what
    changed of ``url``, ``fallback_url`` and ``application_sid``.

    :param twilio: a :class:`client.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :raises SmsError: when the events cannot be known
    """
    if not twilio.sees_overrides:  # Monitor answers for the credentials' own account only
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
    """Return a change in words."""
    kind = {"user": "user", "account": "the API, with credentials of account"}.get(change["actor_type"])
    who = " ".join(part for part in (kind or change["actor_type"], change["actor_sid"]) if part) or "somebody"
    where = f" ({change['source']})" if change["source"] else ""
    return f"changed by {who}{where} at {change['at']}"


def _changed(event: Mapping[str, Any]) -> dict[str, dict[str, str]] | None:
    """Return what an event changed of a webhook, before and after, ``None`` where it changed something else.

    The properties are in ``resource_properties``, or directly in ``event_data``: Twilio's documentation says the one,
    the examples of its API description the other.
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
