# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fakes for the network, the clock and whole clouds, for tests that must not wait or leave the process."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from requests.structures import CaseInsensitiveDict

from ansible_collections.voiceagent.sms.plugins.module_utils._http.pace import Pace
from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import Reply, Transport


class Clock:
    """A clock that only moves on when somebody sleeps."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def answer(status: int = 200, body: Any = None, **headers: str) -> Reply:
    """Return an HTTP answer; *body* is JSON unless it is text. ``retry_after="1"`` is the header ``retry-after``."""
    raw = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named.setdefault("Content-Type", "text/html" if isinstance(body, str) else "application/json; charset=utf-8")
    return Reply(status, CaseInsensitiveDict(named), raw)


def jwt(iam_id: str = "IBMid-TEST", lifetime: int = 3600, number: int = 1) -> str:
    """Return an IAM token that the SDK can read: three parts, the second with numeric ``iat`` and ``exp``."""
    now = int(time.time())
    parts = ({"alg": "RS256"}, {"iam_id": iam_id, "iat": now, "exp": now + lifetime}, {"signature": number})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


class Step(NamedTuple):
    """One expected request, and its answer."""

    request: str
    answer: Reply | Exception
    sent: Any
    query: Mapping[str, str] | None
    auth: str | None


def step(
    request: str,
    answer: Reply | Exception,
    *,
    sent: Any = None,
    query: Mapping[str, str] | None = None,
    auth: str | None = None,
) -> Step:
    """Return one exchange.

    :param request: method and URL without its query: ``GET https://api.example.com/things``
    :param answer: the answer, or the error in place of one
    :param sent: what the body must contain, form or JSON
    :param query: the exact query
    :param auth: what the header ``Authorization`` must be, if it matters; ``""`` for none
    """
    return Step(request, answer, sent, query or {}, auth)


class Script:
    """Plays exchanges in order, as a :class:`Transport`'s *send*; another request than the next one is a failure."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.headers: list[Mapping[str, str]] = []
        self.requests: list[str] = []

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        parts = urlsplit(url)
        request = f"{method} {parts.scheme}://{parts.netloc}{parts.path}"
        self.requests.append(request)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        assert self.steps, f"nothing was expected after this: {request}"
        expected = self.steps.pop(0)
        assert request == expected.request
        assert dict(parse_qsl(parts.query, keep_blank_values=True)) == dict(expected.query or {})
        assert decoded(body) == expected.sent
        if expected.auth is not None:
            assert self.headers[-1].get("authorization", "") == expected.auth
        if isinstance(expected.answer, Exception):
            raise expected.answer
        return expected.answer

    def is_over(self) -> bool:
        """Whether all exchanges were played."""
        return not self.steps


def decoded(body: bytes | None) -> Any:
    """Return a body's JSON or form, ``None`` for no body."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


def transport(send: Callable[..., Reply], clock: Clock | None = None, ceiling: int = 1, **more: Any) -> Transport:
    """Return a transport that sends through *send* and never waits."""
    clock = clock or Clock()
    pace = Pace(ceiling, sleep=clock.sleep, clock=clock)
    return Transport(send=send, sleep=clock.sleep, pace=pace, environ={}, **more)
