# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the same work on many items concurrently, with one result for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

from .._http.errors import SmsError
from .._http.pace import READERS

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Events that are set if the work of the current thread is interrupted. Only the main thread gets the interrupt itself.
_STOPS: ContextVar[tuple[threading.Event, ...]] = ContextVar("stops", default=())


def is_interrupted() -> bool:
    """Whether the work of the current thread, one of :func:`run_all`, is interrupted."""
    return any(stop.is_set() for stop in _STOPS.get())


def read_all(read: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Read something for every item, several at once, and return the results in order. The first error is raised."""
    pool = ThreadPoolExecutor(READERS)
    try:
        return list(pool.map(read, items))
    finally:
        pool.shutdown(cancel_futures=True)


def run_all(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    workers: int,
    is_hopeless: Callable[[SmsError], bool] = lambda _error: False,
) -> list[Result | SmsError]:
    """Do *work* on every item and return the results in order, with the error in place of a failed one.

    :param workers: the maximum number of concurrent items
    :param is_hopeless: whether no other item can succeed after an error (refused credentials); the remaining items are
        then not tried
    """
    hopeless: list[SmsError] = []
    stopped = threading.Event()
    stops = (*_STOPS.get(), stopped)

    def attempt(item: Item) -> Result | SmsError:
        if hopeless:
            return SmsError(f"Not tried, because of an earlier error: {hopeless[0]}", code=hopeless[0].code)
        if is_interrupted():
            return SmsError("Not tried, because the run was interrupted", code="interrupted")
        try:
            return work(item)
        except SmsError as error:
            if is_hopeless(error):
                hopeless.append(error)
            return error

    todo = list(items)
    results: list[Any] = [None] * len(todo)
    places = iter(range(len(todo)))
    broken: list[BaseException] = []

    def work_through() -> None:
        _STOPS.set(stops)  # each thread has a context of its own
        try:
            for place in places:  # each place goes to one thread
                results[place] = attempt(todo[place])
        except BaseException as error:
            stopped.set()
            broken.append(error)

    # Plain threads, not an executor: an executor wakes its owner for each result, which takes a quarter of the CPU time.
    threads = [threading.Thread(target=work_through) for _worker in range(min(max(1, workers), len(todo)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stopped.set()  # after an interrupt, active items may end, but no other starts
        for thread in threads:
            thread.join()
        raise
    if broken:
        raise broken[0]
    return results
