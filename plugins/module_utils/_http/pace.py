# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast many workers may go against one provider that limits concurrent requests.

Twilio answers 429 (20429) to whatever comes above an account's limit, and publishes no number. So the limit is found
as TCP finds a link's: one more at a time while all goes well, half as many as soon as it does not. All workers share
one pace, so a 429 met by one slows all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

READERS = 8  # how many reads go on at once, where one thing is read of many
START = 16  # with how many to begin, however high the ceiling is: the more at once, the more are refused at once


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
        """Count an answered request: after some rounds of them, one more may go at a time."""
        with self._changed:
            if self.limit >= self.ceiling:
                return
            self._answered += 1
            # A fifth of a round for a step up as long as the limit is not known, so that about five go too far at once. Once
            # it is, ten rounds without a refusal: probing costs refused requests, and where this matters thousands are to come.
            if self._answered >= (10 if self._last_cut else 0.2) * self.limit:
                self._answered = 0
                self.limit = min(self.ceiling, self.limit + 1)
                self._changed.notify()

    def refused(self, number: int, delay: float) -> None:
        """Take note of a 429: halve the limit and let nobody start for *delay* seconds.

        :param number: the refused turn's number: of the requests that were under way together only the first
            refusal halves, since the others tell the same news
        """
        with self._changed:
            self._answered = 0
            self._halted_until = max(self._halted_until, self._clock() + delay)
            if number > self._last_cut:
                self._last_cut = self._started
                self.limit = max(1.0, min(self.limit, float(self._active)) / 2)

    def _wait_for_halt(self) -> None:
        while (left := self._halted_until - self._clock()) > 0:
            self._sleep(left)
