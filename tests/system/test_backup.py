# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Previous settings are on the disk before the first of them changes, and can be put back."""

from __future__ import annotations

import json
import pathlib

from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.playing import Player
from system.victim import Point, Victim

REGION = ("-e", "region=us-south")


def test_backup_and_restore(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    agent = accounts.agent()
    application = accounts.box.add_application(account_sid=accounts.twilio["sid"], sms_url="https://app.example.com/")
    numbers = [
        accounts.number(sms_url="https://u:pass-word-1@old.example.com/sms?token=abc#rc=2", sms_method="GET"),
        accounts.number(sms_application_sid=application["sid"]),
        accounts.number(),
    ]
    before = [accounts.box.number(number) for number in numbers]
    inventory = "\n".join(f"n{place} phone_number={number}" for place, number in enumerate(numbers))
    folder = tmp_path / "back[up]s {a,b} *?"
    words = (*REGION, "-e", json.dumps({"connect_sms_backup_dir": str(folder)}))

    assert play(*words, "--check", inventory=inventory).writes == []
    assert not folder.exists()
    # One file for the run, also where it plays in batches.
    run = play(*words, "-e", "connect_sms_serial=2", inventory=inventory)
    assert run.code == 0, run.output
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(file.read_text())["accounts"][accounts.twilio["sid"]]) == 3
    assert play(*words, inventory=inventory).code == 0
    assert list(folder.iterdir()) == [file]  # nothing changed, nothing to record

    accounts.box.change("twilio", "numbers", numbers[2], sms_url="https://somebody.example.com/")
    restore = ("-e", json.dumps({"backup": str(file)}), "--diff")
    check = play(*restore, "--check", playbook="restore_sms")
    back = play(*restore, playbook="restore_sms")
    assert (check.code, check.writes, check.diff) == (0, [], back.diff)
    assert back.code == 0, back.output
    assert f"{numbers[2]}: left alone: changed since by somebody else" in back.output
    sms = [name for name in before[0] if name.startswith("sms_")]
    for place in (0, 1):
        after = accounts.box.number(numbers[place])
        assert [after[name] for name in sms] == [before[place][name] for name in sms]
    assert accounts.sms_url(numbers[2]) == "https://somebody.example.com/"
    forced = play(*restore, "-e", "force=yes", playbook="restore_sms")
    assert (forced.code, len(forced.writes)) == (0, 1)
    assert accounts.sms_url(numbers[2]) == ""
    again = play(*restore, playbook="restore_sms")
    assert (again.code, again.writes) == (0, []), again.output
    assert accounts.keys(agent)  # a restore touches no credential

    # Each restore writes its own record beside the first, unless it changes nothing.
    own = sorted(set(folder.iterdir()) - {file}, key=lambda path: json.loads(path.read_text())["created_at"])
    assert [json.loads(path.read_text())["entry_point"] for path in own] == ["restore"] * 2
    assert {path.stat().st_mode & 0o777 for path in own} == {0o600}
    undo = ("-e", json.dumps({"backup": [str(path) for path in own]}))
    undone = play(*undo, playbook="restore_sms")
    assert (undone.code, len(undone.writes)) == (0, 3), undone.output
    connected = url(accounts.the_api_key(agent))
    assert [accounts.sms_url(n) for n in numbers] == [connected, connected, "https://somebody.example.com/"]
    assert accounts.box.number(numbers[1])["sms_application_sid"] == ""
    (tmp_path / "file").write_text("in the way")
    nowhere = ("-e", f"connect_sms_backup_dir={tmp_path / 'file' / 'backups'}")
    refused = play(*restore, *nowhere, playbook="restore_sms")
    assert (refused.code != 0, refused.writes) == (True, [])
    assert "connect_sms_backup_dir" in refused.failures["localhost"]


