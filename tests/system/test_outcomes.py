# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials whose key cannot be read, receivers that are not IBM's, and a fallback region."""

from __future__ import annotations

import pytest

from system.conftest import EAST, SOUTH, Accounts, url
from system.playing import Player


def test_keys_that_cannot_be_read_are_found_elsewhere(play: Player, accounts: Accounts) -> None:
    """A redacted key that is in the vault; a one-time key that a number still has; a second region."""
    box = accounts.box
    editor = box.add_caller(account_id=accounts.ibm["id"], service_role="Reader", platform_role="Editor")
    redacted, once = accounts.agent("redacted"), accounts.agent("once")
    vault = box.add_key(redacted["guid"])
    shown_once = box.add_key(once["guid"], onetime_credentials=True)
    east = accounts.agent("eastern", "us-east")
    other = box.add_key(once["guid"], name="of somebody else")["api_key"]["value"]
    numbers = {
        "vault": accounts.number(),
        "once": accounts.connected(shown_once, sms_fallback_url="https://fallback.example.com/sms"),
        "drifted": accounts.number(sms_url=url(other)),
        "two_regions": accounts.number(),
    }
    variables = {name: {"phone_number": number, "connect_sms_instance": "once"} for name, number in numbers.items()}
    variables["vault"] |= {
        "connect_sms_instance": "redacted",
        "connect_sms_ibmcloud_api_key": editor["value"],
        "connect_sms_api_key": vault["api_key"]["value"],
    }
    variables["two_regions"]["connect_sms_fallback_region"] = "us-east"
    hosts = {"all": {"hosts": variables, "vars": {"connect_sms_region": "us-south"}}}
    words = ("--diff", "-vvv")

    check = play(*words, "--check", inventory=hosts)
    assert (check.code, check.writes) == (0, []), check.output

    first = play(*words, inventory=hosts)
    assert first.code == 0, first.output
    assert first.status == check.status == {**dict.fromkeys(numbers, "changed"), "once": "ok"}
    assert first.diff == check.diff
    assert sorted(request["operation"] for request in first.writes) == ["rc.create_key"] + ["twilio.update_number"] * 3
    assert [len(accounts.keys(agent)) for agent in (redacted, once, east)] == [1, 2, 1]
    eastern = url(accounts.the_api_key(east), EAST)
    once_url = url(shown_once["api_key"]["value"])
    assert {
        name: (box.number(number)["sms_url"], box.number(number)["sms_fallback_url"])
        for name, number in numbers.items()
    } == {
        "vault": (url(vault["api_key"]["value"]), ""),
        "once": (once_url, "https://fallback.example.com/sms"),
        "drifted": (once_url, ""),
        "two_regions": (once_url, eastern),
    }

    # A host with its own API key does not use a ready token in the environment.
    ready = {"IC_API_KEY": "", "IC_IAM_TOKEN": box.token(accounts.environment["IC_API_KEY"])}
    second = play(inventory=hosts, env=ready)
    assert (second.code, second.writes, second.changed) == (0, [], set()), second.output
    exchanges = [request["authorized_as"] for request in second.requests if request["operation"] == "iam.token"]
    assert exchanges[0] == editor["iam_id"]
    assert not [one for one in exchanges[1:] if not one.startswith("iam-ServiceId-")]  # each with a key, if it works
    # The other region answers if the first does not.
    box.settings(receivers={SOUTH: None})
    try:
        text = box.text(numbers["two_regions"])
    finally:
        box.settings(receivers={SOUTH: {"region": "us-south"}})
    assert (text["handled_by"], text["reply"]) == ("fallback", "eastern: you wrote: hello")


