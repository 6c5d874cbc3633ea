# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits and faults: their effect, their answers, and their log entries."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

URL = "https://a.example/"


def test_over_the_limit_nothing_is_processed(box: Any, twilio: Any) -> None:
    numbers = box.add_numbers(count=8)
    box.settings(latency=0.25, twilio_concurrency=3, retry_after=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: twilio.update(number["sid"], SmsUrl=URL), numbers))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 5
    assert {answer.json()["code"] for answer in refused} == {20429}
    assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
    assert sum(row["sms_url"] == URL for row in box.rows("twilio", "numbers")) == 3
    summary = box.summary()
    assert summary["operations"]["twilio.update_number"] == {"200": 3, "429": 5}
    assert summary["peak_concurrency"]["twilio"] >= 4
    assert all("Twilio-Concurrent-Requests" in answer.headers for answer in answers)


def test_the_limit_is_free_again_and_without_retry_after_by_default(box: Any, twilio: Any, number: Any) -> None:
    box.settings(twilio_concurrency=0)
    answer = twilio.fetch(number["sid"])
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, None)
    box.settings(twilio_concurrency=1)
    assert [twilio.fetch(number["sid"]).status_code for _unused in range(3)] == [200, 200, 200]


def test_latency(box: Any, twilio: Any, number: Any) -> None:
    box.settings(latency=0.1)
    started = time.monotonic()
    answer = twilio.fetch(number["sid"])
    assert time.monotonic() - started >= 0.1
    assert float(answer.headers["Twilio-Request-Duration"]) >= 0.1


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        ({}, 503, False),
        ({"status": 429, "retry_after": 1}, 429, False),
        ({"status": 500, "mode": "answer_after"}, 500, True),
        ({"mode": "reset_before"}, None, False),
        ({"mode": "reset_after"}, None, True),
        ({"mode": "hang", "seconds": 0.05}, None, False),
        ({"mode": "hang_after", "seconds": 0.05}, 200, True),
        ({"body": "html"}, 503, False),
        ({"body": "truncated"}, 200, True),
        ({"body": "truncated", "status": 502}, 502, False),
        ({"body": "problem", "status": 400, "code": 21402}, 400, False),
    ],
)
def test_modes(box: Any, twilio: Any, number: Any, fault: dict[str, Any], status: int | None, done: bool) -> None:
    identity = box.fault("twilio.update_number", **fault)
    if status is None:
        with pytest.raises(requests.ConnectionError):
            twilio.update(number["sid"], SmsUrl=URL)
    else:
        answer = twilio.update(number["sid"], SmsUrl=URL)
        assert answer.status_code == status
        assert answer.headers.get("Retry-After") == ("1" if "retry_after" in fault else None)
        if fault.get("body") in ("html", "truncated"):
            with pytest.raises(ValueError, match="Expecting|Unterminated|Extra|Invalid|delimiter"):
                answer.json()
        elif fault.get("body") == "problem":
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == 21402
    assert (box.number(number["phone_number"])["sms_url"] == URL) is done
    entry = box.requests()[-1]
    assert (entry["status"], entry["fault"], entry["write"]) == (status, identity, True)
    assert box.hits(identity) == 1
    assert twilio.update(number["sid"], SmsUrl=URL).status_code == 200, "it happens once"


def test_how_often_and_where(box: Any, twilio: Any) -> None:
    first, second = box.add_numbers(count=2)
    box.fault("twilio.update_number", skip=1, times=2)
    assert [twilio.update(first["sid"], SmsUrl=URL).status_code for _unused in range(4)] == [200, 503, 503, 200]
    with box.failing("twilio.*", times=None, match=second["sid"]) as identity:
        assert [twilio.fetch(number["sid"]).status_code for number in (first, second, second)] == [200, 503, 503]
        assert box.hits(identity) == 2
    assert twilio.fetch(second["sid"]).status_code == 200
    box.fault("twilio.update_number", match="b.example")
    assert twilio.update(first["sid"], SmsUrl=URL).status_code == 200
    assert twilio.update(first["sid"], SmsUrl="https://b.example/").status_code == 503
    box.fault("*")
    box.clear_faults()
    assert twilio.fetch(first["sid"]).status_code == 200


def test_each_cloud_words_its_errors(box: Any, ibm: Any, twilio: Any, number: Any) -> None:
    box.fault("rc.list_keys", status=500, code="RC-ServiceBrokerErrorResponse", message="broken")
    body = ibm.get("/v2/resource_keys").json()
    assert (body["error_code"], body["message"], body["status_code"]) == (
        "RC-ServiceBrokerErrorResponse",
        "broken",
        500,
    )
    assert body["transaction_id"]
    box.fault("iam.token", status=429, code="BXNIM0151E")
    answer = requests.post(f"{box.url}/identity/token", data={}, timeout=30)
    assert (answer.status_code, answer.json()["errorCode"]) == (429, "BXNIM0151E")
    box.fault("twilio.fetch_number", status=404)
    assert twilio.fetch(number["sid"]).json()["code"] == 20404


def test_a_key_is_made_although_the_answer_is_lost(box: Any, ibm: Any, agent: Any) -> None:
    box.fault("rc.create_key", mode="reset_after")
    with pytest.raises(requests.ConnectionError):
        ibm.create(name="k", source=agent["guid"], role="Writer")
    assert [key["name"] for key in ibm.keys_of(agent).json()["resources"]] == ["k"]


def test_faults_that_do_not_exist(box: Any) -> None:
    for fault in ({"mode": "explode"}, {"body": "xml"}, {"nonsense": 1}):
        with pytest.raises(Exception, match="400"):
            box.fault("*", **fault)
