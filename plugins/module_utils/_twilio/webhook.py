# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares a phone number's inbound SMS settings with the wanted ones, and computes the new settings. No I/O.

Settings are dictionaries with the keys of :data:`FIELDS`, where ``""`` means unset: Twilio returns ``""`` for some unset
fields and null for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http.errors import SmsError
from .._http.urls import check_url, fragment_of, overrides_of, place, redact_url, same_url

# Our name: Twilio's name in an update, Twilio's name in an answer.
FIELDS = {
    "url": ("SmsUrl", "sms_url"),
    "method": ("SmsMethod", "sms_method"),
    "fallback_url": ("SmsFallbackUrl", "sms_fallback_url"),
    "fallback_method": ("SmsFallbackMethod", "sms_fallback_method"),
    "application_sid": ("SmsApplicationSid", "sms_application_sid"),
}
# The same for a Messaging Service.
SERVICE_FIELDS = {
    "url": ("InboundRequestUrl", "inbound_request_url"),
    "method": ("InboundMethod", "inbound_method"),
    "fallback_url": ("FallbackUrl", "fallback_url"),
    "fallback_method": ("FallbackMethod", "fallback_method"),
    "use_inbound_webhook_on_number": ("UseInboundWebhookOnNumber", "use_inbound_webhook_on_number"),
}
_ANSWERED = dict([*FIELDS.values(), *SERVICE_FIELDS.values()])
URLS = ("url", "fallback_url")
# Twilio documentation, webhooks, connection overrides. 4xx and all are missing on purpose: they might repeat the 401 that
# starts Basic authentication.
MAX_RETRIES = 5


def settings_of(row: Mapping[str, Any], fields: Mapping[str, tuple[str, str]] | None = None) -> dict[str, str]:
    """Return the SMS settings in Twilio's description of a number, or of something else with other *fields*."""
    return {name: str(row.get(answered) or "") for name, (_sent, answered) in (fields or FIELDS).items()}


def receives_sms(row: Mapping[str, Any]) -> bool:
    """Whether a number can receive texts. Twilio writes the capability as ``sms`` or ``SMS``."""
    capabilities = row.get("capabilities")
    if isinstance(capabilities, dict):
        return any(bool(value) for name, value in capabilities.items() if str(name).lower() == "sms")
    if isinstance(capabilities, list):
        return any(str(name).lower() == "sms" for name in capabilities)
    return True  # if it is not shown, Twilio itself will refuse what does not work


def check_wanted(wanted: Mapping[str, Any]) -> None:
    """Refuse webhook options that Twilio would refuse.

    :raises SmsError: with a message that contains no password
    """
    try:
        for name in URLS:
            if wanted.get(name):
                check_url(wanted[name])
    except ValueError as error:
        raise SmsError(str(error), code="bad_url") from None
    if wanted.get("retries") is not None and not 0 <= wanted["retries"] <= MAX_RETRIES:
        raise SmsError(f"retries must be 0 to {MAX_RETRIES}", code="bad_retries")


def fragment_for(wanted: Mapping[str, Any], fragment: str) -> str:
    """Return a webhook's fragment with the connection behaviour of *wanted*; options that are not given keep their value.

    :param wanted: ``retries``, ``retry_on`` and ``edges``
    :param fragment: the current one
    """
    given: dict[str, str] = {}
    if wanted.get("retries") is not None:
        given["rc"] = str(wanted["retries"])
    for name, option in (("rp", "retry_on"), ("e", "edges")):
        if wanted.get(option):
            given[name] = ",".join(wanted[option])
    present = overrides_of(fragment)
    if all(present.get(name) == frozenset(value.split(",")) for name, value in given.items()):
        return fragment
    kept = [piece for piece in fragment.split("&") if piece and piece.partition("=")[0] not in given]
    return "&".join([*kept, *(f"{name}={value}" for name, value in given.items())])


