# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents' SMS receivers: authentication, and the reply."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from xml.sax.saxutils import escape

from .answers import Answer, Refused
from .gate import Call, Operation
from .messages import answer
from .models import ApiKey, Instance

PATH = "/sms.receiver/SmsRecv"
XML = '<?xml version="1.0" encoding="UTF-8"?>'
#: Roles that work for SMS: Writer or above.
ROLES = ("Writer", "Manager")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def receive(call: Call) -> Answer:
    """Accept a text, if the credentials are right for the receiver in the Host header."""
    host = call.request.headers.get("Host", "").lower()
    receiver = _receiver(call, host)
    username, password = _credentials(call)
    call.entry.authorized_as = username or None
    status, agent = _decide(call, receiver, username, password)
    message = {**call.query, **call.fields}
    text = {
        "at": time.time(),
        "host": host,
        "region": receiver.get("region"),
        "accepted": status == 200,
        "status": status,
        "username": username or None,
        "with_credentials": bool(username or password),
        "instance": agent,
        "from": message.get("From"),
        "to": message.get("To"),
        "body": message.get("Body"),
    }
    call.state.texts.append(text)
    if not password and receiver.get("door"):
        raise Refused(
            Answer(401 if receiver["door"] == "bare" else int(receiver["door"]), "No", content_type="text/plain")
        )
    if status == 200 and receiver.get("status"):
        raise Refused(Answer(int(receiver["status"]), "Not now", content_type="text/plain"))
    if status == 401:
        # Twilio first calls without credentials, and only sends them after a 401 that names a realm.
        headers = {"WWW-Authenticate": 'Basic realm="sms.receiver"'}
        raise Refused(Answer(401, "Unauthorized", headers, "text/plain"))
    if status != 200:
        raise Refused(Answer(status, "Forbidden", content_type="text/plain"))
    if receiver.get("answer"):
        _answer_later(call, receiver["answer"], message)
        return Answer(200, f"{XML}<Response/>", content_type="text/xml")
    reply = escape(f"{agent}: you wrote: {message.get('Body', '')}")
    page = f"{XML}<Response><Message>{reply}</Message></Response>"
    return Answer(200, page, content_type="text/xml")


def _answer_later(call: Call, when: str, message: dict[str, str]) -> None:
    """Let the agent answer after some seconds through Twilio's API, or not at all (``none``)."""
    if when != "none":
        values = (call.world, message.get("To", ""), message.get("From", ""), "At last", "outbound-api")
        asyncio.get_running_loop().call_later(float(when), answer, *values)


def _receiver(call: Call, host: str) -> dict[str, str]:
    """Return the receiver of a Host header; one on loopback that no setting names serves every region."""
    receivers = call.settings.receivers
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    found = receivers.get(host) or receivers.get(name)
    if found is None and name.strip("[]") not in LOOPBACK:
        raise Refused(Answer(404, "No such receiver", content_type="text/plain"))
    return found or {}


def _credentials(call: Call) -> tuple[str, str]:
    scheme, _space, value = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password


def _decide(call: Call, receiver: dict[str, str], username: str, password: str) -> tuple[int, str | None]:
    """Return the status for these credentials and the name of the agent that answers."""
    if "username" in receiver:  # a self-hosted gateway has its own
        accepted = (username, password) == (receiver["username"], receiver.get("password", ""))
        return (200, "sms-gateway") if accepted else (401, None)
    api_key = call.state.api_keys.by_value.get(password) if username == "apikey" else None
    if api_key is None or not api_key.usable():
        return 401, None
    agent = _agent(call, api_key, receiver.get("region"))
    if agent is None:
        return 401, None
    return (200, agent.name) if api_key.service_role in ROLES else (403, None)


def _agent(call: Call, api_key: ApiKey, region: str | None) -> Instance | None:
    """Return the voice agent in the receiver's region that an API key belongs to."""
    for instance in call.state.instances:
        if (
            instance.is_agent
            and instance.account_id == api_key.account_id
            and region in (None, instance.region_id)
            and api_key.instance_guid in (None, instance.guid)
        ):
            return instance
    return None


OPERATIONS = tuple(
    Operation("receiver.text", method, PATH, receive, cloud="receiver", writes=False) for method in ("GET", "POST")
)
