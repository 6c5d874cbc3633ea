# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's newer APIs: Messaging Services, Conversations addresses, Monitor alerts and events."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from . import ids
from .answers import Answer, Refused, twilio_error
from .gate import Call, Operation
from .models import Address, Alert, Event, Number, Sender, Service, ShortCode
from .twilio import page_size, page_start, valid_url
from .twilio_auth import authorize_v1, not_found

#: The time that Monitor covers.
ALERT_DAYS = 30 * 86400


def _list_answer(
    call: Call, key: str, rows: Sequence[Any], render: Callable[[Any], dict[str, Any]], largest: int = 1000
) -> Answer:
    """Answer one page in the envelope of these APIs: ``meta`` with absolute URLs."""
    size = page_size(call, largest)
    page, start = page_start(call, rows, size)
    shown = rows[start : start + size]
    filters = {name: value for name, value in call.query.items() if name not in ("Page", "PageToken", "PageSize")}

    def url(number: int, token: str | None = None) -> str:
        query = {**filters, "PageSize": str(size), "Page": str(number)}
        if token is not None:
            query["PageToken"] = token
        return f"{call.world.url}{call.entry.path}?{urlencode(query)}"

    more = bool(shown) and start + size < len(rows)
    before = f"PB{rows[start - size - 1].sid}" if start > size else None
    meta = {
        "page": page,
        "page_size": size,
        "first_page_url": url(0),
        "previous_page_url": url(page - 1, before) if page > 0 else None,
        "url": url(page, call.query.get("PageToken")),
        "next_page_url": url(page + 1, f"PA{shown[-1].sid}") if more else None,
        "key": key,
    }
    return Answer(200, {"meta": meta, key: [render(row) for row in shown]})


# --- Messaging -------------------------------------------------------------------------------------------------------

_SERVICE_FORM = {
    "FriendlyName": "friendly_name",
    "InboundRequestUrl": "inbound_request_url",
    "InboundMethod": "inbound_method",
    "FallbackUrl": "fallback_url",
    "FallbackMethod": "fallback_method",
    "StatusCallback": "status_callback",
    "UseInboundWebhookOnNumber": "use_inbound_webhook_on_number",
}


def service_body(call: Call, service: Service) -> dict[str, Any]:
    """Return a Messaging Service as the API writes it."""
    body = dict(vars(service))
    for inside in ("pool", "short_codes", "senders"):
        del body[inside]
    url = f"{call.world.url}/v1/Services/{service.sid}"
    body["url"] = url
    body["links"] = {"phone_numbers": f"{url}/PhoneNumbers", "short_codes": f"{url}/ShortCodes"}
    return body


def _service(call: Call) -> Service:
    service = call.state.services.get(call.params["service_sid"])
    if service is None or service.account_sid != call.account_sid:
        raise not_found(call)
    return service


def list_services(call: Call) -> Answer:
    """List the Messaging Services of the credentials' account."""
    rows = call.state.services_of(call.account_sid)
    return _list_answer(call, "services", rows, lambda row: service_body(call, row))


def fetch_service(call: Call) -> Answer:
    """Fetch a Messaging Service."""
    return Answer(200, service_body(call, _service(call)))


def update_service(call: Call) -> Answer:
    """Change the sent fields of a Messaging Service."""
    service = _service(call)
    changes: dict[str, Any] = {}
    for name, value in call.fields.items():
        if name not in _SERVICE_FORM:
            continue
        if name.endswith("Url") and value and not valid_url(value):
            raise Refused(twilio_error(400, 21402, f"{name} is not a valid URL: {value}"))
        if name.endswith("Method") and value not in ("GET", "POST"):
            raise Refused(twilio_error(400, 21502, f"{name} must be GET or POST"))
        call.state.remember_url(value)
        nullable = name.endswith("Url") or name == "StatusCallback"
        changes[_SERVICE_FORM[name]] = (value or None) if nullable else value
    if "use_inbound_webhook_on_number" in changes:
        changes["use_inbound_webhook_on_number"] = changes["use_inbound_webhook_on_number"].lower() == "true"
    call.state.services.change(service, {**changes, "date_updated": ids.iso8601()})
    return Answer(200, service_body(call, service))


