# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a controller's surveys in every type in which they arrive.

A controller marks them as unsafe, and ansible-core 2.19 and later then applies YAML types: digits are an integer, ``yes`` is a
boolean, an empty answer is null.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.jobs import TEMPLATES, extra_variables
from controller.objects import questions
from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.playing import Player, Run

TYPES = {str, int, bool, type(None)}


class Form:
    """One of the collection's surveys, whose answers a playbook gets."""

    def __init__(self, play: Player, template: str) -> None:
        """Take one."""
        self._play, self._item = play, TEMPLATES[template]

    def __call__(self, answers: dict[str, Any], inventory: str | None = None, *options: str) -> Run:
        """Run its playbook with these answers, and the survey's defaults for the others."""
        asked = questions(self._item)
        assert set(answers) <= set(asked)
        given = {name: question["default"] for name, question in asked.items() if "default" in question}
        file = self._play.folder / "extravars"
        trusted = self._item.get("extra_vars", {})
        file.write_text(extra_variables({**trusted, **given, **answers}, trusted))
        playbook = self._item["playbook"].removeprefix("playbooks/").removesuffix(".yml")
        return self._play("-e", f"@{file}", *options, playbook=playbook, inventory=inventory)


def test_one_number_in_every_notation_a_form_can_hold(play: Player, accounts: Accounts, box: Sandbox) -> None:
    agent = accounts.agent()
    key = box.add_key(agent["guid"])
    numbers = [accounts.number() for _count in range(5)]
    plain = numbers[0][1:]
    form = Form(play, "SMS - connect")
    for answer, wanted in (
        (plain, numbers[:1]),  # digits: an integer
        (numbers[1], numbers[1:2]),  # with a plus: an integer as well
        (f"{numbers[2]}\n", numbers[2:3]),
        ("\n".join(["", *numbers[3:], " ", ""]), numbers[3:]),
    ):
        run = form({"phone_numbers": answer})
        assert (run.code, run.status) == (0, {"localhost": "changed"}), run.output
        assert {accounts.sms_url(number) for number in wanted} == {url(key["api_key"]["value"])}
        assert len(run.writes) == len(wanted)


@pytest.mark.parametrize("answer", ["0123", "yes", "12.5"])
def test_a_credential_s_name_that_is_no_text_is_refused(play: Player, accounts: Accounts, answer: str) -> None:
    agent, number = accounts.agent(), accounts.number()
    run = Form(play, "SMS - connect")({"phone_numbers": number, "connect_sms_credential_name": answer})
    assert run.code == 2
    assert "connect_sms_credential_name" in run.failures["localhost"]
    assert (accounts.keys(agent), run.writes) == ([], [])


def test_nothing_is_answered_but_what_has_to_be(play: Player, accounts: Accounts, box: Sandbox) -> None:
    agent = accounts.agent()
    key = box.add_key(agent["guid"])
    number = accounts.connected(key)
    inventory = f"one phone_number={number}\n"
    empty = {"instance": "", "connect_sms_receiver_host": ""}
    # The survey's null takes precedence over the inventory, and counts as not given.
    run = Form(play, "SMS - connect")({**empty, "phone_numbers": "", "dry_run": "yes"}, inventory)
    assert (run.code, run.status) == (0, {"one": "ok"}), run.output
    run = Form(play, "SMS - audit")({"audit_fail_on": "", "audit_days": 0, "phone_numbers": None}, inventory)
    assert (run.code, run.status) == (0, {"one": "ok"}), run.output
    run = Form(play, "SMS - rotate key")({**empty, "max_age": 3650, "dry_run": "no"}, inventory)
    assert (run.code, run.status) == (0, {"one": "ok"}), run.output
    assert run.writes == []
    # A number to send from, which arrives as an integer.
    sender = accounts.number()
    run = Form(play, "SMS - verify")({"verify_from": sender, "verify_max": 1, "dry_run": "yes"}, inventory)
    assert f"not {sender[1:]}" not in run.output
    assert (run.code, run.writes) == (0, []), run.output


def test_backups_in_a_job(play: Player, accounts: Accounts, box: Sandbox) -> None:
    """The folder must exist; each slice writes a record and prints its name; several records are restored at once."""
    box.add_key(accounts.agent()["guid"])
    numbers = [accounts.number(sms_url=f"https://old.example.com/{place}") for place in range(2)]
    inventory = "".join(f"n{place} phone_number={number}\n" for place, number in enumerate(numbers))
    connect, folder = Form(play, "SMS - connect"), play.folder / "kept"
    job = ("-e", "awx_job_id=7", "-e", f"connect_sms_backup_dir={folder}")
    run = connect({}, inventory, *job)
    assert run.code == 2
    assert "Paths to expose to isolated jobs" in " ".join([*run.failures.values(), run.stdout])
    assert (run.writes, folder.exists()) == ([], False)

    folder.mkdir()
    records = []
    for host in ("n0", "n1"):
        run = connect({}, inventory, *job, "--limit", host)
        assert (run.code, len(run.writes)) == (0, 1), run.output
        (record,) = set(folder.iterdir()) - set(records)
        assert str(record) in run.stdout
        records.append(record)
    restore = Form(play, "SMS - restore")
    run = restore({"backup": "\n".join(map(str, [*records, ""])), "dry_run": "no"}, None, *job)
    assert (run.code, len(run.writes)) == (0, 2), run.output
    assert [accounts.sms_url(number) for number in numbers] == [
        f"https://old.example.com/{place}" for place in range(2)
    ]


def test_answers_arrive_in_all_types() -> None:
    """The newest ansible-core reads answers as the tests above assume."""
    texts = extra_variables({"a": "15550000001", "b": "", "c": "yes", "d": 0, "e": "x\n"}, {"c": "yes"})
    assert texts == (
        "!unsafe 'a': !unsafe '15550000001'\n!unsafe 'b': !unsafe ''\nc: 'yes'\n!unsafe 'd': 0\n"
        "!unsafe 'e': !unsafe 'x\n\n  '\n"
    ), json.dumps(texts)
