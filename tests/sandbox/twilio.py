# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's 2010 API: accounts and incoming phone numbers."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import ids
from .answers import Answer, Refused, twilio_error
from .gate import Call, Operation
from .models import Application, Number, ShortCode, TwilioAccount
from .twilio_auth import authorize_v2010, not_found

MAX_URL = 4000
#: The default webhook of a new number, which is not empty.
DEMO_WEBHOOK = "https://demo.twilio.com/welcome/sms/reply"

#: Form fields of create and update, and the fields of a number that they set.
URL_FIELDS = {
    "SmsUrl": "sms_url",
    "SmsFallbackUrl": "sms_fallback_url",
    "StatusCallback": "status_callback",
    "VoiceUrl": "voice_url",
    "VoiceFallbackUrl": "voice_fallback_url",
}
METHOD_FIELDS = {
    "SmsMethod": "sms_method",
    "SmsFallbackMethod": "sms_fallback_method",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceMethod": "voice_method",
    "VoiceFallbackMethod": "voice_fallback_method",
}
APPLICATION_FIELDS = {"SmsApplicationSid": "sms_application_sid", "VoiceApplicationSid": "voice_application_sid"}
OTHER_FIELDS = {
    "FriendlyName": "friendly_name",
    "ApiVersion": "api_version",
    "VoiceReceiveMode": "voice_receive_mode",
    "TrunkSid": "trunk_sid",
    "AddressSid": "address_sid",
    "IdentitySid": "identity_sid",
    "BundleSid": "bundle_sid",
    "EmergencyStatus": "emergency_status",
    "EmergencyAddressSid": "emergency_address_sid",
}
#: Fields that are null if unset; the SMS fields are empty strings.
NULLABLE = frozenset(
    (
        "voice_url",
        "voice_fallback_url",
        "voice_application_sid",
        "trunk_sid",
        "address_sid",
        "identity_sid",
        "bundle_sid",
        "emergency_address_sid",
    )
)


# --- lists -----------------------------------------------------------------------------------------------------------


def page_size(call: Call, largest: int = 1000) -> int:
    """Return the wanted size of a page: 50 if not given; above the maximum it is refused."""
    text = call.query.get("PageSize", "50")
    if not text.isdigit() or not 1 <= int(text) <= largest:
        raise Refused(twilio_error(400, 20007, f"Page size must be a number from 1 to {largest}"))
    return int(text)


def page_start(call: Call, rows: Sequence[Any], size: int) -> tuple[int, int]:
    """Return the number of the wanted page and the index of its first row.

    ``PageToken`` names the row before the page, so that a list that grows or shrinks meanwhile repeats nothing.
    """
    number = call.query.get("Page", "0")
    if not number.isdigit():
        raise Refused(twilio_error(400, 20006, "Page must be a number"))
    token = call.query.get("PageToken")
    if token is None:
        return int(number), int(number) * size
    for index, row in enumerate(rows):
        if row.sid == token[2:]:
            return int(number), index + 1
    raise Refused(twilio_error(400, 20006, "PageToken is not valid"))


def _list_answer(call: Call, key: str, rows: Sequence[Any], page: int, start: int, size: int, render: Any) -> Answer:
    """Answer one page, with exactly the members that the SDK knows, because it refuses a page with others."""
    shown = rows[start : start + size]
    filters = {name: value for name, value in call.query.items() if name not in ("Page", "PageToken", "PageSize")}

    def uri(number: int, token: str | None = None) -> str:
        query = {**filters, "PageSize": str(size), "Page": str(number)}
        if token is not None:
            query["PageToken"] = token
        return f"{call.entry.path}?{urlencode(query)}"

    more = bool(shown) and start + size < len(rows)
    before = f"PB{rows[start - size - 1].sid}" if start > size else None
    body = {
        "first_page_uri": uri(0),
        "end": max(start + len(shown) - 1, 0),
        "previous_page_uri": uri(page - 1, before) if page > 0 else None,
        key: [render(row) for row in shown],
        "uri": uri(page, call.query.get("PageToken")),
        "page_size": size,
        "start": start,
        "next_page_uri": uri(page + 1, f"PA{shown[-1].sid}") if more else None,
        "page": page,
    }
    return Answer(200, body)


