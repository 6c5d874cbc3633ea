# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests may be under way at once against one provider that limits them.

Twilio answers 429 (20429) to whatever comes above an account's limit, and publishes no number. Such a limit is hard: what
is below it is served as fast as ever. So a refusal is no congestion, it tells the limit: as many as were under way, less
those that were refused. We stay there, and probe now and then whether one more is served, since others may share the limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

READERS = 8  # how many reads go on at once, where one thing is read of many
START = 8  # initial limit, even under a higher ceiling: slices of a controller's job start together and share a limit
# In rounds of answers (one for each request under way), after which one more may be under way:
CLIMB = 0.2  # while nothing is refused; about five too many are under way when the first is
CONFIRM = 1.0  # after a probe: if it is served, the limit has risen, and the climb goes on
PROBE = 5.0  # at first after a refusal; each probe costs a refused request, so twice as many after one that failed
RAREST_PROBE = 40.0
LEAST_PROBE = 100  # answers: where many runs share a limit and each has a few requests under way, their probes add up


class Pace:
    """The number of requests that may be under way at once, between 1 and *ceiling*."""

    def __init__(
        self,
        ceiling: int = 1,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.ceiling = ceiling
        self.limit = float(min(ceiling, START))
        self._sleep = sleep
        self._clock = clock
        self._changed = threading.Condition()
        self._active = 0
        self._answered = 0
        self._halted_until = 0.0
        self._last_cut = 0  # value of _started at the last cut
        self._started = 0
        self._rounds = CLIMB  # until the next step up
        self._patience = PROBE
        self._probing = False

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait until one more request may go, and hold its place while it is under way. Yields the turn's number."""
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

    def succeeded(self) -> None:
        """Count an answered request: after some rounds of them, one more may be under way."""
        with self._changed:
            if self.limit >= self.ceiling:
                return
            self._answered += 1
            least = LEAST_PROBE if self._rounds >= PROBE else 0
            if self._answered >= max(self._rounds * self.limit, least):
                self._answered = 0
                self._probing = self._rounds > CONFIRM
                self._rounds = CONFIRM if self._probing else CLIMB
                self.limit = min(self.ceiling, self.limit + 1)
                self._changed.notify()

    def refused(self, number: int, halt: float = 0.0) -> None:
        """Take note of a 429.

        :param number: the refused turn's number, which tells whether it was under way at the last cut already
        :param halt: seconds for which nobody may start a request, where the provider asks for a pause
        """
        with self._changed:
            self._answered = 0
            self._halted_until = max(self._halted_until, self._clock() + halt)
            is_news = number > self._last_cut
            self.limit = max(1.0, (min(self.limit, float(self._active)) if is_news else self.limit) - 1)
            if is_news:
                self._last_cut = self._started
                self._patience = min(RAREST_PROBE, 2 * self._patience) if self._probing else PROBE
                self._rounds, self._probing = self._patience, False

    def _wait_for_halt(self) -> None:
        while (left := self._halted_until - self._clock()) > 0:
            self._sleep(left)
