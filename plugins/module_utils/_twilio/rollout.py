# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work on many numbers at once: bounded by the provider's pace, one outcome for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .._http.errors import SmsError
from .._http.pace import READERS

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_all(read: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Read something of every item, several at once, and return it in order. The first error ends it and is raised."""
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

    :param workers: how many at the most are under way together
    :param is_hopeless: whether after this error no other item can succeed (refused credentials): those not begun are
        then not tried
    """
    hopeless: list[SmsError] = []
    stopped = threading.Event()

    def attempt(item: Item) -> Result | SmsError:
        if hopeless:
            return SmsError(f"Not tried, because of an earlier error: {hopeless[0]}", code=hopeless[0].code)
        if stopped.is_set():
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
        try:
            for place in places:  # each place is taken by one thread
                results[place] = attempt(todo[place])
        except BaseException as error:
            stopped.set()
            broken.append(error)

    # Plain threads and not an executor, which wakes its owner up for each result: that takes a quarter of the CPU time.
    threads = [threading.Thread(target=work_through) for _worker in range(min(max(1, workers), len(todo)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stopped.set()  # an interrupt: let what is under way end, begin nothing else
        for thread in threads:
            thread.join()
        raise
    if broken:
        raise broken[0]
    return results
