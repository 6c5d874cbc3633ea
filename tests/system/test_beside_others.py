# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a credential during a run, by another run, another machine, or a refusal of IBM Cloud."""

from __future__ import annotations

import json
import pathlib

import pytest

from system.conftest import EAST, Accounts, url
from system.playing import Player

REGION = ("-e", "region=us-south")
RETIRING = "twilio-sms:retiring"


@pytest.mark.parametrize("how", ["retired", "deleted"])
def test_a_credential_that_goes_while_numbers_are_connected(play: Player, accounts: Accounts, how: str) -> None:
    """A successful run means that texts arrive: the run notices the change, and connects again with the current credential."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    numbers = [accounts.number() for _place in range(2)]

    def go() -> None:
        accounts.box.change("ibm", "keys", old["guid"], name=RETIRING)
        if how == "deleted":
            accounts.box.remove("ibm", "keys", old["guid"])

    inventory = "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))
    with accounts.box.meanwhile("twilio.update_number", go):
        run = play(*REGION, inventory=inventory)
    assert run.code == 0, run.output
    assert f"({old['guid']}) was {how} by another run" in run.output
    (key,) = (key for key in accounts.keys(agent) if key["name"] == "twilio-sms")
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.box.api_key_of(key["guid"]))}
    assert all(accounts.box.text(number)["delivered"] for number in numbers)


@pytest.mark.parametrize(
    ("words", "fault", "reason"),
    [
        ((), ("twilio.list_numbers", 403), "HTTP 403"),
        (("-e", "create_credential=false"), None, "voiceagent.sms.ensure_sms_credential first"),
        ((), ("rc.create_key", 403), "HTTP 403"),
    ],
)
def test_a_second_pass_that_can_do_nothing_is_no_success(
    play: Player, accounts: Accounts, words: tuple[str, ...], fault: tuple[str, int] | None, reason: str
) -> None:
    """The first pass has given the number a key that another run deletes meanwhile."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    number = accounts.number()

    def go() -> None:
        accounts.box.remove("ibm", "keys", old["guid"])
        if fault:
            accounts.box.fault(fault[0], status=fault[1])

    with accounts.box.meanwhile("twilio.update_number", go):
        run = play(*REGION, *words, "-e", f"phone_number={number}")
    assert run.code == 2, run.output
    assert f"({old['guid']}) was deleted by another run" in run.output
    assert reason in run.failures["localhost"]
    assert "1 failed" in run.stdout


def test_a_second_pass_of_a_rotation_takes_the_other_run_s_key_however_young(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    number, theirs = accounts.connected(old), []

    def rotate() -> None:
        (own,) = (key for key in accounts.keys(agent) if key["name"] == "twilio-sms")
        accounts.box.change("ibm", "keys", own["guid"], name=RETIRING)
        theirs.append(accounts.box.add_key(agent["guid"]))

    with accounts.box.meanwhile("twilio.update_number", rotate):
        run = play(*REGION, "-e", f"phone_number={number}", "-e", "max_age=30", playbook="rotate_sms_key")
    assert run.code == 0, run.output
    assert accounts.sms_url(number) == url(theirs[0]["api_key"]["value"])
    assert accounts.box.text(number)["delivered"]


TWICE = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: voiceagent.sms.connect_sms}
    - ansible.builtin.import_role: {name: voiceagent.sms.connect_sms}
      vars: {connect_sms_credential_name: other}
