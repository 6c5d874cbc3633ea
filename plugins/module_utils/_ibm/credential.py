# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interprets service credentials (resource keys) of an SMS agent's instance. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timezone
from typing import Any

from .._http.errors import SmsError, join
from .._http.times import from_iso
from .receiver import is_api_key

RETIRING = ":retiring"  # the end of the name of a credential that a rotation has replaced
ROLES = ("Writer", "Manager")  # the roles for SMS agents (Voice Agent documentation, "Connecting an SMS agent")
SERVICE_NAMES = ("voiceagent", "voice-agent", "voice-agent-with-watson")
_NAME = re.compile(r"[\w .:-]{1,180}")  # names that Resource Controller accepts


@dataclass(frozen=True)
class Wanted:
    """The wanted credential: its *name* on the instance and its *role*."""

    name: str
    role: str = "Writer"


def check_name(name: str) -> None:
    """:raises SmsError: if Resource Controller would refuse *name*"""
    if not _NAME.fullmatch(name) or not name.strip():
        raise SmsError(
            f"credential name '{name[:60]}' is not allowed: use 1 to 180 letters, digits, spaces and - . _ :",
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
    """Return the one matching instance.

    :param instances: the account's instances, or those with the wanted name, or the one with the wanted GUID or CRN
    :param instance: the user's choice: a name, a GUID, a CRN or nothing
    :param region: IBM Cloud region id where it must be
    :param service_names: the services that count if only a region is given
    :raises SmsError: if none or several match, with a list of the existing ones
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
            f"{len(fitting)} service instances match {what}{where}: {_listing(fitting)}."
            " Give the GUID or CRN of one as instance",
            code="ambiguous_instance",
        )
    code = "instance_in_other_region" if candidates else "unknown_instance"
    raise _no_instance(what + where, _listing(candidates or instances), code)


def unknown_instance(there: Sequence[Mapping[str, Any]], *, instance: str, region: str | None) -> SmsError:
    """Return the error about an instance that is not among those *there*."""
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
    """Refuse an inactive instance, which answers no texts. One that is being deleted can still be found by its GUID.

    :raises SmsError: if it is not active
    """
    state = instance.get("state")
    if state not in (None, "", "active"):
        raise SmsError(
            f"Service instance '{instance.get('name')}' ({instance.get('guid')}, {region_of(instance)}) is not active but"
            f" '{state}', so no text would be answered. Restore it in IBM Cloud, or choose another instance",
            code="instance_not_active",
        )


def oldest_first(keys: Iterable[Mapping[str, Any]], name: str | None) -> list[Mapping[str, Any]]:
    """Return the credentials that are not removed, the oldest first; all, or only those with exactly this *name*."""
    matching = [key for key in keys if name in (None, key.get("name")) and key.get("state") != "removed"]
    return sorted(matching, key=lambda key: (str(key.get("created_at") or ""), str(key.get("guid") or "")))


def named(keys: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the credentials with exactly this name that are not removed, the oldest first."""
    return oldest_first(keys, name)


def role_of(key: Mapping[str, Any]) -> str:
    """Return a credential's role name, such as ``Writer``; ``""`` if it is not shown.

    A role is requested by name. The answer has a CRN whose last part is the name, on the key, in its parameters or in its
    credentials.
    """
    sources = (key.get("role"), _dict(key, "parameters").get("role_crn"), _dict(key, "credentials").get("iam_role_crn"))
    return next((str(crn).rpartition(":")[2] for crn in sources if crn), "")


def retired_name(name: str) -> str:
    """Return the name of a credential while its numbers are moved to its successor.

    By this name the next run recognizes and completes a rotation that was killed.
    """
    return f"{name[:171]}{RETIRING}"


def is_retired(key: Mapping[str, Any]) -> bool:
    """Whether a credential was replaced by a rotation, but not deleted yet."""
    return str(key.get("name") or "").endswith(RETIRING)


def origin(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the instance in a credential's CRN: ``instance_guid``, ``instance_crn``, ``region``."""
    parts = str(key.get("crn") or key.get("id") or "").split(":")
    if len(parts) < 8 or not parts[7]:
        return {"instance_guid": None, "instance_crn": None, "region": None}
    return {"instance_guid": parts[7], "instance_crn": ":".join(parts[:8]) + "::", "region": parts[5] or None}


def age_in_days(key: Mapping[str, Any], now: float) -> float | None:
    """Return a credential's age at *now* (Unix time), or ``None`` if it is not known when it was created."""
    created = _time(key.get("created_at"))
    return None if created is None else (now - created) / 86400


def why_refused(details: Mapping[str, Any] | None, now: float) -> str:
    """Return why IAM refuses an API key with these *details*, for messages. A locked key is not refused."""
    if details is None:
        return "IAM does not know it"
    if details.get("disabled"):
        return "it is disabled"
    expires = _time(details.get("expires_at"))
    if expires is not None and expires <= now:
        return f"it expired at {details['expires_at']}"
    return "IAM refuses it"


def _time(text: Any) -> float | None:
    """Return an ISO 8601 time as Unix time; without a zone it counts as UTC."""
    time = from_iso(text)
    return None if time is None else time.replace(tzinfo=time.tzinfo or timezone.utc).timestamp()


def dead(key: Mapping[str, Any], details: Mapping[str, Any] | None, now: float) -> SmsError:
    """Return the error about an existing credential whose API key IAM refuses.

    :param details: IAM's details of the API key
    """
    age = age_in_days(key, now)
    young = " It was just created: if nobody has deleted its API key, run again." if age and age < 300 / 86400 else ""
    return SmsError(
        f"The API key of service credential {in_words(key)} is dead: {why_refused(details, now)}. No number is switched to"
        f" it.{young} Replace it with the playbook rotate_sms_key",
        code="dead_key",
    )


def check_role(key: Mapping[str, Any], wanted: Wanted) -> None:
    """:raises SmsError: if an existing credential does not have the wanted role"""
    role = role_of(key)
    if role and role.lower() != wanted.role.lower():
        raise SmsError(
            f"Service credential '{wanted.name}' ({key.get('guid')}) has role {role}, not {wanted.role}. A role cannot be"
            " changed: set the role that it has, use another name, or rotate the credential"
            " (playbook rotate_sms_key) to replace it with one of the wanted role",
            code="wrong_role",
        )


def duplicates(keys: list[Mapping[str, Any]], wanted: Wanted) -> SmsError:
    """Return the error about several credentials with one name."""
    listing = ", ".join(f"{key.get('guid')} (created {key.get('created_at')})" for key in keys)
    return SmsError(
        f"There are {len(keys)} service credentials named '{wanted.name}' on the instance: {listing}. Keep the one that"
        " the webhooks use, delete or rename the others in IBM Cloud (Manage, Service credentials), and run again",
        code="duplicate_credential",
    )


def missing(instance: Mapping[str, Any], wanted: Wanted) -> SmsError:
    """Return the error about a missing credential that may not be created."""
    return SmsError(
        f"There is no service credential '{wanted.name}' on instance '{instance.get('name')}'"
        f" ({region_of(instance)}), and none may be created here",
        code="missing_credential",
    )


def api_key_of(key: Mapping[str, Any]) -> str | None:
    """Return the API key inside a credential, or ``None`` if it is redacted, was shown only once, or is missing."""
    value = _dict(key, "credentials").get("apikey")
    return value if is_api_key(value) else None


def belongs(details: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    """Whether an API key with IAM's *details* belongs to this credential.

    Compares API key id or service ID, if the credential shows them. A redacted credential shows neither; then the name or
    description is compared, which IBM Cloud generates with the credential's API key.
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
    """Return the credential among *keys* that an API key belongs to: it shows the key, or IAM's *details* match."""
    shown = next((key for key in keys if api_key_of(key) == value), None)
    return shown or next((key for key in keys if details and belongs(details, key)), None)


def may_belong(details: Mapping[str, Any] | None, key: Mapping[str, Any]) -> bool:
    """Whether an API key may belong to this credential: true unless IAM's *details* rule it out.

    If the credential shows neither API key id nor service ID, only an API key that IBM Cloud generated for another
    credential is ruled out.
    """
    if details is None:
        return False  # IAM does not know the key, so it gives no access
    if belongs(details, key):
        return True
    if _dict(key, "credentials").get("iam_apikey_id") or service_id_of(key):
        return False
    made_for = (str(details.get("name") or ""), str(details.get("description") or ""))
    return not (made_for[0].startswith("auto-generated-apikey-") or made_for[1].startswith("Auto-generated for key "))


def usable(details: Mapping[str, Any], now: float) -> bool:
    """Whether an API key with IAM's *details* works. A locked key is only protected against changes."""
    expires = _time(details.get("expires_at"))
    return not details.get("disabled") and (expires is None or expires > now)


def service_id_of(key: Mapping[str, Any]) -> str | None:
    """Return the id (``ServiceId-…``) of a credential's service ID, if the credential shows it."""
    crn = _dict(key, "credentials").get("iam_serviceid_crn") or _dict(key, "parameters").get("serviceid_crn")
    return str(crn).rpartition(":")[2] or None if crn else None


def is_named(key: Mapping[str, Any] | None, name: str) -> bool:
    """Whether a credential that was read by its GUID exists and has this *name*."""
    return bool(key) and key.get("state") != "removed" and key.get("name") == name  # type: ignore[union-attr]


def is_before(key: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether *key* comes before another credential with the same name. The first one is kept."""
    return oldest_first([key, other], None)[0] is key


def in_words(key: Mapping[str, Any]) -> str:
    """Return a credential's name for messages."""
    return f"'{key.get('name')}' ({key.get('guid')})"


def instance_of(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a credential's CRN shows of its instance."""
    crn = key.get("crn") or key.get("id")
    return {"name": None, "guid": crn_part(crn, 7) or None, "region_id": crn_part(crn, 5)}


def describe(key: Mapping[str, Any] | None, instance: Mapping[str, Any], wanted: Wanted, *, readable: bool) -> dict:
    """Return the modules' ``credential``; if it does not exist (yet), what is known in advance."""
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
