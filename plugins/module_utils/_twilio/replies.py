# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether an agent's answers can be delivered: registrations and permissions in Twilio. Read-only.

The rules come from Twilio's documentation: US long codes need an A2P 10DLC campaign (error 30034), toll-free numbers a
verification (30032), and the account needs a permission for each country (21408).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._http.errors import SmsError
from .client import PARENT_CANNOT_KNOW
from .rollout import read_all

OK, BLOCKED, UNKNOWN = "ok", "blocked", "unknown"
TOLL_FREE = "800 833 844 855 866 877 888"
# Area codes of the North American Numbering Plan outside of the United States and their territories (NANPA).
CANADA = (
    "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 460 468 474 506 514"
    " 519 537 548 579 581 584 587 600 604 613 622 639 647 672 683 705 709 742 753 778 780 782 807 819 825 867 873 879 902"
    " 905 942"
)
CARIBBEAN = "242 246 264 268 284 345 441 473 649 658 664 721 758 767 784 809 829 849 868 869 876"


@dataclass
class Registrations:
    """Twilio's registrations for sending. A value is an error if it could not be read.

    :ivar services: Messaging Services, by the SIDs of their numbers
    :ivar campaigns: A2P campaigns, by the SIDs of their Messaging Services
    :ivar verifications: toll-free verifications, by the SIDs of their numbers
    :ivar permissions: the account's geo permissions
    """

    services: dict[str, Mapping[str, Any]] | SmsError = field(default_factory=dict)
    campaigns: dict[str, list[dict[str, Any]] | SmsError] = field(default_factory=dict)
    verifications: dict[str, list[dict[str, Any]] | SmsError] = field(default_factory=dict)
    permissions: list[dict[str, Any]] | SmsError = field(default_factory=list)


def kind_of(number: str) -> str:
    """Return the kind of a number for registration: ``toll_free``, ``us``, ``ca`` or ``other``."""
    if not number.startswith("+1") or len(number) != 12:
        return "other"
    area = number[2:5]
    if area in TOLL_FREE:
        return "toll_free"
    return "ca" if area in CANADA else "other" if area in CARIBBEAN else "us"


def look_up(twilio: Any, numbers: Mapping[str, str]) -> Registrations:
    """Read the registrations of *numbers*.

    Takes one request for the geo permissions, and one for each toll-free number. For US numbers it takes one for the
    Messaging Services, one for each service's pool, and one for the campaigns of each service with such a number.

    :param twilio: a :class:`client.TwilioNumbers`
    :param numbers: SIDs by number in E.164
    """
    toll_free = [sid for number, sid in numbers.items() if kind_of(number) == "toll_free"]
    if not twilio.sees_overrides:
        unseen = SmsError(PARENT_CANNOT_KNOW, code="overrides_unknown")
        return Registrations(services=unseen, verifications=dict.fromkeys(toll_free, unseen), permissions=unseen)
    told = Registrations(permissions=_or_error(twilio.geo_permissions))
    verified = read_all(lambda sid: _or_error(lambda: twilio.tollfree_verifications(sid)), toll_free)
    told.verifications = dict(zip(toll_free, verified, strict=True))
    long_codes = {sid for number, sid in numbers.items() if kind_of(number) == "us"}
    if long_codes:
        told.services = _or_error(lambda: _services_of(twilio, long_codes))
    if isinstance(told.services, dict):
        sids = list(dict.fromkeys(str(service.get("sid")) for service in told.services.values()))
        found = read_all(lambda sid: _or_error(lambda: twilio.campaigns(sid)), sids)
        told.campaigns = dict(zip(sids, found, strict=True))
    return told


