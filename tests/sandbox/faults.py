# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on request: errors, damaged bodies, lost connections, silence."""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
from typing import Any

from .answers import Answer, error_for

#: Whether the request is processed, and what the client gets.
MODES = ("answer", "answer_after", "reset_before", "reset_after", "hang", "hang_after", "expire")
BODIES = ("json", "html", "truncated", "problem", "empty", "unheeded")


@dataclasses.dataclass
class Fault:
    """One fault for requests of an operation.

    ``answer`` answers without processing the request, ``answer_after`` after processing it. ``reset_before`` and
    ``reset_after`` break the connection before or after processing. ``hang`` closes the connection after ``seconds``
    without processing. ``hang_after`` processes at once and answers after ``seconds``, when most clients are gone. ``expire``
    lets the caller's IAM token expire before the request is processed.
    The ``body`` ``empty`` is a list's real answer without its rows, and ``unheeded`` that of a change that was not made.
    """

    #: An operation's name or a pattern (``twilio.*``).
    operation: str
    mode: str = "answer"
    #: None: 503; for ``answer_after`` and for a truncated body, the status of the real answer.
    status: int | None = None
    code: str | int | None = None
    message: str = "The sandbox was asked to fail here."
    retry_after: float | None = None
    body: str = "json"
    #: How often it happens; None: always.
    times: int | None = 1
    #: How many requests pass before it happens.
    skip: int = 0
    seconds: float = 0.0
    #: Only requests with this text in their path or in a value that they send.
    match: str | None = None
    #: Only requests with the credentials of this account: its SID or ID.
    account: str | None = None
    id: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES or self.body not in BODIES:
            raise ValueError(f"mode is one of {', '.join(MODES)}; body is one of {', '.join(BODIES)}")

    @property
    def works(self) -> bool:
        """Return whether the request is processed anyway."""
        real = ("truncated", "empty", "unheeded")
        return self.mode.endswith("_after") or (self.body in real and self.status is None)

    def meets(self, operation: str, path: str, fields: dict[str, Any], account: str | None = None) -> bool:
        """Return whether this fault affects a request, and count it."""
        if not fnmatch.fnmatchcase(operation, self.operation) or self.times == 0:
            return False
        if self.account not in (None, account):
            return False
        if self.match is not None and not any(self.match in str(text) for text in (path, *fields.values())):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def answer(self, operation: str, real: Answer | None) -> Answer:
        """Return the client's answer; ``real`` is the real one, if the request was processed."""
        if self.mode == "hang_after" and real is not None:
            return real
        if real is not None and self.status is None and self.body in ("json", "truncated", "empty", "unheeded"):
            answer = without_rows(real) if self.body == "empty" else real
        else:
            problem = self.body == "problem"
            answer = error_for(operation, self.status or 503, self.code, self.message, problem)
        if self.retry_after is not None:
            answer.headers["Retry-After"] = f"{self.retry_after:g}"
        if self.body == "html":
            page = f"<html><head><title>{answer.status}</title></head><body><h1>{self.message}</h1></body></html>"
            return Answer(answer.status, page, answer.headers, "text/html")
        return answer


def without_rows(answer: Answer) -> Answer:
    """Return a list's answer as if the list were empty."""
    if not isinstance(answer.body, dict):
        return answer
    body = {key: [] if isinstance(value, list) else value for key, value in answer.body.items()}
    if "next_page_uri" in body:
        body["next_page_uri"] = None
    if isinstance(body.get("meta"), dict):
        body["meta"] = {**body["meta"], "next_page_url": None}
    return dataclasses.replace(answer, body=body)


class Faults:
    """The faults that wait for requests."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, values: dict[str, Any]) -> Fault:
        """Add a fault. Raise ValueError for values that it does not have."""
        try:
            fault = Fault(**{**values, "id": next(self._numbers), "hits": 0})
        except TypeError as error:
            raise ValueError(str(error)) from error
        self._faults[fault.id] = fault
        return fault

    def pick(self, operation: str, path: str, fields: dict[str, Any], account: str | None = None) -> Fault | None:
        """Return the first fault that affects a request."""
        faults = self._faults.values()
        return next((fault for fault in faults if fault.meets(operation, path, fields, account)), None)

    def plain(self) -> list[dict[str, Any]]:
        """Return all faults, also those that have happened."""
        return [vars(fault) for fault in self._faults.values()]

    def clear(self, number: int | None = None) -> None:
        """Forget all faults, or one."""
        if number is None:
            self._faults.clear()
        else:
            self._faults.pop(number, None)