# --- accounts --------------------------------------------------------------------------------------------------------


def account_body(call: Call, account: TwilioAccount) -> dict[str, Any]:
    """Return an account as the API writes it; with an auth token, it includes the account's own token in plain text."""
    uri = f"/2010-04-01/Accounts/{account.sid}"
    return {
        "auth_token": account.auth_token if call.with_auth_token else None,
        "date_created": account.date_created,
        "date_updated": account.date_updated,
        "friendly_name": account.friendly_name,
        "owner_account_sid": account.owner_account_sid or account.sid,
        "sid": account.sid,
        "status": account.status,
        "subresource_uris": {"incoming_phone_numbers": f"{uri}/IncomingPhoneNumbers.json"},
        "type": account.type,
        "uri": f"{uri}.json",
    }


def list_accounts(call: Call) -> Answer:
    """List the credentials' account and its subaccounts."""
    rows = [row for row in call.state.twilio_accounts if call.account_sid in (row.sid, row.owner_account_sid)]
    for query, field in (("FriendlyName", "friendly_name"), ("Status", "status")):
        if query in call.query:
            rows = [row for row in rows if getattr(row, field) == call.query[query]]
    size = page_size(call)
    page, start = page_start(call, rows, size)
    return _list_answer(call, "accounts", rows, page, start, size, lambda row: account_body(call, row))


def fetch_account(call: Call) -> Answer:
    """Fetch the credentials' account or a subaccount of it."""
    account = call.state.twilio_accounts.get(call.account_sid)
    assert account is not None  # authorize found it
    return Answer(200, account_body(call, account))


# --- numbers ---------------------------------------------------------------------------------------------------------


def number_body(number: Number) -> dict[str, Any]:
    """Return a number as the API writes it; ``sms_url`` includes its password in plain text."""
    body = dict(vars(number))
    del body["bundle_required"], body["address_required"]
    uri = f"/2010-04-01/Accounts/{number.account_sid}/IncomingPhoneNumbers/{number.sid}"
    body["uri"] = f"{uri}.json"
    body["subresource_uris"] = {"assigned_add_ons": f"{uri}/AssignedAddOns.json"}
    return body


def list_numbers(call: Call) -> Answer:
    """List the numbers of the account in the path; those of its subaccounts are not among them."""
    directory = call.state.numbers.of_account(call.account_sid)
    rows: Sequence[Number] = directory.numbers
    query = call.query
    if "PhoneNumber" in query:  # a part is enough, so a longer number is found, too
        rows = directory.search(query["PhoneNumber"])
    for name, field in (("FriendlyName", "friendly_name"), ("Origin", "origin")):
        if name in query:
            rows = [row for row in rows if getattr(row, field) == query[name]]
    if "Beta" in query:
        rows = [row for row in rows if row.beta == (query["Beta"].lower() == "true")]
    size = page_size(call)
    token = query.get("PageToken", "")
    position = directory.position(token[2:]) if rows is directory.numbers and token else None
    if position is not None and query.get("Page", "").isdigit():
        page, start = int(query["Page"]), position + 1
    else:
        page, start = page_start(call, rows, size)
    return _list_answer(call, "incoming_phone_numbers", rows, page, start, size, lambda row: listed_body(call, row))


def listed_body(call: Call, number: Number) -> dict[str, Any]:
    """Return a number as a list shows it, which may lag behind."""
    until, earlier = call.state.earlier.get(number.sid, (0.0, {}))
    return earlier if time.time() < until else number_body(number)


def _number(call: Call) -> Number:
    number = call.state.numbers.get(call.params["sid"])
    if number is None or number.account_sid != call.account_sid:
        raise not_found(call)
    return number


def fetch_number(call: Call) -> Answer:
    """Fetch a number of the account in the path."""
    return Answer(200, number_body(_number(call)))


