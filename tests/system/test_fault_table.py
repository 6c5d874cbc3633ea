# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of fault at every operation: nobody is left on a dead key, no secret is shown, and the next run ends the work.

Each cell of the table is a host of one inventory, with accounts and a fault of its own. So a run also shows that what one
account meets does no harm to the others. Pauses take no time (``hurry`` in :mod:`system.warm`).

``SMS_TESTS=full`` tries every cell; without it, each operation meets a part of the faults that differ for it.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.urls import password_of
from sandbox.client import Sandbox
from system.conftest import EAST, Accounts, url
from system.counts import tried
from system.parallel import two_at_a_time
from system.playing import Player, Run

FULL = os.environ.get("SMS_TESTS") == "full"
TIMEOUT = 0.5
HANG = 0.8
#: How many hosts one run has at most.
CHUNK = 40
PLACES = itertools.count(1001)
ELSEWHERE = "https://u:p4ssw0rd-elsewhere@elsewhere.example.com/sms.receiver/SmsRecv"
ONCE: dict[str, dict[str, Any]] = {
    "429 Retry-After": {"status": 429, "retry_after": 2},
    "429": {"status": 429},
    "500": {"status": 500},
    "503": {"status": 503},
    "502 HTML": {"status": 502, "body": "html", "message": "<b>Bad gateway</b>"},
    "502 HTML after": {"mode": "answer_after", "status": 502, "body": "html"},
    "reset before": {"mode": "reset_before"},
    "reset after": {"mode": "reset_after"},
    "hang": {"mode": "hang", "seconds": HANG},
    "hang after": {"mode": "hang_after", "seconds": HANG},
    "truncated": {"body": "truncated"},
    "problem": {"status": 503, "body": "problem"},
    "expired token": {"mode": "expire"},
    "401": {"status": 401},
}
#: Answers that are no reason to take a key for unused: not IAM's, or about the caller's own token.
STRANGE: dict[str, dict[str, Any]] = {
    "400 HTML": {"status": 400, "body": "html"},
    "404 HTML": {"status": 404, "body": "html"},
    "404 JSON": {"status": 404, "code": "not_found"},
    "403": {"status": 403},
}
#: Those that have another way through the code when they do not end.
ALWAYS = ("429", "503", "502 HTML after", "reset before", "reset after", "truncated", "401")
WRITES = (
    *("rc.create_key", "rc.update_key", "rc.delete_key", "twilio.update_number", "messaging.update_service"),
    *("orchestrate.create_channel", "orchestrate.delete_channel"),
)
#: Where it makes no difference whether the work was done, by how often.
SAME_FOR_READS: dict[int | None, tuple[str, ...]] = {
    1: ("502 HTML after", "hang after", "problem", "500", "429"),
    None: ("502 HTML after", "reset before", "429", "truncated"),
}
#: What only requests with an IAM token meet.
WITH_TOKEN = ("rc.", "iam.api_key_details")
LOOK = ("twilio.list_numbers", "messaging.list_services", "messaging.list_pool", "conversations.list_addresses")
FIND = ("iam.token", "rc.list_instances", "rc.list_instance_keys")
HOLDERS = (
    *("twilio.list_accounts", "twilio.list_applications", "twilio.list_short_codes", "messaging.list_senders"),
    *LOOK,
)


@dataclasses.dataclass
class Cell:
    """A fault of an operation in a world: a host of the inventory."""

    world: type[World]
    operation: str
    kind: str
    times: int | None

    def __str__(self) -> str:
        often = "always" if self.times is None else "once"
        return f"{self.world.__name__}: {self.operation} {self.kind} {often}"

    @property
    def blinds(self) -> bool:
        """Whether the fault hides what holds a key, so that no credential of the run is deleted."""
        stays = self.times is None or self.kind == "401"
        return stays and self.operation in HOLDERS and self.world.playbook != "connect_sms"


