# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's messages, and the requirements for sending texts: campaigns, verifications, permissions."""

from __future__ import annotations

import asyncio
import datetime
import re
from typing import Any

from . import ids
from .answers import Answer, Refused, twilio_error
from .gate import Call, Operation, World
from .models import Campaign, Message, Verification
from .twilio import _list_answer as list_answer
from .twilio import page_size, page_start
from .twilio_auth import authorize_v1, authorize_v2010, not_found
from .twilio_v1 import _list_answer as list_answer_v1

#: Countries and their prefixes: not all of them.
COUNTRIES = {"US": "+1", "CA": "+1", "GB": "+44", "DE": "+49", "MX": "+52", "BS": "+1242"}
_RUNNING: set[asyncio.Task[Any]] = set()


def answer(world: World, number: str, to: str, body: str, direction: str, depth: int = 0) -> None:
    """Send an agent's answer from a number; one to an own number arrives there, too."""
    sender = world.state.numbers.by_phone.get(number)
    if sender is not None:
        status = "undelivered" if world.settings.answers_blocked else "delivered"
        values = {"account_sid": sender.account_sid, "sender": number, "to": to, "body": body}
        code = 30034 if world.settings.answers_blocked else None
        world.state.messages.create({**values, "direction": direction, "status": status, "error_code": code})
        if code is None:
            deliver(world, number, to, body, depth)


def deliver(world: World, sender: str, to: str, body: str, depth: int = 0) -> None:
    """Let a text arrive, if it is for an own number."""
    number = world.state.numbers.by_phone.get(to)
    if number is not None and world.deliver is not None and depth < 4:
        task = asyncio.get_running_loop().create_task(world.deliver(number, sender, body, depth + 1))
        _RUNNING.add(task)  # the loop keeps only a weak reference
        task.add_done_callback(_RUNNING.discard)


# --- messages --------------------------------------------------------------------------------------------------------


