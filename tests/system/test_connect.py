# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One number, from the first dry run to the agent's answer."""

from __future__ import annotations

import re

from system.conftest import SOUTH, Accounts, url
from system.playing import Player

LOOK = {"twilio.list_numbers": 1, "messaging.list_services": 1, "conversations.list_addresses": 1}
FIND = {"iam.token": 1, "rc.list_instances": 1, "rc.list_instance_keys": 1}


def test_a_number_is_connected_once_and_its_texts_are_answered(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent("support")
    accounts.agent("another")
    number = accounts.number(
        voice_url="https://voice.example.com/call", sms_url="https://demo.twilio.com/welcome/sms/reply"
    )
    before = accounts.box.number(number)
    words = ("-e", "region=us-south", "-e", "instance=support", "-e", f"phone_number={number}", "--diff")

    check = play(*words, "--check")
    assert check.code == 0
    assert check.writes == []
    assert check.operations == {**LOOK, **FIND}
    assert f"https://apikey:***@{SOUTH}/sms.receiver/SmsRecv" in check.diff

    survey = play(*words, "-e", "dry_run=yes", playbook="voiceagent.sms.connect_sms")
    assert survey.writes == []
    assert accounts.keys(agent) == []

    first = play(*words)
    assert first.code == 0
    # Checked once more after the numbers were written: the credential is unchanged, and the first with its name.
    again = {"rc.list_instance_keys": 2}
    assert first.operations == {**LOOK, **FIND, **again, "rc.create_key": 1, "twilio.update_number": 1}
    for dry in (check, survey):
        assert (dry.code, dry.recap, dry.changed, dry.diff) == (0, first.recap, {"localhost"}, first.diff)
    assert first.changed == {"localhost"}

    update = first.writes[-1]
    assert update["fields"] == {"SmsUrl": url(accounts.the_api_key(agent))}
    after = accounts.box.number(number)
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"sms_url", "date_updated"}
    (key,) = accounts.keys(agent)
    assert key["name"] == "twilio-sms"
    assert key["role"].endswith(":Writer")

    text = accounts.box.text(number, "are you there?")
    assert text["delivered"]
    assert text["handled_by"] == "number"
    assert text["reply"] == "support: you wrote: are you there?"

    second = play(*words, playbook="voiceagent.sms.connect_sms")
    assert second.code == 0
    assert (second.writes, second.changed, second.diff) == ([], set(), "")
    assert "changed" not in second.recap["localhost"]
    assert second.operations == {**LOOK, **FIND, "iam.token": 2}  # the second with the key: does it still work?
    assert accounts.box.number(number) == after


def test_a_survey_that_leaves_fields_empty(play: Player, accounts: Accounts) -> None:
    """Empty fields of a survey or a controller's credential arrive as empty strings."""
    agent = accounts.agent(region="us-east")
    number = accounts.number()
    empty = dict.fromkeys(
        (
            *("IBMCLOUD_API_KEY", "IC_IAM_TOKEN", "IBMCLOUD_IAM_TOKEN", "IBMCLOUD_IAM_PROFILE_ID", "TWILIO_API_KEY"),
            *("TWILIO_API_SECRET", "TWILIO_SUBACCOUNT_SID", "TWILIO_EDGE", "TWILIO_REGION"),
        ),
        "",
    )
    answers = ("-e", "region=us-east", "-e", "instance=", "-e", "phone_numbers=", "-e", "dry_run=no")
    run = play(*answers, "-e", f"phone_number={number}", "-e", "numbers_file=", env=empty)
    assert run.code == 0, run.output
    assert run.changed == {"localhost"}
    assert accounts.box.text(number)["reply"].startswith("sms-agent: ")

    # The key in the second environment variable; numbers in various notations, in one extra variable and in a list.
    one = accounts.number()
    other = accounts.number()
    spaced = re.sub(r"\+1(\d{3})(\d{3})(\d{4})", r"1 (\1) \2-\3", other)
    moved = {"IC_API_KEY": "", "IBMCLOUD_API_KEY": accounts.environment["IC_API_KEY"]}
    run = play("-e", "region=us-east", variables={"phone_numbers": [number, one.lstrip("+"), spaced]}, env=moved)
    assert run.code == 0, run.output
    assert [request["operation"] for request in run.writes] == ["twilio.update_number"] * 2
    assert {accounts.sms_url(each) for each in (number, one, other)} == {
        url(accounts.the_api_key(agent), "sms-east.voiceagent.cloud.ibm.com")
    }
    assert accounts.box.text(other)["delivered"]
