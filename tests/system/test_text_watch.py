# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts go to every number while two playbooks are at work: none that was answered before is refused.

The sandbox lets the requests of both through one at a time, in a random order (:mod:`sandbox.meeting`), and texts every
number after each request for a change. So the runs meet at every point at which they can meet. Some run over a part of the
inventory, in batches, some meet a fault, and some are killed at a request. What comes next completes what they began.

``SMS_TESTS=full`` tries more of them. A failure names its seed: ``SMS_SEED=17 SMS_SCENARIOS=1`` plays it again, as far as
the operating system lets the runs' own speed be the same.
"""

from __future__ import annotations

import os
import pathlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from system.conftest import Accounts
from system.counts import tried
from system.leaks import Leaks
from system.parallel import two_at_a_time
from system.playing import Player, Run, Running

FULL = os.environ.get("SMS_TESTS") == "full"
FIRST = int(os.environ.get("SMS_SEED", "1"))
SCENARIOS = int(os.environ.get("SMS_SCENARIOS", "240" if FULL else "42"))
ELSEWHERE = "elsewhere.example.com"
OLD = "2026-01-01T00:00:00Z"
#: The names under which the two runs know the sandbox.
LANES = ("127.0.0.1", "localhost")
PLAYBOOKS = ("connect_sms", "rotate_sms_key", "disconnect_sms", "restore_sms", "audit_sms")
SHARES = (8, 8, 5, 3, 1)
#: What both clouds do on a bad day, and every run waits out.
FAULTS: tuple[dict[str, Any], ...] = (
    {"operation": "twilio.update_number", "mode": "reset_after"},
    {"operation": "twilio.update_number", "status": 429, "code": 20429, "times": 2},
    {"operation": "twilio.list_*", "status": 503, "body": "html"},
    {"operation": "messaging.*", "body": "truncated"},
    {"operation": "rc.create_key", "mode": "answer_after", "status": 502, "body": "html"},
    {"operation": "rc.update_key", "mode": "reset_after"},
    {"operation": "rc.delete_key", "mode": "answer_after", "status": 503},
    {"operation": "rc.list_instance_keys", "status": 401, "code": "RC-Unauthorized"},
    {"operation": "iam.token", "status": 503},
)


class Scene:
    """Two Twilio accounts and a subaccount with one credential, numbers that hold its key, and one that does not."""

    def __init__(self, box: Sandbox, folder: pathlib.Path, seed: int) -> None:
        box.reset()
        box.settings(receivers={ELSEWHERE: {"username": "u", "password": "p4ssw0rd-elsewhere"}})
        self.box, self.seed, self.chance = box, seed, random.Random(seed)
        self.accounts = Accounts(box)
        self.agent = self.accounts.agent()
        self.folder = folder
        other = box.add_twilio_account()
        own = self.accounts.twilio
        sub = box.add_twilio_account(owner_account_sid=own["sid"])
        self.key = box.add_key(self.agent["guid"], created_at=OLD) if self.chance.random() < 0.9 else None
        places = {
            "own": ({}, own["sid"], 2),
            "other": ({"account_sid": other["sid"], "auth_token": other["auth_token"]}, other["sid"], 1),
            "sub": ({"subaccount_sid": sub["sid"]}, sub["sid"], 1),
        }
        self.hosts: dict[str, dict[str, Any]] = {}
        for name, (login, sid, count) in places.items():
            numbers = [self._number(sid) for _number in range(count)]
            words = {f"connect_sms_twilio_{option}": value for option, value in login.items()}
            self.hosts[name] = {"connect_sms_phone_numbers": numbers, **words}
        if self.key and self.chance.random() < 0.3:  # a service carries a number with the same key
            carried = self.numbers("own")[0]
            row = {"inbound_request_url": self.accounts.sms_url(carried), "pool": [carried]}
            if ELSEWHERE not in row["inbound_request_url"]:
                box.add_service(account_sid=own["sid"], use_inbound_webhook_on_number=False, **row)
        assert all(self.answers(number) for number in self.watched)

    def _number(self, sid: str) -> str:
        if self.key and self.chance.random() < 0.7:
            return self.accounts.connected(self.key, account_sid=sid)
        at = f"https://u:p4ssw0rd-elsewhere@{ELSEWHERE}/sms.receiver/SmsRecv"
        return self.accounts.number(sms_url=at, account_sid=sid)

    def numbers(self, *hosts: str) -> list[str]:
        return [number for host in hosts or self.hosts for number in self.hosts[host]["connect_sms_phone_numbers"]]

    @property
    def watched(self) -> list[str]:
        return self.numbers()

    def answers(self, number: str) -> bool:
        return bool(self.box.text(number)["delivered"])

    def player(self, name: str, lane: str = LANES[0]) -> Player:
        """Return what runs playbooks, under a name of the sandbox."""
        folder = self.folder / name
        folder.mkdir()
        environment = self.accounts.environment
        here = {key: value.replace(LANES[0], lane) for key, value in environment.items() if value == self.box.url}
        return Player(self.box, folder, {**environment, **here})

    def inventory(self) -> dict[str, Any]:
        return {"all": {"hosts": self.hosts, "vars": {"connect_sms_region": "us-south"}}}


class Part:
    """One of the two runs: a random playbook over a random part of the inventory."""

    def __init__(self, scene: Scene, place: int) -> None:
        chance = scene.chance
        self.lane, self.player = LANES[place], scene.player(f"run{place}", LANES[place])
        self.playbook = chance.choices(PLAYBOOKS, SHARES)[0]
        self.hosts = sorted(chance.sample(sorted(scene.hosts), chance.randint(1, 3)))
        words = ["--limit", ",".join(self.hosts)] if len(self.hosts) < len(scene.hosts) else []
        if self.playbook == "restore_sms":
            record = scene.folder / f"record{place}"
            before = scene.player(f"before{place}")
            assert before("-e", f"connect_sms_backup_dir={record}", inventory=scene.inventory()).code == 0
            files = [f"backup={file}" for file in record.glob("*.json")]  # none where all were connected already
            self.playbook, words = ("restore_sms", ["-e", *files]) if files else ("audit_sms", [])
            self.hosts = sorted(scene.hosts)
        elif self.playbook in ("connect_sms", "rotate_sms_key", "disconnect_sms"):
            words += ["-e", "connect_sms_serial=1"] if chance.random() < 0.4 else []
        #: Whose texts may go: those of numbers that it disconnects.
        self.spared = set(scene.numbers(*self.hosts)) if self.playbook == "disconnect_sms" else set()
        kill = place == 0 and chance.random() < 0.35
        self.cut = {"cut_at": chance.randint(3, 60), "works": chance.random() < 0.5} if kill else {}
        self.words = words
        self.run: Run | None = None

    def __str__(self) -> str:
        kill = f" (killed at {self.cut['cut_at']}, {self.cut['works']})" if self.cut else ""
        return f"{self.playbook} {'+'.join(self.hosts)}{' in batches' if 'serial' in str(self.words) else ''}{kill}"

    def go(self, scene: Scene) -> None:
        """Run to the end, or to where it is killed."""
        inventory = [] if self.playbook == "restore_sms" else ["-i", self.player.inventory_file(scene.inventory())]
        command = self.player.command(self.playbook, *map(str, inventory), *self.words)
        with self.player.start(command, self.player.environment()) as running:
            self._wait(scene.box, running)
            code = running.wait() if running.ended() else -9
            said = running.said()
        scene.box.has_ended(self.lane)
        run = Run(code, *said, [])
        self.player.judge(run, Leaks(set(scene.box.secrets())), [])
        self.run = run  # only now: what fails in this thread is seen by its absence

    def _wait(self, box: Sandbox, running: Running) -> None:
        deadline = time.monotonic() + 120
        while not running.ended() and time.monotonic() < deadline:
            if self.cut and box.meeting()["lanes"][self.lane]["cut"]:
                return
            time.sleep(0.05)
        assert running.ended(), f"{self} does not go on"


def scenario(box: Sandbox, folder: pathlib.Path, seed: int) -> None:
    """Let two random runs meet, and see that no text is lost, then and afterwards."""
    folder.mkdir()
    scene = Scene(box, folder, seed)
    parts = [Part(scene, place) for place in range(2)]
    if scene.chance.random() < 0.4:
        box.fault(**scene.chance.choice(FAULTS))
    spared = {number for part in parts for number in part.spared}
    watched = [number for number in scene.watched if number not in spared]
    name = f"seed {seed}: {' beside '.join(map(str, parts))}"

    box.meet(seed, {part.lane: part.cut for part in parts}, watched)
    threads = [threading.Thread(target=part.go, args=(scene,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = box.part()
    box.clear_faults()
    tried("texts", seen["texts"])
    assert not seen["refused"], f"{name}: {seen['refused']}"
    for part in parts:
        assert part.run is not None, f"{name}: {part} broke"
    assert [number for number in watched if not scene.answers(number)] == [], name

    after = complete(scene)
    assert after.code == 0, f"{name}: afterwards: {after.output}"
    assert [key["name"] for key in scene.accounts.keys(scene.agent)] == ["twilio-sms"], f"{name}: {after.output}"
    # A service that was disconnected leads nowhere until somebody repairs it.
    assert [number for number in watched if not scene.answers(number)] == [], f"{name}: {after.output}"


def complete(scene: Scene) -> Run:
    """Connect all numbers and rotate their key, in one run."""
    playbook = "".join(
        f"- import_playbook: voiceagent.sms.{playbook}\n" for playbook in ("connect_sms", "rotate_sms_key")
    )
    return scene.player("after")(playbook=f"---\n{playbook}", inventory=scene.inventory())


@pytest.fixture(scope="module")
def boxes() -> Iterator[list[Sandbox]]:
    """A sandbox for each pair that meets at the same time."""
    with Sandbox.start() as one, Sandbox.start() as other:
        yield [one, other]


def test_no_text_is_lost_while_runs_meet(boxes: list[Sandbox], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("watch")  # a short name, because Ansible keeps a socket in there

    def meet(box: Sandbox, seed: int) -> None:
        scenario(box, folder / str(seed), seed)
        tried("runs beside each other")

    two_at_a_time(boxes, meet, range(FIRST, FIRST + SCENARIOS))


def test_the_watch_sees_what_is_lost(box: Sandbox, accounts: Accounts, play: Player) -> None:
    """Or the test above could not fail: somebody takes the key of a number away while another one is connected."""
    agent = accounts.agent()
    key = box.add_key(agent["guid"], name="another")
    watched, number = accounts.connected(key), accounts.number()
    box.meet(1, {LANES[0]: {}}, [watched])
    box.remove("ibm", "keys", key["guid"])
    assert play("-e", "region=us-south", "-e", f"phone_number={number}").code == 0
    assert box.part()["refused"] == [
        f"{watched} after {each} of {LANES[0]}" for each in ("rc.create_key", "twilio.update_number")
    ]
