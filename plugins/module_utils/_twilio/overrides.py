# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes Twilio pass a number's own webhook by: Messaging Services and Conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http.errors import SmsError
from .rollout import read_all

PARENT_CANNOT_KNOW = (
    "a parent account's credentials cannot see the Messaging Services and Conversations of its subaccounts:"
    " use the subaccount's own credentials (its SID as account_sid)"
)


def messaging_services(twilio: Any) -> list[dict[str, Any]]:
    """Return the Messaging Services of the numbers' account.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :raises SmsError: when they cannot be known
    """
    if not twilio.sees_overrides:
        raise SmsError(PARENT_CANNOT_KNOW, code="overrides_unknown")
    return twilio.messaging_services()


def webhooks_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Return a Messaging Service's name and its own webhooks, which may hold a key as a number's do."""
    return {
        "sid": str(service.get("sid") or ""),
        "name": f"Messaging Service '{service.get('friendly_name')}' ({service.get('sid')})",
        "url": str(service.get("inbound_request_url") or ""),
        "fallback_url": str(service.get("fallback_url") or ""),
        "changed_at": str(service.get("date_updated") or ""),
    }


def find_overrides(
    twilio: Any, numbers: Mapping[str, Mapping[str, Any]], services: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what overrides each of *numbers*, by number: ``kind``, ``sid`` and ``name``. Those that nothing
    overrides are left out.

    Costs one request for the address configurations and one for each service that overrides, however many numbers
    there are: Twilio has no look-up from a number to its service.

    :param twilio: a :class:`twilio.TwilioNumbers`
    :param numbers: Twilio's descriptions, by number
    :param services: what :func:`messaging_services` returned
    :raises SmsError: when it cannot be known
    """
    by_sid = {row.get("sid"): number for number, row in numbers.items()}
    overrides: dict[str, dict[str, Any]] = {}
    for address in twilio.conversation_addresses():
        automatic = address.get("auto_creation")
        if isinstance(automatic, dict) and automatic.get("enabled") and address.get("address") in numbers:
            overrides[str(address["address"])] = _override("conversation", address)
    # True: the number's own webhook is used. False: the service's, and the number's is passed by.
    takers = [service for service in services if not service.get("use_inbound_webhook_on_number")]
    pools = read_all(twilio.pool, [str(service.get("sid")) for service in takers])
    for service, pool in zip(takers, pools, strict=True):
        for member in pool:
            if member.get("sid") in by_sid:
                overrides[by_sid[member["sid"]]] = _override("messaging_service", service)
    return overrides


def describe_override(override: Mapping[str, Any]) -> str:
    """Return an override in words, with what to do about it."""
    if override["kind"] == "messaging_service":
        return (
            f"Messaging Service '{override['name']}' ({override['sid']}) takes its texts: choose \"Defer to sender's"
            " webhook\" in the service's Integration settings, or take the number out of its sender pool"
        )
    return (
        f"Conversations address configuration '{override['name']}' ({override['sid']}) makes a conversation of its texts:"
        " turn its auto-creation off"
    )


def _override(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "sid": row.get("sid"), "name": row.get("friendly_name") or row.get("address") or ""}