@pytest.mark.parametrize("given", ["variable", "environment"])
def test_a_ready_token_serves_the_whole_run(play: Player, accounts: Accounts, given: str) -> None:
    """Also after numbers were changed, when the run reads its credentials once more."""
    box, agent = accounts.box, accounts.agent()
    number = accounts.number()
    token = box.token(accounts.environment["IC_API_KEY"])
    words = ["-e", "region=us-south", "-e", f"phone_number={number}"]
    words += ["-e", f"connect_sms_iam_token={token}"] if given == "variable" else []
    env = {"IC_API_KEY": "", "IC_IAM_TOKEN": token if given == "environment" else ""}
    run = play(*words, env=env, secrets=(token,))
    assert (run.code, run.changed) == (0, {"localhost"}), run.output
    assert accounts.sms_url(number) == url(accounts.the_api_key(agent))
    asked = [request for request in run.requests if request["operation"] == "iam.token"]
    assert all(one["authorized_as"].startswith("iam-ServiceId-") for one in asked), "only whether the new key works"


def test_other_receivers_leave_ibm_cloud_alone(play: Player, accounts: Accounts) -> None:
    """A self-hosted gateway and a literal URL, without an IBM Cloud account."""
    box = accounts.box
    box.settings(receivers={"gateway.example.com:9443": {"username": "twilio", "password": "gateway-s3cret"}})
    literal = "https://assistant.example.com/public/twilio/wh-0123456789?token=literal-s3cret"
    numbers = {"gateway": accounts.number(), "literal": accounts.number(sms_url=f"{literal}#rc=2")}
    hosts = {
        "gateway": {
            "connect_sms_receiver_host": "gateway.example.com:9443",
            "connect_sms_username": "twilio",
            "connect_sms_password": "gateway-s3cret",
        },
        "literal": {"connect_sms_receiver_url": literal},
    }
    for name, number in numbers.items():
        hosts[name]["phone_number"] = number
    secrets = ("literal-s3cret",)
    nobody = dict.fromkeys(("IC_API_KEY", "IBMCLOUD_IAM_API_ENDPOINT", "IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT"))
    inventory = {"all": {"hosts": hosts}}

    first = play("--diff", "-vvv", inventory=inventory, env=nobody, secrets=secrets)
    assert first.code == 0, first.output
    assert first.status == {"gateway": "changed", "literal": "ok"}  # how often to try again is left as it was
    assert "1 connected, 1 unchanged; receiver gateway.example.com:9443, assistant.example.com\n" in first.stdout
    assert not [request for request in first.requests if request["cloud"] == "ibm"]
    assert accounts.sms_url(numbers["gateway"]) == url("gateway-s3cret", "gateway.example.com:9443", "twilio")
    assert box.text(numbers["gateway"])["reply"] == "sms-gateway: you wrote: hello"

    box.change("twilio", "numbers", numbers["literal"], sms_url="https://demo.twilio.com/welcome/sms/reply")
    second = play("--diff", inventory=inventory, env=nobody, secrets=secrets)
    assert second.status == {"gateway": "ok", "literal": "changed"}
    assert accounts.sms_url(numbers["literal"]) == literal
    assert "https://assistant.example.com/public/twilio/wh-0123456789?token=***" in second.diff


def test_an_old_key_in_a_number_never_shows(play: Player, accounts: Accounts) -> None:
    """A key that somebody pasted long ago, and that no cloud knows any more, must not be shown either."""
    box = accounts.box
    accounts.agent()
    old = "hand-pasted_OLD-key_of-long-ago_0123456789ab"
    number = accounts.number(
        sms_url=url(old), sms_fallback_url=f"https://user:{old}@old.example.com/?next=https://u:{old}@x.org"
    )
    assert old in box.secrets()
    words = ("-e", "region=us-south", "-e", f"phone_number={number}", "--diff")
    # What Twilio's message repeats is as secret as the URL itself.
    refused = f"SmsUrl is not a valid URL: {url(old)} https%3A%2F%2Fapikey%3A{old}%40sms-south"
    with box.failing("twilio.update_number", status=400, code=21402, message=refused):
        failed = play(*words, "-vvv")
    assert (failed.code, len(failed.writes)) == (2, 2)  # the credential, and the update that was refused
    assert "HTTP 400 (21402)" in failed.failures["localhost"]

    check = play(*words, "--check", "-vvv")
    assert check.code == 0
    changed = play(*words, "-vvvv")
    assert changed.code == 0
    assert changed.diff == check.diff
    assert "(another one)" in changed.diff  # both passwords are hidden, and yet the diff is not empty
    assert box.text(number)["delivered"]
