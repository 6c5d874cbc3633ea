# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IBM Cloud IAM: the token exchange, and the details of API keys."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from . import ids
from .answers import Answer, Refused, iam_error, rc_error
from .gate import Call, Operation
from .models import ApiKey, Profile
from .state import State, Token

GRANT_API_KEY = "urn:ibm:params:oauth:grant-type:apikey"
GRANT_ASSUME = "urn:ibm:params:oauth:grant-type:assume"


def authorize(call: Call) -> None:
    """Find the caller by its bearer token; refuse one that is missing, unknown or expired with 401."""
    scheme, _space, value = call.request.headers.get("Authorization", "").partition(" ")
    token = call.state.tokens.get(value) if scheme.lower() == "bearer" else None
    if token is None or token.expires_at <= time.time():
        message = "The token is missing, unknown or expired."
        unauthorized = iam_error(401, "BXNIM0407E", message)
        if call.entry.operation.startswith("rc."):
            unauthorized = rc_error(401, "RC-Unauthorized", message)
        raise Refused(unauthorized)
    call.token = token
    call.entry.account = token.account_id
    call.entry.authorized_as = token.iam_id


def exchange(call: Call) -> Answer:
    """Exchange an API key for a token, or a token for one of a trusted profile."""
    grant = call.fields.get("grant_type")
    if grant == GRANT_API_KEY:
        api_key = call.state.api_keys.by_value.get(call.fields.get("apikey", ""))
        # A wrong key is a bad request to IAM (400), not an unauthorized one.
        if api_key is None or not api_key.usable():
            raise Refused(iam_error(400, "BXNIM0415E", "Provided API key could not be found."))
        return _token_answer(call, api_key)
    if grant == GRANT_ASSUME:
        token = call.state.tokens.get(call.fields.get("access_token", ""))
        if token is None or token.expires_at <= time.time():
            raise Refused(iam_error(400, "BXNIM0407E", "Provided token is unknown or expired."))
        profile = _find_profile(call)
        if profile is None or profile.account_id != token.account_id:
            raise Refused(iam_error(400, "BXNIM0513E", "Provided trusted profile could not be found."))
        return _token_answer(call, profile)
    raise Refused(iam_error(400, "BXNIM0103E", "The grant type is missing or not supported."))


def _find_profile(call: Call) -> Profile | None:
    fields = call.fields
    if "profile_id" in fields:
        return call.state.profiles.get(fields["profile_id"])
    for profile in call.state.profiles:
        if "profile_crn" in fields and profile.crn == fields["profile_crn"]:
            return profile
        if "profile_name" in fields and (profile.name, profile.account_id) == (
            fields["profile_name"],
            fields.get("account"),
        ):
            return profile
    return None


def issue(
    state: State, lifetime: float, grant: str, holder: ApiKey | Profile, claims: dict[str, Any] | None = None
) -> str:
    """Issue a token: a JWT of three parts with numeric ``iat`` and ``exp``, from which the SDK takes its lifetime.

    :param claims: its claims about the account; by default those of IBM Cloud's tokens
    """
    now = time.time()
    payload: dict[str, Any] = {
        "iam_id": holder.iam_id,
        "id": holder.iam_id,
        "sub": holder.iam_id,
        **({"account": {"valid": True, "bss": holder.account_id}} if claims is None else claims),
        "iat": int(now),
        "exp": int(now + lifetime),
        "iss": "https://iam.cloud.ibm.com/identity",
        "grant_type": grant,
        "scope": "ibm openid",
        "client_id": "default",
        "jti": ids.hex_id(),
    }
    value = ".".join((_encoded({"kid": "sandbox", "alg": "RS256"}), _encoded(payload), secrets.token_urlsafe(48)))
    state.tokens[value] = Token(
        holder.account_id, holder.iam_id, holder.service_role, holder.platform_role, now + lifetime
    )
    return value


def _token_answer(call: Call, holder: ApiKey | Profile) -> Answer:
    lifetime = call.settings.token_lifetime
    call.entry.account, call.entry.authorized_as = holder.account_id, holder.iam_id
    body = {
        "access_token": issue(call.state, lifetime, call.fields["grant_type"], holder),
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": int(lifetime),
        "expiration": int(time.time() + lifetime),
        "scope": "ibm openid",
    }
    return Answer(200, body)


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def api_key_details(call: Call) -> Answer:
    """Return the details of the API key in the header ``IAM-ApiKey``, also if it is locked, disabled or expired."""
    api_key = call.state.api_keys.by_value.get(call.request.headers.get("IAM-ApiKey", ""))
    if api_key is None or not api_key.known() or api_key.account_id != call.bearer.account_id:
        status = call.settings.unknown_api_key_status
        raise Refused(iam_error(status, "BXNIM0415E", "Provided API key could not be found."))
    return Answer(200, _details(api_key))


def _details(api_key: ApiKey) -> dict[str, Any]:
    details = {
        "id": api_key.id,
        "entity_tag": f"1-{api_key.id[-32:]}",
        "crn": api_key.crn,
        "locked": api_key.locked,
        "disabled": api_key.disabled,
        "created_at": api_key.created_at,
        "created_by": api_key.iam_id,
        "modified_at": api_key.created_at,
        "name": api_key.name,
        "support_sessions": False,
        "action_when_leaked": "none",
        "description": api_key.description,
        "iam_id": api_key.iam_id,
        "account_id": api_key.account_id,
        "apikey": "",  # IAM never gives the value back
    }
    if api_key.expires_at:
        details["expires_at"] = api_key.expires_at
    return details


OPERATIONS = (
    Operation("iam.token", "POST", "/identity/token", exchange, cloud="ibm", writes=False),
    Operation("iam.api_key_details", "GET", "/v1/apikeys/details", api_key_details, authorize, cloud="ibm"),
)
