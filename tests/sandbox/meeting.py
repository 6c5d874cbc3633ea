# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that meet: their requests are let through one at a time, in an order that a seed chooses.

The programs are told apart by the name under which they know the sandbox (``127.0.0.1``, ``localhost``). After every
request for a change, each watched number gets a text. A program can be cut off at a request, as if it were killed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

#: Seconds for which a request waits for the other program's next one: it may sleep, or be done.
PATIENCE = 0.15
STUCK = 60.0


@dataclasses.dataclass
class Lane:
    """One of the programs."""

    name: str
    #: At which of its requests it is cut off, and whether the work of that one is done all the same.
    cut_at: int | None = None
    works: bool = False
    passed: int = 0
    cut: bool = False
    ended: bool = False
    waiting: list[asyncio.Future[None]] = dataclasses.field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return what the control door tells of it."""
        return {"passed": self.passed, "cut": self.cut, "ended": self.ended}


class Meeting:
    """The order in which requests of several programs are let through."""

    def __init__(
        self,
        seed: int,
        lanes: Mapping[str, Mapping[str, Any]],
        watch: Iterable[str],
        text: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Let programs meet.

        :param lanes: by name the ``cut_at`` and ``works`` of a program
        :param watch: phone numbers
        :param text: lets a text arrive at a number, and tells whether it was delivered
        """
        self._chance = random.Random(seed)
        self.lanes = {name: Lane(name, **values) for name, values in lanes.items()}
        self._watch, self._text = list(watch), text
        self._bell = asyncio.Event()
        self._done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        #: Texts that were not delivered, in words, and how many texts there were.
        self.refused: list[str] = []
        self.texts = 0
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._direct())

    async def enter(self, name: str) -> Lane | None:
        """Wait for the turn of a program's request; None for one of somebody else."""
        lane = self.lanes.get(name)
        if lane is None or self._over.is_set():
            return None
        if lane.cut:
            await self._over.wait()
            return lane
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        self._bell.set()
        await turn
        lane.passed += 1
        lane.cut = lane.passed == lane.cut_at
        return lane

    def leave(self, lane: Lane, written: str | None) -> None:
        """Note that a request has done its work: the operation's name if it asked for a change."""
        if not self._done.done():
            self._done.set_result(f"{written} of {lane.name}" if written else None)

    async def never(self) -> None:
        """Wait until nobody waits for an answer any more."""
        await self._over.wait()

    def end(self, name: str) -> None:
        """Note that a program has ended."""
        self.lanes[name].ended = True
        self._bell.set()

    async def stop(self) -> None:
        """Let all through from now on."""
        self._over.set()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for lane in self.lanes.values():
            for turn in lane.waiting:
                if not turn.done():
                    turn.set_result(None)

    def plain(self) -> dict[str, Any]:
        """Return what the control door tells."""
        lanes = {name: lane.plain() for name, lane in self.lanes.items()}
        return {"lanes": lanes, "refused": self.refused, "texts": self.texts}

    async def _direct(self) -> None:
        while True:
            lane = self._chance.choice(await self._able())
            turn = lane.waiting.pop(self._chance.randrange(len(lane.waiting)))
            self._done = asyncio.get_running_loop().create_future()
            turn.set_result(None)
            written = await asyncio.wait_for(self._done, STUCK)
            for number in self._watch if written else ():
                self.texts += 1
                if not await self._text(number):
                    self.refused.append(f"{number} after {written}")

    async def _able(self) -> list[Lane]:
        """Return the programs with a request that waits, after a moment for those without one."""
        patience: float | None = None
        while True:
            live = [lane for lane in self.lanes.values() if not (lane.ended or lane.cut)]
            able = [lane for lane in live if lane.waiting]
            if able and (able == live or patience == 0.0):
                return able
            self._bell.clear()
            patience = PATIENCE if able else None
            try:
                await asyncio.wait_for(self._bell.wait(), patience)
            except asyncio.TimeoutError:
                patience = 0.0
