# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""While two runs work at the same time, some of them killed, texts go to every number: none that was answered is refused.

The runs are the role's steps in this process (:mod:`system.inside`), each in its own thread. A seeded scheduler lets one
request of either run through at a time, and after every write request each number gets a text. So the runs interleave in
every possible way, and not only as the machine's speed allows.

``SMS_TESTS=full`` tries more of them. A failure names its seed.
"""

from __future__ import annotations

import os
import pathlib
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http import transport
from ansible_collections.voiceagent.sms.plugins.modules import iva_credential
from ansible_collections.voiceagent.sms.plugins.plugin_utils import in_process
from sandbox.client import Sandbox
from system.conftest import Accounts
from system.counts import tried
from system.inside import PREFIX, Play, hasten, role_values
from system.playing import FOREIGN

FULL = os.environ.get("SMS_TESTS") == "full"
SCENARIOS = 240 if FULL else 44
ELSEWHERE = "elsewhere.example.com"
OLD = "2026-01-01T00:00:00Z"
#: How many requests of others pass while a run waits for them to settle (SETTLING in iva_credential).
PATIENCE = 40
STUCK = 60.0


class Killed(BaseException):
    """The run was killed: none of its requests reaches a cloud any more."""


class Lane:
    """One run: its requests wait here until the scheduler lets one through."""

    def __init__(self, name: str, work: Callable[[], dict[str, Any]], gate: threading.Condition) -> None:
        self.name, self.gate = name, gate
        self.waiting: list[threading.Event] = []
        self.passed = 0
        self.pausing = 0  # requests of others for which it waits
        self.ended = self.busy = False
        #: The number of requests after which it is killed, and whether the last one is processed.
        self.kill_at: int | None = None
        self.works = False
        self.report: dict[str, Any] = {"failed": True, "msg": "killed"}
        self.error: BaseException | None = None
        self._work = work
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        LANES.lane = self
        try:
            self.report = self._work()
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            with self.gate:
                self.ended = True
                self.gate.notify_all()

    def arrive(self) -> bool:
        """Wait for the turn of a request; return whether it is processed although its run is killed."""
        turn = threading.Event()
        with self.gate:
            self.waiting.append(turn)
            self.gate.notify_all()
        turn.wait(STUCK)
        self.passed += 1
        if self.kill_at is not None and self.passed >= self.kill_at:
            if self.passed == self.kill_at and self.works:
                return True
            self.done()
            raise Killed
        return False

    def done(self) -> None:
        """Say that the request has its answer, or never will."""
        with self.gate:
            self.busy = False
            self.gate.notify_all()

    def pause(self) -> None:
        """Let others go on for a while, if there are any."""
        with self.gate:
            self.pausing = PATIENCE
            self.gate.notify_all()
            self.gate.wait_for(lambda: self.pausing <= 0, STUCK)


LANES = threading.local()


def choreographed(patch: pytest.MonkeyPatch) -> None:
    """Let all requests of lanes wait for their turn, and pauses for the requests of others."""
    real_init, real_send = transport.Transport.__init__, transport.Transport._send_over_network

    def init(self: Any, *args: Any, **more: Any) -> None:
        self.lane = getattr(LANES, "lane", None)
        real_init(self, *args, **more)

    def send(self: Any, *args: Any) -> Any:
        lane = self.lane
        if lane is None:
            return real_send(self, *args)
        last = lane.arrive()
        try:
            reply = real_send(self, *args)
        finally:
            lane.done()
        if last:
            raise Killed
        return reply

    init.__kwdefaults__ = real_init.__kwdefaults__  # type: ignore[attr-defined]
    patch.setattr(transport.Transport, "__init__", init)
    patch.setattr(transport.Transport, "_send_over_network", send)
    now = iva_credential.time

    def sleep(seconds: float) -> None:
        now.sleep(seconds)
        lane = getattr(LANES, "lane", None)
        if lane is not None and seconds >= 1:
            lane.pause()

    patch.setattr(
        iva_credential, "time", SimpleNamespace(sleep=sleep, monotonic=now.monotonic, time=now.time), raising=True
    )


def run_module(module: Any, params: Mapping[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    """Run a module in this thread, as its action does in a task's own process."""
    given = {name: value for name, value in params.items() if value is not None}
    task = SimpleNamespace(action=module.__name__, args=given, check_mode=check_mode, diff=False)
    result: dict[str, Any] = in_process.run(module, task, shows_arguments=False)
    return result


