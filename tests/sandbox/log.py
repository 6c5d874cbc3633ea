# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of requests, with which tests find out what really arrived."""

from __future__ import annotations

import collections
import dataclasses
import sys
import time
from typing import Any


@dataclasses.dataclass
class Entry:
    """One request, in the order of arrival."""

    n: int
    at: float
    cloud: str
    operation: str
    method: str
    path: str
    query: dict[str, str]
    #: Whether it is a write request to a cloud, answered or not, successful or not.
    write: bool
    #: Concurrent requests to the same cloud at its arrival, including itself.
    concurrent: int
    #: None until it is answered, and if it gets no answer.
    status: int | None = None
    #: What was sent: form fields or JSON members. Values are null with the setting ``log_bodies`` off.
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    account: str | None = None
    authorized_as: str | None = None
    #: ID of the fault that affected it.
    fault: int | None = None
    #: Set when a client did what the collection must never do: buy, move or release a number.
    alarm: str | None = None


class RequestLog:
    """All requests to both clouds and the receivers since the start or the last clearing."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._last = 0
        self._in_flight: dict[str, int] = collections.defaultdict(int)
        self._peak: dict[str, int] = collections.defaultdict(int)

    def open(self, cloud: str, operation: str, write: bool, method: str, path: str, query: dict[str, str]) -> Entry:
        """Log the arrival of a request."""
        self._last += 1
        self._in_flight[cloud] += 1
        concurrent = self._in_flight[cloud]
        self._peak[cloud] = max(self._peak[cloud], concurrent)
        entry = Entry(self._last, time.time(), cloud, operation, method, path, query, write, concurrent)
        self.entries.append(entry)
        return entry

    def close(self, entry: Entry) -> None:
        """Log the end of a request."""
        self._in_flight[entry.cloud] -= 1

    def alarm(self, entry: Entry, message: str) -> None:
        """Raise an alarm about something that a client must never do."""
        entry.alarm = message
        print(f"sandbox: ALARM: request {entry.n} {message}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Clear the log; numbering continues, and peaks are reset."""
        self.entries = []
        self._peak.clear()

    def select(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the entries with this ``cloud``, ``operation`` (or its part before the dot), after ``since``."""
        since = int(wanted.get("since", 0))
        cloud, operation = wanted.get("cloud"), wanted.get("operation")
        return [
            vars(entry)
            for entry in self.entries
            if entry.n > since
            and cloud in (None, entry.cloud)
            and operation in (None, entry.operation, entry.operation.split(".")[0])
        ]

    def writes(self) -> list[dict[str, Any]]:
        """Return the entries of write requests."""
        return [vars(entry) for entry in self.entries if entry.write]

    def summary(self) -> dict[str, Any]:
        """Return counts by operation and status, the peak of concurrency by cloud, and the alarms."""
        operations: dict[str, dict[str, int]] = {}
        for entry in self.entries:
            statuses = operations.setdefault(entry.operation, {})
            status = "none" if entry.status is None else str(entry.status)
            statuses[status] = statuses.get(status, 0) + 1
        return {
            "total": len(self.entries),
            "writes": sum(entry.write for entry in self.entries),
            "operations": operations,
            "peak_concurrency": dict(self._peak),
            "alarms": [entry.alarm for entry in self.entries if entry.alarm],
        }
