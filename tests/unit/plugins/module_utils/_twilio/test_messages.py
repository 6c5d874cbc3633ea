# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.scripted import Clock

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError, TransportError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.messages import (
    LONGEST_WAIT,
    SETTLE,
    Trial,
    Watch,
    status_of,
    text_result,
)

SENDER, NUMBER, OTHER = "+15550190000", "+15550190001", "+15550190002"
URL, FALLBACK = "https://u:p@one.example.com/in", "https://u:p@two.example.com/in"


def message(sid: str, sender: str, to: str, direction: str, second: int = 0, **more: Any) -> dict[str, Any]:
    at = f"Thu, 24 Aug 2023 05:01:{second:02d} +0000"
    return {
        "sid": sid,
        "from": sender,
        "to": to,
        "direction": direction,
        "status": "received",
        "date_created": at,
        **more,
    }


def alert(url: str | None = URL, text: str = "httpResponse=401", **more: Any) -> dict[str, Any]:
    return {"sid": "NO1", "error_code": "11200", "request_url": url, "resource_sid": "SMin", "alert_text": text, **more}


SENT = message("SMout", SENDER, NUMBER, "outbound-api", status="queued")
ARRIVED = message("SMin", SENDER, NUMBER, "inbound", 1)


class Account:
    """An account in which things appear at given times."""

    account_sid = "AC1"
    sees_overrides = True

    def __init__(self, *events: tuple[float, dict[str, Any]], clock: Clock, refused: Exception | None = None) -> None:
        self.events, self.clock, self.refused = events, clock, refused
        self.began = clock()
        self.requests: list[str] = []

    def _there(self, kind: str) -> list[dict[str, Any]]:
        now = self.clock() - self.began
        return [row for at, row in self.events if at <= now and row["sid"].startswith(kind)]

    def messages(self, query: dict[str, str]) -> list[dict[str, Any]]:
        self.requests.append("messages")
        name = "from" if "From" in query else "to"
        return [row for row in self._there("SM") if row[name] == query["From" if name == "from" else "To"]]

    def alerts(self, since: str) -> list[dict[str, Any]]:
        self.requests.append("alerts")
        if isinstance(self.refused, SmsError):
            raise self.refused
        return self._there("NO")

    def alert(self, sid: str) -> dict[str, Any]:
        self.requests.append("alert")
        return next(row for row in self._there("NO") if row["sid"] == sid)

    def send_text(self, sender: str, to: str, body: str) -> dict[str, Any]:
        if isinstance(self.refused, TransportError):
            raise self.refused
        return {**SENT, "to": to}


def proof(
    *events: tuple[float, dict[str, Any]], urls: tuple[str, ...] = (URL,), seconds: float = 60, **more: Any
) -> Any:
    """Return the result of a text, and the seconds until it was known."""
    clock = Clock()
    account = Account(*events, clock=clock, **more)
    watch = Watch(account, SENDER, clock=clock, sleep=clock.sleep)
    trial = Trial(NUMBER, urls, "PN1")
    watch.send([trial], "hello")
    watch.wait([trial], seconds)
    assert all(slept <= LONGEST_WAIT for slept in clock.slept)
    verdict = text_result(trial, watch, seconds)
    return (
        verdict["verified"],
        verdict["seconds"],
        verdict["receiver_status"],
        clock.now - account.began,
        verdict["msg"],
    )


def answer(second: int, **more: Any) -> dict[str, Any]:
    return {**message("SMback", NUMBER, SENDER, "inbound", second), **more}