def update_number(call: Call) -> Answer:
    """Change the sent fields of a number; an empty string clears a field. All changes are made, or none."""
    number = _number(call)
    changes = _changes(call, number.origin)
    if number.bundle_required and not changes.get("bundle_sid"):
        raise Refused(twilio_error(400, 21631, "Phone Number Requires a Bundle"))
    if number.address_required and not changes.get("address_sid"):
        raise Refused(twilio_error(400, 21613, "Phone Number Requires an Address"))
    owner = call.fields.get("AccountSid", number.account_sid)
    if owner != number.account_sid:
        changes["account_sid"] = _new_owner(call, owner).sid
        call.world.log.alarm(call.entry, f"MOVED {number.phone_number} from {number.account_sid} to {owner}")
    lag, now = call.settings.twilio_list_lag, time.time()
    if lag and call.state.earlier.get(number.sid, (0.0, {}))[0] <= now:
        call.state.earlier[number.sid] = (now + lag, number_body(number))
    changes["date_updated"] = ids.rfc2822()
    call.state.change_number(number, changes, actor_sid=call.credential_account)
    return Answer(200, number_body(number))


def _new_owner(call: Call, wanted: str) -> TwilioAccount:
    owner = call.state.twilio_accounts.get(wanted)
    if owner is None or call.credential_account not in (owner.sid, owner.owner_account_sid):
        raise not_found(call)
    return owner


def create_number(call: Call) -> Answer:
    """Buy a number, which must never happen in a test."""
    area = call.fields.get("AreaCode", "555")
    phone = call.fields.get("PhoneNumber") or f"+1{area}{len(call.state.numbers):07d}"
    values = {"sms_url": DEMO_WEBHOOK, **_changes(call, "twilio")}
    try:
        number = call.state.numbers.create({**values, "account_sid": call.account_sid, "phone_number": phone})
    except ValueError as error:
        raise Refused(twilio_error(400, 21422, f"{phone} is not available.")) from error
    call.world.log.alarm(call.entry, f"BOUGHT {phone} for {call.account_sid}")
    return Answer(201, number_body(number))


def delete_number(call: Call) -> Answer:
    """Release a number, which must never happen in a test."""
    number = _number(call)
    call.state.numbers.remove(number)
    call.world.log.alarm(call.entry, f"RELEASED {number.phone_number} of {number.account_sid}")
    return Answer(204)


# --- applications and short codes -------------------------------------------------------------------------------------


def application_body(application: Application) -> dict[str, Any]:
    """Return a TwiML application as the API writes it."""
    uri = f"/2010-04-01/Accounts/{application.account_sid}/Applications/{application.sid}.json"
    return {**vars(application), "uri": uri}


def list_applications(call: Call) -> Answer:
    """List the TwiML applications of the account in the path."""
    rows = [row for row in call.state.applications if row.account_sid == call.account_sid]
    if "FriendlyName" in call.query:
        rows = [row for row in rows if row.friendly_name == call.query["FriendlyName"]]
    size = page_size(call)
    page, start = page_start(call, rows, size)
    return _list_answer(call, "applications", rows, page, start, size, application_body)


def short_code_body(code: ShortCode) -> dict[str, Any]:
    """Return a short code as the API writes it."""
    return {**vars(code), "uri": f"/2010-04-01/Accounts/{code.account_sid}/SMS/ShortCodes/{code.sid}.json"}


def list_short_codes(call: Call) -> Answer:
    """List the short codes of the account in the path."""
    rows = [row for row in call.state.short_codes if row.account_sid == call.account_sid]
    for query, field in (("FriendlyName", "friendly_name"), ("ShortCode", "short_code")):
        if query in call.query:
            rows = [row for row in rows if getattr(row, field) == call.query[query]]
    size = page_size(call)
    page, start = page_start(call, rows, size)
    return _list_answer(call, "short_codes", rows, page, start, size, short_code_body)


def _short_code(call: Call) -> ShortCode:
    code = call.state.short_codes.get(call.params["sid"])
    if code is None or code.account_sid != call.account_sid:
        raise not_found(call)
    return code


def fetch_short_code(call: Call) -> Answer:
    """Fetch a short code of the account in the path."""
    return Answer(200, short_code_body(_short_code(call)))