def message_body(message: Message) -> dict[str, Any]:
    """Return a message as the API writes it."""
    uri = f"/2010-04-01/Accounts/{message.account_sid}/Messages/{message.sid}"
    when = ids.rfc2822(message.at)
    return {
        "account_sid": message.account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": when,
        "date_sent": when,
        "date_updated": when,
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": None,
        "from": message.sender,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "messaging_service_sid": None,
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def list_messages(call: Call) -> Answer:
    """List the account's messages, the newest first."""
    rows = [row for row in call.state.messages if row.account_sid == call.account_sid]
    for query, field in (("To", "to"), ("From", "sender")):
        if query in call.query:
            rows = [row for row in rows if getattr(row, field) == call.query[query]]
    for query, sign in (("DateSent", 0), ("DateSent>", 1), ("DateSent<", -1)):
        if query in call.query:
            wanted = _day(call.query[query])
            rows = [row for row in rows if sign in (0, 1) and _at(row) == wanted or sign * (_at(row) > wanted) > 0]
    rows.reverse()
    size = page_size(call)
    page, start = page_start(call, rows, size)
    return list_answer(call, "messages", rows, page, start, size, message_body)


def _day(text: str) -> datetime.date:
    try:
        return datetime.datetime.fromtimestamp(ids.parse_time(text), ids.UTC).date()
    except ValueError as error:
        raise Refused(twilio_error(400, 20001, str(error))) from error


def _at(row: Message) -> datetime.date:
    return datetime.datetime.fromtimestamp(row.at, ids.UTC).date()


def send_message(call: Call) -> Answer:
    """Send a text from an own number."""
    sender, to, body = (call.fields.get(name, "") for name in ("From", "To", "Body"))
    number = call.state.numbers.by_phone.get(sender)
    if number is None or number.account_sid != call.account_sid or not number.capabilities.get("sms"):
        raise Refused(twilio_error(400, 21606, f"The 'From' phone number {sender} is not a valid SMS number of yours"))
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", to):
        raise Refused(twilio_error(400, 21211, f"Invalid 'To' Phone Number: {to}"))
    if to == sender:
        raise Refused(twilio_error(400, 21266, "'To' and 'From' number cannot be the same"))
    if not body:
        raise Refused(twilio_error(400, 21602, "Message body is required"))
    account = call.state.twilio_accounts.get(call.account_sid)
    if account is not None and set(account.geo_blocked) & {_country(to)}:
        raise Refused(
            twilio_error(400, 21408, f"Permission to send an SMS has not been enabled for the region of {to}")
        )
    values = {"account_sid": call.account_sid, "sender": sender, "to": to, "body": body}
    message = call.state.messages.create({**values, "direction": "outbound-api", "status": "queued"})
    created = message_body(message)
    message.status = "delivered"
    deliver(call.world, sender, to, body)
    return Answer(201, created)


def _country(number: str) -> str:
    return max(
        (prefix, country) for country, prefix in COUNTRIES.items() if number.startswith(prefix) or prefix == "+1"
    )[1]


# --- whether texts may be sent ---------------------------------------------------------------------------------------


def campaign_body(call: Call, campaign: Campaign) -> dict[str, Any]:
    """Return an A2P campaign as the API writes it."""
    url = f"{call.world.url}/v1/Services/{campaign.service_sid}/Compliance/Usa2p/{campaign.sid}"
    return {
        "sid": campaign.sid,
        "account_sid": campaign.account_sid,
        "brand_registration_sid": campaign.brand_sid,
        "messaging_service_sid": campaign.service_sid,
        "description": "An agent that answers texts",
        "message_samples": ["Your order is on its way", "Please write your question"],
        "us_app_to_person_usecase": "CUSTOMER_CARE",
        "campaign_status": campaign.campaign_status,
        "campaign_id": "CSANDBX",
        "message_flow": "Customers text first",
        "rate_limits": {},
        "errors": [],
        "url": url,
        **dict.fromkeys(("has_embedded_links", "has_embedded_phone", "age_gated", "direct_lending", "mock"), False),
        **dict.fromkeys(("subscriber_opt_in", "is_externally_registered"), False),
        **dict.fromkeys(("opt_in_message", "opt_out_message", "help_message")),
        **dict.fromkeys(("opt_in_keywords", "opt_out_keywords", "help_keywords")),
        **dict.fromkeys(("date_created", "date_updated"), ids.iso8601(campaign.at)),
    }


def list_campaigns(call: Call) -> Answer:
    """List the A2P campaigns of a Messaging Service: one, or none."""
    service = call.state.services.get(call.params["service_sid"])
    if service is None or service.account_sid != call.account_sid:
        raise not_found(call)
    rows = [row for row in call.state.campaigns if row.service_sid == service.sid]
    return list_answer_v1(call, "compliance", rows, lambda row: campaign_body(call, row), largest=50)


_OF_A_BUSINESS = (
    "business_name business_street_address business_street_address2 business_city business_state_province_region"
    " business_postal_code business_country business_website business_contact_first_name business_contact_last_name"
    " business_contact_email business_contact_phone notification_email use_case_summary production_message_sample"
    " message_volume additional_information rejection_reason error_code edit_expiration business_registration_number"
    " business_registration_country business_registration_phone_number doing_business_as opt_in_confirmation_message"
    " help_message_sample privacy_policy_url terms_and_conditions_url age_gated_content opt_in_keywords rejection_reasons"
    " resource_links external_reference_id vetting_id vetting_id_expiration customer_profile_sid trust_product_sid"
    " opt_in_image_urls regulated_item_sid edit_allowed"
)


def verification_body(call: Call, row: Verification) -> dict[str, Any]:
    """Return a toll-free verification as the API writes it."""
    number = call.state.numbers.get(row.tollfree_phone_number_sid)
    return {
        **dict.fromkeys(_OF_A_BUSINESS.split()),
        "sid": row.sid,
        "account_sid": row.account_sid,
        "date_created": ids.iso8601(row.at),
        "date_updated": ids.iso8601(row.at),
        "tollfree_phone_number_sid": row.tollfree_phone_number_sid,
        "tollfree_phone_number": number.phone_number if number else None,
        "status": row.status,
        "url": f"{call.world.url}/v1/Tollfree/Verifications/{row.sid}",
        "use_case_categories": ["CUSTOMER_CARE"],
        "opt_in_type": "VERBAL",
        "business_registration_authority": "EIN",
        "business_type": "PRIVATE_PROFIT",
        "vetting_provider": "CAMPAIGN_VERIFY",
    }


def list_verifications(call: Call) -> Answer:
    """List the account's toll-free verifications."""
    rows = [row for row in call.state.verifications if row.account_sid == call.account_sid]
    for query, field in (("TollfreePhoneNumberSid", "tollfree_phone_number_sid"), ("Status", "status")):
        if query in call.query:
            rows = [row for row in rows if getattr(row, field) == call.query[query]]
    return list_answer_v1(call, "verifications", rows, lambda row: verification_body(call, row))


def list_permissions(call: Call) -> Answer:
    """Return for each country whether the account may send texts there."""
    account = call.state.twilio_accounts.get(call.account_sid)
    wanted = [each for each in call.query.get("CountryCode", "").split(",") if each] or list(COUNTRIES)
    rows = [
        {
            "country_code": country,
            "type": "country",
            "enabled": account is not None and country not in account.geo_blocked,
            "prefix": COUNTRIES[country],
            "message": "",
        }
        for country in wanted
        if country in COUNTRIES
    ]
    return Answer(200, {"permissions": rows})


_MESSAGES = "/2010-04-01/Accounts/{account_sid}/Messages.json"

OPERATIONS = (
    Operation("twilio.list_messages", "GET", _MESSAGES, list_messages, authorize_v2010),
    Operation("twilio.send_message", "POST", _MESSAGES, send_message, authorize_v2010),
    *(
        Operation(name, "GET", path, handler, authorize_v1)
        for name, path, handler in (
            ("messaging.list_campaigns", "/v1/Services/{service_sid}/Compliance/Usa2p", list_campaigns),
            ("messaging.list_verifications", "/v1/Tollfree/Verifications", list_verifications),
            ("accounts.list_geo_permissions", "/v1/Messaging/GeoPermissions", list_permissions),
        )
    ),
)
