# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio import alerts
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number

URL = "https://apikey:key@sms.example.com/sms.receiver/SmsRecv"
ONE, TWO = "+15550000001", "+15550000002"


def number(sid: str, url: str = URL, fallback_url: str = "") -> Number:
    return Number(sid, {"url": url, "fallback_url": fallback_url})


NUMBERS = {ONE: number("PN1"), TWO: number("PN2", "https://other.example.com/", "https://fall.example.com/back")}


class Monitor:
    """Twilio's Monitor with given alerts."""

    def __init__(self, *rows: dict[str, Any], sees_overrides: bool = True) -> None:
        self.rows, self.sees_overrides = rows, sees_overrides
        self.read: list[str] = []

    def alerts(self, since: str) -> list[dict[str, Any]]:
        self.since = since
        return [dict(row, sid=f"NO{index}") for index, row in enumerate(self.rows)]

    def alert(self, sid: str) -> dict[str, Any]:
        self.read.append(sid)
        return dict(self.rows[int(sid[2:])]["details"], sid=sid)


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be 23 November 2026, so that the alerts below are of the last days."""

    class Then(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return cls(2026, 11, 23, tzinfo=tz)

    monkeypatch.setattr(alerts, "datetime", Then)


def alert(url: str = URL, to: str = ONE, code: Any = "11200", **values: Any) -> dict[str, Any]:
    details = {"request_variables": f"To=%2B{to[1:]}&From=%2B1555"}
    return {"request_url": url, "error_code": code, "date_generated": "2026-11-20", "details": details, **values}


@pytest.mark.parametrize(
    ("row", "joined", "read"),
    [
        (alert(), ONE, 1),
        (alert("https://fall.example.com/back?x=1", TWO), TWO, 1),  # a fallback is called with the number's texts, too
        (alert("https://elsewhere.example.com/"), None, 0),  # of no interest, so not read
        (alert("https://elsewhere.example.com/", resource_sid="PN2"), TWO, 0),
        (alert(f"{URL}?To=%2B{ONE[1:]}&Body=hi"), ONE, 0),  # GET: the list itself tells
        (alert(to="+15559999999"), None, 1),  # another number on the same webhook
        (alert(details={"request_variables": None}), None, 1),
        (alert(url=""), None, 0),
        ({"request_url": None, "error_code": None}, None, 0),
    ],
)
def test_an_alert_is_joined_to_its_number(row: dict[str, Any], joined: str | None, read: int) -> None:
    monitor = Monitor(row)
    errors, _rest = alerts.webhook_errors(monitor, NUMBERS, 7)
    assert list(errors) == ([joined] if joined else [])
    assert len(monitor.read) == read


def test_counts_by_code_and_the_last_of_them() -> None:
    rows = [alert(date_generated="2026-11-19"), alert(code=11205, date_generated="2026-11-21"), alert(code=None)]
    errors, rest = alerts.webhook_errors(Monitor(*rows), NUMBERS, 7)
    codes = {"11205": 1, "unknown": 1, "11200": 1}
    assert errors[ONE] == {"count": 3, "last_at": "2026-11-21", "codes": codes, "since_change": 3}
    assert rest == 0


@pytest.mark.parametrize(
    ("generated", "changed", "since"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T09:59:59Z", 1),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", 1),  # in the same second: it may well be later
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:01Z", 0),
        ("2026-11-20T10:00:00Z", "", 1),  # when is not known: no good news
        ("2026-11-20T10:00:00Z", None, 1),
        (None, "2026-11-20T10:00:00Z", 1),
        ("2026-11-20T11:00:00+01:00", "2026-11-20T10:00:01Z", 0),
    ],
)
def test_errors_before_the_last_change_are_told_apart(generated: Any, changed: str | None, since: int) -> None:
    known = {} if changed is None else {ONE: changed}
    errors, _rest = alerts.webhook_errors(Monitor(alert(date_generated=generated)), NUMBERS, 7, changed=known)
    assert (errors[ONE]["count"], errors[ONE]["since_change"]) == (1, since)


def test_errors_of_a_services_webhook_are_joined_to_its_numbers() -> None:
    service = {"sid": "MG1", "name": "marketing", "url": "https://service.example.com/sms", "fallback_url": ""}
    row = alert("https://service.example.com/sms", TWO)
    assert alerts.webhook_errors(Monitor(row), NUMBERS, 7) == ({}, 0)
    errors, _rest = alerts.webhook_errors(Monitor(row), NUMBERS, 7, services=[service])
    assert list(errors) == [TWO]


def test_only_so_many_are_read_and_the_others_counted() -> None:
    monitor = Monitor(*[alert(date_generated=f"2026-11-{day:02}") for day in range(1, 29) for _number in range(5)])
    errors, rest = alerts.webhook_errors(monitor, NUMBERS, 30)
    assert (len(monitor.read), errors[ONE]["count"], rest) == (100, 100, 40)
    assert errors[ONE]["last_at"] == "2026-11-28"


def test_an_alert_that_cannot_be_read_hides_no_other() -> None:
    class Refusing(Monitor):
        def alert(self, sid: str) -> dict[str, Any]:
            if sid == "NO1":
                raise SmsError("HTTP 404", code="20404", status=404)
            return super().alert(sid)

    errors, rest = alerts.webhook_errors(Refusing(alert(), alert(), alert(to=TWO)), NUMBERS, 7)
    assert ({number: told["count"] for number, told in errors.items()}, rest) == ({ONE: 1, TWO: 1}, 1)


def test_an_alert_without_a_sid_is_not_read() -> None:
    class Nameless(Monitor):
        def alerts(self, since: str) -> list[dict[str, Any]]:
            return [dict(self.rows[0], sid=None), dict(self.rows[0], resource_sid="PN2"), *super().alerts(since)]

    monitor = Nameless(alert())
    errors, rest = alerts.webhook_errors(monitor, NUMBERS, 7)
    assert (sorted(errors), rest, monitor.read) == ([ONE, TWO], 1, ["NO0"])


def test_a_parent_cannot_know() -> None:
    with pytest.raises(SmsError, match="subaccount"):
        alerts.webhook_errors(Monitor(sees_overrides=False), NUMBERS, 7)
