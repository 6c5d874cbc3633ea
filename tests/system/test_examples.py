# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples work: each command of examples/README.md is run in a copy of the folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from sandbox.client import Sandbox
from system.conftest import EAST, Accounts, url
from system.playing import ROOT, Player
from system.test_docs import DEMO, carry_out

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox of their own: the guides use the same phone numbers."""
    with Sandbox.start() as sandbox:
        yield sandbox


def test_the_examples_work(play: Player, accounts: Accounts) -> None:
    shutil.copytree(EXAMPLES, play.here, dirs_exist_ok=True)
    south = accounts.agent()
    accounts.agent("sales-agent", "us-east")
    east = accounts.agent("reception-agent", "us-east")
    numbers = [accounts.number(phone_number=f"+1555126000{place}", sms_url=DEMO) for place in range(1, 7)]
    owned = [
        accounts.number(phone_number="+15551270001", sms_url=DEMO, friendly_name="Support"),
        accounts.number(phone_number="+15551270002", sms_url="", friendly_name="Orders"),
    ]

    runs = carry_out((EXAMPLES / "README.md").read_text(), play)

    commands = [run.stdout for run in runs]
    assert [run.status for run in runs[:3]] == [
        {"support": "changed", "sales": "changed", "reception": "changed"},
        {"support": "ok", "sales": "ok"},
        {"localhost": "changed"},
    ], commands
    assert "support is connected in us-south" in runs[4].stdout
    assert list((play.here / "backups").glob("*.json"))
    # The example's own play has moved its numbers to a credential with another name.
    by_name = {key["name"]: accounts.box.api_key_of(key["guid"]) for key in accounts.keys(south)}
    other = {key["name"]: accounts.box.api_key_of(key["guid"]) for key in accounts.keys(east)}
    own, eastern = url(by_name["contact-center"]), url(other["contact-center"], EAST)
    shared = url(by_name["twilio-sms"])
    assert [accounts.sms_url(number) for number in numbers] == [own, own, eastern, eastern, shared, shared]
    assert [accounts.sms_url(number) for number in owned] == [shared, shared]


def test_the_list_names_every_file() -> None:
    listed = set(re.findall(r"^\| `([\w.]+)`", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    assert listed == {file.name for file in EXAMPLES.iterdir()} - {"README.md"}


def test_both_inventories_say_the_same(play: Player) -> None:
    seen = []
    for name in ("inventory.yml", "inventory.ini"):
        run = play.shell(f"ansible-inventory -i {EXAMPLES / name} --list")
        seen.append(set(re.findall(r"1555\d{7}", run.stdout)))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 4
