# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed anywhere, a run leaves no number on a dead key, and the next run completes it.

The sandbox holds the world still at one request, before or after it has done its work; there everything is killed.
``SMS_TESTS=full`` kills at every request and not only at the telling ones.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time

import pytest

from system.conftest import Accounts
from system.playing import Player

REGION = ("-e", "region=us-south")
# Operation, which of them, and whether its work was done: those after which a run leaves something behind.
CONNECT = [
    ("rc.create_key", 0, "hang"),
    ("rc.create_key", 0, "hang_after"),
    ("iam.token", 1, "hang"),  # before the new key is known to be accepted
    ("twilio.update_number", 0, "hang_after"),
]
ROTATE = [
    ("rc.update_key", 0, "hang"),
    ("rc.update_key", 0, "hang_after"),
    ("rc.create_key", 0, "hang_after"),
    ("twilio.update_number", 0, "hang_after"),
    ("twilio.update_number", 1, "hang_after"),
    ("twilio.list_numbers", 1, "hang"),  # reading back
    ("rc.delete_key", 0, "hang"),
    ("rc.delete_key", 0, "hang_after"),
]
FULL = os.environ.get("SMS_TESTS") == "full"
EVERY = [("*", place, mode) for place in range(24) for mode in ("hang", "hang_after")] if FULL else []


def family(pid: int) -> list[int]:
    """Return a process and all that it has started: workers and modules have sessions of their own."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def killed(
    play: Player, accounts: Accounts, playbook: str, words: tuple[str, ...], point: tuple[str, int, str]
) -> bool:
    """Run a playbook and kill it at a point; returns whether it came there."""
    operation, skip, mode = point
    box = accounts.box
    fault = box.fault(operation, mode=mode, skip=skip, seconds=60)
    process = subprocess.Popen(
        play.command(playbook, *words), env=play.environment(), cwd=play.here, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not box.hits(fault):
        time.sleep(0.05)
    reached = process.poll() is None
    if reached:
        time.sleep(0.2)  # let what was held before its work be held, and what was done be done
        for member in family(process.pid):
            try:
                os.kill(member, signal.SIGKILL)
            except ProcessLookupError:
                continue
    process.wait()
    box.clear_faults()
    return reached


def nobody_is_on_a_dead_key(accounts: Accounts, agent: dict, numbers: list[str]) -> None:
    live = {accounts.box.api_key_of(key["guid"]) for key in accounts.keys(agent)}
    for number in numbers:
        url = accounts.sms_url(number)
        assert "apikey:" not in url or url.partition("apikey:")[2].partition("@")[0] in live


@pytest.mark.parametrize("point", [*CONNECT, *EVERY], ids=str)
def test_a_connect_is_killed(play: Player, accounts: Accounts, point: tuple[str, int, str]) -> None:
    agent = accounts.agent()
    number = accounts.number(sms_url="https://elsewhere.example.com/sms")
    words = (*REGION, "-e", f"phone_number={number}")
    assert killed(play, accounts, "connect_sms", words, point) or FULL
    nobody_is_on_a_dead_key(accounts, agent, [number])
    run = play(*words)
    assert run.code == 0, run.output
    accounts.the_api_key(agent)  # exactly one
    assert accounts.box.text(number)["delivered"]


@pytest.mark.parametrize("point", [*ROTATE, *EVERY], ids=str)
def test_a_rotation_is_killed(play: Player, accounts: Accounts, point: tuple[str, int, str]) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], "twilio-sms", "Writer")
    numbers = [accounts.connected(old), accounts.connected(old)]
    words = (*REGION, "-e", f"phone_numbers={','.join(numbers)}")
    assert killed(play, accounts, "rotate_sms_key", words, point) or FULL
    nobody_is_on_a_dead_key(accounts, agent, numbers)
    assert all(accounts.box.text(number)["delivered"] for number in numbers)
    run = play(*words, playbook="rotate_sms_key")
    assert run.code == 0, run.output
    (key,) = accounts.keys(agent)
    assert key["name"] == "twilio-sms"
    assert key["guid"] != old["guid"]
    assert all(accounts.box.text(number)["delivered"] for number in numbers)
    again = play(*words)
    assert (again.code, again.writes) == (0, []), again.output