class World:
    """Accounts in a state, and the playbook that works on them."""

    playbook = "connect_sms"
    #: Which of them meet faults. Looks and searches are the same for all worlds: the first that names them meets theirs.
    operations: tuple[str, ...] = ()
    settings: dict[str, Any] = {}

    def __init__(self, box: Sandbox) -> None:
        self.box, self.accounts = box, Accounts(box)
        self.instance = self.accounts.agent(f"agent-{next(PLACES)}")
        self.variables: dict[str, Any] = {
            "connect_sms_instance": self.instance["name"],
            "connect_sms_region": "us-south",
            "connect_sms_ibmcloud_api_key": self.accounts.environment["IC_API_KEY"],
            "connect_sms_twilio_account_sid": self.accounts.twilio["sid"],
            "connect_sms_twilio_auth_token": self.accounts.twilio["auth_token"],
        }
        # A Messaging Service that takes the texts of another number.
        sid = self.accounts.twilio["sid"]
        box.add_service(account_sid=sid, use_inbound_webhook_on_number=False, pool=[self.accounts.number()])
        self.numbers: list[str] = []
        self.prepare()

    def prepare(self) -> None:
        """Add what this world begins with."""

    def wanted(self, *, again: bool) -> list[str]:
        """Return the numbers of a run: of the one that meets the fault, or of the next."""
        return self.numbers

    def old_key(self) -> dict[str, Any]:
        """Add a service credential of long ago."""
        return self.box.add_key(self.instance["guid"], created_at="2026-01-01T00:00:00Z")

    def answers(self) -> Iterator[str]:
        """Yield what is wrong whatever has happened: every number of ours answers."""
        for number in self.numbers:
            if password_of(self.accounts.sms_url(number)) and not self.box.text(number)["delivered"]:
                yield f"{number} is on a dead key"

    def finished(self) -> Iterator[str]:
        """Yield what is wrong once all is done: one live credential, and all numbers on it."""
        names = [key["name"] for key in self.accounts.keys(self.instance)]
        if names != ["twilio-sms"]:
            yield f"the credentials are {names}"
        elif {password_of(self.accounts.sms_url(n)) for n in self.numbers} != {
            self.accounts.the_api_key(self.instance)
        }:
            yield "not all numbers are on its key"

    def names(self) -> set[str]:
        """Return the names by which a message means something of this world."""
        keys = [key["guid"] for key in self.box.rows("ibm", "keys") if key["instance_guid"] == self.instance["guid"]]
        return {*keys, *self.numbers, self.instance["name"], self.instance["guid"], self.accounts.twilio["sid"]}


class Connecting(World):
    """A number that is in service elsewhere is connected."""

    operations = (*LOOK, *FIND, "rc.create_key", "twilio.update_number")

    def prepare(self) -> None:
        self.numbers = [self.accounts.number(sms_url=ELSEWHERE)]


class Existing(World):
    """A number is moved to the key of a credential that is there."""

    operations = ("iam.token", "rc.list_instance_keys", "rc.get_key", "twilio.update_number")

    def prepare(self) -> None:
        self.old_key()
        self.numbers = [self.accounts.number(sms_url=ELSEWHERE)]


class Rotating(World):
    """The key of two numbers is replaced; a third number holds a key of another agent, about which IAM is asked."""

    playbook = "rotate_sms_key"
    operations = (
        *dict.fromkeys((*LOOK, *FIND, *HOLDERS)),
        *("rc.create_key", "rc.update_key", "rc.delete_key", "iam.api_key_details", "twilio.update_number"),
    )

    def prepare(self) -> None:
        other = self.accounts.agent("another", "us-east")
        self.accounts.connected(self.box.add_key(other["guid"]), EAST)
        key = self.old_key()
        self.numbers = [self.accounts.connected(key) for _number in range(2)]