def _member_body(call: Call, service: Service, number: Number) -> dict[str, Any]:
    """Return a number in a pool: here its capabilities are a list of names."""
    names = {"voice": "Voice", "sms": "SMS", "mms": "MMS", "fax": "Fax"}
    return {
        "sid": number.sid,
        "account_sid": number.account_sid,
        "service_sid": service.sid,
        "date_created": service.date_created,
        "date_updated": service.date_updated,
        "phone_number": number.phone_number,
        "country_code": "US",
        "capabilities": [names.get(name, name) for name, able in number.capabilities.items() if able],
        "url": f"{call.world.url}/v1/Services/{service.sid}/PhoneNumbers/{number.sid}",
    }


def list_pool(call: Call) -> Answer:
    """List the numbers in a service's pool. Nothing lists the services of a number."""
    service = _service(call)
    rows = [number for number in map(call.state.numbers.get, service.pool) if number is not None]
    return _list_answer(call, "phone_numbers", rows, lambda row: _member_body(call, service, row))


def fetch_pool_member(call: Call) -> Answer:
    """Fetch a number of a pool: 404 for one that is not in it."""
    service = _service(call)
    number = call.state.numbers.get(call.params["sid"])
    if number is None or number.sid not in service.pool:
        raise not_found(call)
    return Answer(200, _member_body(call, service, number))


def _short_code_member_body(call: Call, service: Service, code: ShortCode) -> dict[str, Any]:
    """Return a short code in a pool."""
    return {
        "sid": code.sid,
        "account_sid": code.account_sid,
        "service_sid": service.sid,
        "date_created": service.date_created,
        "date_updated": service.date_updated,
        "short_code": code.short_code,
        "country_code": "US",
        "capabilities": ["SMS"],
        "url": f"{call.world.url}/v1/Services/{service.sid}/ShortCodes/{code.sid}",
    }


def list_pool_short_codes(call: Call) -> Answer:
    """List the short codes in a service's pool."""
    service = _service(call)
    rows = [code for code in map(call.state.short_codes.get, service.short_codes) if code is not None]
    return _list_answer(call, "short_codes", rows, lambda row: _short_code_member_body(call, service, row))


def _sender_member_body(call: Call, service: Service, sender: Sender) -> dict[str, Any]:
    """Return a sender in a pool."""
    return {
        "sid": sender.sid,
        "account_sid": sender.account_sid,
        "messaging_service_sid": service.sid,
        "date_created": service.date_created,
        "date_updated": service.date_updated,
        "sender": sender.sender_id,
        "sender_type": {"whatsapp": "WhatsApp", "rcs": "RCS"}.get(sender.channel, sender.channel),
        "country_code": "US",
        "url": f"{call.world.url}/v1/Services/{service.sid}/ChannelSenders/{sender.sid}",
    }


def list_pool_senders(call: Call) -> Answer:
    """List the senders in a service's pool."""
    service = _service(call)
    rows = [sender for sender in map(call.state.senders.get, service.senders) if sender is not None]
    return _list_answer(call, "senders", rows, lambda row: _sender_member_body(call, service, row))


def sender_body(call: Call, sender: Sender) -> dict[str, Any]:
    """Return a WhatsApp or RCS sender as the second version of the API writes it."""
    hooks = ("callback_url", "callback_method", "fallback_url", "fallback_method")
    names = (*hooks, "status_callback_url", "status_callback_method")
    return {
        "sid": sender.sid,
        "status": sender.status,
        "sender_id": sender.sender_id,
        "configuration": None,
        "webhook": {name: getattr(sender, name) for name in names},
        "profile": None,
        "properties": None,
        "offline_reasons": None,
        "compliance": None,
        "url": f"{call.world.url}/v2/Channels/Senders/{sender.sid}",
    }


