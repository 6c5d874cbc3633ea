# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service credentials (resource keys) of an SMS agent's instance: reading and judging them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .._http.errors import SmsError, join
from .receiver import is_api_key

RETIRING = ":retiring"  # ends the name of a credential that a rotation has replaced
ROLES = ("Writer", "Manager")  # what an SMS agent needs (Voice Agent documentation, "Connecting an SMS agent")
SERVICE_NAMES = ("voiceagent", "voice-agent", "voice-agent-with-watson")
_NAME = re.compile(r"[\w .:-]{1,180}")  # what Resource Controller takes as a name


@dataclass(frozen=True)
class Wanted:
    """Which credential is wanted: its *name* on the instance and its *role*."""

    name: str
    role: str = "Writer"


def check_name(name: str) -> None:
    """:raises SmsError: when Resource Controller would refuse *name*"""
    if not _NAME.fullmatch(name) or not name.strip():
        raise SmsError(
            f"credential name '{name[:60]}' is not possible: use 1 to 180 letters, digits, spaces and - . _ :",
            code="bad_name",
        )


def crn_part(crn: Any, index: int) -> str:
    """Return one part of a CRN such as ``crn:v1:bluemix:public:SERVICE:REGION:a/ACCOUNT:INSTANCE:TYPE:ID``."""
    parts = str(crn or "").split(":")
    return parts[index] if len(parts) > index else ""


def service_of(instance: Mapping[str, Any]) -> str:
    """Return the service name of an instance, such as ``voice-agent``."""
    return crn_part(instance.get("crn") or instance.get("id"), 4)


def region_of(instance: Mapping[str, Any]) -> str:
    """Return the region id of an instance, such as ``us-south``."""
    return str(instance.get("region_id") or crn_part(instance.get("crn") or instance.get("id"), 5))


def choose_instance(
    instances: Iterable[Mapping[str, Any]],
    *,
    instance: str | None,
    region: str | None,
    service_names: Iterable[str] = SERVICE_NAMES,
) -> Mapping[str, Any]:
    """Return the one instance that is meant.

    :param instances: the account's instances, or those of the wanted name, or the one of the wanted GUID or CRN
    :param instance: what the user said: a name, a GUID, a CRN or nothing
    :param region: IBM Cloud region id where it must be
    :param service_names: which services count when nothing but a region is said
    :raises SmsError: when none or several fit, listing what is there
    """
    instances = list(instances)
    candidates = [i for i in instances if instance or service_of(i) in tuple(service_names)]
    if instance:
        candidates = [i for i in candidates if instance in (i.get("name"), i.get("guid"), i.get("crn"), i.get("id"))]
    fitting = [i for i in candidates if not region or region_of(i) == region]
    if len(fitting) == 1:
        return fitting[0]
    what = f"instance '{instance}'" if instance else f"instance of {' or '.join(service_names)}"
    where = f" in region {region}" if region else ""
    if fitting:
        raise SmsError(
            f"There are {len(fitting)} service instances that could be meant by {what}{where}: {_listing(fitting)}."
            " Give the GUID or CRN of one as instance",
            code="ambiguous_instance",
        )
    code = "instance_in_other_region" if candidates else "unknown_instance"
    raise _no_instance(what + where, _listing(candidates or instances), code)


def unknown_instance(there: Sequence[Mapping[str, Any]], *, instance: str, region: str | None) -> SmsError:
    """Return the error for an instance that is not *there*."""
    where = f" in region {region}" if region else ""
    names = join([f"{one.get('name')} ({region_of(one)})" for one in there], ", ")
    return _no_instance(f"instance '{instance}'{where}", names, "unknown_instance")


def _no_instance(what: str, there: str, code: str) -> SmsError:
    elsewhere = f"; there is {there}" if there else ""
    return SmsError(
        f"There is no service {what}{elsewhere}. Check instance, region and the IBM Cloud account of the API key",
        code=code,
    )


def check_active(instance: Mapping[str, Any]) -> None:
    """Refuse an instance that serves no text: one that is being deleted is still found by its GUID.

    :raises SmsError: when it says that it is not active
    """
    state = instance.get("state")
    if state not in (None, "", "active"):
        raise SmsError(
            f"Service instance '{instance.get('name')}' ({instance.get('guid')}, {region_of(instance)}) is not active but"
            f" '{state}', so no text would be answered. Restore it in IBM Cloud, or name another instance",
            code="instance_not_active",
        )


