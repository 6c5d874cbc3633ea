# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at a request, before or after the cloud has processed it, and the runs that complete their work.

By default they are killed at every write request and around the waits; with ``SMS_TESTS=full`` at every request.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.urls import password_of
from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.leaks import Leaks
from system.parallel import two_at_a_time
from system.playing import AS_PROCESSES
from system.victim import Point, Victim

ELSEWHERE = "elsewhere.example.com"
FULL = os.environ.get("SMS_TESTS") == "full"
#: Seconds for which IAM refuses a new key: a number that is moved to it at once would have a dead key.
ACTIVATION = 1.2


class Scene:
    """Accounts for one kill, on a sandbox that no other test uses at the same time."""

    def __init__(self, box: Sandbox, folder: pathlib.Path) -> None:
        box.reset()
        box.settings(receivers={ELSEWHERE: {"username": "u", "password": "p4ssw0rd-elsewhere"}})
        self.box = box
        self.accounts = Accounts(box)
        self.agent = self.accounts.agent()
        folder.mkdir()
        self.player = Victim(box, folder, self.accounts.environment)

    def words(self) -> tuple[str, ...]:
        return ("-e", "region=us-south", "-e", f"phone_numbers={','.join(self.numbers)}")

    numbers: list[str]
    playbook: str

    def check(self, when: object) -> None:
        """Every number answers, and those of the run with a live key."""
        for number in self.numbers:
            assert self.box.text(number)["delivered"], f"{when}: {number} is on a dead key"

    def kill_and_complete(self, point: Point) -> None:
        """Kill a run and let the next one complete it."""
        self.player.kill(point, *self.words(), playbook=self.playbook)
        self.check(f"killed {point}")
        run = self.player(*self.words(), playbook=self.playbook)
        assert run.code == 0, f"{point}: {run.output}"
        self.check(f"completed after {point}")
        keys = self.accounts.keys(self.agent)
        assert [key["name"] for key in keys] == ["twilio-sms"], f"{point}: {[key['name'] for key in keys]}"
        api_key = self.box.api_key_of(keys[0]["guid"])
        assert {password_of(self.accounts.sms_url(number)) for number in self.numbers} == {api_key}, str(point)
        if FULL:
            again = self.player(*self.words())
            assert (again.code, again.writes) == (0, []), f"{point}: {again.output}"


class Connect(Scene):
    """A number that is in service elsewhere is connected."""

    playbook = "connect_sms"

    def __init__(self, box: Sandbox, folder: pathlib.Path) -> None:
        super().__init__(box, folder)
        self.numbers = [self.accounts.number(sms_url=f"https://u:p4ssw0rd-elsewhere@{ELSEWHERE}/sms.receiver/SmsRecv")]
        box.settings(key_activation_delay=ACTIVATION)


class Rotate(Scene):
    """The key of two numbers is replaced."""

    playbook = "rotate_sms_key"

    def __init__(self, box: Sandbox, folder: pathlib.Path) -> None:
        super().__init__(box, folder)
        key = box.add_key(self.agent["guid"])
        self.numbers = [self.accounts.number(sms_url=url(key["api_key"]["value"])) for _number in range(2)]
        box.settings(key_activation_delay=ACTIVATION)


CHOSEN: dict[type[Scene], list[Point]] = {
    Connect: [
        Point("rc.list_instance_keys", 0, False),
        Point("rc.create_key", 0, False),
        Point("rc.create_key", 0, True),
        Point("iam.token", 1, False),
        Point("twilio.update_number", 0, True),
    ],
    Rotate: [
        Point("rc.update_key", 0, False),
        Point("rc.update_key", 0, True),
        Point("rc.create_key", 0, False),
        Point("rc.create_key", 0, True),
        Point("iam.token", 1, True),
        Point("twilio.update_number", 0, False),
        Point("twilio.update_number", 0, True),
        Point("twilio.update_number", 1, True),
        Point("messaging.list_services", 1, False),
        Point("rc.delete_key", 0, False),
        Point("rc.delete_key", 0, True),
    ],
}


@pytest.fixture(scope="module")
def boxes() -> Iterator[list[Sandbox]]:
    """A sandbox for each parallel worker."""
    with Sandbox.start() as one, Sandbox.start() as other:
        yield [one, other]


def all_points(scene: Scene) -> list[Point]:
    """Return every request of a complete run, processed and not processed."""
    run = scene.player(*scene.words(), playbook=scene.playbook)
    assert run.code == 0, run.output
    return [
        Point(operation, place, done)
        for operation, count in run.operations.items()
        for place in range(count)
        for done in (False, True)
    ]