def _services_of(twilio: Any, wanted: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the Messaging Service of each of the numbers *wanted* (SIDs). A number is in one service at most."""
    services = twilio.messaging_services()
    pools = read_all(twilio.pool, [str(service.get("sid")) for service in services])
    of = {row.get("sid"): service for service, pool in zip(services, pools, strict=True) for row in pool}
    return {sid: of[sid] for sid in wanted if sid in of}


def reply_verdict(number: str, sid: str, told: Registrations) -> tuple[str, str]:
    """Return whether answers from a number can be delivered (:data:`OK`, :data:`BLOCKED`, :data:`UNKNOWN`), and why."""
    kind = kind_of(number)
    verdicts = [_geography(number, kind, told)]
    if kind == "toll_free":
        verdicts.append(_toll_free(told.verifications.get(sid, [])))
    elif kind == "us":
        verdicts.append(_long_code(sid, told))
    for status in (BLOCKED, UNKNOWN):  # the worst counts
        reasons = [why for each, why in verdicts if each == status]
        if reasons:
            return status, "; ".join(dict.fromkeys(reasons))
    return OK, "; ".join(why for _each, why in verdicts if why)


def _geography(number: str, kind: str, told: Registrations) -> tuple[str, str]:
    if isinstance(told.permissions, SmsError):
        return _unknown(told.permissions)
    rows = _rows_for(number, kind, told.permissions)
    if not rows:
        return UNKNOWN, "Twilio's geo permissions do not name its country"
    if any(row.get("enabled") for row in rows):
        return OK, ""
    country = str(rows[0].get("country_code") or "")
    return (
        BLOCKED,
        f"the account may not send texts to its country ({country}, 21408): allow it in Messaging, Geo permissions",
    )


def _rows_for(number: str, kind: str, permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the geo permissions of a number's country: several countries may share a code."""
    country = {"toll_free": "US", "us": "US", "ca": "CA"}.get(kind)
    if country:
        return [row for row in permissions if row.get("country_code") == country]
    codes = [(len(str(row.get("prefix"))), row) for row in permissions if _begins(number, row.get("prefix"))]
    longest = max((length for length, _row in codes), default=0)
    return [row for length, row in codes if length == longest]


def _begins(number: str, prefix: Any) -> bool:
    digits = "".join(character for character in str(prefix or "") if character.isdigit())
    return bool(digits) and number.startswith(f"+{digits}")


def _toll_free(rows: list[dict[str, Any]] | SmsError) -> tuple[str, str]:
    if isinstance(rows, SmsError):
        return _unknown(rows)
    statuses = [str(row.get("status") or "") for row in rows]
    if "TWILIO_APPROVED" in statuses:
        return OK, "its toll-free verification is approved"
    if not statuses:
        return BLOCKED, "it has no toll-free verification (30032): submit one in the console, Messaging, Toll-free"
    return BLOCKED, f"its toll-free verification is not approved (30032): its status is {statuses[0] or 'not said'}"


def _long_code(sid: str, told: Registrations) -> tuple[str, str]:
    if isinstance(told.services, SmsError):
        return _unknown(told.services)
    service = told.services.get(sid)
    if service is None:
        return BLOCKED, (
            "it is a US number without a Messaging Service, so it has no A2P 10DLC campaign, and carriers block its texts"
            " (30034): add it to the service of a registered campaign"
        )
    name = f"Messaging Service '{service.get('friendly_name')}' ({service.get('sid')})"
    campaigns = told.campaigns.get(str(service.get("sid")), [])
    if isinstance(campaigns, SmsError):
        return _unknown(campaigns)
    statuses = [str(row.get("campaign_status") or "") for row in campaigns]
    if "VERIFIED" in statuses or (not statuses and service.get("us_app_to_person_registered")):
        return OK, f"the A2P campaign of {name} is registered"
    if not statuses:
        return BLOCKED, f"{name} has no A2P 10DLC campaign, and carriers block its texts (30034): register one"
    return BLOCKED, f"the A2P campaign of {name} is not registered (30034): its status is {statuses[0] or 'not said'}"


def _unknown(error: Any) -> tuple[str, str]:
    return UNKNOWN, str(error)


def _or_error(read: Any) -> Any:
    """Return the result of *read*, or its error."""
    try:
        return read()
    except SmsError as error:
        return error