def oldest_first(keys: Iterable[Mapping[str, Any]], name: str | None) -> list[Mapping[str, Any]]:
    """Return the credentials that are not removed, all or those of exactly one *name*, the oldest first."""
    matching = [key for key in keys if name in (None, key.get("name")) and key.get("state") != "removed"]
    return sorted(matching, key=lambda key: (str(key.get("created_at") or ""), str(key.get("guid") or "")))


def named(keys: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the credentials of that exact name that are not removed, the oldest first."""
    return oldest_first(keys, name)


def role_of(key: Mapping[str, Any]) -> str:
    """Return a credential's role name, such as ``Writer``; ``""`` where nothing says it.

    A role is asked for by name and answered as a CRN whose last part is the name, on the key, in its parameters or
    in its credentials.
    """
    sources = (key.get("role"), _dict(key, "parameters").get("role_crn"), _dict(key, "credentials").get("iam_role_crn"))
    return next((str(crn).rpartition(":")[2] for crn in sources if crn), "")


def retired_name(name: str) -> str:
    """Return the name that a credential bears while numbers are moved from it to its successor.

    A run that was killed in between is so recognised and completed by the next.
    """
    return f"{name[:171]}{RETIRING}"


def is_retired(key: Mapping[str, Any]) -> bool:
    """Whether a credential was replaced by a rotation that has not deleted it."""
    return str(key.get("name") or "").endswith(RETIRING)


def origin(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a credential's own CRN tells of its instance: ``instance_guid``, ``instance_crn``, ``region``."""
    parts = str(key.get("crn") or key.get("id") or "").split(":")
    if len(parts) < 8 or not parts[7]:
        return {"instance_guid": None, "instance_crn": None, "region": None}
    return {"instance_guid": parts[7], "instance_crn": ":".join(parts[:8]) + "::", "region": parts[5] or None}


def age_in_days(key: Mapping[str, Any], now: float) -> float | None:
    """Return a credential's age at *now* (Unix time), or ``None`` where it does not say when it was created."""
    created = _time(key.get("created_at"))
    return None if created is None else (now - created) / 86400


def why_refused(details: Mapping[str, Any] | None, now: float) -> str:
    """Return in words why IAM refuses an API key with these *details*. A locked one is not refused."""
    if details is None:
        return "IAM does not know it"
    if details.get("disabled"):
        return "it is disabled"
    expires = _time(details.get("expires_at"))
    if expires is not None and expires <= now:
        return f"it expired at {details['expires_at']}"
    return "IAM refuses it"


def _time(text: Any) -> float | None:
    """Return an ISO 8601 time as Unix time. IAM writes ``2026-01-01T00:00+0000``, Resource Controller ``...Z``."""
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(text or "")).replace("Z", "+00:00")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or timezone.utc).timestamp()


def dead(key: Mapping[str, Any], details: Mapping[str, Any] | None, now: float) -> SmsError:
    """Return the error for a credential that is there while IAM refuses its API key.

    :param details: what IAM knows of the API key
    """
    age = age_in_days(key, now)
    young = (
        " It was made a moment ago: if nobody has deleted its API key, run again." if age and age < 300 / 86400 else ""
    )
    return SmsError(
        f"The API key of service credential {in_words(key)} is dead: {why_refused(details, now)}. No number is switched to"
        f" it.{young} Replace it with the playbook rotate_sms_key",
        code="dead_key",
    )


def check_role(key: Mapping[str, Any], wanted: Wanted) -> None:
    """:raises SmsError: when an existing credential has another role than the wanted one"""
    role = role_of(key)
    if role and role.lower() != wanted.role.lower():
        raise SmsError(
            f"Service credential '{wanted.name}' ({key.get('guid')}) has role {role}, not {wanted.role}. A role cannot be"
            " changed in place: ask for the role that it has, use another name, or rotate the credential"
            " (playbook rotate_sms_key) to replace it by one of the wanted role",
            code="wrong_role",
        )


def duplicates(keys: list[Mapping[str, Any]], wanted: Wanted) -> SmsError:
    """Return the error for several credentials of one name."""
    listing = ", ".join(f"{key.get('guid')} (created {key.get('created_at')})" for key in keys)
    return SmsError(
        f"There are {len(keys)} service credentials named '{wanted.name}' on the instance: {listing}. Keep the one that"
        " the webhooks use, delete or rename the others in IBM Cloud (Manage, Service credentials), and run again",
        code="duplicate_credential",
    )


def missing(instance: Mapping[str, Any], wanted: Wanted) -> SmsError:
    """Return the error for a credential that is not there where none may be made."""
    return SmsError(
        f"There is no service credential '{wanted.name}' on instance '{instance.get('name')}'"
        f" ({region_of(instance)}), and none may be created here",
        code="missing_credential",
    )