def connected(current: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return a number's settings after it is connected as *wanted*.

    An option that is ``None`` is not managed. A TwiML application is cleared, because Twilio ignores the URLs of a
    number that has one.

    :param wanted: ``url`` and optionally ``method``, ``fallback_url``, ``fallback_method``, ``retries``, ``retry_on``,
        ``edges``
    """
    return {**leading(current, wanted), "application_sid": ""}


def leading(current: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a number or service after its webhook is set as *wanted*."""
    after = dict(current)
    for name in URLS:
        if wanted.get(name) is not None:
            after[name] = _keep_if_same(current[name], wanted[name], wanted if name == "url" else {})
    for name in ("method", "fallback_method"):
        if wanted.get(name):
            after[name] = wanted[name].upper()
    return after


def disconnected(current: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return a number's settings after its webhook is cleared.

    Without ``url`` in *wanted* both URLs are cleared. With it, only those that lead to the same place (scheme, host, port
    and path) as ``url`` or ``fallback_url``, whatever their password. Others belong to somebody else.
    """
    ours = {place(wanted[name]) for name in URLS if wanted.get(name)} - {None}
    after = dict(current)
    for name in URLS:
        if not wanted.get("url") or place(current[name]) in ours:
            after[name] = ""
    return after


def restored(current: Mapping[str, str], recorded: Mapping[str, Any], *, force: bool) -> dict[str, str] | None:
    """Return a number's settings after it is restored, or ``None`` if somebody has changed it since.

    :param recorded: the settings ``before`` and ``after`` the recorded run
    """
    before, after = recorded["before"], recorded["after"]
    if not force and not _same(current, after) and not _same(current, before):
        return None
    # A method cannot be unset at Twilio.
    kept = {name: current[name] for name in ("method", "fallback_method") if not before.get(name, "-")}
    return dict(current) if _same(current, before) else {**before, **kept}


def is_change(value: Any) -> bool:
    """Whether *value* has the settings ``before`` and ``after`` a run, like a backup."""
    return isinstance(value, dict) and all(
        isinstance(value.get(name), dict)
        and set(value[name]) == set(FIELDS)
        and all(isinstance(setting, str) for setting in value[name].values())
        for name in ("before", "after")
    )


def changes(
    before: Mapping[str, str], after: Mapping[str, str], fields: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, str]:
    """Return the form fields of the update from *before* to *after*, empty if none is needed."""
    return {sent: after[name] for name, (sent, _answered) in (fields or FIELDS).items() if before[name] != after[name]}


def unheeded(sent: Mapping[str, str], row: Mapping[str, Any]) -> list[str]:
    """Return the fields of an update that Twilio's answer does not show as they were sent, although it reports success.

    :param sent: the update's fields
    :param row: Twilio's description in the answer
    """
    return [name for name, value in sent.items() if not _as_sent(name, value, row.get(_ANSWERED[name]))]


def _as_sent(name: str, value: str, answered: Any) -> bool:
    text = str(answered).lower() if isinstance(answered, bool) else str(answered or "")
    return same_url(text, value) if name.endswith("Url") else text.upper() == value.upper()


def shown(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings without the passwords of their URLs."""
    return {name: redact_url(value) if name in URLS else value for name, value in settings.items()}


def diff_of(header: str, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Any]:
    """Return a diff of settings. If only a password differs, it says so, because both look the same without it."""
    old, new = shown(before), shown(after)
    for name in URLS:
        if name in before and before[name] != after[name] and old[name] == new[name]:
            old[f"{name} password"], new[f"{name} password"] = "(another one)", "(the wanted one)"
    return {"before_header": header, "after_header": header, "before": old, "after": new}


def diff_header(number: str) -> str:
    """Return the title of a number's diff."""
    return f"SMS settings of {number}"


def in_service(settings: Mapping[str, str]) -> bool:
    """Whether texts to a number with these settings go to somebody's server, and not to Twilio's welcome message."""
    where = place(settings["url"])
    return bool(settings["application_sid"] or (where and where[1] != "demo.twilio.com"))


def _same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(
        same_url(one[name], other[name]) if name in URLS else one[name].upper() == other[name].upper() for name in one
    )


def _keep_if_same(current: str, wanted: str, behaviour: Mapping[str, Any]) -> str:
    """Return *wanted*, or *current* if it is equivalent.

    Twilio's connection overrides are in the fragment (``#rc=2``: retry twice). Overrides that somebody added to a URL of
    the same place are kept, unless *wanted* has its own. Options in *behaviour* are set in them.
    """
    plain, _hash, own = wanted.partition("#")
    here = fragment_of(current) if place(current) == place(wanted) else ""
    fragment = fragment_for(behaviour, own or here) if plain else ""
    wanted = f"{plain}#{fragment}" if fragment else plain
    return current if same_url(current, wanted) else wanted