"""


def test_a_second_use_of_the_role_after_two_passes_loses_no_host(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    hosts = {name: {"phone_number": accounts.number()} for name in ("a", "b")}
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    with accounts.box.meanwhile("twilio.update_number", lambda: accounts.box.remove("ibm", "keys", old["guid"])):
        run = play(playbook=TWICE, inventory=inventory)
    assert run.code == 2, run.output
    assert "Ansible has left out b, because another run interfered" in run.output
    assert all(accounts.box.text(host["phone_number"])["delivered"] for host in hosts.values())
    again = play(playbook=TWICE, inventory=inventory)
    assert (again.code, again.status) == (0, {"a": "changed", "b": "changed"})


def test_what_a_first_pass_changed_is_changed(play: Player, accounts: Accounts) -> None:
    """The second pass may also find nothing to do, if the credential only seemed to be gone."""
    agent = accounts.agent()
    numbers = [accounts.number() for _place in range(2)]
    inventory = "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))
    accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    accounts.box.fault("rc.get_key", status=404, code="RC-NotFound")
    run = play(*REGION, "--diff", "-e", f"connect_sms_backup_dir={play.folder / 'records'}", inventory=inventory)
    assert run.code == 0, run.output
    assert "was deleted by another run" in run.output
    assert run.status == {"n0": "changed", "n1": "changed"}
    assert run.operations["twilio.update_number"] == 2
    assert "2 connected" in run.stdout
    assert next((play.folder / "records").glob("*.json")).name in run.stdout
    assert run.diff.count("+++ after") == 2
    again = play(*REGION, inventory=inventory)
    assert again.status == {"n0": "ok", "n1": "ok"}


@pytest.mark.parametrize("twice", [False, True], ids=["in one pass", "in two passes"])
def test_a_rotation_that_goes_on_has_moved_its_numbers(play: Player, accounts: Accounts, twice: bool) -> None:
    """An earlier run was killed. The retired key is kept for a number outside of this one, which is no failure."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], name=RETIRING, created_at="2026-01-01T00:00:00Z")
    accounts.box.add_key(agent["guid"])
    number, other = accounts.connected(old), accounts.connected(old)
    if twice:  # the credential only seems to be gone, so the second pass finds nothing to do
        accounts.box.fault("rc.get_key", status=404, code="RC-NotFound")
    run = play(*REGION, "-e", f"phone_number={number}", playbook="rotate_sms_key")
    assert ("was deleted by another run" in run.output) is twice
    assert run.code == 0, run.output
    assert run.operations["twilio.update_number"] == 1
    assert f"'{RETIRING}' ({old['guid']}) is kept" in run.output
    assert all(accounts.box.text(each)["delivered"] for each in (number, other))


def test_a_rotation_that_did_not_happen_fails_whatever_another_agent_s_did(play: Player, accounts: Accounts) -> None:
    south, east = accounts.agent(), accounts.agent("east", "us-east")
    held = accounts.connected(accounts.box.add_key(south["guid"], name=RETIRING, created_at="2026-01-01T00:00:00Z"))
    done = accounts.connected(accounts.box.add_key(south["guid"], created_at="2026-01-02T00:00:00Z"))
    due = accounts.connected(accounts.box.add_key(east["guid"], created_at="2026-01-01T00:00:00Z"), EAST)
    hosts = {
        "south": {"phone_number": done, "connect_sms_region": "us-south"},
        "east": {"phone_number": due, "connect_sms_region": "us-east"},
    }
    run = play(playbook="rotate_sms_key", inventory={"all": {"hosts": hosts}})
    assert run.code == 2, run.output
    assert run.status["east"] == "changed"
    assert "was not replaced, because an earlier one is still retired" in run.output
    assert all(accounts.box.text(number)["delivered"] for number in (held, done, due))


