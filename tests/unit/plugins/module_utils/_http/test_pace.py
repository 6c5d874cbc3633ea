# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import heapq
import random
import threading
from collections.abc import Callable

import pytest
from unit.plugins.scripted import Clock

from ansible_collections.voiceagent.sms.plugins.module_utils._http.pace import Pace


def paced(ceiling: int, clock: Clock) -> Pace:
    return Pace(ceiling, sleep=clock.sleep, clock=clock)


def burst(pace: Pace, size: int, delays: list[float]) -> None:
    """Run *size* requests concurrently, and refuse one for each of *delays*."""
    pace.limit = max(pace.limit, float(size))
    turns = [pace.turn() for _number in range(size)]
    numbers = [turn.__enter__() for turn in turns]
    for number, delay in zip(numbers, delays, strict=False):
        pace.refused(number, delay)
    for turn in turns:
        turn.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("ceiling", "refused", "limit"),
    [(16, 1, 15), (16, 5, 11), (16, 12, 4), (16, 16, 1), (2, 1, 1), (2, 2, 1), (1, 1, 1)],
)
def test_a_burst_leaves_as_many_as_were_served(ceiling: int, refused: int, limit: int, clock: Clock) -> None:
    pace = paced(ceiling, clock)
    burst(pace, ceiling, [0.0] * refused)
    assert pace.limit == limit


def test_a_few_requests_that_are_refused_tell_more_than_the_limit(clock: Clock) -> None:
    pace = paced(16, clock)
    burst(pace, 4, [0.0])
    assert pace.limit == 3, "four were too many, whatever the limit was"


def test_it_recovers_and_not_beyond_the_ceiling(clock: Clock) -> None:
    pace = paced(4, clock)
    burst(pace, 4, [0.0] * 3)
    seen = [pace.limit]
    for _answer in range(200):
        pace.succeeded()
        seen += [pace.limit] if pace.limit != seen[-1] else []
    assert seen == [1, 2, 3, 4]


def run(pace: Pace, caps: list[int], rounds: int) -> tuple[list[int], int, int]:
    """Run rounds of requests, as many at once as the pace allows, under each of the provider's *caps* in turn.

    :returns: the limit at the end under each cap, and how many requests were served and refused in all
    """
    ends, served, refused = [], 0, 0
    for cap in caps:
        for _round in range(rounds):
            size = int(pace.limit)
            burst(pace, size, [0.0] * max(0, size - cap))
            for _answer in range(min(size, cap)):
                pace.succeeded()
            served, refused = served + min(size, cap), refused + max(0, size - cap)
        ends.append(int(pace.limit))
    return ends, served, refused


@pytest.mark.parametrize("cap", [1, 2, 4, 10, 15, 16, 17, 40, 63])
def test_a_limit_is_found_and_hardly_ever_met_again(cap: int, clock: Clock) -> None:
    (end,), served, refused = run(paced(64, clock), [cap], 200)
    assert cap - 1 <= end <= cap + 1
    assert served >= 0.9 * 200 * cap - 64
    assert refused <= max(20, 0.01 * served) + 16


@pytest.mark.parametrize("caps", [[40, 20, 40], [40, 10, 60, 5], [5, 64], [20, 19, 18, 17, 30]])
def test_a_limit_that_others_share_is_followed_down_and_up(caps: list[int], clock: Clock) -> None:
    ends, served, refused = run(paced(64, clock), caps, 120)
    assert all(cap - 1 <= end <= min(cap + 1, 64) for cap, end in zip(caps, ends, strict=True)), ends
    assert refused <= 0.02 * served + 50 * len(caps) / 2


def test_a_high_ceiling_is_come_to_step_by_step_and_soon(clock: Clock) -> None:
    pace = paced(64, clock)
    seen = [pace.limit]
    answers = 0
    while pace.limit < 64 and answers < 2000:
        pace.succeeded()
        answers += 1
        seen += [pace.limit] if pace.limit != seen[-1] else []
    assert seen == list(range(2, 65))
    assert answers < 700, "three more in each round"


@pytest.mark.parametrize(("others", "least", "most"), [(0, 1, 1), (30, 1.2, 4), (500, 7, 8.5)])
def test_the_busier_the_account_the_slower_the_climb(others: int, least: float, most: float, clock: Clock) -> None:
    def answers(told: int) -> int:
        pace, count = paced(64, clock), 0
        while pace.limit < 64 and count < 10_000:
            pace.succeeded(int(pace.limit) + told)
            count += 1
        return count

    assert least <= answers(others) / answers(0) <= most


def test_a_limit_below_a_high_ceiling_costs_few_refusals(clock: Clock) -> None:
    """A thousand requests with up to 64 at once under a limit of 40: at most 2 % may be refused."""
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
        low = pace.limit
        return next(count for count in range(1, 1000) if pace.succeeded() or pace.limit > low)

    pace, other = paced(8, clock), paced(8, clock)
    for one in (pace, other):
        burst(one, 4, [0.0])
    needed = answers_until_the_next_step(pace)
    for _answer in range(needed - 1):
        other.succeeded()
    burst(other, 3, [0.0])
    assert other.limit == 2
    assert answers_until_the_next_step(other) > 1


