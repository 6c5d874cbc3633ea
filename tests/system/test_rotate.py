# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are rotated without a refused text, and disconnecting leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from system.conftest import Accounts, url
from system.playing import Player

REGION = ("-e", "region=us-south")
RETIRING = "twilio-sms:retiring"


def hosts(numbers: list[str]) -> str:
    return "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))


@contextmanager
def texting(accounts: Accounts, numbers: list[str]) -> Iterator[list[dict]]:
    """Send texts to the numbers in turn, repeatedly, and yield their results."""
    answers: list[dict] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            for number in numbers:
                answers.append(accounts.box.text(number, "still there?"))
            time.sleep(0.05)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield answers
    finally:
        ended.set()
        sender.join()


def test_no_text_is_refused_while_keys_rotate(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    numbers = [accounts.number() for _place in range(20)]
    inventory = hosts(numbers)
    assert play(*REGION, inventory=inventory).code == 0
    first = accounts.the_api_key(agent)

    accounts.box.settings(key_activation_delay=2)
    try:
        with texting(accounts, numbers) as answers:
            part = play(*REGION, "--limit", "n0:n1:n2", playbook="rotate_sms_key", inventory=inventory)
            middle = {key["name"]: accounts.box.api_key_of(key["guid"]) for key in accounts.keys(agent)}
            halfway = [accounts.sms_url(number) for number in numbers]
            rest = play(*REGION, playbook="rotate_sms_key", inventory=inventory)
    finally:
        accounts.box.settings(key_activation_delay=0)
    assert len(answers) > 20
    assert [answer for answer in answers if not answer["delivered"]] == []

    # A part of the numbers: the old credential is kept, and the run names what holds its key.
    assert part.code == 0, part.output
    assert part.changed == {"n0", "n1", "n2"}
    assert middle[RETIRING] == first
    assert halfway == [url(middle["twilio-sms"])] * 3 + [url(first)] * 17
    assert f"'{RETIRING}'" in part.output
    assert numbers[3] in part.output
    assert "and 7 more" in part.output
    # The next run completes the rotation, and starts no other.
    assert rest.code == 0, rest.output
    assert accounts.the_api_key(agent) == middle["twilio-sms"]
    assert rest.changed == {f"n{place}" for place in range(3, 20)}
    assert {accounts.sms_url(number) for number in numbers} == {url(middle["twilio-sms"])}

    again = play(*REGION, inventory=inventory)
    assert (again.code, again.writes, again.changed) == (0, [], set())


def test_when_a_rotation_is_due(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    numbers = [accounts.number() for _place in range(3)]
    inventory = hosts(numbers)
    assert play(*REGION, inventory=inventory).code == 0
    key = accounts.the_api_key(agent)

    young = play(*REGION, "-e", "max_age=30", playbook="rotate_sms_key", inventory=inventory)
    assert (young.code, young.writes, young.changed) == (0, [], set())
    assert accounts.the_api_key(agent) == key

    check = play(*REGION, "--check", playbook="rotate_sms_key", inventory=inventory)
    assert (check.code, check.writes, check.changed) == (0, [], {"n0", "n1", "n2"})

    (row,) = accounts.keys(agent)
    accounts.box.change("ibm", "keys", row["guid"], created_at="2026-01-01T00:00:00Z")
    due = play(
        *REGION,
        "-e",
        "max_age=30",
        "-e",
        "connect_sms_role=Manager",
        "-vvv",
        playbook="rotate_sms_key",
        inventory=inventory,
    )
    assert (due.code, due.changed) == (0, {"n0", "n1", "n2"}), due.output
    (after,) = accounts.keys(agent)
    assert after["role"].endswith(":Manager")
    assert [request["operation"] for request in due.writes] == [
        "rc.update_key",
        "rc.create_key",
        *["twilio.update_number"] * 3,
        "rc.delete_key",
    ]


def test_the_old_key_is_kept_while_anything_holds_it(play: Player, accounts: Accounts) -> None:
    """A number outside the run, a fallback URL, and a Messaging Service's own webhook."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], "twilio-sms", "Writer")
    number = accounts.connected(old)
    secret = old["api_key"]["value"]
    outside = accounts.number(sms_url="https://elsewhere.example.com/sms", sms_fallback_url=url(secret))
    service = accounts.box.add_service(
        friendly_name="marketing", account_sid=accounts.twilio["sid"], inbound_request_url=url(secret), pool=[]
    )
    words = (*REGION, "-e", f"phone_number={number}")
    run = play(*words, playbook="rotate_sms_key")
    assert run.code == 0, run.output
    assert outside in run.output
    assert service["sid"] in run.output
    assert {key["name"] for key in accounts.keys(agent)} == {"twilio-sms", RETIRING}

    accounts.box.change("twilio", "numbers", outside, sms_fallback_url="")
    accounts.box.change("twilio", "services", service["sid"], inbound_request_url="")
    run = play(*words, playbook="rotate_sms_key")
    assert run.code == 0, run.output
    assert [key["name"] for key in accounts.keys(agent)] == ["twilio-sms"]
    assert accounts.box.text(number)["delivered"]


@pytest.mark.parametrize("instance", [{"onetime_credentials": True}], ids=["one-time"])
def test_the_way_out_of_a_key_that_cannot_be_read(play: Player, accounts: Accounts, instance: dict) -> None:
    agent = accounts.agent(**instance)
    lost = accounts.box.add_key(agent["guid"], "twilio-sms", "Writer")
    number = accounts.number()
    words = (*REGION, "-e", f"phone_number={number}")
    blocked = play(*words)
    assert blocked.code != 0
    assert blocked.writes == []
    assert "rotate_sms_key" in blocked.failures["localhost"]
    run = play(*words, playbook="rotate_sms_key")
    assert run.code == 0, run.output
    (key,) = accounts.keys(agent)
    assert key["guid"] != lost["guid"]
    assert accounts.box.text(number)["delivered"]
    second = play(*words)
    assert (second.code, second.writes) == (0, []), second.output


def test_nothing_is_deleted_where_it_is_not_known_what_is_in_use(play: Player, accounts: Accounts) -> None:
    """An API key that may not read the Messaging Services cannot know what is in them."""
    agent = accounts.agent()
    sub = accounts.box.add_twilio_account(owner_account_sid=accounts.twilio["sid"])
    number = accounts.number(account_sid=sub["sid"])
    env = {"TWILIO_SUBACCOUNT_SID": sub["sid"]}
    words = (*REGION, "-e", f"phone_number={number}")
    assert play(*words, env=env).code == 0
    with accounts.box.failing("messaging.list_services", status=403, code=70051, times=None):
        run = play(*words, playbook="rotate_sms_key", env=env)
    assert run.code == 0, run.output
    assert "No credential was deleted" in run.output
    assert {key["name"] for key in accounts.keys(agent)} == {"twilio-sms", RETIRING}
    # The parent's auth token may: it reads the subaccount's services with the subaccount's own.
    run = play(*words, playbook="rotate_sms_key", env=env)
    assert run.code == 0, run.output
    assert {key["name"] for key in accounts.keys(agent)} == {"twilio-sms"}


def test_disconnect(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    numbers = [accounts.number() for _place in range(3)]
    foreign = accounts.number(sms_url="https://elsewhere.example.com/sms.receiver/SmsRecv")
    inventory = hosts(numbers)
    assert play(*REGION, inventory=inventory).code == 0
    pasted = accounts.number(sms_url=url("an-older-key-pasted-by-hand"))

    part = play(*REGION, "--limit", "n0", playbook="disconnect_sms", inventory=inventory)
    assert part.code == 0, part.output
    assert numbers[1] in part.output  # the credential is kept for it
    assert len(accounts.keys(agent)) == 1

    everything = hosts([*numbers, foreign, pasted])
    check = play(*REGION, "--check", playbook="disconnect_sms", inventory=everything)
    run = play(*REGION, playbook="disconnect_sms", inventory=everything)
    assert (check.code, check.writes) == (0, [])
    assert check.changed == run.changed == {"n1", "n2", "n4"}
    assert check.recap == run.recap
    assert [request["operation"] for request in run.writes] == [
        *["twilio.update_number"] * 3,
        *("rc.update_key", "rc.delete_key"),  # who deletes renames first, and looks once more
    ]
    assert accounts.keys(agent) == []
    assert accounts.sms_url(foreign) == "https://elsewhere.example.com/sms.receiver/SmsRecv"
    assert [accounts.sms_url(number) for number in (*numbers, pasted)] == [""] * 4

    again = play(*REGION, playbook="disconnect_sms", inventory=everything)
    assert (again.code, again.writes, again.changed) == (0, [], set()), again.output
    assert "still in use" not in again.output
