# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules and the inventory plugin for access to both clouds, with their environment variables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleFallbackNotFound

from .._http.errors import SmsError

_SECRET = re.compile("[!-~]+")
_BEARER = re.compile(r"(?i)^bearer\s+")
#: Twilio's regions, each with its edge (documentation, "Global infrastructure").
EDGES = {"us1": "ashburn", "ie1": "dublin", "au1": "sydney"}


def nonempty_env(*names: str) -> str:
    """Return the first of the environment variables *names* that is set and not empty.

    To Ansible's own ``env_fallback`` an empty variable is a value. But a controller sets the variables of all fields of a
    credential, also of empty ones.
    """
    for name in names:
        if os.environ.get(name, "").strip():
            return os.environ[name].strip()
    raise AnsibleFallbackNotFound


def _option(*env: str, **attributes: Any) -> dict[str, Any]:
    option = {"type": "str", **attributes}
    if env:
        option["fallback"] = (nonempty_env, list(env))
    return option


HTTP_OPTIONS: dict[str, dict[str, Any]] = {
    "timeout": {"type": "float", "default": 30},
    "validate_certs": {"type": "bool", "default": True},
}

IBM_CLOUD_OPTIONS: dict[str, dict[str, Any]] = {
    "ibmcloud_api_key": _option("IC_API_KEY", "IBMCLOUD_API_KEY", no_log=True),
    "iam_token": _option("IC_IAM_TOKEN", "IBMCLOUD_IAM_TOKEN", no_log=True),
    "iam_profile_id": _option("IBMCLOUD_IAM_PROFILE_ID"),
    "iam_endpoint": _option("IBMCLOUD_IAM_API_ENDPOINT", default="https://iam.cloud.ibm.com"),
    "resource_controller_endpoint": _option(
        "IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT", default="https://resource-controller.cloud.ibm.com"
    ),
    **HTTP_OPTIONS,
}

TWILIO_OPTIONS: dict[str, dict[str, Any]] = {
    "account_sid": _option("TWILIO_ACCOUNT_SID"),
    "auth_token": _option("TWILIO_AUTH_TOKEN", no_log=True),
    "api_key_sid": _option("TWILIO_API_KEY", no_log=False),
    "api_key_secret": _option("TWILIO_API_SECRET", no_log=True),
    "subaccount_sid": _option("TWILIO_SUBACCOUNT_SID"),
    "edge": _option("TWILIO_EDGE"),
    "region": _option("TWILIO_REGION"),
    "api_endpoint": _option("TWILIO_API_ENDPOINT"),
    **HTTP_OPTIONS,
}


def given(params: Mapping[str, Any], name: str, spec: Mapping[str, dict[str, Any]]) -> Any:
    """Return option *name*; an empty string counts as not given, as an empty environment variable does.

    White space around it is removed, because values from files and forms often end with a line break.
    """
    value = params.get(name)
    value = value.strip() if isinstance(value, str) else value
    if value not in (None, ""):
        return value
    try:
        return nonempty_env(*spec[name]["fallback"][1]) if "fallback" in spec[name] else spec[name].get("default")
    except AnsibleFallbackNotFound:
        return spec[name].get("default")


def resolved(params: Mapping[str, Any], spec: Mapping[str, dict[str, Any]], *ways: tuple[str, ...]) -> dict[str, Any]:
    """Return all options of *spec*.

    :param ways: groups of options, one for each way to authenticate. If options of one group are given, those of the
        others are not taken from the environment: a host with its own credentials does not use the environment's.
    :raises SmsError: for a secret with characters that no secret has
    """
    option = {name: given(params, name, spec) for name in spec}
    surroundings = {name: given({}, name, spec) for way in ways for name in way}
    own = [way for way in ways if all(option[name] for name in way) and any(option[n] != surroundings[n] for n in way)]
    if own:
        option.update({name: None for way in ways if way not in own for name in way})
    for name, value in option.items():
        if value and spec[name].get("no_log") and not _SECRET.fullmatch(_BEARER.sub("", value)):
            # It would break the request's header, and the error message would show it.
            raise SmsError(
                f"{name} contains white space or other characters that it cannot have: give only its value, on one line",
                code="bad_secret",
            )
    if option.get("iam_token"):
        option["iam_token"] = _BEARER.sub("", option["iam_token"])
    return option


def require_ibm_cloud(option: Mapping[str, Any]) -> None:
    """:raises SmsError: if there are no credentials for IBM Cloud; it names the ways to give them"""
    if not ((option["ibmcloud_api_key"] or "").strip() or option["iam_token"]):
        raise _missing(
            "IBM Cloud",
            "ibmcloud_api_key (environment IC_API_KEY or IBMCLOUD_API_KEY), or iam_token (IC_IAM_TOKEN or"
            " IBMCLOUD_IAM_TOKEN)",
        )


def require_twilio(option: Mapping[str, Any]) -> None:
    """Refuse options that give no access to a Twilio account.

    :raises SmsError: if there are no credentials (it names the ways to give them), or for a region without an edge, whose
        host would show another host's certificate
    """
    if not option["account_sid"] or not (option["auth_token"] or (option["api_key_sid"] and option["api_key_secret"])):
        raise _missing(
            "Twilio",
            "account_sid (environment TWILIO_ACCOUNT_SID), and auth_token (TWILIO_AUTH_TOKEN) or api_key_sid with"
            " api_key_secret (TWILIO_API_KEY and TWILIO_API_SECRET)",
        )
    region = option.get("region")
    if region and not option.get("edge") and not option.get("api_endpoint"):
        edge = EDGES.get(region)
        raise SmsError(
            f"region '{region}' (TWILIO_REGION) needs an edge: give edge (TWILIO_EDGE)"
            + (f", such as {edge}" if edge else "")
            + "; without it, no Twilio host has a matching certificate",
            code="missing_edge",
        )


def _missing(cloud: str, ways: str) -> SmsError:
    return SmsError(f"{cloud} credentials are missing: give {ways}", code="missing_credentials")


def misspelt(names: Iterable[str], known: Iterable[str], others: Iterable[str] = ()) -> dict[str, str]:
    """Return the names that are one edit away from a known one, each with the known one.

    An edit adds, removes or replaces a letter, or swaps two neighbouring letters.

    :param names: the extra variables of a run, or the keys of a file
    :param known: the valid names
    :param others: names with a meaning elsewhere, such as Ansible's own
    """
    known = list(known)
    unknown = [name for name in names if name not in known and name not in set(others)]
    found = {name: next((one for one in known if _one_edit(name, one)), None) for name in unknown}
    return {name: one for name, one in found.items() if one}


def _one_edit(one: str, other: str) -> bool:
    """Whether one edit turns *one* into *other*."""
    if len(one) > len(other):
        one, other = other, one
    at = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return len(other) - len(one) == 1 and one[at:] == other[at + 1 :]
    swapped = one[:at] + one[at + 1 : at + 2] + one[at : at + 1] + one[at + 2 :]
    return one != other and (one[at + 1 :] == other[at + 1 :] or swapped == other)
