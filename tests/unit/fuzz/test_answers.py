# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of both clouds: any answer is either understood or an error with a message, never a traceback.

Two kinds of answers: any JSON at all, and right ones in which something is missing or of another kind, which get further.
"""

# ruff: noqa: PT017  an input that is refused is as good as one that is understood

from __future__ import annotations

import collections
import contextlib
import copy
import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import pytest
from ansible.module_utils import basic
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from system.warm import hurry
from unit.plugins.scripted import jwt

from ansible_collections.voiceagent.sms.plugins.module_utils._http import transport
from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import Reply, Transport
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.client import IbmCloud
from ansible_collections.voiceagent.sms.plugins.module_utils._module.access import ibm_cloud, twilio_numbers
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.client import TwilioNumbers
from ansible_collections.voiceagent.sms.plugins.modules import (
    iva_credential,
    twilio_sms_webhook,
    twilio_sms_webhook_info,
)


def run_module(module: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Run a module's ``main()`` and return what it printed."""
    arguments = {**{name: value for name, value in params.items() if value is not None}, "_ansible_diff": True}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        basic._ANSIBLE_PROFILE = "legacy"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    return result


Tried = collections.Counter[str]
SID = "AC" + "0" * 32
KEY = "k" * 44
OLD = "old-key-old-key-old-key-old-key-old-key-4444"
GUID = "11111111-2222-3333-4444-555555555555"
NUMBER = "+15551234567"
CRN = f"crn:v1:bluemix:public:voice-agent:us-south:a/acc:{GUID}::"
IBM = {
    "ibmcloud_api_key": "caller-key-caller-key",
    "iam_token": None,
    "iam_profile_id": None,
    "timeout": 1,
    "validate_certs": True,
}
IBM |= {"iam_endpoint": "https://iam.example.com", "resource_controller_endpoint": "https://rc.example.com"}
TWILIO = {"account_sid": SID, "auth_token": "auth-token-auth-token", "api_endpoint": "https://twilio.example.com"}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["active", "REDACTED", "//[", "\ud800"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
)
KEYS = {
    "guid": "22222222-2222-3333-4444-555555555555",
    "id": "crn:key",
    "crn": "crn:key",
    "name": "twilio-sms",
    "role": "crn:v1:bluemix:public:iam::::serviceRole:Writer",
    "state": "active",
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "IBMid-TEST",
    "onetime_credentials": False,
    "parameters": {"role_crn": "x:Writer", "serviceid_crn": "crn:serviceid:ServiceId-1"},
    "credentials": {"apikey": KEY, "iam_apikey_id": "ApiKey-1", "iam_serviceid_crn": "crn:serviceid:ServiceId-1"},
}
RETIRED = {**KEYS, "guid": "3", "name": "twilio-sms:retiring", "credentials": {"REDACTED": "REDACTED"}}
NUMBER_ROW = {
    "sid": "PN1",
    "phone_number": NUMBER,
    "sms_url": f"https://apikey:{OLD}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv#rc=2",
    "sms_method": "POST",
    "sms_fallback_url": None,
    "sms_fallback_method": "POST",
    "sms_application_sid": "",
    "capabilities": {"voice": True, "sms": True},
}
SERVICE = {
    "sid": "MG1",
    "friendly_name": "service",
    "use_inbound_webhook_on_number": False,
    "inbound_request_url": None,
    "fallback_url": None,
}
ADDRESS = {"sid": "IG1", "address": NUMBER, "friendly_name": "address", "auto_creation": {"enabled": True}}
#: The right answer to a request, by a part of its address: the first that fits.
ANSWERS: dict[str, Any] = {
    "POST /identity/token": {"access_token": jwt(), "refresh_token": "x", "expires_in": 3600},
    "GET /v1/apikeys/details": {
        "id": "ApiKey-1",
        "iam_id": "iam-ServiceId-1",
        "name": "n",
        "description": "d",
        "disabled": False,
    },
    "/resource_keys?": {"resources": [KEYS, RETIRED], "next_url": None, "rows_count": 2},
    "GET /v2/resource_instances?": {
        "resources": [
            {"guid": GUID, "id": CRN, "crn": CRN, "name": "agent", "region_id": "us-south", "state": "active"}
        ],
        "next_url": None,
    },
    "GET /v2/resource_instances/": {"guid": GUID, "id": CRN, "crn": CRN, "name": "agent", "region_id": "us-south"},
    "POST /v2/resource_keys": KEYS,
    "/v2/resource_keys/": KEYS,
    "GET /2010-04-01/Accounts.json": {"accounts": [{"sid": "AC1", "status": "active"}], "next_page_uri": None},
    "/IncomingPhoneNumbers.json": {"incoming_phone_numbers": [NUMBER_ROW], "next_page_uri": None},
    "/IncomingPhoneNumbers/": NUMBER_ROW,
    "/PhoneNumbers": {"phone_numbers": [{"sid": "PN1"}], "meta": {"next_page_url": None}},
    "/v1/Services": {"services": [SERVICE], "meta": {"next_page_url": None}},
    "/v1/Configuration/Addresses": {"address_configurations": [ADDRESS], "meta": {"next_page_url": None}},
}
CURSORS = st.sampled_from(
    [
        "/v1?start=%00",
        "//[",
        "https://[::1",
        "/a b?x=\n",
        "?start=\u00e9",
        "/\u00fc?start=x",
        "\ud800?start=\ud800",
        "?start=a&start=b",
    ]
)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Return where something could be exchanged in a JSON value."""
    found = [path]
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


STATUSES = st.sampled_from([200] * 9 + [201, 204, 301, 400, 401, 403, 404, 409, 410, 429, 500, 503, 999])
BODIES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"",
            b"<html>",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"\xff\xfe{}",
            b"1" * 5000,
            b"NaN",
            b'"\\ud800"',
            b"{}",
            b"[]",
        ]
    ),
)
ERRORS = st.fixed_dictionaries(
    {},
    optional={
        "errors": st.one_of(
            JSON, st.lists(st.fixed_dictionaries({}, optional={"message": JSON, "code": JSON}), max_size=2)
        ),
        **dict.fromkeys(
            ("errorCode", "errorMessage", "error_code", "message", "code", "detail", "title", "status"), JSON
        ),
    },
)
#: Replacements for a value in an answer; None: the value is missing.
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 60), st.none() | st.tuples(JSON | st.sampled_from([[], {}, "", KEYS, [KEYS, KEYS], 10**400]))
    ),
    max_size=2,
)


class Bad(NamedTuple):
    """How one answer differs from the right one."""

    status: int
    changes: list[tuple[int, tuple[Any] | None]]
    cursor: str
    body: bytes | None
    error: Any


BAD = st.builds(Bad, STATUSES, CHANGES, CURSORS, st.none() | st.none() | BODIES, JSON | ERRORS)
#: The indexes of bad answers among the first ones; the others are right, so that a run gets further.
DAYS = st.dictionaries(st.integers(0, 11), BAD, min_size=1, max_size=4)


def changed(right: Any, changes: list[tuple[int, tuple[Any] | None]], cursor: str) -> Any:
    """Return an answer in which some things are missing, or of another kind."""
    answer = copy.deepcopy(right)
    for number, value in changes:
        known = places(answer)
        path = known[number % len(known)]
        if not path:
            return copy.deepcopy(value[0]) if value else None
        inner = answer
        for key in path[:-1]:
            inner = inner[key]
        if str(path[-1]).startswith("next_"):
            inner[path[-1]] = cursor
        elif value:
            inner[path[-1]] = copy.deepcopy(value[0])
        else:
            del inner[path[-1]]
    return answer


class Clouds:
    """Both clouds with faults."""

    def __init__(self, day: dict[int, Bad]) -> None:
        self._day = day
        self._answers = 0

    def send(self, method: str, url: str, _headers: Any, _body: bytes | None) -> Reply:
        """Answer a request. After many requests, stop answering."""
        number = self._answers
        self._answers += 1
        if number > 60:
            raise TransportError("https://x could not be reached", code="unreachable", maybe_done=False)
        request = f"{method} /{url.split('/', 3)[3]}"
        right = next((answer for part, answer in ANSWERS.items() if part in request), {})
        bad = self._day.get(number, Bad(200, [], "", None, None))
        if bad.body is not None:
            return self._reply(bad.status, bad.body)
        answer = changed(right, bad.changes, bad.cursor) if bad.status < 300 else bad.error
        return self._reply(bad.status, json.dumps(answer).encode())

    @staticmethod
    def _reply(status: int, body: bytes) -> Reply:
        return Reply(status, CaseInsensitiveDict({"Content-Type": "application/json", "Retry-After": "1"}), body)


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch.setitem, monkeypatch.setattr)


def _transport(clouds: Clouds) -> Transport:
    return Transport(send=clouds.send)


IBM_CALLS: dict[str, Callable[[IbmCloud], Any]] = {
    "instances": lambda cloud: cloud.instances("agent"),
    "instance": lambda cloud: cloud.instance(GUID),
    "keys": lambda cloud: cloud.keys(GUID),
    "key": lambda cloud: cloud.key("22222222"),
    "create_key": lambda cloud: cloud.create_key("twilio-sms", GUID, "Writer"),
    "rename_key": lambda cloud: cloud.rename_key("2222", "x"),
    "delete_key": lambda cloud: cloud.delete_key("2222"),
    "api_key_details": lambda cloud: cloud.api_key_details(OLD),
    "accepts": lambda cloud: cloud.accepts(KEY),
    "identity": lambda cloud: cloud.identity(),
}
TWILIO_CALLS: dict[str, Callable[[TwilioNumbers], Any]] = {
    "find": lambda twilio: twilio.find([NUMBER]),
    "list": lambda twilio: list(twilio.list()),
    "subaccounts": lambda twilio: twilio.subaccounts(),
    "update": lambda twilio: twilio.update(NUMBER, "PN1", {"SmsUrl": "https://x.example.com"}),
    "messaging_services": lambda twilio: twilio.messaging_services(),
    "pool": lambda twilio: twilio.pool("MG1"),
    "conversation_addresses": lambda twilio: twilio.conversation_addresses(),
}


@given(call=st.sampled_from(sorted(IBM_CALLS)), day=DAYS)
def test_any_answer_of_ibm_cloud(call: str, day: dict[int, Bad], tried: Tried) -> None:
    tried["answer"] += 1
    cloud = ibm_cloud(IBM, _transport(Clouds(day)))
    try:
        IBM_CALLS[call](cloud)
    except SmsError as error:
        assert str(error).startswith("Could not ")
        assert len(str(error)) < 600


@given(call=st.sampled_from(sorted(TWILIO_CALLS)), day=DAYS)
def test_any_answer_of_twilio(call: str, day: dict[int, Bad], tried: Tried) -> None:
    tried["answer"] += 1
    options = {
        **dict.fromkeys(("api_key_sid", "api_key_secret", "subaccount_sid", "edge", "region")),
        "timeout": 1,
        "validate_certs": True,
    }
    twilio = twilio_numbers({**options, **TWILIO}, _transport(Clouds(day)))
    try:
        TWILIO_CALLS[call](twilio)
    except SmsError as error:
        assert str(error).startswith("Could not ")
        assert len(str(error)) < 600


RUNS: dict[str, tuple[Any, dict[str, Any]]] = {
    "present": (iva_credential, {"candidate_api_keys": [OLD]}),
    "by guid": (iva_credential, {"instance": GUID}),
    "rotate": (iva_credential, {"max_age": 0, "candidate_api_keys": [OLD]}),
    "absent": (iva_credential, {"state": "absent", "keys_in_use": [OLD]}),
    "connect": (twilio_sms_webhook, {"phone_numbers": [NUMBER], "url": f"https://apikey:{KEY}@x.example.com/"}),
    "disconnect": (twilio_sms_webhook, {"phone_numbers": [NUMBER], "state": "absent"}),
    "look": (twilio_sms_webhook_info, {"snapshot": True}),
}


@given(name=st.sampled_from(sorted(RUNS)), day=DAYS)
def test_any_answer_in_a_whole_run(name: str, day: dict[int, Bad], tried: Tried) -> None:
    tried["answer"] += 1
    module, params = RUNS[name]
    ours = {**IBM, "name": "twilio-sms", "region": "us-south"} if module is iva_credential else TWILIO
    clouds = Clouds(day)
    with mock.patch.object(transport.Transport, "_send_over_network", lambda _self, *request: clouds.send(*request)):
        result = run_module(module, {**ours, **params})
    if result.get("failed"):
        assert result["msg"]
        assert "exception" not in result, result["exception"]
        assert "failure" in result
    shown = json.dumps({key: value for key, value in result.items() if key not in ("api_key", "snapshot")})
    if name in ("connect", "disconnect", "look"):
        assert OLD not in shown
