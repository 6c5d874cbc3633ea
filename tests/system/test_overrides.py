# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers whose texts something else takes, whatever their webhook is."""

from __future__ import annotations

from system.conftest import Accounts, url
from system.playing import Player

OVERRIDES = {"messaging.list_services", "messaging.list_pool", "conversations.list_addresses"}


def test_what_takes_the_texts_instead_is_named(play: Player, accounts: Accounts) -> None:
    box, sid = accounts.box, accounts.twilio["sid"]
    agent = accounts.agent()
    application = box.add_application(account_sid=sid, sms_url="https://twiml.example.com/app")
    numbers = {
        "application": accounts.number(sms_application_sid=application["sid"]),
        "service": accounts.number(),
        "deferring": accounts.number(),
        "conversation": accounts.number(),
        "plain": accounts.number(),
    }
    service = box.add_service(account_sid=sid, friendly_name="Marketing", pool=[numbers["service"]])
    box.add_service(
        account_sid=sid, friendly_name="Defers", pool=[numbers["deferring"]], use_inbound_webhook_on_number=True
    )
    address = box.add_address(numbers["conversation"], account_sid=sid, friendly_name="Support desk")
    hosts = {"all": {"hosts": {name: {"phone_number": number} for name, number in numbers.items()}}}
    words = ("-e", "region=us-south")

    run = play(*words, inventory=hosts)
    assert run.code == 0, run.output
    assert run.changed == set(numbers)
    for number, named in (
        (numbers["service"], ("Messaging Service", service["sid"], "Marketing")),
        (numbers["conversation"], ("conversation", address["sid"], "Support desk")),
    ):
        (line,) = {line for line in " ".join(run.output.split()).split(";") if number in line and named[1] in line}
        assert all(word in line for word in named), line
    assert "Defers" not in run.output
    assert {name: box.text(number)["handled_by"] for name, number in numbers.items()} == {
        "application": "number",
        "service": "dropped",  # by a service without a webhook
        "deferring": "number",
        "conversation": "conversation",
        "plain": "number",
    }
    cleared = box.number(numbers["application"])
    assert (cleared["sms_application_sid"], cleared["sms_url"]) == ("", url(accounts.the_api_key(agent)))
    # The application is cleared by the same request that sets the webhook, and by no other.
    fields = [set(request["fields"]) for request in run.writes if request["operation"] == "twilio.update_number"]
    assert sorted(fields, key=len) == [{"SmsUrl"}] * 4 + [{"SmsUrl", "SmsApplicationSid"}]

    again = play(*words, "-e", "connect_sms_on_override=ignore", inventory=hosts)
    assert (again.code, again.changed, again.writes) == (0, set(), [])
    assert not OVERRIDES & set(again.operations)
    assert "Marketing" not in again.output