@pytest.mark.parametrize("kind", list(CHOSEN), ids=lambda kind: kind.__name__.lower())
def test_killed_runs(kind: type[Scene], boxes: list[Sandbox], tmp_path: pathlib.Path) -> None:
    points = CHOSEN[kind]
    if FULL:
        points = all_points(kind(boxes[0], tmp_path / "whole"))
        assert set(CHOSEN[kind]) <= set(points)

    def kill(box: Sandbox, point: Point) -> None:
        # Short, because Ansible keeps a socket in there.
        kind(box, tmp_path / str(points.index(point))).kill_and_complete(point)

    two_at_a_time(boxes, kill, points)


@pytest.mark.parametrize("words", [(), AS_PROCESSES], ids=["in the task's process", "as a process"])
def test_a_killed_run_leaves_no_key_on_the_disk(
    box: Sandbox, accounts: Accounts, tmp_path: pathlib.Path, words: tuple[str, ...]
) -> None:
    """A module's options, the webhook among them, go to its process and into no file."""
    accounts.agent()
    number = accounts.number()
    victim = Victim(box, tmp_path, accounts.environment)
    point = Point("twilio.update_number", 0, done=False)
    victim.kill(point, "-e", "region=us-south", "-e", f"phone_number={number}", *words, playbook="connect_sms")
    leaks = Leaks(set(box.secrets()))
    places = (victim.home, victim.temporary, victim.here)
    left = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert not [path for path in left if leaks.in_text(path.read_bytes().decode(errors="replace"))]


@pytest.mark.parametrize("words", [(), AS_PROCESSES], ids=["in the task's process", "as a process"])
def test_an_interrupted_run_stops_and_the_next_completes_it(
    boxes: list[Sandbox], tmp_path: pathlib.Path, words: tuple[str, ...]
) -> None:
    box = boxes[0]
    box.reset()
    box.settings(latency=0.3)
    accounts = Accounts(box)
    accounts.agent()
    numbers = [accounts.number() for _place in range(300)]
    victim = Victim(box, tmp_path, accounts.environment)
    arguments = ("-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}", *words)
    left = victim.interrupt("twilio.update_number", 50, *arguments, playbook="connect_sms")
    assert left == [], "no process goes on in the background"
    connected = [number for number in numbers if accounts.sms_url(number)]
    assert 50 <= len(connected) < 300
    box.settings(latency=0)
    run = victim(*arguments)
    assert run.code == 0, run.output
    # Some of the first run's last updates may have been done after the count.
    assert 0 < run.operations["twilio.update_number"] <= 300 - len(connected)
    assert len({accounts.sms_url(number) for number in numbers}) == 1


@pytest.mark.parametrize(
    ("playbook", "operation", "count"),
    [("connect_sms", "twilio.update_number", 60), ("verify_sms", "twilio.send_message", 2)],
)
def test_an_interrupted_run_stops_in_all_of_its_accounts(
    boxes: list[Sandbox], tmp_path: pathlib.Path, playbook: str, operation: str, count: int
) -> None:
    """Several accounts are worked on at once, in threads that do not get the interrupt themselves."""
    box = boxes[0]
    box.reset()
    accounts = Accounts(box)
    key = box.add_key(accounts.agent()["guid"])
    hosts = {}
    for place in range(4):
        sub = box.add_twilio_account(owner_account_sid=accounts.twilio["sid"])["sid"]
        if playbook == "verify_sms":  # the receiver never answers, and a text's verdict would take five minutes
            box.settings(receivers={ELSEWHERE: {"region": "us-south", "answer": "none"}})
            numbers = [accounts.connected(key, ELSEWHERE, account_sid=sub), accounts.number(account_sid=sub)]
            more = {"connect_sms_verify_from": numbers.pop(), "connect_sms_verify_timeout": 300}
        else:
            numbers = [accounts.number(account_sid=sub) for _place in range(100)]
            more = {"connect_sms_region": "us-south"}
        more["connect_sms_twilio_subaccount_sid"] = sub
        hosts[f"sub{place}"] = {"connect_sms_phone_numbers": numbers, **more}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    box.settings(latency=0.2)
    victim = Victim(box, tmp_path, accounts.environment)
    left = victim.interrupt(operation, count, "-i", str(inventory), playbook=playbook)
    assert left == [], "no process goes on in the background"
    box.settings(latency=0)
    if playbook == "verify_sms":
        return
    everywhere = [number for each in hosts.values() for number in each["connect_sms_phone_numbers"]]
    connected = [number for number in everywhere if accounts.sms_url(number)]
    assert count <= len(connected) < len(everywhere)
    run = victim("-i", str(inventory))
    assert run.code == 0, run.output
    # Some of the first run's last updates may have been done after the count.
    assert 0 < run.operations["twilio.update_number"] <= len(everywhere) - len(connected)
    assert len({accounts.sms_url(number) for number in everywhere}) == 1