@pytest.mark.parametrize(
    ("events", "urls", "verified", "seconds", "status", "most"),
    [
        pytest.param([(1, ARRIVED), (2, answer(2))], [URL], "answered", 2, None, 4, id="answered"),
        pytest.param([(1, ARRIVED), (40, answer(41))], [URL], "answered", 41, None, 45, id="slowly"),
        pytest.param([(1, ARRIVED)], [URL], "received", None, None, 60, id="no answer"),
        pytest.param([], [URL], "silent", None, None, 60, id="nothing arrives"),
        pytest.param([(1, ARRIVED), (3, alert())], [URL], "refused", None, 401, 7, id="refused"),
        pytest.param(
            [(1, ARRIVED), (3, alert())], [URL, FALLBACK], "received", None, 401, 60, id="fallback, no answer"
        ),
        pytest.param(
            [(1, ARRIVED), (3, alert()), (5, answer(5))], [URL, FALLBACK], "answered", 5, 401, 9, id="fallback answers"
        ),
        pytest.param(
            [(1, ARRIVED), (3, alert()), (4, alert(FALLBACK, sid="NO2", alert_text="httpResponse=503"))],
            [URL, FALLBACK],
            "refused",
            None,
            401,
            8,
            id="fallback fails",
        ),
        pytest.param(
            [(1, ARRIVED), (3, alert()), (4, alert(sid="NO2"))],
            [URL, FALLBACK],
            "received",
            None,
            401,
            60,
            id="twice the same",
        ),
        pytest.param([(1, ARRIVED), (3, alert(error_code="12100"))], [URL], "received", None, None, 60, id="bad TwiML"),
        pytest.param([(0, alert()), (1, ARRIVED)], [URL], "received", None, None, 60, id="an alert of before"),
        pytest.param([(0, answer(0)), (1, ARRIVED)], [URL], "received", None, None, 60, id="an answer of before"),
        pytest.param(
            [(1, ARRIVED), (3, alert(resource_sid="PN1"))], [URL], "refused", None, 401, 7, id="by the number"
        ),
        pytest.param(
            [(1, ARRIVED), (3, alert(resource_sid=None, request_variables=f"From=%2B{SENDER[1:]}&To=%2B{NUMBER[1:]}"))],
            [URL],
            "refused",
            None,
            401,
            7,
            id="by what was sent",
        ),
        pytest.param(
            [(1, ARRIVED), (3, alert(resource_sid=None, request_variables=f"From=%2B19&To=%2B{NUMBER[1:]}"))],
            [URL],
            "received",
            None,
            None,
            60,
            id="somebody else's text",
        ),
        pytest.param(
            [(1, {**SENT, "status": "undelivered", "error_code": 30034})],
            [URL],
            "silent",
            None,
            None,
            4,
            id="not delivered",
        ),
        pytest.param(
            [(1, ARRIVED), (2, answer(2, status="undelivered", error_code=30034))],
            [URL],
            "received",
            None,
            None,
            4,
            id="lost",
        ),
        pytest.param(
            [(1, ARRIVED), (2, answer(2, status="sent"))],
            [URL],
            "answered",
            2,
            None,
            SETTLE + 8,
            id="under way",
        ),
    ],
)
def test_what_becomes_of_a_text(
    events: list[Any], urls: list[str], verified: str, seconds: float | None, status: int | None, most: float
) -> None:
    found = proof(*events, urls=tuple(urls))
    assert found[:3] == (verified, seconds, status), found
    assert found[3] <= most, "nobody waits for what is known"
    assert "30034" not in str(events) or "30034" in found[4]


def test_alerts_that_cannot_be_read_make_no_green() -> None:
    refused = SmsError("the key may not read alerts", code="70051")
    found = proof((1, ARRIVED), refused=refused)
    assert found[0] == "silent"
    assert "may not read alerts" in found[4]
    assert proof((1, ARRIVED), (2, answer(2)), refused=refused)[0] == "answered"


def test_a_text_of_which_nobody_knows_is_looked_for() -> None:
    lost = TransportError("broken", code="broken", maybe_done=True)
    assert proof((1, SENT), (1, ARRIVED), (2, answer(3)), refused=lost)[:2] == ("answered", 3)
    never = TransportError("nobody there", code="unreachable", maybe_done=False)
    assert proof(refused=never)[0::3] == ("untried", 0)


def test_many_texts_cost_no_more_requests_than_one() -> None:
    clock = Clock()
    account = Account((1, ARRIVED), clock=clock)
    watch = Watch(account, SENDER, clock=clock, sleep=clock.sleep)
    assert account.requests == ["messages", "messages", "alerts"]
    trials = [Trial(number, (URL,)) for number in (NUMBER, OTHER)]
    watch.send(trials, "x")
    watch.wait(trials, 0.1)
    assert len(account.requests) == 3 + 2 * 3  # at once, and at the end


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sourceComponent=14100&ErrorCode=11200&httpResponse=502&LogLevel=ERROR", 502),
        ("httpResponse%3D401", 401),
        ("Got HTTP 404", None),
        ("httpResponse=", None),
        ("httpResponse=99999", None),
        (None, None),
    ],
)
def test_the_status_in_an_alert(text: str | None, status: int | None) -> None:
    assert status_of({"alert_text": text}) == status