class Scene:
    """Two Twilio accounts and a subaccount with one credential, numbers that hold its key, and one that does not."""

    def __init__(self, box: Sandbox, chance: random.Random) -> None:
        box.reset()
        box.settings(receivers={ELSEWHERE: {"username": "u", "password": "p4ssw0rd-elsewhere"}})
        self.box, self.chance = box, chance
        self.accounts = Accounts(box)
        self.agent = self.accounts.agent()
        other = box.add_twilio_account()
        sub = box.add_twilio_account(owner_account_sid=self.accounts.twilio["sid"])
        env = self.accounts.environment
        ibm = {
            "region": "us-south",
            "ibmcloud_api_key": env["IC_API_KEY"],
            "iam_endpoint": box.url,
            "resource_controller_endpoint": box.url,
            "concurrency": 1,
        }
        own = {"twilio_account_sid": env["TWILIO_ACCOUNT_SID"], "twilio_auth_token": env["TWILIO_AUTH_TOKEN"]}
        foreign = {"twilio_account_sid": other["sid"], "twilio_auth_token": other["auth_token"]}
        key = box.add_key(self.agent["guid"], created_at=OLD) if chance.random() < 0.9 else None
        at = f"https://u:p4ssw0rd-elsewhere@{ELSEWHERE}/sms.receiver/SmsRecv"
        places = {
            "own": (own, self.accounts.twilio["sid"]),
            "other": (foreign, other["sid"]),
            "sub": ({**own, "twilio_subaccount_sid": sub["sid"]}, sub["sid"]),
        }
        self.variables: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, list[str]] = {}
        for name, (login, sid) in places.items():
            values = {**ibm, **login, "twilio_api_endpoint": box.url}
            self.variables[name] = {PREFIX + option: value for option, value in values.items()}
            kinds = [key if key and chance.random() < 0.7 else None for _number in range(2 if name == "own" else 1)]
            self.numbers[name] = [
                self.accounts.connected(kind, account_sid=sid)
                if kind
                else self.accounts.number(sms_url=at, account_sid=sid)
                for kind in kinds
            ]
        if key and chance.random() < 0.3:  # a service carries a number with the same key
            row = {
                "inbound_request_url": self.accounts.sms_url(self.numbers["own"][0]),
                "pool": self.numbers["own"][:1],
            }
            if "elsewhere" not in row["inbound_request_url"]:
                box.add_service(account_sid=self.accounts.twilio["sid"], use_inbound_webhook_on_number=False, **row)
        self.watched = [number for numbers in self.numbers.values() for number in numbers]
        assert all(self.answers(number) for number in self.watched)

    def answers(self, number: str) -> bool:
        return bool(self.box.text(number)["delivered"])

    def play(self, entry: str, hosts: list[str]) -> tuple[Play, list[str]]:
        """Return a run over some of the hosts, and its numbers."""
        values = {name: role_values(entry, self.variables[name], self.numbers[name]) for name in self.variables}
        play = Play(
            entry,
            {name: values[name] for name in hosts},
            others={name: one for name, one in values.items() if name not in hosts},
            runner=run_module,
        )
        return play, [number for name in hosts for number in self.numbers[name]]


