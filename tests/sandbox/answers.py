# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers, and the form of each API's errors."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import ids

JSON = "application/json"


@dataclasses.dataclass
class Answer:
    """A handler's answer; a ``body`` of text or bytes is sent unchanged, None means no body."""

    status: int
    body: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content_type: str = JSON


class Refused(Exception):
    """Raised by a handler that refuses a request."""

    def __init__(self, answer: Answer) -> None:
        """Refuse with this answer."""
        super().__init__(answer.status)
        self.answer = answer


def twilio_error(status: int, code: int, message: str) -> Answer:
    """Return an error of Twilio's APIs: ``code``, ``message``, ``more_info`` and ``status``."""
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    answer = Answer(status, {"code": code, "message": message, "more_info": more_info, "status": status})
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return answer


def twilio_problem(status: int, code: int, message: str) -> Answer:
    """Return an error in the form of some newer Twilio APIs (RFC 9457)."""
    body = {
        "type": f"https://www.twilio.com/docs/errors/{code}",
        "title": message,
        "status": status,
        "code": code,
        "detail": message,
        "instance": ids.hex_id(),
        "errors": [],
    }
    return Answer(status, body, content_type="application/problem+json")


def iam_error(status: int, code: str, message: str) -> Answer:
    """Return an error of IAM: ``errorCode``, ``errorMessage`` and ``context``. A wrong API key gets 400, not 401."""
    context = {"requestId": ids.hex_id(), "requestType": "incoming.Identity", "instanceId": "sandbox"}
    return Answer(status, {"errorCode": code, "errorMessage": message, "context": context})


def rc_error(status: int, code: str, message: str) -> Answer:
    """Return an error of the Resource Controller; the gate adds the ``transaction_id``."""
    return Answer(status, {"error_code": code, "message": message, "status_code": status, "details": message})


def orchestrate_error(status: int, message: str) -> Answer:
    """Return an error of watsonx Orchestrate or its platform, whose form is not documented."""
    return Answer(status, {"detail": message})


def error_for(operation: str, status: int, code: str | int | None, message: str, problem: bool = False) -> Answer:
    """Return an injected error in the form of the API of ``operation``."""
    if operation.startswith("iam."):
        return iam_error(status, str(code or "BXNIM0000E"), message)
    if operation.startswith("rc."):
        return rc_error(status, str(code or "RC-ServiceBrokerErrorResponse"), message)
    if operation.startswith(("orchestrate.", "mcsp.")):
        return orchestrate_error(status, message)
    if operation.startswith("receiver."):
        return Answer(status, message, content_type="text/plain")
    number = int(code) if code else {401: 20003, 403: 20403, 404: 20404, 429: 20429}.get(status, 20500)
    return twilio_problem(status, number, message) if problem else twilio_error(status, number, message)