class Disconnecting(World):
    """A number lets go of its key, and the credential is deleted."""

    playbook = "disconnect_sms"
    operations = (*HOLDERS, "rc.list_instance_keys", "rc.update_key", "rc.delete_key", "twilio.update_number")

    def prepare(self) -> None:
        self.numbers = [self.accounts.connected(self.old_key())]

    def finished(self) -> Iterator[str]:
        if self.accounts.keys(self.instance) or self.accounts.sms_url(self.numbers[0]):
            yield "something is left"


class Repairing(World):
    """A service that leads elsewhere defers to its number from now on."""

    operations = ("messaging.list_services", "messaging.list_pool", "messaging.update_service", "twilio.update_number")

    def prepare(self) -> None:
        self.variables["connect_sms_on_override"] = "repair"
        self.numbers = [self.accounts.number(sms_url=ELSEWHERE)]
        sid = self.accounts.twilio["sid"]
        row = {"inbound_request_url": ELSEWHERE, "use_inbound_webhook_on_number": False}
        self.service = self.box.add_service(account_sid=sid, pool=self.numbers, **row)

    def finished(self) -> Iterator[str]:
        yield from super().finished()
        if not self.box.text(self.numbers[0])["delivered"]:
            yield "the service still takes the texts"


class Partly(Rotating):
    """The key of one of two numbers is replaced, by somebody who cannot read keys: only IAM knows whose they are."""

    operations = ("iam.api_key_details", "iam.token", "twilio.list_numbers", "rc.list_instance_keys")
    settings = {"editors_create_any_role": True, "api_key_names": "generated"}

    def prepare(self) -> None:
        editor(self)
        key = self.old_key()
        self.numbers = [self.accounts.connected(key) for _number in range(2)]

    def wanted(self, *, again: bool) -> list[str]:
        return self.numbers if again else self.numbers[:1]


class Unreadable(World):
    """A number has lost its webhook, another one still holds the key that this identity may not read."""

    operations = ("rc.get_instance", "rc.get_key", "iam.api_key_details", "rc.list_instance_keys")

    def prepare(self) -> None:
        editor(self)
        self.variables["connect_sms_instance"] = self.instance["guid"]
        self.numbers = [self.accounts.connected(self.old_key()), self.accounts.number()]


def editor(world: World) -> None:
    """Let the caller be somebody who may make credentials and not read them."""
    account = world.accounts.ibm["id"]
    caller = world.box.add_caller(account_id=account, service_role="Reader", platform_role="Editor")
    world.variables["connect_sms_ibmcloud_api_key"] = caller["value"]


WORLDS = (Connecting, Existing, Rotating, Disconnecting, Repairing, Partly, Unreadable)


def cells() -> Iterator[Cell]:
    """Yield the table."""
    kinds = [(kind, 1) for kind in ONCE] + [(kind, None) for kind in ALWAYS]
    seen: set[tuple[str, str, int | None]] = set()
    for world in WORLDS:
        for operation, (kind, times) in itertools.product(world.operations, kinds):
            same = () if FULL or operation in WRITES else SAME_FOR_READS[times]
            again = operation in (*LOOK, *FIND, *HOLDERS) or (times == 1 and world not in (Partly, Unreadable))
            tried_before = not FULL and again and (operation, kind, times) in seen
            expires = kind != "expired token" or operation.startswith(WITH_TOKEN)
            if kind not in same and not tried_before and expires:
                seen.add((operation, kind, times))
                yield Cell(world, operation, kind, times)
        for operation, kind in itertools.product(world.operations, STRANGE):
            # A 404 of Resource Controller's own tells that there is nothing to delete any more.
            certain = (operation, kind) == ("rc.delete_key", "404 JSON")
            if operation in ("iam.api_key_details", "iam.token", "rc.delete_key") and not certain:
                yield Cell(world, operation, kind, None)


def batches() -> list[list[Cell]]:
    """Return the cells that one run meets together."""
    groups: dict[Any, list[Cell]] = collections.defaultdict(list)
    for cell in cells():
        groups[cell.world.playbook, str(cell.world.settings), cell.blinds].append(cell)
    return [group[place : place + CHUNK] for group in groups.values() for place in range(0, len(group), CHUNK)]


