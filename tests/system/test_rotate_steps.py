# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation asks of both clouds, request by request."""

from __future__ import annotations

from system.conftest import Accounts, url
from system.playing import Player, Run

RETIRING = "twilio-sms:retiring"
HOLDERS = sorted(
    [
        *("twilio.list_accounts", "twilio.list_numbers", "twilio.list_applications", "twilio.list_short_codes"),
        *(
            "messaging.list_services",
            "messaging.list_senders",
            "messaging.list_senders",
            "conversations.list_addresses",
        ),
    ]
)


def rotate(play: Player, numbers: list[str], *more: str) -> Run:
    words = ("-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}")
    return play(*words, *more, playbook="rotate_sms_key")


def operations(run: Run) -> list[str]:
    return [request["operation"] for request in run.requests]


def test_the_requests_of_a_rotation(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    key = accounts.box.add_key(agent["guid"])
    numbers = [accounts.connected(key) for _number in range(3)]
    dry = rotate(play, numbers, "--check")
    assert (dry.code, dry.status, dry.writes) == (0, {"localhost": "changed"}, []), dry.output

    run = rotate(play, numbers)
    assert (run.code, run.status) == (0, {"localhost": "changed"}), run.output
    look = ["twilio.list_numbers", "messaging.list_services", "conversations.list_addresses"]
    find = ["iam.token", "rc.list_instances", "rc.list_instance_keys"]
    asked = operations(run)
    assert asked[:9] == [*look, *find, "rc.update_key", "rc.create_key", "iam.token"]  # the last with the new key
    assert asked[9] == "rc.list_instance_keys"  # does everybody see the new name?
    assert asked[10:13] == ["twilio.update_number"] * 3
    assert asked[13] == "rc.list_instance_keys"  # is the new one the only one, and what it was?
    assert sorted(asked[14:-5]) == HOLDERS
    assert asked[-5:] == [*find, "iam.api_key_details", "rc.delete_key"]
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}

    young = rotate(play, numbers, "-e", "max_age=30")
    assert (young.code, young.status, young.writes) == (0, {"localhost": "ok"}, []), young.output
    asked = operations(young)
    assert asked[:7] == [*look, *find, "iam.token"]  # the last with the key: does it still work?
    assert (sorted(asked[7:-3]), asked[-3:]) == (HOLDERS, find)


def test_what_was_retired_does_not_pile_up(play: Player, accounts: Accounts) -> None:
    """These credentials cannot tell what is in use, so what was retired stays; its successor grows old as well."""
    agent = accounts.agent()
    number = accounts.connected(accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z"))
    accounts.box.fault("twilio.list_short_codes", status=403, code=70051, times=None)
    for count in (1, 2):
        before = accounts.sms_url(number)
        run = rotate(play, [number], "-e", "max_age=30")
        said = " ".join(run.output.split())
        assert "it is not known which are in use" in said
        assert "the short codes of account" in said
        assert (accounts.sms_url(number) != before) is (count == 1)
        # What was asked for and did not happen is no green run.
        assert (run.code != 0) is (count == 2)
        assert sorted(key["name"] for key in accounts.keys(agent)) == ["twilio-sms", RETIRING]
        assert accounts.box.text(number)["delivered"]
        (live,) = (key for key in accounts.keys(agent) if key["name"] == "twilio-sms")
        accounts.box.change("ibm", "keys", live["guid"], created_at="2026-01-01T00:00:00Z")
    assert "older than connect_sms_max_age, and was not replaced" in said
    now = rotate(play, [number])
    assert now.code != 0
    assert "was not replaced, because an earlier one is still retired" in now.failures["localhost"]
    told = rotate(play, [number], "-e", "connect_sms_delete_unseen=true")
    assert told.code == 0, told.output
    assert [key["name"] for key in accounts.keys(agent)] == ["twilio-sms"]


def test_two_credentials_of_the_name_are_nobody_s_to_choose_from(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    keys = [accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z") for _key in range(2)]
    numbers = [accounts.connected(key) for key in keys]
    run = rotate(play, numbers)
    assert run.code != 0
    assert "There are 2 service credentials named 'twilio-sms'" in run.output
    assert all(key["guid"] in run.output for key in keys)
    assert run.writes == []
    assert all(accounts.box.text(number)["delivered"] for number in numbers)
