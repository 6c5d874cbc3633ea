# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits the number of concurrent requests to a provider.

Twilio answers 429 (20429) to requests above an account's limit, and does not publish the limit. Below it, requests are
served at full speed. So a refusal is not a sign of congestion. It shows the limit: the number of concurrent requests,
minus the refused ones. The pace stays there, and probes now and then whether one more is served.

Other programs may share the limit, such as the other slices of a controller's job. Each answer says how many concurrent
requests the whole account has (Twilio documentation, error 20429). If there are fewer than at the last refusal, the pace
takes its share of the room without probing.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

READERS = 8  # concurrent reads, if one request is needed for each of many things
START = 2  # initial limit, even under a higher ceiling: slices of a controller's job start together and share a limit
# Rounds (one answer for each concurrent request) until the limit is raised by one:
CLIMB = 0.3  # until the first refusal; overshoots by about three requests
CLIMB_TOLD = (
    0.15  # the same, by the account's concurrent requests instead of ours, if the provider says how many there are
)
LARGEST_CROWD = 8  # others for each of ours that slow the climb; a busy account may have room all the same
CONFIRM = 1.0  # after a probe; if it is served, the provider's limit has risen, and the climb continues
PROBE = 5.0  # after a refusal; doubled after each failed probe, because probing costs refused requests
RAREST_PROBE = 40.0
LEAST_PROBE = 200  # answers; keeps probes rare if many runs share a limit and each has few concurrent requests
LEAST_ROUNDS = 25.0  # instead, below eight concurrent requests: a program must not stay slow if the others have ended
CAUTION = 0.5  # of the room that is taken in a round, since other programs see the same room
# Seconds without new requests if even a single request was refused, doubled each time: other programs use up the limit.
FIRST_YIELD = 0.1
LONGEST_YIELD = 0.4


class Pace:
    """The maximum number of concurrent requests, between 1 and *ceiling*."""

    def __init__(
        self,
        ceiling: int = 1,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ):
        self.ceiling = ceiling
        self.limit = float(min(ceiling, START))
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._changed = threading.Condition()
        self._active = 0
        self._answered = 0  # since the last step or cut
        self._in_round = 0  # answers
        self._peak = 0  # concurrent requests of the account in this round
        self._known = math.inf  # concurrent requests that the provider serves the account, as refusals have shown
        self._crowd = 1.0  # concurrent requests of the account for each of this program
        self._halted_until = 0.0
        self._last_cut = 0  # value of _started at the last cut
        self._started = 0
        self._rounds = CLIMB  # until the next step up
        self._patience = PROBE
        self._probing = False
        self._yield = FIRST_YIELD

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait until one more request may start, and keep its place until it ends. Yields the turn's number."""
        with self._changed:
            while self._active >= int(self.limit):
                self._changed.wait()
            self._active += 1
            self._started += 1
            number = self._started
        try:
            self._wait_for_halt()
            yield number
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify()

    def succeeded(self, concurrent: int | None = None) -> None:
        """Count an answered request, and raise the limit if there is room, or after enough rounds.

        :param concurrent: the concurrent requests of the whole account, if the provider says so
        """
        with self._changed:
            self._yield = FIRST_YIELD
            if self.limit >= self.ceiling:
                return
            self._answered += 1
            self._in_round += 1
            self._peak = max(self._peak, concurrent or 0, int(self.limit))
            if self._in_round >= self.limit:
                self._end_round()
            if self._answered >= self._needed(concurrent):
                self._answered = 0
                self._probing = self._rounds > CONFIRM
                self._rounds = CONFIRM if self._probing else CLIMB
                if not self._probing:
                    self._known = math.inf
                self._raise(1)

    def refused(self, number: int, halt: float = 0.0, concurrent: int | None = None) -> None:
        """Lower the limit after a 429.

        :param number: the refused turn's number, which shows whether it had started before the last cut
        :param halt: seconds without new requests, if the provider asks for a pause
        :param concurrent: the concurrent requests of the whole account, if the provider says so
        """
        with self._changed:
            self._answered = self._in_round = self._peak = 0
            is_news = number > self._last_cut
            is_starved = self._active == 1 and is_news
            if is_starved:
                halt = max(halt, self._yield * (0.5 + self._chance()))
                self._yield = min(LONGEST_YIELD, 2 * self._yield)
            self._halted_until = max(self._halted_until, self._clock() + halt)
            self.limit = max(1.0, (min(self.limit, float(self._active)) if is_news else self.limit) - 1)
            if concurrent is None or concurrent <= self._active:
                self._known = self.limit
            else:
                self._known = (concurrent if is_news else min(self._known, concurrent)) - 1
            if is_news:
                self._last_cut = self._started
                self._patience = min(RAREST_PROBE, 2 * self._patience) if self._probing else PROBE
                self._rounds, self._probing = CONFIRM if is_starved else self._patience, False

    def _end_round(self) -> None:
        """Note how many requests others have, and take a share of the room below the provider's limit, if it is known."""
        room, self._crowd = self._known - self._peak, self._peak / self.limit
        self._in_round = self._peak = 0
        if 1 <= room < math.inf:
            self._answered = 0
            self._raise(CAUTION * room / self._crowd)

    def _needed(self, concurrent: int | None) -> float:
        """Return how many answers the next step up takes."""
        if self._rounds == CLIMB:
            if concurrent is None:
                return CLIMB * self.limit
            return CLIMB_TOLD * max(self.limit, min(concurrent, LARGEST_CROWD * self.limit))
        least = min(LEAST_PROBE, LEAST_ROUNDS * self.limit) if self._rounds >= PROBE else 0
        return max(self._rounds * self.limit, least) * max(1.0, self._crowd)

    def _raise(self, more: float) -> None:
        """Raise the limit by whole requests, and by one more with the probability of the rest."""
        whole = int(more) + (self._chance() < more % 1)
        self.limit = min(float(self.ceiling), self.limit + whole)
        self._changed.notify(whole)

    def _wait_for_halt(self) -> None:
        while (left := self._halted_until - self._clock()) > 0:
            self._sleep(left)