OWN_PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: voiceagent.sms.connect_sms, tasks_from: restore}
"""


def test_a_restore_of_some_numbers_leaves_the_others_alone(
    play: Player, accounts: Accounts, tmp_path: pathlib.Path
) -> None:
    accounts.agent()
    numbers = [accounts.number() for _place in range(4)]
    given = ("-e", json.dumps({"phone_numbers": numbers}))
    assert play(*REGION, *given, "-e", f"connect_sms_backup_dir={tmp_path / 'records'}").code == 0
    (record,) = (tmp_path / "records").iterdir()

    def restored() -> list[str]:
        return [number for number in numbers if not accounts.sms_url(number)]

    (tmp_path / "canary.csv").write_text(f"number\n{numbers[0]}\n")
    run = play("-e", f"backup={record}", "-e", f"numbers_file={tmp_path / 'canary.csv'}", playbook="restore_sms")
    assert (run.code, restored()) == (0, numbers[:1]), run.output

    hosts = {f"h{place}": {"phone_number": number} for place, number in enumerate(numbers[1:3])}
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_backup": str(record)}}}
    own = play(playbook=OWN_PLAY, inventory=inventory)
    assert (own.code, restored()) == (0, numbers[:3]), own.output

    hosts["h3"] = {"phone_number": numbers[3], "connect_sms_backup": str(tmp_path / "another.json")}
    mixed = play(playbook=OWN_PLAY, inventory=inventory)
    assert (mixed.code, mixed.writes) == (2, []), mixed.output
    assert "host h3 differs from host h0 in connect_sms_backup" in mixed.output


def test_without_a_record_nothing_changes(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    accounts.agent()
    number = accounts.number()
    (tmp_path / "file").write_text("in the way")
    words = (*REGION, "-e", f"phone_number={number}", "-e", f"connect_sms_backup_dir={tmp_path / 'file' / 'backups'}")
    run = play(*words)
    assert run.code != 0
    assert run.writes == []
    assert "connect_sms_backup_dir" in run.failures["localhost"]

    for content in ("no JSON", "[]", '{"format": 1}', '{"format": 2, "accounts": {}}'):
        wrong = tmp_path / "wrong.json"
        wrong.write_text(content)
    run = play("-e", f"backup={wrong}", playbook="restore_sms")
    assert run.code != 0
    assert "is not a backup written by connect_sms" in run.failures["localhost"]


def test_a_vault_password_encrypts_the_record(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    """No restore leaves a number with a key that was deleted meanwhile."""
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"], "twilio-sms", "Writer")
    number = accounts.connected(old)
    folder, password = tmp_path / "backups", tmp_path / "vault-password"
    password.write_text("open sesame")
    vault = ("--vault-password-file", str(password))
    words = (*REGION, "-e", f"phone_number={number}", "-e", f"connect_sms_backup_dir={folder}", *vault)
    assert play(*words, playbook="rotate_sms_key").code == 0
    (file,) = folder.iterdir()
    assert file.read_text().startswith("$ANSIBLE_VAULT;")
    rotated = accounts.sms_url(number)
    assert rotated != url(old["api_key"]["value"])

    closed = play("-e", f"backup={file}", playbook="restore_sms")
    assert "vault password" in closed.failures["localhost"]
    dead = play("-e", f"backup={file}", *vault, playbook="restore_sms")
    assert dead.code != 0
    assert dead.writes == []
    assert "its recorded API key is dead" in dead.failures["localhost"]
    assert accounts.sms_url(number) == rotated
    assert accounts.box.text(number)["delivered"]


def test_a_killed_run_has_recorded_everything_before(box: Sandbox, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    """At the first update, the settings of all numbers of both accounts are on the disk, in one file."""
    accounts.agent()
    sub = box.add_twilio_account(owner_account_sid=accounts.twilio["sid"])
    old = "https://u:pass-word-1@old.example.com/sms"
    numbers = [accounts.number(sms_url=old), accounts.number(sms_url=old, account_sid=sub["sid"])]
    hosts = {
        "main": {"phone_number": numbers[0]},
        "sub": {"phone_number": numbers[1], "connect_sms_twilio_subaccount_sid": sub["sid"]},
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    folder = tmp_path / "backups"
    victim = Victim(box, tmp_path, accounts.environment)
    words = (*REGION, "-i", str(inventory), "-e", f"connect_sms_backup_dir={folder}")
    victim.kill(Point("twilio.update_number", 0, True), *words, playbook="connect_sms")
    assert box.writes()[-1]["operation"] == "twilio.update_number"

    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    recorded = json.loads(file.read_text())["accounts"]
    assert {sid: list(changes) for sid, changes in recorded.items()} == {
        accounts.twilio["sid"]: numbers[:1],
        sub["sid"]: numbers[1:],
    }
    changed = [number for number in numbers if accounts.sms_url(number) != old]  # the accounts are worked on at once
    assert changed
    back = victim("-e", f"backup={file}", "--diff", playbook="restore_sms")
    assert back.code == 0, back.output
    assert [request["operation"] for request in back.writes] == ["twilio.update_number"] * len(changed)
    assert [accounts.sms_url(number) for number in numbers] == [old] * 2
