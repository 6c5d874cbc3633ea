# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's credentials: the accepted pairs, and their accounts."""

from __future__ import annotations

import base64
import binascii
import fnmatch

from .answers import Refused, twilio_error
from .gate import Call
from .models import TwilioAccount, TwilioKey


def unauthorized() -> Refused:
    """Return the refusal of credentials that are bad, or not those of this account."""
    return Refused(twilio_error(401, 20003, "Authenticate"))


def not_found(call: Call) -> Refused:
    """Return the refusal for what does not exist in this account."""
    return Refused(twilio_error(404, 20404, f"The requested resource {call.entry.path} was not found"))


def _credentials(call: Call) -> tuple[str, str]:
    scheme, _space, value = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise unauthorized()
    try:
        user, _colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise unauthorized() from error
    return user, password


def _identify(call: Call) -> tuple[TwilioAccount, TwilioKey | None]:
    """Return the account that the credentials belong to, and the API key if it is one."""
    state = call.state
    user, password = _credentials(call)
    key = state.twilio_keys.get(user)
    account = state.twilio_accounts.get(key.account_sid if key else user)
    if account is None or password != (key.secret if key else account.auth_token):
        raise unauthorized()
    call.entry.authorized_as = user
    return account, key


def _check_key(call: Call, key: TwilioKey | None) -> None:
    """Refuse what an API key may not do."""
    if key is None or key.kind == "main":
        return
    operation = call.entry.operation
    if key.kind == "restricted":
        if not any(fnmatch.fnmatchcase(operation, allowed) for allowed in key.permissions):
            raise Refused(twilio_error(403, 70051, "The API key does not have the required permission."))
    elif operation in ("twilio.fetch_account", "twilio.list_accounts"):
        raise unauthorized()  # standard keys have no access to accounts and subaccounts


def _check_active(*accounts: TwilioAccount) -> None:
    if any(account.status != "active" for account in accounts):
        raise Refused(twilio_error(403, 20403, "Account is not active"))


def authorize_v2010(call: Call) -> None:
    """Authorize for the account in the path: the credentials' own, or a subaccount of it."""
    own, key = _identify(call)
    wanted = call.params.get("account_sid", own.sid)
    account = call.state.twilio_accounts.get(wanted)
    if account is None or (account.sid != own.sid and account.owner_account_sid != own.sid):
        raise unauthorized()
    if key is not None and account.sid != own.sid:
        raise unauthorized()  # API keys only have access to their own account
    call.entry.account = call.account_sid = account.sid
    _check_key(call, key)
    # A parent may read a suspended subaccount, but not its resources.
    _check_active(own) if call.entry.operation == "twilio.fetch_account" else _check_active(own, account)
    call.credential_account = own.sid
    call.with_auth_token = key is None


def authorize_v1(call: Call) -> None:
    """Authorize for Messaging, Conversations and Monitor, where credentials only cover their own account.

    A parent that asks for its subaccount's services gets its own instead, without any indication.
    """
    own, key = _identify(call)
    call.entry.account = call.account_sid = own.sid
    _check_key(call, key)
    _check_active(own)
    call.credential_account = own.sid