def direct(scene: Scene, lanes: list[Lane], gate: threading.Condition, asked: set[str]) -> list[str]:
    """Let the lanes' requests through one by one, and return the refused texts."""
    chance, refused, seen = scene.chance, [], 0
    for lane in lanes:
        lane.thread.start()
    while True:
        with gate:
            # A run that waits for the other's lock sends no request: after a while the other continues alone.
            gate.wait_for(lambda: all(one.ended or one.waiting or one.pausing > 0 for one in lanes), 0.3)
            if not any(one.waiting for one in lanes):
                assert gate.wait_for(
                    lambda: all(one.ended for one in lanes) or any(one.waiting or one.pausing > 0 for one in lanes),
                    STUCK,
                ), "no run goes on"
            able = [one for one in lanes if one.waiting]
            for one in lanes:  # who waits for others that have nothing to do goes on
                if one.pausing > 0 and not [each for each in able if each is not one]:
                    one.pausing = 0
                    gate.notify_all()
            if not able:
                if all(one.ended for one in lanes):
                    break
                continue
            lane = chance.choice(able)
            turn = lane.waiting.pop(chance.randrange(len(lane.waiting)))
            lane.busy = True
            for one in lanes:
                if one is not lane and one.pausing > 0:
                    one.pausing -= 1
                    gate.notify_all()
            turn.set()
            gate.wait_for(lambda: not lane.busy or lane.ended, STUCK)  # noqa: B023
        writes = len(scene.box.writes())
        if writes > seen:
            seen = writes
            last = scene.box.writes()[-1]["operation"]
            refused += [
                f"{n} after {last} of {lane.name}" for n in scene.watched if n not in asked and not scene.answers(n)
            ]
            tried("texts", len(scene.watched))
    return refused


def scenario(box: Sandbox, seed: int) -> list[str]:
    """Run two random runs at the same time, sometimes killing one, and return the problems."""
    chance = random.Random(seed)
    scene = Scene(box, chance)
    gate = threading.Condition()
    box.clear_log()
    lanes, asked, words = [], set(), []
    for place in range(2):
        entry = chance.choice(["main", "main", "rotate", "rotate", "disconnect"])
        hosts = sorted(chance.sample(sorted(scene.variables), chance.randint(1, 3)))
        play, numbers = scene.play(entry, hosts)
        asked |= set(numbers) if entry == "disconnect" else set()
        lane = Lane(f"{entry} {'+'.join(hosts)}", play.run, gate)
        if place == 0 and chance.random() < 0.35:
            lane.kill_at, lane.works = chance.randint(3, 45), chance.random() < 0.5
        lanes.append(lane)
        words.append(lane.name + (f" (killed at {lane.kill_at}, {lane.works})" if lane.kill_at else ""))
    name = f"seed {seed}: {' beside '.join(words)}"
    problems = [f"{name}: refused: {text}" for text in direct(scene, lanes, gate, asked)]
    problems += [f"{name}: {lane.name} broke: {lane.error!r}" for lane in lanes if lane.error]
    problems += [
        f"{name}: {number} is left on a dead key"
        for number in scene.watched
        if number not in asked and not scene.answers(number)
    ]
    # The next run completes the work: one credential, and everything answers.
    for entry in ("main", "rotate"):
        play, _numbers = scene.play(entry, sorted(scene.variables))
        report = play.run()
        if report["failed"]:
            problems.append(f"{name}: {entry} afterwards: {report['msg']}")
    keys = sorted(key["name"] for key in scene.accounts.keys(scene.agent))
    if keys != ["twilio-sms"]:
        problems.append(f"{name}: credentials left: {keys}")
    # A disconnected service leads nowhere until somebody repairs it.
    silent = [number for number in scene.watched if number not in asked and not scene.answers(number)]
    problems += [f"{name}: {number} does not answer afterwards" for number in silent]
    return problems


@pytest.fixture(scope="module")
def own_box() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


def test_no_text_is_lost_while_runs_meet(
    own_box: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of lock files
    hasten(monkeypatch)
    choreographed(monkeypatch)
    first = int(os.environ.get("SMS_SEED", "1"))
    count = int(os.environ.get("SMS_SCENARIOS", str(SCENARIOS)))
    problems = []
    for seed in range(first, first + count):
        problems += scenario(own_box, seed)
        tried("runs beside each other")
    assert not problems, "\n".join(problems)
