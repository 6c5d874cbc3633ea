# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tenants of a self-hosted SMS Gateway: its numbers, and the credentials that it expects from Twilio.

They are in the gateway's ``tenantConfig.json`` (github.com/WASdev/sample.voice.gateway, ``sms/docker/tenantConfig``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from .._http.errors import SmsError, join
from .._http.urls import password_of, place
from .._numbers.notation import normalize
from .._twilio.snapshot import Number, Snapshot

#: Additional statuses of an audit with tenants.
NO_TENANT, WRONG_PASSWORD, WITHOUT_NUMBER = "no_tenant", "wrong_password", "tenant_without_number"
STATUSES = {
    WRONG_PASSWORD: "the webhook leads to the gateway, with credentials that it refuses",
    NO_TENANT: "the webhook leads to the gateway, which has no tenant for the number",
    WITHOUT_NUMBER: "the gateway has a tenant for a number whose texts do not reach it",
}
# A comma before a closing bracket, outside of strings: the gateway's own sample has one, and the gateway accepts it.
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])')


def load(path: str, decrypt: Callable[[bytes], bytes]) -> dict[str, dict[str, Any]]:
    """Return the tenants in the file at *path*, as :func:`read` does.

    :param decrypt: decrypts a vault-encrypted file, and returns any other unchanged
    :raises SmsError: if the file cannot be read, or is not a tenant file; the message contains none of its secrets
    """
    try:
        with open(path, "rb") as file:
            return read_tenants(decrypt(file.read()).decode("utf-8-sig"))
    except OSError as error:
        text = f"connect_sms_tenants_file '{path}' cannot be read: {error.strerror}"
        raise SmsError(text, code="no_tenants_file") from None
    except UnicodeDecodeError:
        raise SmsError(
            f"connect_sms_tenants_file '{path}': it is not a text file in UTF-8", code="bad_tenants_file"
        ) from None
    except ValueError as error:
        raise SmsError(f"connect_sms_tenants_file '{path}': {error}", code="bad_tenants_file") from None


def read_tenants(text: str) -> dict[str, dict[str, Any]]:
    """Return the tenants in a ``tenantConfig.json`` by their number in E.164, whatever its notation there.

    :returns: for each ``description``, and ``username`` and ``password``, ``None`` if the tenant has none of its own
        and the gateway's (``SMS_WEBHOOK_USERNAME`` and ``SMS_WEBHOOK_PASSWORD``) apply
    :raises ValueError: with a message that names the tenants without a phone number, or says why it is not such a file
    """
    try:
        data = json.loads(_LAST_COMMA.sub(lambda found: found[1] or "", text))
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("not JSON that a gateway would read: too deep") from None
    rows = data.get("tenants") if isinstance(data, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("it has no list of tenants, as the tenantConfig.json of an SMS Gateway has")
    tenants: dict[str, dict[str, Any]] = {}
    errors = []
    for position, row in enumerate(rows, 1):
        try:
            number = normalize(row.get("tenantPhoneNumber"))
        except ValueError as error:
            errors.append(f"tenant {position}: tenantPhoneNumber: {error}")
            continue
        if number in tenants:
            errors.append(f"tenant {position}: {number} is another tenant's already")
        tenants[number] = _tenant(row)
    if errors:
        raise ValueError(join(errors, "; "))
    return tenants


def _tenant(row: Mapping[str, Any]) -> dict[str, Any]:
    own = row.get("webHookCredentials")
    own = own if isinstance(own, Mapping) else {}
    password = own.get("password")
    return {
        "description": str(row.get("description") or ""),
        "username": str(own.get("username") or "") if password else None,
        "password": str(password) if password else None,
    }


def refusal(
    number: str, url: str, tenants: Mapping[str, Mapping[str, Any]], password: str | None
) -> tuple[str, str] | None:
    """Return why the gateway would refuse the texts of a number whose webhook leads to it, ``None`` if it accepts them.

    :param tenants: the result of :func:`read`
    :param password: the gateway's password for tenants without their own credentials, ``None`` if not known
    """
    tenant = tenants.get(number)
    if tenant is None:
        return NO_TENANT, "its webhook leads to the gateway, which has no tenant for it"
    if tenant["password"] is not None:
        right = (_username(url), password_of(url)) == (tenant["username"], tenant["password"])
        whose = "the webHookCredentials of its tenant"
    else:
        right = password is None or password_of(url) == password
        whose = "the gateway's (connect_sms_password)"
    return None if right else (WRONG_PASSWORD, f"its webhook has another user name or password than {whose}")


def _username(url: str) -> str:
    return unquote(urlsplit(url).username or "")


def without_host(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tenants' numbers that are in none of an account's groups, as one group for each file of tenants."""
    named = {number for group in groups for number in group["phone_numbers"].split(",")}
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        missing = [number for number in group.get("tenants") or () if number not in named]
        if missing:
            found.setdefault(repr(missing), {**group, "phone_numbers": ",".join(missing), "idle": True})
    return list(found.values())


def joined(
    entry: dict[str, Any], found: Number | None, snapshot: Snapshot | None, group: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a number's verdict with regard to the gateway's tenants; none if an unused tenant does not need the number.

    :param entry: the verdict without the tenants
    :param found: the number in the account
    """
    number, tenants, status = entry["phone_number"], group["tenants"], entry["status"]
    if snapshot is None or status == "unknown":
        return [] if group.get("idle") else [entry]
    if not group.get("idle"):
        password = group["expected"]["password"]
        said = refusal(number, found.settings["url"], tenants, password) if found and status == "connected" else None
    elif found and place(found.settings["url"]) in _places(group):
        return []
    else:
        tenant = tenants[number]
        name = f"the gateway's tenant '{tenant['description']}'" if tenant["description"] else "a tenant of the gateway"
        where = "its webhook leads elsewhere" if found else f"account {snapshot.account_sid} has no such number"
        said = WITHOUT_NUMBER, f"{name} is for it, and {where}"
    return [{**entry, "status": said[0], "msg": said[1]} if said else entry]


def _places(group: Mapping[str, Any]) -> set:
    return {place(one) for one in group["expected"]["place"]}