def test_a_program_that_is_refused_everything_yields_to_the_others(clock: Clock) -> None:
    """Other programs use up the limit. Without a pause, a program with one request at a time would only be refused faster."""
    pace = Pace(64, sleep=clock.sleep, clock=clock, chance=lambda: 0.5)
    for _try in range(5):
        burst(pace, 1, [0.0])
    burst(pace, 1, [])
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.4, 0.4])
    for _answer in range(4):
        pace.succeeded()
    assert pace.limit > 1, "it climbs again as soon as it is served"


class Slices:
    """Programs that start one after the other, and send their requests to a provider with one limit for all of them.

    :param told: whether answers say how many concurrent requests there are, when the request came in or when it was
        answered: Twilio's documentation does not say which
    """

    def __init__(self, count: int, requests: int, cap: int, apart: float, seed: int, told: str = "nothing") -> None:
        self.told = told
        self.chance, self.cap, self.now = random.Random(seed), cap, 0.0
        self.paces = [Pace(64, clock=lambda: self.now, chance=self.chance.random) for _slice in range(count)]
        self.left = [requests] * count
        self.served = self.refused = self.under_way = 0
        self.events: list[tuple[float, int, Callable[[], None], int]] = []
        for place in range(count):
            self.later(place, place * apart, lambda: None)

    def later(self, place: int, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, len(self.events) * 1000 + id(what) % 1000, what, place))

    def play(self) -> None:
        """Let all requests of all programs be answered."""
        started = set()
        while self.events:
            self.now, _order, what, place = heapq.heappop(self.events)
            started.add(place)
            what()
            for each in self.chance.sample(sorted(started), len(started)):
                self.start(each)

    def start(self, place: int) -> None:
        pace = self.paces[place]
        while self.left[place] and pace._active < int(pace.limit) and pace._halted_until <= self.now:
            pace._active, pace._started = pace._active + 1, pace._started + 1
            self.left[place] -= 1
            if self.under_way < self.cap:
                self.under_way += 1
                serve = functools.partial(self.serve, pace, self.under_way)
                self.later(place, self.chance.uniform(0.045, 0.055), serve)
            else:
                self.later(place, 0.005, functools.partial(self.refuse, place, pace, pace._started, self.under_way + 1))

    def concurrent(self, at_start: int, now: int) -> int | None:
        return {"nothing": None, "at the start": at_start, "at the end": now, "nonsense": 1}[self.told]

    def serve(self, pace: Pace, at_start: int) -> None:
        concurrent = self.concurrent(at_start, self.under_way)
        self.served, self.under_way = self.served + 1, self.under_way - 1
        pace._active -= 1
        pace.succeeded(concurrent)

    def refuse(self, place: int, pace: Pace, number: int, at_start: int) -> None:
        self.refused += 1
        pace.refused(number, 0.0, self.concurrent(at_start, at_start))
        pace._active -= 1
        self.later(place, self.chance.uniform(0.03, 0.3), functools.partial(self.again, place))
        self.later(place, max(0.0, pace._halted_until - self.now) + 1e-6, lambda: None)

    def again(self, place: int) -> None:
        self.left[place] += 1


@pytest.mark.parametrize("apart", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("told", "refused", "time"),
    [("at the start", 0.02, 1.1), ("at the end", 0.02, 1.1), ("nothing", 0.03, 1.5), ("nonsense", 0.03, 1.5)],
)
def test_slices_of_a_job_that_share_a_limit_are_hardly_refused(
    apart: float, seed: int, told: str, refused: float, time: float
) -> None:
    """2,000 numbers in eight slices under a limit of 40: few are refused, and all together are as fast as one run."""
    eight, one = Slices(8, 250, 40, apart, seed, told), Slices(1, 2000, 40, apart, seed, told)
    eight.play()
    one.play()
    assert (eight.served, one.served) == (2000, 2000)
    assert eight.refused <= refused * (2000 + eight.refused)
    assert one.refused <= 0.02 * 2000
    # The last slices, which came too late for their share, go on alone for a moment.
    assert eight.now - 7 * apart <= time * one.now


@pytest.mark.parametrize("told", ["at the start", "at the end"])
def test_room_that_others_leave_is_taken_without_a_refusal(told: str) -> None:
    """One of two programs ends, and the other has its places a few rounds later."""
    two = Slices(2, 0, 40, 0.0, 1, told)
    two.left = [400, 4000]
    two.play()
    end = two.paces[1]
    assert 38 <= end.limit <= 41
    assert two.refused <= 0.015 * two.served
    alone = Slices(1, 4400, 40, 0.0, 1, told)
    alone.play()
    assert two.now <= 1.05 * alone.now


def test_a_count_below_ours_is_not_believed(clock: Clock) -> None:
    """An edge that counts only its own requests must not make the pace take what is not there."""
    pace = paced(64, clock)
    burst(pace, 4, [0.0])
    for _answer in range(10):
        pace.succeeded(1)
    assert pace.limit == 3


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
    pace = Pace(2)
    gate, entered = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        with pace.turn():
            entered.release()
            gate.wait(5)

    threads = [threading.Thread(target=work) for _number in range(5)]
    for thread in threads:
        thread.start()
    assert all(entered.acquire(timeout=5) for _number in range(2))
    assert not entered.acquire(timeout=0.05), "the third must wait"
    gate.set()
    for thread in threads:
        thread.join(5)
    assert all(entered.acquire(timeout=0) for _number in range(3)), "all came to their turn"
