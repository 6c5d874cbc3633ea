# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service credential without the numbers: runs that create it, and runs that may only find it."""

from __future__ import annotations

import pytest

from system.conftest import Accounts, url
from system.playing import Player

REGION = ("-e", "region=us-south")
FIND = ("-e", "create_credential=no")


def test_first_the_credential_then_the_numbers(play: Player, accounts: Accounts) -> None:
    agent, number = accounts.agent(), accounts.number()
    to_the_number = (*REGION, *FIND, "-e", f"phone_number={number}")

    # A run that may not create the credential changes nothing, in a dry run and in a real one, also not at Twilio.
    for words in (("--check",), ()):
        refused = play(*to_the_number, *words)
        assert (refused.code, refused.writes) == (2, [])
        assert "There is no service credential 'twilio-sms' on instance 'sms-agent'" in refused.failures["localhost"]
        assert "voiceagent.sms.ensure_sms_credential" in refused.failures["localhost"]
    assert accounts.keys(agent) == []

    # Works without Twilio's credentials: creating the key needs no access to numbers.
    alone = dict.fromkeys(accounts.twilio["environment"])
    dry = play(*REGION, "-e", "dry_run=yes", playbook="ensure_sms_credential", env=alone)
    assert (dry.code, dry.writes) == (0, [])
    assert "changed" in dry.recap["localhost"]
    named = "connect_sms: instance 'sms-agent' in us-south, credential 'twilio-sms'"
    assert f"{named} would be created\n" in dry.stdout
    made = play(*REGION, "--diff", playbook="ensure_sms_credential", env=alone)
    assert made.code == 0, made.output
    assert [request["operation"] for request in made.writes] == ["rc.create_key"]
    (key,) = accounts.keys(agent)
    assert f"{named} created ({key['guid']})\n" in made.stdout
    assert not [request for request in made.requests if request["cloud"] == "twilio"]
    again = play(*REGION, playbook="ensure_sms_credential", env=alone)
    assert f"{named} exists ({key['guid']})\n" in again.stdout
    assert (again.code, again.writes, again.recap["localhost"].get("changed")) == (0, [], None)

    connected = play(*to_the_number)
    assert connected.code == 0, connected.output
    assert accounts.sms_url(number) == url(accounts.the_api_key(agent))


def test_the_end_of_a_disconnect_says_what_became_of_the_credential(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    key = accounts.box.add_key(agent["guid"])
    number, other = accounts.connected(key), accounts.connected(key)
    words = (*REGION, "-e", f"phone_number={number}")
    named = "instance 'sms-agent' in us-south, credential 'twilio-sms'"
    kept = play(*words, playbook="disconnect_sms")
    assert f"1 disconnected; {named} kept;" in kept.stdout
    accounts.box.change("twilio", "numbers", other, sms_url="")
    dry = play(*words, "--check", playbook="disconnect_sms")
    assert f"1 unchanged; {named} would be deleted;" in dry.stdout
    gone = play(*words, playbook="disconnect_sms")
    assert f"1 unchanged; {named} deleted;" in gone.stdout
    assert (gone.code, accounts.keys(agent)) == (0, [])


def test_each_agent_of_an_inventory_gets_one(play: Player, accounts: Accounts) -> None:
    south, east = accounts.agent(), accounts.agent("east", "us-east")
    inventory = {
        "all": {
            "hosts": {
                "a": {"connect_sms_region": "us-south"},
                "b": {"connect_sms_region": "us-south", "phone_number": accounts.number()},
                "c": {"connect_sms_region": "us-east"},
                "gateway": {"connect_sms_receiver_url": "https://gateway.example.com/sms"},
            }
        }
    }
    run = play(playbook="ensure_sms_credential", inventory=inventory)
    assert run.code == 0, run.output
    assert run.operations["rc.create_key"] == 2
    assert [len(accounts.keys(agent)) for agent in (south, east)] == [1, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param((), "neither region nor instance is given", id="nothing given"),
        pytest.param(("-e", "region=us-west"), "us-west", id="no such region"),
        pytest.param((*REGION, "-e", "instance=other"), "instance 'other'", id="no such instance"),
        pytest.param(
            (*REGION, "-e", "connect_sms_create_credential=perhaps", "-e", "phone_number=+15550100001"),
            "connect_sms_create_credential",
            id="no yes and no no",
        ),
    ],
)
def test_bad_input(play: Player, accounts: Accounts, words: tuple[str, ...], message: str) -> None:
    accounts.agent()
    playbook = "connect_sms" if "connect_sms_create_credential=perhaps" in words else "ensure_sms_credential"
    run = play(*words, playbook=playbook)
    assert (run.code, run.writes) == (2, [])
    assert message in "".join(run.failures.values()), run.output
