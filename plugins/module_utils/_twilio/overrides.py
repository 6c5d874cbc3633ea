# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messaging Services and Conversations that take a number's texts instead of its own webhook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._http.errors import SmsError
from .._http.urls import password_of, printable
from .client import PARENT_CANNOT_KNOW
from .provider import Provider
from .rollout import read_all
from .webhook import SERVICE_FIELDS, URLS, settings_of

CHANNELS = ("whatsapp", "rcs")  # channels of senders in a pool whose webhooks can be read
DEFERS = "use_inbound_webhook_on_number"  # "true": the number's own webhook is used. "false": the service's is.


def services_and_addresses(twilio: Provider) -> list[Sequence[dict[str, Any]]]:
    """Return the Messaging Services and the Conversations address configurations of the numbers' account.

    :raises SmsError: if they cannot be read
    """
    if not twilio.sees_overrides:
        raise SmsError(PARENT_CANNOT_KNOW, code="overrides_unknown")
    return read_all(lambda read: read(), (twilio.messaging_services, twilio.conversation_addresses))


def service_from(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Messaging Service as snapshots store it.

    Keys are ``sid``, ``friendly_name``, ``name`` (name and SID, for messages), its webhook settings by the names of
    :data:`webhook.SERVICE_FIELDS`, ``changed_at``, ``pool`` (its phone numbers; ``None`` if it was not read) and
    ``others`` (see :func:`read_others`; likewise).
    """
    name, sid = printable(str(row.get("friendly_name") or "")), str(row.get("sid"))
    words = f"Messaging Service '{name}' ({sid})"
    settings = settings_of(row, SERVICE_FIELDS)
    settings[DEFERS] = "true" if row.get(DEFERS) else "false"
    more = {"changed_at": str(row.get("date_updated") or ""), "pool": None, "others": None}
    return {"sid": sid, "friendly_name": name, "name": words, **settings, **more}


def service_settings(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the webhook settings of a service from :func:`service_from`."""
    return {name: service[name] for name in SERVICE_FIELDS}


def conversations_of(addresses: Iterable[Mapping[str, Any]], numbers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return those of the address configurations that create conversations from the texts of *numbers*, by number."""
    found: dict[str, dict[str, Any]] = {}
    for address in addresses:
        automatic = address.get("auto_creation")
        if isinstance(automatic, dict) and automatic.get("enabled") and address.get("address") in numbers:
            found[str(address["address"])] = _override("conversation", address)
    return found


def read_pools(twilio: Provider, numbers: Mapping[str, Mapping[str, Any]], services: list[dict[str, Any]]) -> None:
    """Read the phone numbers in the pools of the services that take texts, or that have a webhook with a password.

    Takes one request for each of these services, however many numbers there are, because Twilio cannot look up a number's
    service. Services that defer to their numbers but hold a password matter, because they keep its key in use.

    :param numbers: Twilio's descriptions of the relevant numbers, by number
    :param services: services from :func:`service_from`, which get their pools
    """
    by_sid = {row.get("sid"): number for number, row in numbers.items()}
    read = [one for one in services if one[DEFERS] != "true" or any(password_of(one[name]) for name in URLS)]
    pools = read_all(twilio.pool, [service["sid"] for service in read])
    for service, pool in zip(read, pools, strict=True):
        members = [by_sid.get(row.get("sid")) or row.get("phone_number") for row in pool]
        service["pool"] = [str(member) for member in members if member]


def read_others(twilio: Provider, numbers: Mapping[str, Any], services: list[dict[str, Any]]) -> None:
    """Read the other senders in the pools of services that take texts of *numbers*: ``name`` and ``url`` of each.

    Takes two requests for each such service, and one for each kind of sender, to read their own webhooks.
    """
    taking = [one for one in services if one[DEFERS] != "true" and any(each in numbers for each in one["pool"] or ())]
    codes = read_all(twilio.pool_short_codes, [service["sid"] for service in taking])
    senders = read_all(twilio.pool_senders, [service["sid"] for service in taking])
    strangers = {member for service in taking for member in service["pool"] if member not in numbers}
    urls = {number: own_url(row) for number, row in twilio.find(sorted(strangers)).items()}
    if any(codes):
        urls.update({str(row.get("short_code")): own_url(row) for row in twilio.short_codes()})
    channels = {str(row.get("sender")).partition(":")[0].lower() for rows in senders for row in rows}
    for channel in sorted(channels & set(CHANNELS)):
        urls.update({str(row.get("sender_id")): _callback_of(row) for row in twilio.senders(channel)})
    for service, its_codes, its_senders in zip(taking, codes, senders, strict=True):
        names = [member for member in service["pool"] if member not in numbers]
        names += [str(row.get("short_code")) for row in its_codes] + [str(row.get("sender")) for row in its_senders]
        service["others"] = [{"name": name, "url": urls.get(name, "")} for name in names]


def own_url(row: Mapping[str, Any]) -> str:
    """Return the own webhook of a number or short code, ``""`` if a TwiML application takes its texts."""
    return "" if row.get("sms_application_sid") else str(row.get("sms_url") or "")


def overrides_of_pools(
    numbers: Mapping[str, Any], services: list[dict[str, Any]], conversations: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what overrides each of *numbers*, by number: ``kind``, ``sid`` and ``name``.

    A number's service comes first: texts that it takes never become a conversation.
    """
    overrides = dict(conversations)
    for service in services:
        if service[DEFERS] != "true":
            taken = [member for member in service["pool"] or () if member in numbers]
            overrides.update({number: _override("messaging_service", service) for number in taken})
    return overrides


def describe_override(override: Mapping[str, Any]) -> str:
    """Describe an override and what to do about it, for messages."""
    if override["kind"] == "messaging_service":
        return (
            f"Messaging Service '{override['name']}' ({override['sid']}) takes its texts: choose \"Defer to sender's"
            " webhook\" in the service's Integration settings (on_override=repair does this), or remove the number from its"
            " sender pool"
        )
    return (
        f"Conversations address configuration '{override['name']}' ({override['sid']}) makes a conversation of its texts:"
        " turn its auto-creation off"
    )


def _override(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "sid": row.get("sid"),
        "name": printable(str(row.get("friendly_name") or row.get("address") or "")),
    }


def _callback_of(sender: Mapping[str, Any]) -> str:
    hooks = sender.get("webhook")
    return str(hooks.get("callback_url") or "") if isinstance(hooks, dict) else ""