class Table:
    """A batch of cells at a sandbox."""

    def __init__(self, box: Sandbox, folder: pathlib.Path, batch: list[Cell]) -> None:
        box.reset()
        elsewhere = {"elsewhere.example.com": {"username": "u", "password": "p4ssw0rd-elsewhere"}}
        box.settings(receivers=elsewhere, **batch[0].world.settings)
        folder.mkdir()
        self.box, self.cells = box, {f"c{place}": cell for place, cell in enumerate(batch)}
        self.worlds = {host: cell.world(box) for host, cell in self.cells.items()}
        #: Whether nothing is deleted, because what holds the keys is hidden.
        self.blind = batch[0].blinds
        self.player = Player(box, folder, {**box.environment, "IC_API_KEY": "", "TWILIO_AUTH_TOKEN": ""}, hurry=True)

    def play(self, *, again: bool) -> Run:
        """Run the playbook over all hosts."""
        hosts = {
            host: {**world.variables, "connect_sms_phone_numbers": world.wanted(again=again)}
            for host, world in self.worlds.items()
        }
        inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_timeout": TIMEOUT}}}
        return self.player(playbook=next(iter(self.cells.values())).world.playbook, inventory=inventory)

    def problems(self) -> Iterator[str]:
        """Let all hosts meet their faults, then have another try without. Yield what went wrong."""
        faults = {host: self._fault(host) for host in self.cells}
        run = self.play(again=False)
        hits = {fault["id"]: fault["hits"] for fault in self.box.faults()}
        self.box.clear_faults()
        for host, cell in self.cells.items():
            met = [] if hits[faults[host]] else ["the fault was not met"]
            yield from (f"{cell}: {problem}" for problem in (*met, *self._judged(host, run)))
        again = self.play(again=True)
        for host, cell in self.cells.items():
            wrong = [] if host not in again.failures else [f"the next run failed: {again.failures[host]}"]
            world = self.worlds[host]
            yield from (f"{cell}: afterwards: {problem}" for problem in (*wrong, *world.answers(), *world.finished()))

    def _fault(self, host: str) -> int:
        cell, accounts = self.cells[host], self.worlds[host].accounts
        ibm = cell.operation.startswith(("rc.", "iam."))
        account = accounts.ibm["id"] if ibm else accounts.twilio["sid"]
        return self.box.fault(cell.operation, times=cell.times, account=account, **{**ONCE, **STRANGE}[cell.kind])

    def _judged(self, host: str, run: Run) -> Iterator[str]:
        """Yield what is wrong with a host after the run that met the faults."""
        cell, world = self.cells[host], self.worlds[host]
        names = world.names()
        told = [part for each in run.failures.values() for part in each.split("; ")]
        own = [part for part in told if any(known in part for known in names)]
        unnamed = any(
            re.search(r"and \d+ more", part) for part in told
        )  # of many failures a message names the first ten
        warned = re.findall(r"Service credential '[^']+' \(([^)]+)\) is kept", " ".join(run.output.split()))
        kept = self.blind or not names.isdisjoint(warned)
        # What passes is waited out. Refused credentials are not tried again at Twilio's and IAM's, nor is a token that was
        # handed on, nor does half an answer that a key is unknown tell that it is.
        gives_up = cell.kind == "401" and not cell.operation.startswith(WITH_TOKEN)
        gives_up |= cell.operation == "rc.get_key" and cell.world is Existing and cell.kind in ("401", "expired token")
        gives_up |= cell.operation == "iam.api_key_details" and cell.kind == "truncated"
        if cell.times == 1 and not gives_up and (own or (kept and cell.world is not Partly)):
            yield f"failed: {own or 'a credential is kept'}"
        if host in run.failures and not re.search(r"Could not|was not|is hidden|has not", run.failures[host]):
            yield f"no reason is given: {run.failures[host]}"
        yield from world.answers()
        if not own and not kept and not unnamed:
            yield from world.finished()


