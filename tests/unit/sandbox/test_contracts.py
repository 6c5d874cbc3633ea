# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the sandbox's Twilio requests and answers against Twilio's own API descriptions."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

jsonschema = pytest.importorskip("jsonschema")

CONTRACTS = pathlib.Path(__file__).resolve().parents[3].parent / "shared" / "contracts"
FILES = (
    "twilio_accounts_v1",
    "twilio_api_v2010",
    "twilio_messaging_v1",
    "twilio_messaging_v2",
    "twilio_conversations_v1",
    "twilio_monitor_v1",
)

pytestmark = pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the API descriptions are not here")


class Contract:
    """An operation's description: the names it knows and the shape of its answer."""

    def __init__(self, method: str, path: str) -> None:
        for name in FILES:
            document = json.loads((CONTRACTS / f"{name}.json").read_text())
            for template, item in document["paths"].items():
                if method.lower() in item and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                    self.schemas = document["components"]["schemas"]
                    self.description = item[method.lower()]
                    return
        raise LookupError(f"no description of {method} {path}")

    @property
    def query(self) -> set[str]:
        return {each["name"] for each in self.description.get("parameters", ()) if each.get("in") == "query"}

    @property
    def form(self) -> set[str]:
        content = self.description.get("requestBody", {}).get("content", {})
        return set(content.get("application/x-www-form-urlencoded", {}).get("schema", {}).get("properties", {}))

    def schema(self, status: int) -> dict[str, Any]:
        content = self.description["responses"][str(status)]["content"]
        schema: dict[str, Any] = self.plain(content["application/json"]["schema"])
        return schema

    def plain(self, schema: Any) -> Any:
        """Return an OpenAPI 3.0 schema as a JSON Schema in which every property is required and none is unknown."""
        if isinstance(schema, list):
            return [self.plain(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self.plain(self.schemas[schema["$ref"].rsplit("/", 1)[-1]])
        plain = {key: self.plain(value) for key, value in schema.items() if key not in ("nullable", "properties")}
        if "properties" in schema:  # names, one of which may be "properties"
            plain["properties"] = {name: self.plain(value) for name, value in schema["properties"].items()}
        if "properties" in plain and "capabilities" not in str(schema.get("format")):
            plain["required"] = sorted(plain["properties"])
            # In the examples, though not in the schema.
            plain["properties"].setdefault("subresource_uris", {"type": "object"})
            plain["additionalProperties"] = False
        if schema.get("nullable"):
            return {"anyOf": [plain, {"type": "null"}]}
        return plain


def unset(value: Any) -> Any:
    """Return an answer with null for empty texts: the examples have these where the schema wants a pattern."""
    if isinstance(value, dict):
        return {key: unset(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unset(item) for item in value]
    return None if value == "" else value


@pytest.fixture
def world(box: Any, twilio: Any) -> dict[str, Any]:
    """Create one of each, so that lists are not empty."""
    number = box.add_numbers({"phone_number": "+15550100001", "sms_url": "https://u:p@a.example/"})[0]
    box.change("twilio", "numbers", number["sid"], friendly_name="changed")
    box.add_message("+15550100001", "+15550109998", direction="outbound-api")
    box.add_verification(number["sid"])
    world = {
        "account": twilio.account,
        "number": number["sid"],
        "application": box.add_application(sms_url="https://u:p@a.example/", voice_url="https://a.example/")["sid"],
        "code": box.add_short_code("99990", sms_url="https://u:p@a.example/")["sid"],
        "sender": box.add_sender(callback_url="https://u:p@a.example/")["sid"],
        "service": box.add_service(pool=[number["sid"]], short_codes=["99990"], senders=["whatsapp:+15550109999"])[
            "sid"
        ],
        "address": box.add_address("+15550100001")["sid"],
        "alert": box.add_alert(request_url="https://a.example/", request_method="POST")["sid"],
    }
    box.add_campaign(world["service"])
    return world


CALLS = [
    ("GET", "/2010-04-01/Accounts.json", {}),
    ("GET", "/2010-04-01/Accounts/{account}.json", {}),
    ("GET", "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", {"PageSize": "20", "PhoneNumber": "+1555"}),
    ("GET", "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{number}.json", {}),
    ("POST", "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{number}.json", {"SmsUrl": "", "SmsMethod": "GET"}),
    ("POST", "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", {"AreaCode": "510"}),
    ("DELETE", "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{number}.json", {}),
    ("GET", "/2010-04-01/Accounts/{account}/Applications.json", {"FriendlyName": "sandbox"}),
    ("GET", "/2010-04-01/Accounts/{account}/SMS/ShortCodes.json", {"ShortCode": "99990"}),
    ("GET", "/2010-04-01/Accounts/{account}/SMS/ShortCodes/{code}.json", {}),
    ("POST", "/2010-04-01/Accounts/{account}/SMS/ShortCodes/{code}.json", {"SmsUrl": "", "SmsFallbackMethod": "GET"}),
    ("GET", "/v1/Services", {"PageSize": "20"}),
    ("GET", "/v1/Services/{service}", {}),
    ("POST", "/v1/Services/{service}", {"UseInboundWebhookOnNumber": "true"}),
    ("POST", "/v1/Services/{service}", {"InboundRequestUrl": "https://u:p@a.example/", "FallbackUrl": ""}),
    ("GET", "/v1/Services/{service}/ShortCodes", {"PageSize": "20"}),
    ("GET", "/v1/Services/{service}/ChannelSenders", {"PageSize": "20"}),
    ("GET", "/v2/Channels/Senders", {"Channel": "whatsapp"}),
    ("POST", "/v1/Configuration/Addresses/{address}", {"AutoCreation.Enabled": "false"}),
    ("POST", "/v1/Configuration/Addresses/{address}", {"AutoCreation.Type": "webhook", "AutoCreation.WebhookUrl": ""}),
    ("GET", "/v1/Services/{service}/PhoneNumbers", {}),
    ("GET", "/v1/Services/{service}/PhoneNumbers/{number}", {}),
    ("GET", "/v1/Configuration/Addresses", {"Type": "sms"}),
    ("GET", "/v1/Configuration/Addresses/{address}", {}),
    ("GET", "/2010-04-01/Accounts/{account}/Messages.json", {"From": "+15550100001", "DateSent>": "2020-01-01"}),
    (
        "POST",
        "/2010-04-01/Accounts/{account}/Messages.json",
        {"From": "+15550100001", "To": "+15550109998", "Body": "x"},
    ),
    ("GET", "/v1/Services/{service}/Compliance/Usa2p", {"PageSize": "20"}),
    ("GET", "/v1/Tollfree/Verifications", {"TollfreePhoneNumberSid": "{number}"}),
    ("GET", "/v1/Messaging/GeoPermissions", {"CountryCode": "US,CA"}),
    ("GET", "/v1/Alerts", {"LogLevel": "error"}),
    ("GET", "/v1/Alerts/{alert}", {}),
    ("GET", "/v1/Events", {"EventType": "phone-number.updated", "StartDate": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("method", "template", "sent"), CALLS, ids=str)
def test_answers_are_as_described(
    twilio: Any, world: dict[str, Any], method: str, template: str, sent: dict[str, str]
) -> None:
    path, sent = template.format(**world), {name: value.format(**world) for name, value in sent.items()}
    contract = Contract(method, path)
    assert set(sent) <= (contract.query if method == "GET" else contract.form)
    answer = twilio(method, path, **{"params" if method == "GET" else "data": sent})
    assert str(answer.status_code) in contract.description["responses"]
    if answer.status_code != 204:
        jsonschema.validate(unset(answer.json()), contract.schema(answer.status_code))


def test_everything_that_is_served_is_described() -> None:
    from sandbox.app import OPERATIONS

    for operation in OPERATIONS:
        if operation.cloud == "twilio":
            Contract(operation.method, re.sub(r"{\w+}", "X", operation.path))


def test_the_form_fields_of_a_number_are_all_known() -> None:
    from sandbox import twilio as served

    described = Contract("POST", "/2010-04-01/Accounts/X/IncomingPhoneNumbers/X.json").form
    known = {*served.URL_FIELDS, *served.METHOD_FIELDS, *served.APPLICATION_FIELDS, *served.OTHER_FIELDS}
    assert described == known | {"AccountSid", "VoiceCallerIdLookup"}
