# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Webhook errors from Twilio's Monitor, matched to phone numbers."""

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

MAX_DAYS = 30  # how long Twilio's Monitor keeps alerts
MAX_DETAILS = 100  # alerts read one by one to find their numbers, the newest first

NO_ERRORS: Mapping[str, Any] = {"count": 0, "last_at": None, "codes": {}, "since_change": 0}


def check_days(days: int, option: str) -> None:
    """:raises ValueError: if the Monitor does not go back *days* days"""
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
    ``since_change``, the count since the number's last change.

    Twilio's list cannot be filtered by number and does not show it. An alert shows the URL that was called; only reading
    it shows its text. So alerts about other URLs are left out, and the newest :data:`MAX_DETAILS` of the rest are read.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :param days: 1 to :data:`MAX_DAYS`
    :param services: Messaging Services whose webhooks take numbers' texts: ``url`` and ``fallback_url`` of each
    :param changed: by number, the last change of its settings or of its service; if it is not known, all errors count as
        later
    :returns: the errors, and the count of those that could not be matched to a number
    :raises SmsError: if the list of alerts cannot be read
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
    """Return the alerts since a given time, the newest first, each with its number, if that is known.

    The number of an alert that cannot be read by itself is not known.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :param numbers: :class:`snapshot.Number` by number in E.164
    :param since: in ISO 8601, at most :data:`MAX_DAYS` ago
    :param places: the relevant webhooks, as :func:`urls.place` returns them; alerts about others are left out
    :param known: SIDs of alerts to leave out
    :raises SmsError: if the list of alerts cannot be read
    """
    if not twilio.sees_overrides:  # Monitor, too, only covers the credentials' own account
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
    unknown = [index for index, number in enumerate(found) if number is None and ours[index].get("sid")][:MAX_DETAILS]

    def read(index: int) -> Mapping[str, Any]:
        try:
            details: Mapping[str, Any] = twilio.alert(ours[index]["sid"])
        except SmsError:
            return {}  # for as long as the list has this alert, it would hide all others
        return details

    for index, details in zip(unknown, read_all(read, unknown), strict=True):
        found[index] = _receiver_of(details, "request_variables", numbers)
    return list(zip(ours, found, strict=True))


def _is_later(generated: Any, changed: Any) -> bool:
    at, since = moment(generated), moment(changed)
    return at is None or since is None or at >= since


def _receiver_of(alert: Mapping[str, Any], name: str, numbers: Mapping[str, Any]) -> str | None:
    """Return the recipient of an alert's text, if it is one of *numbers*.

    Twilio's parameters are form-encoded: in the URL's query for GET, in a separate field for POST.
    """
    text = str(alert.get(name) or "")
    try:
        fields = parse_qs(urlsplit(text).query if name == "request_url" else text)
    except ValueError:
        return None
    return next((number for number in fields.get("To", ()) if number in numbers), None)