def list_senders(call: Call) -> Answer:
    """List the senders of one channel, which must be named."""
    channel = call.query.get("Channel")
    if not channel:
        raise Refused(twilio_error(400, 20001, "Channel is required"))
    rows = [row for row in call.state.senders if row.account_sid == call.account_sid and row.channel == channel]
    return _list_answer(call, "senders", rows, lambda row: sender_body(call, row))


# --- Conversations ---------------------------------------------------------------------------------------------------


def address_body(call: Call, address: Address) -> dict[str, Any]:
    """Return an address configuration as the API writes it."""
    return {
        "sid": address.sid,
        "account_sid": address.account_sid,
        "type": address.type,
        "address": address.address,
        "friendly_name": address.friendly_name,
        "auto_creation": {
            "enabled": address.auto_creation_enabled,
            "type": address.auto_creation_type,
            "conversation_service_sid": None,
            "webhook_url": address.auto_creation_webhook_url,
            "webhook_method": address.auto_creation_webhook_method,
            "webhook_filters": None,
        },
        "date_created": address.date_created,
        "date_updated": address.date_updated,
        "url": f"{call.world.url}/v1/Configuration/Addresses/{address.sid}",
        "address_country": address.address_country,
    }


def list_addresses(call: Call) -> Answer:
    """List address configurations; a page has 50 at most."""
    rows = [row for row in call.state.addresses if row.account_sid == call.account_sid]
    if "Type" in call.query:
        rows = [row for row in rows if row.type == call.query["Type"]]
    return _list_answer(call, "address_configurations", rows, lambda row: address_body(call, row), largest=50)


def fetch_address(call: Call) -> Answer:
    """Fetch an address configuration by its SID, or by the phone number itself."""
    address = call.state.address_of(call.account_sid, call.params["sid"])
    if address is None:
        raise not_found(call)
    return Answer(200, address_body(call, address))


def update_address(call: Call) -> Answer:
    """Change the sent fields of an address configuration."""
    address = call.state.address_of(call.account_sid, call.params["sid"])
    if address is None:
        raise not_found(call)
    changes: dict[str, Any] = {}
    for name, value in call.fields.items():
        if name == "AutoCreation.Enabled":
            changes["auto_creation_enabled"] = value.lower() == "true"
        elif name == "AutoCreation.Type":
            changes["auto_creation_type"] = _one_of(name, value, ("webhook", "studio", "default"))
        elif name == "AutoCreation.WebhookMethod":
            changes["auto_creation_webhook_method"] = _one_of(name, value, ("get", "post"))
        elif name == "AutoCreation.WebhookUrl":
            if value and not valid_url(value):
                raise Refused(twilio_error(400, 50372, f"{name} is not a valid URL: {value}"))
            call.state.remember_url(value)
            changes["auto_creation_webhook_url"] = value or None
        elif name == "FriendlyName":
            changes["friendly_name"] = value
    call.state.addresses.change(address, {**changes, "date_updated": ids.iso8601()})
    return Answer(200, address_body(call, address))


def _one_of(name: str, value: str, values: tuple[str, ...]) -> str:
    if value not in values:
        raise Refused(twilio_error(400, 20001, f"{name} must be one of {', '.join(values)}"))
    return value


# --- Monitor ---------------------------------------------------------------------------------------------------------

_DETAILS = ("request_variables", "request_headers", "response_body", "response_headers")


def alert_body(call: Call, alert: Alert, details: bool = False) -> dict[str, Any]:
    """Return an alert as the API writes it; only a single fetch includes request and response."""
    when = ids.iso8601(alert.at)
    body = {name: value for name, value in vars(alert).items() if name != "at" and (details or name not in _DETAILS)}
    body.update(date_created=when, date_generated=when, date_updated=when, api_version="2010-04-01")
    body["more_info"] = f"https://www.twilio.com/docs/errors/{alert.error_code}"
    body["url"] = f"{call.world.url}/v1/Alerts/{alert.sid}"
    return body


