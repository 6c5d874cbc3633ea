# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes: each message says what is wrong and what to do next, and nothing is written in either cloud.

Most mistakes are in the hosts of one inventory, in one run: each host fails for its own reason. Mistakes that concern the
whole run (no numbers, no credentials) have their own runs.
"""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import pytest

from sandbox.client import Sandbox
from system.conftest import PHONES, Accounts
from system.playing import Player, Run

NOWHERE = "http://127.0.0.1:1"
WRONG_KEY = "ThisIsNoKeyOfAnybody_" + "x" * 23
WRONG_TOKEN = "0123456789abcdef0123456789abcdef"

#: Each host's mistake: the thing that its message has to name, and the next step in it.
MISTAKES = {
    "unknown_region": ("region 'mars'", "use one of us-south, us-east, eu-de"),
    "two_receivers": ("region 'eu-de' has more than one receiver", "dashboard shows which one"),
    "receiver_with_scheme": ("'https://gateway.example.com'", "not have the form host or host:port"),
    "reader": ("connect_sms_role", "Writer, Manager"),
    "no_number": ("host no_number", "phone_number"),
    "bad_notation": ("'555-12'", "write it as '+15551234567'"),
    "stranger": ("+15559990002", "check the number and the account"),
    "part_of_a_number": ("not a phone number of account", "check the number and the account"),
    "no_sms": ("no SMS capability", "cannot receive texts"),
    "in_a_service": ("Messaging Service 'Marketing'", "Defer to sender's webhook"),
    "in_a_conversation": ("Conversations address configuration 'Desk'", "turn its auto-creation off"),
    "unknown_instance": ("instance 'nobody'", "Check instance, region and the IBM Cloud account"),
    "ambiguous_instance": ("'twin'", "Give the GUID or CRN"),
    "ambiguous_region": ("us-east", "Give the GUID or CRN"),
    "other_region": ("instance 'southern' in region us-east", "Check instance, region"),
    "wrong_ibm_key": ("get an IAM token", "(BXNIM0415E)", "check ibmcloud_api_key"),
    "wrong_iam_token": ("HTTP 401", "check iam_token"),
    "wrong_twilio_token": ("HTTP 401 (20003)", "check account_sid with auth_token"),
    "wrong_twilio_key": ("HTTP 401 (20003)", "api_key_sid with api_key_secret"),
    "not_a_sid": ("account_sid", "must be AC and 32 hexadecimal digits"),
    "other_subaccount": ("HTTP 401", "subaccount_sid is a subaccount of account_sid"),
    "ibm_unreachable": (f"{NOWHERE} could not be reached", "check the address, the network and the proxy"),
    "twilio_unreachable": (f"{NOWHERE} could not be reached", "check the address, the network and the proxy"),
    "ibm_plain_http": ("iam_endpoint 'http://iam.example.com'", "use https"),
    "twilio_plain_http": ("api_endpoint 'http://api.example.com'", "use https"),
    "duplicates": ("2 service credentials named 'twilio-sms'", "delete or rename the others"),
    "wrong_role": ("has role Manager, not Writer", "rotate"),
    "redacted": ("hidden from this identity", "connect_sms_api_key", "rotate_sms_key"),
    "one_time": ("shown only once", "connect_sms_api_key", "rotate_sms_key"),
    "may_not_create": ("HTTP 403", "lacks the permission"),
}


class Refused(NamedTuple):
    run: Run
    accounts: Accounts
    before: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def refused(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """Run the one inventory of all mistakes."""
    accounts = Accounts(box)
    account = accounts.twilio["sid"]
    agent = accounts.agent("southern")
    for _twin in range(2):
        accounts.agent("twin", "us-east")
    editor = box.add_caller(account_id=accounts.ibm["id"], service_role="Reader", platform_role="Editor")["value"]
    second = box.add_twilio_account()
    own = {
        name: accounts.agent(name) for name in ("duplicates", "wrong_role", "redacted", "one_time", "may_not_create")
    }
    for hour in ("10", "11"):  # long ago: of those that were just made one may yet go, and the module waits for that
        box.add_key(own["duplicates"]["guid"], created_at=f"2026-01-01T{hour}:00:00.000Z")
    box.add_key(own["wrong_role"]["guid"], role="Manager")
    box.add_key(own["redacted"]["guid"])
    box.add_key(own["one_time"]["guid"], onetime_credentials=True)
    changes: dict[str, dict[str, Any]] = {
        "unknown_region": {"connect_sms_region": "mars"},
        "two_receivers": {"connect_sms_region": "eu-de"},
        "receiver_with_scheme": {"connect_sms_receiver_host": "https://gateway.example.com"},
        "reader": {"connect_sms_role": "Reader"},
        "bad_notation": {"phone_number": "555-12"},
        "stranger": {"phone_number": "+15559990002"},
        "part_of_a_number": {"phone_number": accounts.number(phone_number="+15559990003")[:-1]},
        "no_sms": {"phone_number": accounts.number(capabilities={"voice": True, "sms": False})},
        "in_a_service": {"connect_sms_on_override": "fail"},
        "in_a_conversation": {"connect_sms_on_override": "fail"},
        "unknown_instance": {"connect_sms_instance": "nobody"},
        "ambiguous_instance": {"connect_sms_instance": "twin", "connect_sms_region": "us-east"},
        "ambiguous_region": {"connect_sms_instance": "", "connect_sms_region": "us-east"},
        "other_region": {"connect_sms_region": "us-east"},
        "wrong_ibm_key": {"connect_sms_ibmcloud_api_key": WRONG_KEY},
        "wrong_iam_token": {"connect_sms_iam_token": "no.token.at.all"},
        "wrong_twilio_token": {"connect_sms_twilio_account_sid": account, "connect_sms_twilio_auth_token": WRONG_TOKEN},
        # The environment's auth token must not be used as the key's secret, or override the host's key.
        "wrong_twilio_key": {
            "connect_sms_twilio_account_sid": second["sid"],
            "connect_sms_twilio_auth_token": "",
            "connect_sms_twilio_api_key_sid": "SK" + "0" * 32,
            "connect_sms_twilio_api_key_secret": WRONG_KEY,
        },
        "not_a_sid": {"connect_sms_twilio_account_sid": "me@example.com"},
        "other_subaccount": {"connect_sms_twilio_subaccount_sid": second["sid"]},
        "ibm_unreachable": {"connect_sms_resource_controller_endpoint": NOWHERE},
        "twilio_unreachable": {"connect_sms_twilio_api_endpoint": NOWHERE},
        "ibm_plain_http": {"connect_sms_iam_endpoint": "http://iam.example.com"},
        "twilio_plain_http": {"connect_sms_twilio_api_endpoint": "http://api.example.com"},
        "redacted": {"connect_sms_ibmcloud_api_key": editor},
        "may_not_create": {"connect_sms_ibmcloud_api_key": editor},
    }
    hosts = {}
    for name in MISTAKES:
        hosts[name] = {"connect_sms_region": "us-south", "connect_sms_instance": own.get(name, agent)["name"]}
        if name != "no_number":
            hosts[name]["phone_number"] = accounts.number(phone_number=next(PHONES))
        hosts[name].update(changes.get(name, {}))
    numbers = {name: variables.get("phone_number") for name, variables in hosts.items()}
    box.add_service(account_sid=account, friendly_name="Marketing", pool=[numbers["in_a_service"]])
    box.add_address(numbers["in_a_conversation"], account_sid=account, friendly_name="Desk")
    play = Player(box, tmp_path_factory.mktemp("refused"), accounts.environment)
    before = box.state()
    run = play("--diff", inventory={"all": {"hosts": hosts}}, secrets=[WRONG_KEY, WRONG_TOKEN])
    return Refused(run, accounts, before, box.state())


def test_nothing_is_written_by_mistake(refused: Refused) -> None:
    assert refused.run.code == 2
    assert refused.run.status == dict.fromkeys(MISTAKES, "failed")
    assert refused.run.changed == set()
    refusals = [request for request in refused.run.writes if request["status"] != 403]
    assert refusals == []  # the one who may not create had to ask
    assert refused.after["twilio"]["numbers"] == refused.before["twilio"]["numbers"]
    assert refused.after["ibm"]["keys"] == refused.before["ibm"]["keys"]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_says_what_is_wrong_and_what_to_do(refused: Refused, mistake: str) -> None:
    message = refused.run.failures[mistake]
    for words in MISTAKES[mistake]:
        assert words in message
    assert len(message) < 700, message


def test_without_numbers_three_ways_to_name_them_are_told(play: Player, accounts: Accounts) -> None:
    run = play("-e", "region=us-south", "-e", "phone_number=", "-e", "phone_numbers=")
    assert run.code == 2
    assert run.requests == []
    for way in ("inventory", "-e phone_number=", "numbers_file"):
        assert way in run.failures["localhost"]


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (
            ("IC_API_KEY",),
            ("IBM Cloud credentials are missing", "ibmcloud_api_key", "IC_API_KEY", "IBMCLOUD_API_KEY", "iam_token"),
        ),
        (
            ("TWILIO_AUTH_TOKEN",),
            (
                "Twilio credentials are missing",
                "account_sid",
                "TWILIO_ACCOUNT_SID",
                "TWILIO_AUTH_TOKEN",
                "TWILIO_API_KEY",
            ),
        ),
    ],
    ids=["ibm", "twilio"],
)
def test_missing_credentials_name_options_and_variables(
    play: Player, accounts: Accounts, missing: tuple[str, ...], named: tuple[str, ...]
) -> None:
    accounts.agent()
    number = accounts.number()
    _plant_others_credentials(play.home, play.here, accounts)
    run = play("-e", "region=us-south", "-e", f"phone_number={number}", env=dict.fromkeys(missing, ""))
    assert run.code == 2
    assert run.writes == []
    assert not [
        request for request in run.requests if request["cloud"] == ("ibm" if "IC_API_KEY" in missing else "twilio")
    ]
    for words in named:
        assert words in run.failures["localhost"]


def _plant_others_credentials(home: pathlib.Path, here: pathlib.Path, accounts: Accounts) -> None:
    """Create files that SDKs and HTTP libraries read on their own, and that lead to the wrong account."""
    twilio, caller = accounts.box.add_twilio_account(), accounts.box.add_ibm_account()["api_key"]["value"]
    netrc = home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {twilio['sid']} password {twilio['auth_token']}\n")
    netrc.chmod(0o600)
    properties = f"APIKEY={caller}", "AUTH_TYPE=iam", f"URL={accounts.box.url}", f"AUTH_URL={accounts.box.url}"
    lines = [f"{service}_{line}\n" for service in ("RESOURCE_CONTROLLER", "IAM_IDENTITY") for line in properties]
    for folder in (home, here):
        (folder / "ibm-credentials.env").write_text("".join(lines))


def test_settings_that_libraries_read_by_themselves_are_not_read(play: Player, accounts: Accounts) -> None:
    _plant_others_credentials(play.home, play.here, accounts)
    stranger, trap = accounts.box.add_ibm_account()["api_key"]["value"], f"{accounts.box.url}/trap"
    service = f'{{"name": "x", "credentials": {{"apikey": "{stranger}", "url": "{trap}", "iam_url": "{trap}"}}}}'
    hostile = {
        "VCAP_SERVICES": f'{{"resource_controller": [{service}], "iam_identity": [{service}]}}',
        "IBM_CREDENTIALS_FILE": str(play.home / "ibm-credentials.env"),
        "RESOURCE_CONTROLLER_URL": trap,
        "RESOURCE_CONTROLLER_APIKEY": stranger,
        "IAM_IDENTITY_AUTH_URL": trap,
        "NETRC": str(play.home / ".netrc"),
        "TWILIO_EDGE": "sydney",  # TWILIO_API_ENDPOINT wins over both
        "TWILIO_REGION": "au1",
    }
    # If a key cannot be read, the third IBM service is asked for the key's owner.
    key = accounts.box.add_key(accounts.agent()["guid"], onetime_credentials=True)
    done, number = accounts.connected(key), accounts.number()
    run = play("-e", "region=us-south", variables={"phone_numbers": [done, number]}, env=hostile, secrets=[stranger])
    assert run.code == 0, run.output
    assert "iam.api_key_details" in run.operations
    assert {request["account"] for request in run.requests} == {accounts.ibm["id"], accounts.twilio["sid"]}
    assert accounts.box.text(number)["delivered"]