def update_short_code(call: Call) -> Answer:
    """Change the sent fields of a short code; an empty string clears a field."""
    code = _short_code(call)
    known = ("SmsUrl", "SmsMethod", "SmsFallbackUrl", "SmsFallbackMethod", "FriendlyName", "ApiVersion")
    call.fields = {name: value for name, value in call.fields.items() if name in known}
    changes = {**_changes(call, "twilio"), "date_updated": ids.rfc2822()}
    call.state.short_codes.change(code, changes)
    return Answer(200, short_code_body(code))


# --- the form of create and update -----------------------------------------------------------------------------------


def _changes(call: Call, origin: str) -> dict[str, Any]:
    """Return the fields of a number that a form sets; refuse values that Twilio refuses."""
    changes: dict[str, Any] = {}
    for name, value in call.fields.items():
        if name in URL_FIELDS:
            _check_url(name, value, origin)
            call.state.remember_url(value)
            changes[URL_FIELDS[name]] = value
        elif name in METHOD_FIELDS:
            if value not in ("GET", "POST", ""):
                raise Refused(twilio_error(400, 21502, f"{name} must be GET or POST"))
            changes[METHOD_FIELDS[name]] = value or "POST"
        elif name in APPLICATION_FIELDS:
            _check_application(call, value)
            changes[APPLICATION_FIELDS[name]] = value
        elif name in OTHER_FIELDS:
            changes[OTHER_FIELDS[name]] = value
        elif name == "VoiceCallerIdLookup":
            changes["voice_caller_id_lookup"] = value.lower() == "true"
    if len(changes.get("friendly_name", "")) > 64:
        raise Refused(twilio_error(400, 20001, "FriendlyName is longer than 64 characters"))
    for field in NULLABLE & set(changes):
        changes[field] = changes[field] or None
    return changes


def _check_url(name: str, url: str, origin: str) -> None:
    """Refuse an invalid URL; the message repeats it with its password, which clients must not pass on."""
    if url == "" or valid_url(url):
        return
    code = {"StatusCallback": 21609}.get(name, 22105 if origin == "hosted" else 21402)
    raise Refused(twilio_error(400, code, f"{name} is not a valid URL: {url}"))


def valid_url(url: str) -> bool:
    """Return whether a URL can be a webhook: http or https, with a host, not too long."""
    if len(url) > MAX_URL or re.search(r"\s", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_application(call: Call, sid: str) -> None:
    if sid == "":
        return
    application = call.state.applications.get(sid) if re.fullmatch(r"AP[0-9a-fA-F]{32}", sid) else None
    if application is None or application.account_sid != call.account_sid:
        raise Refused(twilio_error(400, 21218, f"ApplicationSid {sid} is not valid"))


_ACCOUNT = "/2010-04-01/Accounts/{account_sid}"
_NUMBERS = f"{_ACCOUNT}/IncomingPhoneNumbers"
_SHORT_CODES = f"{_ACCOUNT}/SMS/ShortCodes"

OPERATIONS = tuple(
    Operation(name, method, path, handler, authorize_v2010)
    for name, method, path, handler in (
        ("twilio.list_numbers", "GET", f"{_NUMBERS}.json", list_numbers),
        ("twilio.create_number", "POST", f"{_NUMBERS}.json", create_number),
        ("twilio.fetch_number", "GET", _NUMBERS + "/{sid}.json", fetch_number),
        ("twilio.update_number", "POST", _NUMBERS + "/{sid}.json", update_number),
        ("twilio.delete_number", "DELETE", _NUMBERS + "/{sid}.json", delete_number),
        ("twilio.list_applications", "GET", f"{_ACCOUNT}/Applications.json", list_applications),
        ("twilio.list_short_codes", "GET", f"{_SHORT_CODES}.json", list_short_codes),
        ("twilio.fetch_short_code", "GET", _SHORT_CODES + "/{sid}.json", fetch_short_code),
        ("twilio.update_short_code", "POST", _SHORT_CODES + "/{sid}.json", update_short_code),
        ("twilio.list_accounts", "GET", "/2010-04-01/Accounts.json", list_accounts),
        ("twilio.fetch_account", "GET", f"{_ACCOUNT}.json", fetch_account),
    )
)
