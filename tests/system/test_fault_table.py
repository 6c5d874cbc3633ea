# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of both clouds that connecting and rotating need, with every kind of fault.

The whole table runs in this process (:mod:`system.inside`); some of its cells also with ansible-playbook.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import Transport
from ansible_collections.voiceagent.sms.plugins.module_utils._http.urls import password_of
from sandbox.client import Sandbox
from system.conftest import EAST, Accounts, url
from system.counts import tried
from system.inside import Role, hasten
from system.leaks import Leaks
from system.playing import BROKEN, FOREIGN, Player

FULL = os.environ.get("SMS_TESTS") == "full"
TIMEOUT = 0.5
HANG = 0.8
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
    "expired token": {},
    "401": {"status": 401},
}
#: Answers that do not prove that a key is unused: they are not IAM's, or about the caller's own token.
STRANGE: dict[str, dict[str, Any]] = {
    "400 HTML": {"status": 400, "body": "html"},
    "404 HTML": {"status": 404, "body": "html"},
    "404 JSON": {"status": 404, "code": "not_found"},
    "403": {"status": 403},
}
#: Faults that take another path through the code if they are permanent.
ALWAYS = ("429", "503", "502 HTML after", "reset before", "reset after", "truncated", "401")
WRITES = ("rc.create_key", "rc.update_key", "rc.delete_key", "twilio.update_number")
#: Faults for which it does not matter whether the request was processed, by their count.
SAME_FOR_READS: dict[int | None, tuple[str, ...]] = {
    1: ("502 HTML after", "hang after", "problem"),
    None: ("502 HTML after", "reset before", "429"),
}
REQUESTS = {
    "rc.list_instances": r"GET /v2/resource_instances\?",
    "rc.get_instance": r"GET /v2/resource_instances/[^/]+$",
    "rc.list_instance_keys": r"GET /v2/resource_instances/[^/]+/resource_keys",
    "rc.create_key": "POST /v2/resource_keys",
    "rc.get_key": "GET /v2/resource_keys/",
    "rc.update_key": "PATCH /v2/resource_keys/",
    "rc.delete_key": "DELETE /v2/resource_keys/",
    "iam.api_key_details": "GET /v1/apikeys/details",
}
LOOK = ("twilio.list_numbers", "messaging.list_services", "messaging.list_pool", "conversations.list_addresses")
FIND = ("iam.token", "rc.list_instances", "rc.list_instance_keys")


class World(NamedTuple):
    """Accounts in a certain state, and a run of the role on them."""

    accounts: Accounts
    agent: dict[str, Any]
    role: Role
    numbers: list[str]
    #: What the fault affects, and what is done afterwards.
    run: Callable[[list[str]], dict[str, Any]]
    rerun: Callable[[list[str]], dict[str, Any]]

    def check(self) -> None:
        """Every text is delivered, whatever the fault."""
        for number in self.numbers:
            found = self.accounts.sms_url(number)
            if password_of(found):
                assert self.accounts.box.text(number)["delivered"], f"{number} is on a dead key"

    def check_finished(self) -> None:
        """One live credential, and all numbers on it."""
        self.check()
        (key,) = self.accounts.keys(self.agent)
        assert key["name"] == "twilio-sms"
        api_key = self.accounts.box.api_key_of(key["guid"])
        assert {password_of(self.accounts.sms_url(number)) for number in self.numbers} == {api_key}


def new_world(box: Sandbox, *, editor: bool = False, **agent: Any) -> tuple[Accounts, dict[str, Any], Role]:
    """Make accounts with an agent, and with a Messaging Service that takes the texts of another number."""
    accounts = Accounts(box)
    instance = accounts.agent(**agent)
    accounts.box.add_service(
        account_sid=accounts.twilio["sid"], use_inbound_webhook_on_number=False, pool=[accounts.number()]
    )
    env = accounts.environment
    api_key = env["IC_API_KEY"]
    if editor:
        caller = box.add_caller(account_id=accounts.ibm["id"], service_role="Reader", platform_role="Editor")
        api_key = caller["value"]
    role = Role(
        region="us-south",
        timeout=TIMEOUT,
        ibmcloud_api_key=api_key,
        iam_endpoint=box.url,
        resource_controller_endpoint=box.url,
        twilio_account_sid=env["TWILIO_ACCOUNT_SID"],
        twilio_auth_token=env["TWILIO_AUTH_TOKEN"],
        twilio_api_endpoint=box.url,
    )
    return accounts, instance, role


def connecting(box: Sandbox) -> World:
    """A number that is in service elsewhere is connected."""
    accounts, agent, role = new_world(box)
    numbers = [accounts.number(sms_url="https://elsewhere.example.com/sms")]
    return World(accounts, agent, role, numbers, role.connect, role.connect)


def rotating(box: Sandbox) -> World:
    """The key of two numbers is replaced; a third number holds a key of another agent, about which IAM is asked."""
    accounts, agent, role = new_world(box)
    key = box.add_key(agent["guid"])
    accounts.connected(box.add_key(accounts.agent("another", "us-east")["guid"]), EAST)
    numbers = [accounts.connected(key) for _number in range(2)]
    return World(accounts, agent, role, numbers, role.rotate, role.rotate)


def unreadable(box: Sandbox) -> World:
    """A number has lost its webhook; another one still holds the key, which this identity may not read."""
    accounts, agent, role = new_world(box, editor=True)
    role._variables["connect_sms_instance"] = agent["guid"]
    key = box.add_key(agent["guid"])
    numbers = [accounts.connected(key), accounts.number()]
    return World(accounts, agent, role, numbers, role.connect, role.connect)


