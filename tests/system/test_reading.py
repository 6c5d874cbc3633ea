# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and files in users' notations are read correctly, or refused in one line. No other number is ever touched."""

from __future__ import annotations

import json
import os

import pytest
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

from system.conftest import Accounts
from system.playing import Player

#: By host: the text in the YAML inventory, and its meaning.
READ = {
    "integer": ("15553000001", ["+15553000001"]),
    "float": ("4930300002.0", ["+4930300002"]),
    "float_as_text": ('"4930300003.0"', ["+4930300003"]),
    "trunk": ('"+49 (0)30 300004"', ["+4930300004"]),
    "link": ('"tel:+1-555-300-0005"', ["+15553000005"]),
    "invisible": (r'"\u200e+15553000006\u202c"', ["+15553000006"]),
    "typographic": (r'"\u201c+1 555 300 0007\u201d"', ["+15553000007"]),
    "list": ("[15553000008, 15553000009.0]", ["+15553000008", "+15553000009"]),
    "list_as_text": ("""'["+15553000010","+15553000011"]'""", ["+15553000010", "+15553000011"]),
    "+15553000012": ("", ["+15553000012"]),
    "15553000013": ("null", ["+15553000013"]),
}
#: By host: the text in the inventory, and the message.
REFUSED = {
    "exponent": ("1.5553e+10", "'15553000000.0' is not a phone number: a float that ends in zeros may have lost"),
    "decimals": ("4930300002.5", "'4930300002.5' is not a phone number: it is a number with decimals"),
    "octal": ("0015550000001", "write '+15550000001' in quotes"),
    "slash": ('"+49 30 300002/3"', "the part after the slash may be another number"),
    "minus": ("-15553000001", "it begins with a minus sign"),
    "yes_or_no": ("yes", "it is a yes or no"),
    "short": ('"555-30"', "'555-30' is not a phone number (read as 55530)"),
    "national": ('"555-300-0001"', "(20404): did you mean +15553000001?"),
    "10.20.30.40": ("", "host 10.20.30.40 has no phone_number"),
    "20261125": ("", "host 20261125 has no phone_number"),
    "202611251930": ("", "host 202611251930 has no phone_number"),
    "node1": ("", "host node1 has no phone_number"),
}
#: Numbers of the account that a wrong reading would connect.
TRAPS = ["+49303000020", "+493030000203", "+4930300030", "+15553000000", "+15550000001", "+10203040", "+20261125"]
SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
#: By host: the content of its file in bytes, and the message, or the numbers in it.
FILES: dict[str, tuple[bytes, str | list[str]]] = {
    "twilio_cli": (
        json.dumps([{"sid": "PN1", "phoneNumber": "+15553000021", "friendlyName": "5553000001"}]).encode(),
        ["+15553000021"],
    ),
    "spreadsheet_csv": (
        "ACME\r\nStore number;Store phone\r\n4930300003;15553000022.0\r\nTotal;1\r\n".encode("utf-16"),
        ["+15553000022"],
    ),
    "vault": (b"15553000023\n", ["+15553000023"]),
    "token": (SECRET.encode() + b"\n", "line 1 (column 1)"),
    "shadow": (b"root:$6$" + SECRET.encode() + b":19000:0:99999:7:::\n", "line 1"),
    "archive": (b"\x1f\x8b\x08" + SECRET.encode(), "compressed with gzip"),
    "half": (f"number\n15553000024\n{SECRET}\n".encode(), "line 3 (column 1)"),
    "pipe": (b"", "it is a pipe or a device"),
}


@pytest.fixture
def inventory(play: Player) -> str:
    """Write an inventory with all notations."""
    lines = ["all:", "  vars: {connect_sms_region: us-south}", "  hosts:"]
    for host, (written, _meaning) in {**READ, **REFUSED}.items():
        lines.append(f'    "{host}": {{{f"phone_number: {written}" if written else ""}}}')
    secret = VaultSecret(b"password")
    for host, (content, _meaning) in FILES.items():
        lines.append(f'    "{host}": {{connect_sms_numbers_file: "~/{host}.csv"}}')
        file = play.home / f"{host}.csv"
        if host == "pipe":
            os.mkfifo(file)
        elif host == "vault":
            file.write_bytes(VaultLib([(DEFAULT_VAULT_ID_MATCH, secret)]).encrypt(content, secret))
        else:
            file.write_bytes(content)
    (play.here / "password").write_text("password")
    place = play.here / "hosts.yml"
    place.write_text("\n".join(lines) + "\n")
    return str(place)


def test_all_notations_and_files_in_one_inventory(play: Player, accounts: Accounts, inventory: str) -> None:
    accounts.agent()
    wanted = {host: meaning for host, (_text, meaning) in READ.items()}
    wanted |= {host: meaning for host, (_content, meaning) in FILES.items() if isinstance(meaning, list)}
    numbers = [accounts.number(phone_number=number) for each in wanted.values() for number in each]
    for number in TRAPS:
        accounts.number(phone_number=number)
    run = play("-i", inventory, "--vault-password-file", str(play.here / "password"), secrets=[SECRET])
    assert run.code == 2, run.output
    assert {host for host, status in run.status.items() if status == "changed"} == set(wanted), run.failures
    messages = {host: text for host, (_written, text) in REFUSED.items()}
    messages |= {host: meaning for host, (_content, meaning) in FILES.items() if isinstance(meaning, str)}
    for host, words in messages.items():
        assert words in run.failures[host], (host, run.failures[host])
        assert "\n" not in run.failures[host]
    assert run.failures["national"].startswith("'555-300-0001' (read as +5553000001): not a phone number of account")
    updated = [
        request["path"].rpartition("/")[2] for request in run.requests if request["operation"] == "twilio.update_number"
    ]
    assert sorted(updated) == sorted(f"{accounts.box.number(number)['sid']}.json" for number in numbers)
    assert all("sms-south" not in accounts.sms_url(number) for number in TRAPS)


def test_extra_variables_as_users_type_them(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    one, other = accounts.number(), accounts.number()
    for typed in ("dryrun=yes", "dry_rn=yes", "connect_sms_regoin=us-south"):
        run = play("-e", "region=us-south", "-e", f"phone_number={one}", "-e", typed)
        assert run.code != 0
        name = typed.partition("=")[0]
        meant = {"connect_sms_regoin": "connect_sms_region"}.get(name, "dry_run")
        assert f"extra variable '{name}' is not known: did you mean {meant}?" in run.output
        assert run.requests == []
    run = play("-e", "region=us-south", "-e", f'phone_numbers=["{one}","{other}"]', "-e", "my_own=1", "-e", "audit=x")
    assert run.code == 0, run.output
    assert run.operations["twilio.update_number"] == 2
