# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients of both clouds from the options of a module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._http.errors import SmsError
from .._http.pace import READERS, Pace
from .._http.transport import Transport, check_endpoint
from .._ibm.client import TOKEN_PATH, IbmCloud, authenticator
from .._twilio.client import TwilioNumbers
from .options import IBM_CLOUD_OPTIONS, TWILIO_OPTIONS, require_ibm_cloud, require_twilio, resolved


def ibm_cloud(params: Mapping[str, Any], transport: Transport | None = None) -> IbmCloud:
    """Return a client for the module options of :data:`options.IBM_CLOUD_OPTIONS`.

    :raises SmsError: if credentials are missing or an endpoint is refused; nothing was sent
    """
    option = resolved(params, IBM_CLOUD_OPTIONS, ("iam_token",), ("ibmcloud_api_key",))
    require_ibm_cloud(option)
    iam = check_endpoint(option["iam_endpoint"].removesuffix(TOKEN_PATH), "iam_endpoint")
    controller = check_endpoint(option["resource_controller_endpoint"], "resource_controller_endpoint")
    token = option["iam_token"] or ""
    return IbmCloud(
        authenticator(iam, api_key=option["ibmcloud_api_key"], token=token, profile_id=option["iam_profile_id"]),
        transport or Transport(timeout=option["timeout"], validate_certs=option["validate_certs"]),
        iam_endpoint=iam,
        resource_controller_endpoint=controller,
        identity="iam_token" if token else "ibmcloud_api_key",
    )


def twilio_numbers(params: Mapping[str, Any], transport: Transport | None = None) -> TwilioNumbers:
    """Return a client for the module options of :data:`options.TWILIO_OPTIONS`.

    :raises SmsError: if credentials are missing or malformed; nothing was sent
    """
    option = resolved(params, TWILIO_OPTIONS, ("auth_token",), ("api_key_sid", "api_key_secret"))
    username, password = _twilio_credentials(option)
    endpoint = check_endpoint(option["api_endpoint"], "api_endpoint") if option["api_endpoint"] else None
    transport = transport or Transport(
        timeout=option["timeout"], validate_certs=option["validate_certs"], pace=Pace(READERS)
    )
    return TwilioNumbers.connect(
        option["account_sid"],
        username,
        password,
        transport,
        subaccount_sid=option["subaccount_sid"],
        api_endpoint=endpoint,
        edge=option["edge"],
        region=option["region"],
    )


def _twilio_credentials(option: Mapping[str, Any]) -> tuple[str, str]:
    """Return user name and password for Twilio.

    :raises SmsError: if one is missing or malformed
    """
    require_twilio(option)
    for name, prefix in (("account_sid", "AC"), ("subaccount_sid", "AC"), ("api_key_sid", "SK")):
        value = option[name]
        if value and not re.fullmatch(prefix + "[0-9A-Za-z]+", value):
            raise SmsError(f"{name} must be {prefix} and 32 hexadecimal digits", code="bad_sid")
    if option["auth_token"]:
        return option["account_sid"], option["auth_token"]
    if option["subaccount_sid"] and option["subaccount_sid"] != option["account_sid"]:
        # Twilio answers 401 (20003) to a parent's API key for a subaccount (documentation, IAM, subaccounts).
        raise SmsError(
            f"an API key of account {option['account_sid']} has no access to its subaccount {option['subaccount_sid']}:"
            " use the auth token of the account, or the subaccount's own credentials (its SID as account_sid)",
            code="api_key_of_parent",
        )
    return option["api_key_sid"], option["api_key_secret"]
