# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Webhook errors that Twilio noted in its Monitor, joined to the phone numbers whose texts they met."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .._http.errors import SmsError
from .._http.urls import place
from .changes import moment
from .client import PARENT_CANNOT_KNOW
from .rollout import read_all
from .webhook import URLS

MAX_DAYS = 30  # what Twilio's Monitor can be asked about
MAX_DETAILS = 100  # alerts read one by one to learn their numbers, the newest first

NO_ERRORS: Mapping[str, Any] = {"count": 0, "last_at": None, "codes": {}, "since_change": 0}


def check_days(days: int, option: str) -> None:
    """:raises ValueError: when the Monitor does not go back *days* days"""
    if not 0 <= days <= MAX_DAYS:
        raise ValueError(f"{option} must be 0 to {MAX_DAYS}: Twilio keeps no alerts longer")


def webhook_errors(
    twilio: Any,
    numbers: Mapping[str, Any],
    days: int,
    *,
    services: Iterable[Mapping[str, str]] = (),
    changed: Mapping[str, str] | None = None,
) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the webhook errors of the last days by number: ``count``, ``last_at``, ``codes`` (count by code) and
    ``since_change``, how many of them came after the number's last change.

    Twilio's list has no filter by number and does not name it: an alert says which URL was called, and only when read
    by itself which text it was about. So those about other URLs are left out, and of the rest the newest
    :data:`MAX_DETAILS` are read.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :param days: 1 to :data:`MAX_DAYS`
    :param services: Messaging Services whose webhooks take numbers' texts: ``url`` and ``fallback_url`` of each
    :param changed: when what decides on a number's texts was changed last, by number; where that is not known all
        errors count as later
    :returns: the errors, and how many more there were that could not be joined to a number
    :raises SmsError: when the alerts cannot be known
    """
    since = (datetime.now(timezone.utc) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    webhooks = [*(found.settings for found in numbers.values()), *services]
    places = {place(settings[name]) for settings in webhooks for name in URLS} - {None}
    joined = joined_alerts(twilio, numbers, since, places)
    errors: dict[str, dict[str, Any]] = {}
    for alert, number in joined:
        if number is not None:
            told = errors.setdefault(number, {**NO_ERRORS, "last_at": alert.get("date_generated"), "codes": {}})
            code = str(alert.get("error_code") or "unknown")
            told["count"] += 1
            told["since_change"] += _is_later(alert.get("date_generated"), (changed or {}).get(number))
            told["codes"][code] = told["codes"].get(code, 0) + 1
    return errors, sum(number is None for _alert, number in joined)


def joined_alerts(
    twilio: Any, numbers: Mapping[str, Any], since: str, places: Container[Any], known: Container[str] = ()
) -> list[tuple[dict[str, Any], str | None]]:
    """Return the alerts since a moment, the newest first, each with the number whose text it is about, if that is known.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :param since: in ISO 8601, at most :data:`MAX_DAYS` ago
    :param places: where the webhooks that matter lead, as :func:`urls.place` tells; alerts about others are left out
    :param known: SIDs of alerts that the caller needs no more
    :raises SmsError: when the alerts cannot be known
    """
    if not twilio.sees_overrides:  # Monitor, too, answers for the credentials' own account only
        raise SmsError(PARENT_CANNOT_KNOW, code="alerts_unknown")
    by_sid = {found.sid: number for number, found in numbers.items()}
    ours = [
        alert
        for alert in twilio.alerts(since)
        if alert.get("sid") not in known
        and _is_later(alert.get("date_generated"), since)
        and (alert.get("resource_sid") in by_sid or place(str(alert.get("request_url") or "")) in places)
    ]
    ours.sort(key=lambda alert: str(alert.get("date_generated") or ""), reverse=True)
    found = [by_sid.get(alert.get("resource_sid")) or _receiver_of(alert, "request_url", numbers) for alert in ours]
    unknown = [index for index, number in enumerate(found) if number is None][:MAX_DETAILS]
    for index, details in zip(unknown, read_all(twilio.alert, [ours[i]["sid"] for i in unknown]), strict=True):
        found[index] = _receiver_of(details, "request_variables", numbers)
    return list(zip(ours, found, strict=True))


def _is_later(generated: Any, changed: Any) -> bool:
    at, since = moment(generated), moment(changed)
    return at is None or since is None or at >= since


def _receiver_of(alert: Mapping[str, Any], name: str, numbers: Mapping[str, Any]) -> str | None:
    """Return the number that the text of an alert was sent to, where it is one of *numbers*.

    Twilio's parameters are form-encoded: in the URL's query for GET, in a field of their own for POST.
    """
    text = str(alert.get(name) or "")
    try:
        fields = parse_qs(urlsplit(text).query if name == "request_url" else text)
    except ValueError:
        return None
    return next((number for number in fields.get("To", ()) if number in numbers), None)
