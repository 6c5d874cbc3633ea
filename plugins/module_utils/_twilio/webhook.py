# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inbound SMS settings of a phone number: what differs from what is wanted, and what it becomes. No I/O.

Settings are dictionaries with the keys of :data:`FIELDS`, where ``""`` is unset: Twilio answers ``""`` for some unset
fields and null for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http.errors import SmsError
from .._http.urls import check_url, fragment_of, password_of, place, redact_url, same_url

# Our names, Twilio's names in an update, Twilio's names in an answer.
FIELDS = {
    "url": ("SmsUrl", "sms_url"),
    "method": ("SmsMethod", "sms_method"),
    "fallback_url": ("SmsFallbackUrl", "sms_fallback_url"),
    "fallback_method": ("SmsFallbackMethod", "sms_fallback_method"),
    "application_sid": ("SmsApplicationSid", "sms_application_sid"),
}
URLS = ("url", "fallback_url")


def settings_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the SMS settings in Twilio's description of a number."""
    return {name: str(row.get(answered) or "") for name, (_sent, answered) in FIELDS.items()}


def receives_sms(row: Mapping[str, Any]) -> bool:
    """Whether a number can receive texts. Twilio writes the capability as ``sms`` or ``SMS``."""
    capabilities = row.get("capabilities")
    if isinstance(capabilities, dict):
        return any(bool(value) for name, value in capabilities.items() if str(name).lower() == "sms")
    if isinstance(capabilities, list):
        return any(str(name).lower() == "sms" for name in capabilities)
    return True  # not said: Twilio itself will refuse what cannot be


def check_wanted(wanted: Mapping[str, Any]) -> None:
    """Refuse webhook options that Twilio would refuse.

    :raises SmsError: with a message that holds no password
    """
    try:
        for name in URLS:
            if wanted.get(name):
                check_url(wanted[name])
    except ValueError as error:
        raise SmsError(str(error), code="bad_url") from None


def connected(current: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that a number has once it is connected as *wanted*.

    An option that is ``None`` is not managed. A TwiML application is cleared, because Twilio ignores the URLs of a
    number that has one.

    :param wanted: ``url`` and optionally ``method``, ``fallback_url``, ``fallback_method``
    """
    after = dict(current, application_sid="")
    for name in URLS:
        if wanted.get(name) is not None:
            after[name] = _keep_if_same(current[name], wanted[name])
    for name in ("method", "fallback_method"):
        if wanted.get(name):
            after[name] = wanted[name].upper()
    return after


def disconnected(current: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that a number has once its webhook is cleared.

    Without ``url`` in *wanted* both URLs go. With it, only those that lead to the same place (scheme, host, port and
    path) as ``url`` or ``fallback_url``, whatever their password: the others are not ours.
    """
    ours = {place(wanted[name]) for name in URLS if wanted.get(name)} - {None}
    after = dict(current)
    for name in URLS:
        if not wanted.get("url") or place(current[name]) in ours:
            after[name] = ""
    return after


def restored(current: Mapping[str, str], recorded: Mapping[str, Any], *, force: bool) -> dict[str, str] | None:
    """Return the settings that a number has once it is put back, or ``None`` when somebody has changed it since.

    :param recorded: the settings ``before`` and ``after`` the run that is undone
    """
    before, after = recorded["before"], recorded["after"]
    if not force and not _same(current, after) and not _same(current, before):
        return None
    # Twilio keeps a method for every URL and cannot unset one.
    kept = {name: current[name] for name in ("method", "fallback_method") if not before[name]}
    return dict(current) if _same(current, before) else {**before, **kept}


def is_change(value: Any) -> bool:
    """Whether *value* tells the settings ``before`` and ``after`` a run, as a backup records them."""
    return isinstance(value, dict) and all(
        isinstance(value.get(name), dict)
        and set(value[name]) == set(FIELDS)
        and all(isinstance(setting, str) for setting in value[name].values())
        for name in ("before", "after")
    )


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return the form fields of the one update that leads from *before* to *after*, empty when none is needed."""
    return {sent: after[name] for name, (sent, _answered) in FIELDS.items() if before[name] != after[name]}


def shown(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings fit to be shown: without the passwords of their URLs."""
    return {name: redact_url(value) if name in URLS else value for name, value in settings.items()}


def diff_of(number: str, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Any]:
    """Return a number's diff. Where only a password differs it says so, since both look the same without it."""
    old, new = shown(before), shown(after)
    for name in URLS:
        if before[name] != after[name] and old[name] == new[name]:
            old[f"{name} password"], new[f"{name} password"] = "(another one)", "(the wanted one)"
    return {"before_header": diff_header(number), "after_header": diff_header(number), "before": old, "after": new}


def diff_header(number: str) -> str:
    """Return the title of a number's diff."""
    return f"SMS settings of {number}"


def in_service(settings: Mapping[str, str]) -> bool:
    """Whether texts to a number with these settings go to something of somebody's: not to Twilio's welcome message."""
    where = place(settings["url"])
    return bool(settings["application_sid"] or (where and where[1] != "demo.twilio.com"))


def holds_key(settings: Mapping[str, str], keys: set[str]) -> bool:
    """Whether one of the URLs carries one of *keys* as its password."""
    return any(password_of(settings[name]) in keys for name in URLS)


def _same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(
        same_url(one[name], other[name]) if name in URLS else one[name].upper() == other[name].upper()
        for name in FIELDS
    )


def _keep_if_same(current: str, wanted: str) -> str:
    """Return *wanted*, or *current* where it does the same.

    Twilio keeps connection overrides in the fragment (``#rc=2``: retry twice). One that somebody added to a URL of
    the same place stays, unless *wanted* brings its own.
    """
    if fragment_of(current) and not fragment_of(wanted) and place(current) == place(wanted):
        wanted = f"{wanted}#{fragment_of(current)}"
    return current if same_url(current, wanted) else wanted