def test_two_machines_that_create_at_once_keep_one(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    number = accounts.number()
    older: list[dict] = []

    def create() -> None:
        older.append(accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z"))

    with accounts.box.meanwhile("twilio.update_number", create):
        run = play(*REGION, "-e", f"phone_number={number}")
    assert run.code == 0, run.output
    assert [key["guid"] for key in accounts.keys(agent)] == [older[0]["guid"]]
    assert accounts.sms_url(number) == url(older[0]["api_key"]["value"])


def two_accounts(accounts: Accounts, key: dict) -> tuple[list[str], dict[str, object]]:
    """Return numbers in two Twilio accounts and a subaccount that hold one key, and their inventory."""
    box = accounts.box
    other = box.add_twilio_account()
    sub = box.add_twilio_account(owner_account_sid=accounts.twilio["sid"])
    login = {"connect_sms_twilio_account_sid": other["sid"], "connect_sms_twilio_auth_token": other["auth_token"]}
    hosts = {
        "own": {"phone_number": accounts.connected(key)},
        "other": {"phone_number": accounts.connected(key, account_sid=other["sid"]), **login},
        "sub": {
            "phone_number": accounts.connected(key, account_sid=sub["sid"]),
            "connect_sms_twilio_subaccount_sid": sub["sid"],
        },
    }
    return [str(host["phone_number"]) for host in hosts.values()], {"all": {"hosts": hosts}}


def test_a_key_that_another_account_holds_is_never_deleted(play: Player, accounts: Accounts) -> None:
    """With --limit and in batches, the key is deleted once all accounts have moved."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    numbers, inventory = two_accounts(accounts, old)

    part = play(*REGION, "--limit", "own", playbook="rotate_sms_key", inventory=inventory)
    assert part.code == 0, part.output
    assert f"'{RETIRING}' ({old['guid']}) is kept" in part.output
    assert numbers[1] in part.output
    assert numbers[2] in part.output
    assert all(accounts.box.text(number)["delivered"] for number in numbers)
    asked_for = play(*REGION, "--limit", "own", playbook="rotate_sms_key", inventory=inventory)
    assert asked_for.code != 0, "a rotation that was asked for and did not happen"
    assert "was not replaced, because an earlier one is still retired" in asked_for.output

    cleared = play(*REGION, "--limit", "other", playbook="disconnect_sms", inventory=inventory)
    assert cleared.code == 0, cleared.output
    assert [accounts.box.text(number)["delivered"] for number in numbers] == [True, False, True]

    batches = play(*REGION, "-e", "connect_sms_serial=1", playbook="rotate_sms_key", inventory=inventory)
    assert batches.code == 0, batches.output
    (key,) = accounts.keys(agent)
    assert [request["operation"] for request in batches.writes].count("rc.delete_key") == 1
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.box.api_key_of(key["guid"]))}
    assert all(accounts.box.text(number)["delivered"] for number in numbers)
    again = play(*REGION, "-e", "connect_sms_serial=1", playbook="rotate_sms_key", inventory=inventory)
    assert again.code == 0, again.output
    assert [request["operation"] for request in again.writes].count("rc.create_key") == 1, "one for all batches"
    assert all(accounts.box.text(number)["delivered"] for number in numbers)


@pytest.mark.parametrize("playbook", ["rotate_sms_key", "disconnect_sms"])
def test_a_refused_deletion_is_no_green_run(play: Player, accounts: Accounts, playbook: str) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    numbers = [accounts.connected(old) for _place in range(2)]
    inventory = "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))
    with accounts.box.failing("rc.delete_key", status=403, code="RC-Forbidden", times=None):
        run = play(*REGION, playbook=playbook, inventory=inventory)
    assert run.code != 0
    assert run.changed == {"n0", "n1"}, "all numbers are done first"
    assert f"'{RETIRING}' ({old['guid']}) was not deleted" in run.output
    assert any("RC-Forbidden" in message for message in run.failures.values())
    done = play(*REGION, playbook=playbook, inventory=inventory)
    assert done.code == 0, done.output
    assert old["guid"] not in {key["guid"] for key in accounts.keys(agent)}


def test_a_dead_key_and_an_agent_that_is_gone_are_written_to_no_number(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    dead = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z", api_key={"disabled": True})
    number, elsewhere = accounts.connected(dead), accounts.number(sms_url="https://elsewhere.example.com/sms")
    words = (*REGION, "-e", f"phone_numbers={number},{elsewhere}")
    for more in ((), ("--check",)):
        run = play(*words, *more)
        assert run.code != 0
        assert "rotate_sms_key" in run.failures["localhost"]
        assert run.writes == []
    assert play(*words, "-e", "max_age=36500", playbook="rotate_sms_key").code == 0
    assert accounts.box.text(number)["delivered"]
    assert [key["name"] for key in accounts.keys(agent)] == ["twilio-sms"]

    accounts.box.change("ibm", "instances", agent["guid"], state="pending_reclamation")
    for more in ((), ("--check",)):
        run = play("-e", f"instance={agent['guid']}", *words, *more)
        assert run.code != 0
        assert "pending_reclamation" in run.failures["localhost"]
        assert run.writes == []


def test_a_list_that_lacks_what_was_just_written_proves_nothing(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    number = accounts.connected(old)
    accounts.box.settings(twilio_list_lag=60.0)
    try:
        run = play(*REGION, "-e", f"phone_number={number}", playbook="rotate_sms_key")
    finally:
        accounts.box.settings(twilio_list_lag=0.0)
    assert run.code == 0, run.output
    assert f"does not yet show the new settings of {number}" in run.output
    assert {key["name"] for key in accounts.keys(agent)} == {"twilio-sms", RETIRING}


def test_a_second_look_that_cannot_be_made_fails_after_the_reports(play: Player, accounts: Accounts) -> None:
    """Resource Controller fails permanently once the numbers are connected: results are reported first, then the failure."""
    agent = accounts.agent()
    accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    numbers = [accounts.number() for _place in range(2)]
    inventory = "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))
    with accounts.box.failing("rc.get_key", status=500, code="RC-DatabaseErrorResponse", times=None):
        run = play(*REGION, inventory=inventory)
    assert run.code != 0
    assert run.changed == {"n0", "n1"}, "each host's own report comes first"
    told = "It is not known whether service credential twilio-sms on the SMS agent in us-south is there still"
    (failure,) = run.failures.values()
    assert failure.startswith(told), "told once"
    assert "connect_sms: 2 connected" in run.stdout.partition(told)[0], "after the summary"
    assert "HTTP 500" in failure
    assert "run connect_sms again" in failure
    assert [request["operation"] for request in run.writes] == ["twilio.update_number"] * 2, "not done once more"

    # A failed number ends the run with the report, which then has both messages.
    elsewhere = accounts.number()
    accounts.box.fault("rc.list_instance_keys", status=403, times=None, skip=1)
    accounts.box.fault("twilio.update_number", status=400, code=21402, match=accounts.box.number(elsewhere)["sid"])
    words = (*REGION, "-e", "connect_sms_report_per_host=false")
    rotated = play(*words, inventory=f"{inventory}\nn2 phone_number={elsewhere}", playbook="rotate_sms_key")
    assert rotated.code != 0
    assert rotated.output.count("It is not known whether service credential") == 1, rotated.output
    assert "2 moved to the new key, 1 failed" in rotated.output
    assert "HTTP 400 (21402)" in " ".join(rotated.failures.values())


def recorded(accounts: Accounts, folder: pathlib.Path, number: str, before: str) -> tuple[str, ...]:
    """Return what restores a number to a URL that it had before."""
    names = ("url", "method", "fallback_url", "fallback_method", "application_sid")
    old, now = (
        {**dict.fromkeys(names, ""), "method": "POST", "fallback_method": "POST", "url": u} for u in (before, "")
    )
    changes = {accounts.twilio["sid"]: {number: {"before": old, "after": now}}}
    path = folder / "record.json"
    path.write_text(json.dumps({"format": 1, "created_at": "2026-01-01", "entry_point": "main", "accounts": changes}))
    return ("-e", f"backup={path}", "-e", f"connect_sms_backup_dir={folder / 'overwritten'}")


@pytest.mark.parametrize("how", ["retired", "deleted"])
def test_a_restored_key_that_goes_meanwhile(play: Player, accounts: Accounts, how: str, tmp_path: pathlib.Path) -> None:
    """Another run may have searched for holders just before this number was one, so the run must not succeed."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    number = accounts.number()
    words = recorded(accounts, tmp_path, number, url(old["api_key"]["value"]))

    def go() -> None:
        accounts.box.change("ibm", "keys", old["guid"], name=RETIRING)
        if how == "deleted":
            accounts.box.remove("ibm", "keys", old["guid"])

    with accounts.box.meanwhile("twilio.update_number", go):
        run = play(*words, playbook="restore_sms")
    assert run.code != 0, run.output + str(run.operations)
    assert "connect_sms: 1 restored" in run.output, "the report comes first"
    (failure,) = run.failures.values()
    assert f"The API key that was put back to {number} was {how} by another run while it was put back" in failure
    assert "connect_sms gives them the present one" in failure

    # If it is known in advance, nothing is written.
    accounts.box.change("twilio", "numbers", number, sms_url="")
    late = play(*words, playbook="restore_sms")
    assert (late.code != 0, late.writes) == (True, [])
    assert ("is dead" if how == "deleted" else f"'{RETIRING}' ({old['guid']})") in late.failures["localhost"]


def test_a_restored_key_that_cannot_be_looked_at(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    number = accounts.number()
    words = recorded(accounts, tmp_path, number, url(old["api_key"]["value"]))
    with accounts.box.failing("rc.list_keys", status=403, times=None):
        run = play(*words, playbook="restore_sms")
    assert run.code != 0
    assert "could not be listed" in run.failures["localhost"]
    assert accounts.box.text(number)["delivered"]
    accounts.box.change("twilio", "numbers", number, sms_url="")
    with accounts.box.failing("rc.get_key", status=403, times=None):
        run = play(*words, playbook="restore_sms")
    assert run.code != 0
    assert "It is not known whether the API keys that were put back still work" in run.failures["localhost"]


def test_what_connecting_asks_of_ibm_cloud(play: Player, accounts: Accounts) -> None:
    """For each credential, whatever its numbers: nothing to do, numbers to move to a present key, and a new key.

    Before all of this: a token, the instance, the list, and the create. More are: one question about a key that is there
    already, and after the writing one look at the credential, where it is new at the list.
    """
    find = ["iam.token", "rc.list_instances", "rc.list_instance_keys"]
    wanted = {
        "us-south": [*find, "iam.token"],
        "us-east": [*find, "iam.token", "rc.get_key"],
        "eu-de": [*find, "rc.create_key", "rc.list_instance_keys"],
    }
    agents = {region: accounts.agent(region, region) for region in wanted}
    keys = {region: accounts.box.add_key(agents[region]["guid"]) for region in ("us-south", "us-east")}
    hosts = {}
    for place in range(3):
        numbers = {
            "us-south": accounts.connected(keys["us-south"]),
            "us-east": accounts.number(),
            "eu-de": accounts.number(),
        }
        for region, number in numbers.items():
            hosts[f"{region}-{place}"] = {"phone_number": number, "connect_sms_region": region}
            if region == "eu-de":
                hosts[f"{region}-{place}"]["connect_sms_receiver_host"] = "sms-fra04.voiceagent.cloud.ibm.com"
    run = play(inventory={"all": {"hosts": hosts}})
    assert run.code == 0, run.output
    asked = sorted(request["operation"] for request in run.requests if request["cloud"] == "ibm")
    assert asked == sorted(operation for operations in wanted.values() for operation in operations)
    again = play(inventory={"all": {"hosts": hosts}})
    assert sorted(one["operation"] for one in again.requests if one["cloud"] == "ibm") == sorted(
        [*find, "iam.token"] * 3
    )


def test_a_new_credential_that_nothing_shows_yet(play: Player, accounts: Accounts) -> None:
    """It is not visible in lists or by GUID yet, so nobody can have retired it."""
    agent = accounts.agent()
    number = accounts.number()
    accounts.box.settings(list_lag=60.0)
    try:
        run = play(*REGION, "-e", f"phone_number={number}")
    finally:
        accounts.box.settings(list_lag=0.0)
    assert run.code == 0, run.output
    assert accounts.sms_url(number) == url(accounts.the_api_key(agent))


def test_a_new_credential_that_another_run_retires_while_lists_are_late(play: Player, accounts: Accounts) -> None:
    """The list is late for a moment. When this run looks, it shows the change: whoever retires waits for that."""
    agent = accounts.agent()
    number = accounts.number()

    def go() -> None:
        (new,) = accounts.keys(agent)
        accounts.box.settings(stale_lists=1.5)
        accounts.box.change("ibm", "keys", new["guid"], name=RETIRING)
        accounts.box.remove("ibm", "keys", new["guid"])

    try:
        with accounts.box.meanwhile("twilio.update_number", go):
            run = play(*REGION, "-e", f"phone_number={number}")
    finally:
        accounts.box.settings(stale_lists=0.0)
    assert (run.code != 0) or accounts.box.text(number)["delivered"], run.output
    assert "was deleted by another run" in run.output
