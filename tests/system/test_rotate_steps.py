# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of a rotation, without ansible-playbook (:mod:`system.inside`)."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.inside import Role, hasten
from system.playing import FOREIGN


@pytest.fixture
def ours(
    box: Sandbox, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> Iterator[Accounts]:
    """The accounts, in this process' environment."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    for name, value in accounts.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hasten(monkeypatch)
    box.clear_log()
    return accounts


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


def test_the_requests_of_a_rotation(ours: Accounts) -> None:
    agent = ours.agent()
    key = ours.box.add_key(agent["guid"])
    numbers = [ours.connected(key) for _number in range(3)]
    role = Role(region="us-south")
    dry = role.rotate(numbers, check_mode=True)
    assert (dry["changed"], dry["failed"]) == (True, False)
    assert ours.box.writes() == []
    ours.box.clear_log()

    report = role.rotate(numbers)
    assert report["numbers"] == [{**entry, "sid": entry["sid"]} for entry in dry["numbers"]]
    look = ["twilio.list_numbers", "messaging.list_services", "conversations.list_addresses"]
    find = ["iam.token", "rc.list_instances", "rc.list_instance_keys"]
    operations = ours.box.operations()
    assert operations[:9] == [*look, *find, "rc.update_key", "rc.create_key", "iam.token"]  # the last with the new key
    assert operations[9:12] == ["twilio.update_number"] * 3
    assert operations[12:14] == ["rc.list_instance_keys", "rc.get_key"]  # is the new one the only one, and what it was?
    holders = operations[14:-5]
    assert sorted(holders) == HOLDERS
    assert operations[-5:] == [*find, "iam.api_key_details", "rc.delete_key"]
    assert {ours.sms_url(number) for number in numbers} == {url(ours.the_api_key(agent))}

    ours.box.clear_log()
    young = Role(region="us-south", max_age=30).rotate(numbers)
    assert (young["changed"], young["failed"], ours.box.writes()) == (False, False, [])
    operations = ours.box.operations()
    assert operations[:7] == [*look, *find, "iam.token"]  # the last with the key: does it still work?
    assert (sorted(operations[7:-3]), operations[-3:]) == (HOLDERS, find)


def test_what_was_retired_does_not_pile_up(ours: Accounts) -> None:
    """These credentials cannot find out what is in use, so the retired credential stays; its successor gets too old as well."""
    agent = ours.agent()
    number = ours.number()
    ours.box.fault("twilio.list_short_codes", status=403, code=70051, times=None)
    Role(region="us-south").connect([number])
    role = Role(region="us-south", max_age=30)
    for count in (1, 2):
        before = ours.sms_url(number)
        (live,) = (key for key in ours.keys(agent) if key["name"] == "twilio-sms")
        assert not role.rotate([number])["changed"]
        ours.box.change("ibm", "keys", live["guid"], created_at="2026-01-01T00:00:00Z")
        report = role.rotate([number])
        assert "it is not known which are in use" in report["kept"][0]
        assert "the short codes of account" in report["kept"][0]
        assert report["changed"] is (ours.sms_url(number) != before) is (count == 1)
        # A run fails if it did not do what was requested.
        assert report["failed"] is (count == 2)
        assert sorted(key["name"] for key in ours.keys(agent)) == ["twilio-sms", "twilio-sms:retiring"]
        assert ours.box.text(number)["delivered"]
    assert "older than connect_sms_max_age, and was not replaced" in report["msg"]
    now = Role(region="us-south").rotate([number])
    assert now["failed"]
    assert "was not replaced, because an earlier one is still retired" in now["msg"]
    told = Role(region="us-south", delete_unseen=True).rotate([number])
    assert not told["failed"]
    assert [key["name"] for key in ours.keys(agent)] == ["twilio-sms"]


def test_two_credentials_of_the_name_are_nobody_s_to_choose_from(ours: Accounts) -> None:
    agent = ours.agent()
    keys = [ours.box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z") for _key in range(2)]
    numbers = [ours.connected(key) for key in keys]
    report = Role(region="us-south").rotate(numbers)
    assert report["failed"]
    assert "There are 2 service credentials named 'twilio-sms'" in report["msg"]
    assert all(key["guid"] in report["msg"] for key in keys)
    assert ours.box.writes() == []
    assert all(ours.box.text(number)["delivered"] for number in numbers)
