# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which modules and the inventory plugin get into both clouds, each with its environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleFallbackNotFound

from .._http.errors import SmsError


def nonempty_env(*names: str) -> str:
    """Return the first of the environment variables *names* that is set and not empty.

    Ansible's own ``env_fallback`` takes an empty variable for a value, but a controller sets the variable of every
    credential field, to nothing where the field was left empty.
    """
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
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
    """Return option *name*; an empty string counts as not given, as an empty environment variable does."""
    value = params.get(name)
    if value not in (None, ""):
        return value
    try:
        return nonempty_env(*spec[name]["fallback"][1]) if "fallback" in spec[name] else spec[name].get("default")
    except AnsibleFallbackNotFound:
        return spec[name].get("default")


def resolved(params: Mapping[str, Any], spec: Mapping[str, dict[str, Any]], *ways: tuple[str, ...]) -> dict[str, Any]:
    """Return all options of *spec*.

    :param ways: options that get in in different ways. One that was given leaves the others out where they come from
        the environment: a host with credentials of its own knows nothing of those that the environment is full of.
    """
    option = {name: given(params, name, spec) for name in spec}
    surroundings = {name: given({}, name, spec) for way in ways for name in way}
    own = [way for way in ways if all(option[name] for name in way) and any(option[n] != surroundings[n] for n in way)]
    if own:
        option.update({name: None for way in ways if way not in own for name in way})
    return option


def require_ibm_cloud(option: Mapping[str, Any]) -> None:
    """:raises SmsError: when the options hold no credentials for IBM Cloud; it names the ways to give them"""
    if not ((option["ibmcloud_api_key"] or "").strip() or option["iam_token"]):
        raise _missing(
            "IBM Cloud",
            "ibmcloud_api_key (environment IC_API_KEY or IBMCLOUD_API_KEY), or iam_token (IC_IAM_TOKEN or"
            " IBMCLOUD_IAM_TOKEN)",
        )


def require_twilio(option: Mapping[str, Any]) -> None:
    """:raises SmsError: when the options hold no credentials for Twilio; it names the ways to give them"""
    if not option["account_sid"] or not (option["auth_token"] or (option["api_key_sid"] and option["api_key_secret"])):
        raise _missing(
            "Twilio",
            "account_sid (environment TWILIO_ACCOUNT_SID), and auth_token (TWILIO_AUTH_TOKEN) or api_key_sid with"
            " api_key_secret (TWILIO_API_KEY and TWILIO_API_SECRET)",
        )


def _missing(cloud: str, ways: str) -> SmsError:
    return SmsError(f"{cloud} credentials are missing: give {ways}", code="missing_credentials")