def list_alerts(call: Call) -> Answer:
    """List the alerts of the last 30 days, newest first. There is no filter by number or code."""
    earliest, latest = _span(call)
    level = call.query.get("LogLevel")
    rows = [
        row
        for row in call.state.alerts
        if row.account_sid == call.account_sid and earliest <= row.at <= latest and level in (None, row.log_level)
    ]
    rows.sort(key=lambda row: row.at, reverse=True)
    return _list_answer(call, "alerts", rows, lambda row: alert_body(call, row))


def fetch_alert(call: Call) -> Answer:
    """Fetch an alert with its details."""
    alert = call.state.alerts.get(call.params["sid"])
    if alert is None or alert.account_sid != call.account_sid:
        raise not_found(call)
    return Answer(200, alert_body(call, alert, details=True))


def _span(call: Call) -> tuple[float, float]:
    """Return the time of a query, within the days that Monitor keeps."""
    earliest, latest = time.time() - ALERT_DAYS, float("inf")
    try:
        if "StartDate" in call.query:
            earliest = max(earliest, ids.parse_time(call.query["StartDate"]))
        if "EndDate" in call.query:
            latest = ids.parse_time(call.query["EndDate"])
    except ValueError as error:
        raise Refused(twilio_error(400, 20001, str(error))) from error
    return earliest, latest


def event_body(call: Call, event: Event) -> dict[str, Any]:
    """Return an event as the API writes it."""
    body = {name: value for name, value in vars(event).items() if name != "at"}
    url = f"{call.world.url}/2010-04-01/Accounts/{event.account_sid}"
    body["event_date"] = ids.iso8601(event.at)
    body["url"] = f"{call.world.url}/v1/Events/{event.sid}"
    body["links"] = {"actor": f"{url}.json", "resource": f"{url}/IncomingPhoneNumbers/{event.resource_sid}.json"}
    return body


def list_events(call: Call) -> Answer:
    """List the changes of the last 30 days, newest first."""
    earliest, latest = _span(call)
    filters = {"event_type": "EventType", "resource_sid": "ResourceSid", "actor_sid": "ActorSid"}
    rows = [
        row
        for row in call.state.events
        if row.account_sid == call.account_sid
        and earliest <= row.at <= latest
        and all(call.query.get(name) in (None, getattr(row, field)) for field, name in filters.items())
    ]
    rows.sort(key=lambda row: row.at, reverse=True)
    return _list_answer(call, "events", rows, lambda row: event_body(call, row))


_SERVICE = "/v1/Services/{service_sid}"
_ADDRESSES = "/v1/Configuration/Addresses"

OPERATIONS = tuple(
    Operation(name, method, path, handler, authorize_v1)
    for name, method, path, handler in (
        ("messaging.list_services", "GET", "/v1/Services", list_services),
        ("messaging.fetch_service", "GET", _SERVICE, fetch_service),
        ("messaging.update_service", "POST", _SERVICE, update_service),
        ("messaging.list_pool", "GET", f"{_SERVICE}/PhoneNumbers", list_pool),
        ("messaging.list_pool_short_codes", "GET", f"{_SERVICE}/ShortCodes", list_pool_short_codes),
        ("messaging.list_pool_senders", "GET", f"{_SERVICE}/ChannelSenders", list_pool_senders),
        ("messaging.list_senders", "GET", "/v2/Channels/Senders", list_senders),
        ("messaging.fetch_pool_member", "GET", _SERVICE + "/PhoneNumbers/{sid}", fetch_pool_member),
        ("conversations.list_addresses", "GET", _ADDRESSES, list_addresses),
        ("conversations.fetch_address", "GET", _ADDRESSES + "/{sid}", fetch_address),
        ("conversations.update_address", "POST", _ADDRESSES + "/{sid}", update_address),
        ("monitor.list_alerts", "GET", "/v1/Alerts", list_alerts),
        ("monitor.fetch_alert", "GET", "/v1/Alerts/{sid}", fetch_alert),
        ("monitor.list_events", "GET", "/v1/Events", list_events),
    )
)
