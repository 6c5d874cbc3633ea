# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.rollout import read_all, run_all


@pytest.mark.parametrize("workers", [0, 1, 4, 100])
def test_results_are_in_order_whoever_is_first(workers: int) -> None:
    first_may_end = threading.Event()

    def work(item: int) -> int:
        if item == 0 and workers > 1:
            assert first_may_end.wait(5)
        if item == 1:
            first_may_end.set()
        return item * item

    assert run_all(range(20), work, workers=workers) == [item * item for item in range(20)]


def test_nothing_to_do() -> None:
    assert run_all([], lambda item: item, workers=0) == []


@pytest.mark.parametrize("workers", [1, 4])
def test_a_failure_is_in_its_own_place(workers: int) -> None:
    def work(item: int) -> int:
        if item % 3 == 1:
            raise ApiError(f"no {item}", code="21631")
        return item

    results = run_all(range(7), work, workers=workers)
    assert [str(r) if isinstance(r, SmsError) else r for r in results] == [0, "no 1", 2, 3, "no 4", 5, 6]


def test_after_a_hopeless_error_nothing_else_is_tried() -> None:
    tried = []

    def work(item: int) -> int:
        tried.append(item)
        if item == 2:
            raise ApiError("HTTP 401", code="20003", status=401)
        if item == 1:
            raise ApiError("HTTP 400", code="21631", status=400)
        return item

    results = run_all(range(5), work, workers=1, is_hopeless=lambda error: error.code == "20003")
    assert tried == [0, 1, 2]
    assert [getattr(r, "code", "done") for r in results] == ["done", "21631", "20003", "20003", "20003"]
    assert "Not tried, because of an earlier error: HTTP 401" in str(results[4])


def test_a_programming_error_is_not_hidden() -> None:
    def work(item: int) -> float:
        return 1 / item

    with pytest.raises(ZeroDivisionError):
        run_all([1, 0], work, workers=1)


def test_an_interrupt_lets_what_is_under_way_end_and_begins_nothing_else() -> None:
    begun, ended = [], []

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise KeyboardInterrupt
        time.sleep(0.001)
        ended.append(item)
        return item

    with pytest.raises(KeyboardInterrupt):
        run_all(range(1000), work, workers=2)
    assert begun.count(0) == 1
    assert sorted(begun) == sorted([0, *ended])
    assert len(begun) < 1000


def test_an_interrupt_before_all_are_queued_begins_nothing_else_either() -> None:
    begun = []

    def items() -> Iterator[int]:
        yield from range(500)
        raise KeyboardInterrupt

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        run_all(items(), work, workers=2)
    assert len(begun) < 400


def test_reads_are_in_order_whoever_is_first() -> None:
    first_may_end = threading.Event()

    def read(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(5)
        first_may_end.set()
        return item * item

    assert read_all(read, range(20)) == [item * item for item in range(20)]
    assert read_all(read, []) == []


def test_a_read_that_fails_ends_all_of_them() -> None:
    tried = []

    def read(item: int) -> None:
        tried.append(item)
        time.sleep(0.01)
        raise ApiError(f"no {item}", code="20003")

    with pytest.raises(ApiError, match="no 0"):
        read_all(read, range(1000))
    assert len(tried) < 100