@pytest.fixture(scope="module")
def boxes() -> Iterator[list[Sandbox]]:
    """Sandboxes that are emptied for each batch."""
    with Sandbox.start() as one, Sandbox.start() as other:
        yield [one, other]


def test_the_whole_table(boxes: list[Sandbox], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("table")  # a short name, because Ansible keeps a socket in there

    def meet(box: Sandbox, batch: list[Cell]) -> None:
        table = Table(box, folder / str(id(batch)), batch)
        problems = list(table.problems())
        tried("faults", len(batch))
        assert not problems, "\n".join(problems)

    two_at_a_time(boxes, meet, batches())


def test_a_rotation_on_a_bad_day(play: Player, accounts: Accounts) -> None:
    """What passes is waited out, also where the work was done and only the answer is lost."""
    box = accounts.box
    agent = accounts.agent()
    key = box.add_key(agent["guid"])
    other = box.add_key(accounts.agent("another", "us-east")["guid"])
    accounts.connected(other, EAST)
    numbers = [accounts.connected(key) for _number in range(3)]
    first, second, third = (box.number(number)["sid"] for number in numbers)
    faults = [
        box.fault("rc.update_key", mode="reset_after"),
        box.fault("rc.create_key", mode="hang_after", seconds=5),
        box.fault("rc.list_instance_keys", status=401, code="RC-Unauthorized", skip=1),
        box.fault("rc.delete_key", mode="answer_after", status=502, body="html"),
        box.fault("iam.api_key_details", status=429, retry_after=1),
        box.fault("messaging.list_services", body="truncated", skip=1),
        box.fault("conversations.list_addresses", status=500),
        box.fault("twilio.update_number", mode="answer_after", status=502, body="html", match=first),
        box.fault("twilio.update_number", mode="reset_before", match=second),
        box.fault("twilio.update_number", body="truncated", match=third),
    ]
    words = ("-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}", "-e", "connect_sms_timeout=2")
    run = play(*words, "-vvv", playbook="rotate_sms_key")
    assert run.code == 0, run.output
    assert [box.hits(fault) for fault in faults] == [1] * len(faults)
    tried("faults", len(faults))
    assert [key["name"] for key in accounts.keys(agent)] == ["twilio-sms"]
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}
    assert accounts.the_api_key(agent) != key["api_key"]["value"]


def test_a_rotation_that_cannot_end(play: Player, accounts: Accounts) -> None:
    """It says why, nothing is on a dead key, and the next run ends it."""
    box = accounts.box
    agent = accounts.agent()
    key = box.add_key(agent["guid"])
    numbers = [accounts.connected(key) for _number in range(2)]
    words = ("-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}")
    box.fault("rc.create_key", status=422, code="BXNIM0151E", message="Too many API keys")
    refused = play(*words, playbook="rotate_sms_key")
    assert refused.code == 2
    assert "Too many API keys" in refused.failures["localhost"]
    assert all(box.text(number)["delivered"] for number in numbers)

    sid = box.number(numbers[1])["sid"]
    box.fault("twilio.update_number", status=400, code=21649, message="Bundle required", times=None, match=sid)
    half = play(*words, playbook="rotate_sms_key")
    assert half.code == 2
    assert f"{numbers[1]}: Could not update phone number {numbers[1]}: HTTP 400 (21649)" in half.failures["localhost"]
    assert f"its key is still in use by {numbers[1]}" in half.stdout
    assert sorted(key["name"] for key in accounts.keys(agent)) == ["twilio-sms", "twilio-sms:retiring"]
    assert all(box.text(number)["delivered"] for number in numbers)
    tried("faults", 2)

    box.clear_faults()
    done = play(*words, playbook="rotate_sms_key")
    assert done.code == 0, done.output
    assert [request["operation"] for request in done.writes] == ["twilio.update_number", "rc.delete_key"]
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}
