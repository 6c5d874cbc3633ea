# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest
from unit.plugins.scripted import Clock

from ansible_collections.voiceagent.sms.plugins.module_utils._http.pace import Pace


def paced(ceiling: int, clock: Clock) -> Pace:
    return Pace(ceiling, sleep=clock.sleep, clock=clock)


def burst(pace: Pace, size: int, delays: list[float]) -> None:
    """Let *size* requests be under way together, of which as many as there are *delays* are refused."""
    turns = [pace.turn() for _number in range(size)]
    numbers = [turn.__enter__() for turn in turns]
    for number, delay in zip(numbers, delays, strict=False):
        pace.refused(number, delay)
    for turn in turns:
        turn.__exit__(None, None, None)


@pytest.mark.parametrize(("ceiling", "refused", "limit"), [(16, 1, 8), (16, 5, 8), (16, 16, 8), (2, 2, 1), (1, 1, 1)])
def test_one_cut_per_burst(ceiling: int, refused: int, limit: int, clock: Clock) -> None:
    pace = paced(ceiling, clock)
    burst(pace, ceiling, [0.0] * refused)
    assert pace.limit == limit


def test_each_burst_cuts_again_down_to_one(clock: Clock) -> None:
    pace = paced(16, clock)
    limits = []
    for _burst in range(6):
        burst(pace, int(pace.limit), [0.0])
        limits.append(pace.limit)
    assert limits == [8, 4, 2, 1, 1, 1]


def test_a_few_requests_that_are_refused_tell_more_than_the_limit(clock: Clock) -> None:
    pace = paced(16, clock)
    burst(pace, 4, [0.0])
    assert pace.limit == 2, "four were too many, whatever the limit was"


def test_it_recovers_one_at_a_time_and_not_beyond_the_ceiling(clock: Clock) -> None:
    pace = paced(4, clock)
    burst(pace, 4, [0.0])
    steps = []
    for _answer in range(200):
        before = pace.limit
        pace.succeeded()
        if pace.limit != before:
            steps.append(pace.limit - before)
    assert pace.limit == 4
    assert steps == [1.0, 1.0]


def test_a_high_ceiling_is_come_to_step_by_step_and_soon(clock: Clock) -> None:
    pace = paced(64, clock)
    seen = [pace.limit]
    answers = 0
    while pace.limit < 64 and answers < 2000:
        pace.succeeded()
        answers += 1
        seen += [pace.limit] if pace.limit != seen[-1] else []
    assert seen == list(range(16, 65))
    assert answers < 500, "five more in each round"


def test_a_limit_below_a_high_ceiling_costs_few_refusals(clock: Clock) -> None:
    """A thousand requests with up to 64 at once, where 40 may be under way: at most 2 % may be refused."""
    pace, refused, answered = paced(64, clock), 0, 0
    while answered < 1000:
        size = int(pace.limit)
        burst(pace, size, [0.01] * max(0, size - 40))
        refused += max(0, size - 40)
        answered += min(size, 40)
        for _answer in range(min(size, 40)):
            pace.succeeded()
    assert refused <= 20


def test_a_refusal_starts_the_count_of_answers_anew(clock: Clock) -> None:
    def answers_until_the_next_step(pace: Pace) -> int:
        return next(count for count in range(1, 1000) if pace.succeeded() or pace.limit > 1)

    pace, other = paced(2, clock), paced(2, clock)
    for one in (pace, other):
        burst(one, 2, [0.0])
    needed = answers_until_the_next_step(pace)
    for _answer in range(needed - 1):
        other.succeeded()
    burst(other, 1, [0.0])
    assert other.limit == 1
    assert answers_until_the_next_step(other) == needed


def test_nobody_starts_during_the_halt_and_the_longest_halt_counts(clock: Clock) -> None:
    pace = paced(4, clock)
    began = clock()
    burst(pace, 4, [5.0, 30.0, 1.0])
    with pace.turn():
        assert clock() - began >= 30
    slept = sum(clock.slept)
    with pace.turn():
        assert sum(clock.slept) == slept, "the halt is over"


def test_a_turn_is_given_back_after_an_error(clock: Clock) -> None:
    pace = paced(1, clock)
    for _try in range(3):
        with pytest.raises(ZeroDivisionError), pace.turn():
            raise ZeroDivisionError


def test_no_more_than_the_limit_are_under_way() -> None:
    pace = Pace(3)
    gate, entered = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        with pace.turn():
            entered.release()
            gate.wait(5)

    threads = [threading.Thread(target=work) for _number in range(5)]
    for thread in threads:
        thread.start()
    assert all(entered.acquire(timeout=5) for _number in range(3))
    assert not entered.acquire(timeout=0.05), "the fourth must wait"
    gate.set()
    for thread in threads:
        thread.join(5)
    assert all(entered.acquire(timeout=0) for _number in range(2)), "all came to their turn"