def api_key_of(key: Mapping[str, Any]) -> str | None:
    """Return the API key inside a credential, or ``None`` when it is redacted, was shown only once, or is missing."""
    value = _dict(key, "credentials").get("apikey")
    return value if is_api_key(value) else None


def belongs(details: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    """Whether IAM's *details* of an API key say that it is the one of this credential.

    By API key id or service ID where the credential shows them. A redacted credential shows neither: then by the name
    or description that IBM Cloud gives to the API key it generates for a credential.
    """
    credentials = _dict(key, "credentials")
    key_id, service_id = credentials.get("iam_apikey_id"), service_id_of(key)
    owner = str(details.get("iam_id") or "").removeprefix("iam-")
    if key_id:
        return details.get("id") == key_id
    if service_id:
        return owner == service_id
    guid, crn = str(key.get("guid") or ""), str(key.get("crn") or key.get("id") or "")
    generated = {f"auto-generated-apikey-{guid}", f"Auto-generated for key {crn}"}
    return bool(guid and crn) and bool(generated & {details.get("name"), details.get("description")})


def owner_of(
    value: str, keys: Sequence[Mapping[str, Any]], details: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return the credential among *keys* that an API key is of: the one that shows it, or that IAM's *details* tell."""
    shown = next((key for key in keys if api_key_of(key) == value), None)
    return shown or next((key for key in keys if details and belongs(details, key)), None)


def may_belong(details: Mapping[str, Any] | None, key: Mapping[str, Any]) -> bool:
    """Whether an API key could be the one of this credential: true unless IAM's *details* tell that it is not.

    Of a credential that shows neither API key id nor service ID, only an API key that IBM Cloud made for another one
    is surely not.
    """
    if details is None:
        return False  # IAM does not know the key, so it opens nothing
    if belongs(details, key):
        return True
    if _dict(key, "credentials").get("iam_apikey_id") or service_id_of(key):
        return False
    made_for = (str(details.get("name") or ""), str(details.get("description") or ""))
    return not (made_for[0].startswith("auto-generated-apikey-") or made_for[1].startswith("Auto-generated for key "))


def usable(details: Mapping[str, Any], now: float) -> bool:
    """Whether IAM's *details* of an API key leave it in use. A locked one is only protected against changes."""
    expires = _time(details.get("expires_at"))
    return not details.get("disabled") and (expires is None or expires > now)


def service_id_of(key: Mapping[str, Any]) -> str | None:
    """Return the id (``ServiceId-…``) of the service ID behind a credential, where the credential shows it."""
    crn = _dict(key, "credentials").get("iam_serviceid_crn") or _dict(key, "parameters").get("serviceid_crn")
    return str(crn).rpartition(":")[2] or None if crn else None


def is_named(key: Mapping[str, Any] | None, name: str) -> bool:
    """Whether a credential, as a read of it by its GUID shows it, is there and bears that *name*."""
    return bool(key) and key.get("state") != "removed" and key.get("name") == name  # type: ignore[union-attr]


def is_before(key: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether *key* comes before the *other* of its name: the first is the one that stays."""
    return oldest_first([key, other], None)[0] is key


def in_words(key: Mapping[str, Any]) -> str:
    """Return how messages name a credential."""
    return f"'{key.get('name')}' ({key.get('guid')})"


def instance_of(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a credential's own CRN tells of its instance."""
    crn = key.get("crn") or key.get("id")
    return {"name": None, "guid": crn_part(crn, 7) or None, "region_id": crn_part(crn, 5)}


def describe(key: Mapping[str, Any] | None, instance: Mapping[str, Any], wanted: Wanted, *, readable: bool) -> dict:
    """Return the ``credential`` that modules return; for one that does not exist (yet) what is known beforehand."""
    row = key or {}
    return {
        "name": row.get("name") or wanted.name,
        "guid": row.get("guid"),
        "id": row.get("id") or row.get("crn"),
        "role": role_of(row) or wanted.role,
        "state": row.get("state") or ("active" if key else "absent"),
        "region": region_of(instance),
        "instance": instance.get("name"),
        "instance_guid": instance.get("guid"),
        "service_id": service_id_of(row),
        "created_at": row.get("created_at"),
        "one_time": bool(row.get("onetime_credentials")),
        "readable": readable,
    }


def _dict(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _listing(instances: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{i.get('name')} ({i.get('guid')}, {service_of(i)}, {region_of(i)})" for i in instances[:10]]
    return ", ".join(shown) + (f" and {len(instances) - 10} more" if len(instances) > 10 else "")