def partly(box: Sandbox) -> World:
    """The key of one of two numbers is replaced by an identity that cannot read keys, so only IAM knows their owners."""
    box.settings(editors_create_any_role=True, api_key_names="generated")
    accounts, agent, role = new_world(box, editor=True)
    key = box.add_key(agent["guid"])
    numbers = [accounts.connected(key) for _number in range(2)]

    def run(wanted: list[str]) -> dict[str, Any]:
        return role.rotate(wanted[:1])

    return World(accounts, agent, role, numbers, run, role.rotate)


WORLDS: dict[Callable[[Sandbox], World], tuple[str, ...]] = {
    connecting: (*LOOK, *FIND, "rc.create_key", "twilio.update_number"),
    rotating: (
        *LOOK,
        *FIND,
        *("rc.create_key", "rc.update_key", "rc.delete_key", "iam.api_key_details", "twilio.update_number"),
    ),
    partly: ("iam.api_key_details", "iam.token", "twilio.list_numbers", "rc.list_instance_keys"),
    unreadable: ("rc.get_instance", "rc.get_key", "iam.api_key_details", "rc.list_instance_keys"),
}


class Cell(NamedTuple):
    """A fault of an operation in a world."""

    world: Callable[[Sandbox], World]
    operation: str
    kind: str
    times: int | None

    def __str__(self) -> str:
        often = "always" if self.times is None else "once"
        return f"{self.world.__name__}: {self.operation} {self.kind} {often}"


def cells(world: Callable[[Sandbox], World]) -> Iterator[Cell]:
    """Return the part of the table for one world.

    Without ``SMS_TESTS=full``, connecting leaves out the operations that rotating tries as well, in the same code, and
    reads the faults that differ for writes only.
    """
    kinds = [(kind, 1) for kind in ONCE] + [(kind, None) for kind in ALWAYS]
    again = () if FULL or world is not connecting else (*LOOK, *FIND)
    for operation, (kind, times) in itertools.product(WORLDS[world], kinds):
        same = () if FULL or operation in WRITES else SAME_FOR_READS[times]
        if operation not in again and kind not in same and (kind != "expired token" or operation in REQUESTS):
            yield Cell(world, operation, kind, times)
    for operation, kind in itertools.product(WORLDS[world], STRANGE):
        # A 404 of Resource Controller's own tells that there is nothing to delete any more.
        certain = (operation, kind) == ("rc.delete_key", "404 JSON")
        if operation in ("iam.api_key_details", "iam.token", "rc.delete_key") and not certain:
            yield Cell(world, operation, kind, None)


def meet(box: Sandbox, cell: Cell, patch: pytest.MonkeyPatch) -> list[str]:
    """Run a world with a fault, and then again without. Return the problems."""
    box.reset()
    world = cell.world(box)
    leaks = Leaks(box.secrets())
    fault = None
    if cell.kind == "expired token":
        _expire_before(box, REQUESTS[cell.operation], patch)
    else:
        fault = box.fault(cell.operation, times=cell.times, **{**ONCE, **STRANGE}[cell.kind])
    report = world.run(world.numbers)
    problems = _said_wrong(world.role, leaks, Leaks(box.secrets()))
    if fault is not None and not box.hits(fault):
        problems.append("the fault was not met")
    box.clear_faults()
    # Temporary faults are waited for; only refused credentials are not tried again at Twilio and IAM.
    gives_up = cell.kind == "401" and not cell.operation.startswith(("rc.", "iam.api"))
    if cell.times == 1 and not gives_up and (report["failed"] or (report["kept"] and cell.world is not partly)):
        problems.append(f"failed: {report['msg']} {report['kept']}")
    if report["failed"] and not re.search(r"Could not|was not|is hidden|has not", report["msg"]):
        problems.append(f"no reason is given: {report['msg']}")
    try:
        world.check()
        if not report["failed"] and not report["kept"]:
            world.check_finished()
        report = world.rerun(world.numbers)
        problems += _said_wrong(world.role, Leaks(box.secrets()))
        if report["failed"] or report["kept"]:
            problems.append(f"the rerun failed: {report['msg']} {report['kept']}")
        world.check_finished()
    except (AssertionError, ValueError) as error:
        problems.append(str(error) or repr(error))
    return [f"{cell}: {problem}" for problem in problems]


def _said_wrong(role: Role, *leaks: Leaks) -> list[str]:
    found = [f"shows {leak}" for each in leaks for leak in each.in_text(role.said)]
    return found + [f"broke: {role.said}" for word in BROKEN if word in role.said]


def _expire_before(box: Sandbox, request: str, patch: pytest.MonkeyPatch) -> None:
    """Let all tokens expire just before the first request of a kind."""
    real = Transport._send_over_network
    met: list[str] = []

    def send(self: Transport, method: str, url: str, headers: Any, body: Any) -> Any:
        if not met and re.match(request, f"{method} {url.removeprefix(box.url)}"):
            met.append(url)
            box.expire_tokens()
        return real(self, method, url, headers, body)

    patch.setattr(Transport, "_send_over_network", send)


@pytest.fixture(scope="module")
def own_box() -> Iterator[Sandbox]:
    """A sandbox that is emptied for each cell."""
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.mark.parametrize("world", list(WORLDS), ids=lambda world: world.__name__)
def test_the_whole_table(
    own_box: Sandbox,
    world: Callable[[Sandbox], World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of lock files
    hasten(monkeypatch)
    problems = []
    for cell in cells(world):
        with monkeypatch.context() as patch:
            problems += meet(own_box, cell, patch)
        tried("faults")
    assert not problems, "\n".join(problems)


def test_a_rotation_on_a_bad_day(play: Player, accounts: Accounts) -> None:
    """The run waits for a temporary fault to pass, also if a request was processed and only its answer is lost."""
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
    """The run says why it failed, no number has a dead key, and the next run completes the work."""
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
