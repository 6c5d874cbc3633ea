# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which numbers reach their agent, which do not, and why."""

from __future__ import annotations

import csv
import json
import time
from typing import Any

import pytest

from system.conftest import EAST, SOUTH, Accounts, url
from system.playing import Player, Run

READS = {"iam.token", "iam.api_key_details", "rc.list_keys", "twilio.list_numbers", "messaging.list_services"}
READS |= {"messaging.list_pool", "conversations.list_addresses", "monitor.list_alerts", "monitor.fetch_alert"}
READS |= {"rc.get_instance", "monitor.list_events"}


FLOW = "https://webhooks.twilio.com/v1/Accounts/AC1/Flows/FW1?token=secret-token"


def statuses(run: Run, player: Player, folder: str = "reports") -> dict[str, str]:
    """Return the report's entry of each number."""
    report = json.loads((player.here / folder / "audit.json").read_text())
    return {row["phone_number"]: row["status"] for row in report["numbers"]}


def one_of_each_kind(accounts: Accounts) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Add a number of each kind. Return them by name, each with its status and a part of its message."""
    box, sid = accounts.box, accounts.twilio["sid"]
    agent = accounts.agent()
    live, other = box.add_key(agent["guid"]), box.add_key(agent["guid"], "other", role="Manager")
    dead = {
        "removed": box.add_key(agent["guid"], "removed"),
        "disabled": box.add_key(agent["guid"], "disabled", api_key={"disabled": True}),
        "expired": box.add_key(agent["guid"], "expired", api_key={"expires_at": "2020-01-01T00:00+0000"}),
        "reader": box.add_key(agent["guid"], "reader", role="Reader"),
    }
    locked = box.add_key(agent["guid"], "locked", api_key={"locked": True})
    box.remove("ibm", "keys", dead["removed"]["guid"])
    application = box.add_application(account_sid=sid, sms_url="https://twiml.example.com/app")
    numbers = {
        "connected": accounts.connected(live),
        "manager": accounts.connected(other),
        "locked": accounts.connected(locked),
        **{name: accounts.connected(key) for name, key in dead.items()},
        "keyless": accounts.number(sms_url=f"https://{SOUTH}/sms.receiver/SmsRecv"),
        "marker": accounts.number(sms_url=url("REDACTED_EXPLICIT-in-a-webhook")),
        "flow": accounts.connected(live),
        "east": accounts.connected(live, EAST),
        "empty": accounts.number(sms_url=""),
        "application": accounts.connected(live, sms_application_sid=application["sid"]),
        **{name: accounts.connected(dead["removed"]) for name in ("carried", "deadservice", "service", "dropped")},
        "conversation": accounts.connected(live),
        "voice": accounts.connected(live, capabilities={"voice": True, "sms": False}),
        "fallback": accounts.connected(live, sms_fallback_url=url(dead["removed"]["api_key"]["value"])),
    }
    services = {
        name: box.add_service(
            account_sid=sid, friendly_name=f"Service {name}", pool=[numbers[name]], inbound_request_url=webhook
        )
        for name, webhook in (
            ("carried", url(live["api_key"]["value"])),
            ("deadservice", url(dead["disabled"]["api_key"]["value"])),
            ("service", "https://other.example.com/sms"),
            ("dropped", None),
        )
    }
    # Its inbound webhook has no effect, because it defers to its numbers.
    box.add_service(account_sid=sid, pool=[numbers["connected"]], use_inbound_webhook_on_number=True)
    box.add_key(agent["guid"], "twilio-sms:retiring")
    box.change("twilio", "numbers", numbers["flow"], sms_url=FLOW)
    address = box.add_address(numbers["conversation"], account_sid=sid, friendly_name="Support desk")
    expected = {
        "connected": ("connected", "'twilio-sms'"),
        "manager": ("connected", "'other'"),
        "locked": ("connected", "'locked'"),  # a lock protects a key from changes, and stops nobody from using it
        "removed": ("dead_key", "IAM does not know it"),
        "disabled": ("dead_key", "disabled"),
        "expired": ("dead_key", "expired at 2020"),
        "reader": ("dead_key", "Reader"),
        "keyless": ("dead_key", "no key"),
        "marker": ("dead_key", "other than a key"),
        "flow": ("elsewhere", "changed by user US"),
        "east": ("elsewhere", EAST),
        "empty": ("not_connected", "no webhook"),
        "application": ("overridden", application["sid"]),
        "carried": ("connected", services["carried"]["sid"]),
        "deadservice": ("dead_key", services["deadservice"]["sid"]),
        "service": ("overridden", services["service"]["sid"]),
        "dropped": ("dropped", services["dropped"]["sid"]),
        "conversation": ("overridden", address["sid"]),
        "voice": ("no_sms", "capability"),
        "fallback": ("connected", "fallback does not work"),
        "missing": ("not_in_account", accounts.twilio["sid"]),
    }
    return {**numbers, "missing": "+15559990001"}, expected


def test_each_kind_of_number_is_named_rightly(play: Player, accounts: Accounts) -> None:
    numbers, expected = one_of_each_kind(accounts)
    hosts = {"all": {"hosts": {name: {"phone_number": number} for name, number in numbers.items()}}}
    words = ("-e", "region=us-south", "-e", "audit_dir=reports", "-e", "audit_blame=yes")
    run = play(*words, playbook="audit_sms", inventory=hosts)
    assert run.code == 0, run.output
    assert (run.changed, run.writes, set(run.operations) - READS) == (set(), [], set())
    report = json.loads((play.here / "reports" / "audit.json").read_text())
    rows = {row["host"]: row for row in report["numbers"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        name: status for name, (status, _piece) in expected.items()
    }
    assert not [
        (name, rows[name]["msg"]) for name, (_status, piece) in expected.items() if piece not in rows[name]["msg"]
    ]
    assert rows["application"]["overridden_by"]["kind"] == "application"
    assert (rows["reader"]["key"]["role"], rows["connected"]["key"]["credential"]) == ("Reader", "twilio-sms")
    assert rows["locked"]["key"]["locked"] is True
    assert 0 <= rows["connected"]["key"]["age_days"] < 1
    assert (rows["carried"]["via"]["kind"], rows["carried"]["overridden_by"]) == ("messaging_service", None)
    assert {name for name, row in rows.items() if row["via"]} == {"carried", "deadservice"}
    blame = rows["flow"]["changed_by"]
    assert (blame["actor_type"], blame["source"], "***" in blame["after"]["url"]) == ("user", "web", True)
    assert {name for name, row in rows.items() if row["changed_by"]} == {"flow"}
    assert [(each["name"], each["instance"]) for each in report["retired"]] == [("twilio-sms:retiring", "sms-agent")]
    assert [(each["instance"], each["region"]) for each in report["agents"]] == [("sms-agent", "us-south")]
    # The receiver's own answer decides: a text to each number that can receive one.
    able = {name: number for name, number in numbers.items() if name not in ("missing", "voice")}
    texts = {name: accounts.box.text(number) for name, number in able.items()}
    reached = {name for name, text in texts.items() if text["handled_by"] in ("number", "messaging_service")}
    refused = {name for name in reached if not texts[name]["delivered"]}
    assert {name for name in able if expected[name][0] == "connected"} == reached - refused - {"flow", "east"}
    assert texts["dropped"]["handled_by"] == "dropped"

    # Requests: shared by all numbers, two for each distinct key.
    counts = run.operations
    once = {"twilio.list_numbers", "rc.list_keys", "rc.get_instance", "monitor.list_alerts", "monitor.list_events"}
    assert {name: counts[name] for name in once} == dict.fromkeys(once, 1)
    assert counts["iam.api_key_details"] == 7
    assert counts["iam.token"] == 1 + 7

    table = run.stdout[run.stdout.index("21 phone numbers: ") :].partition("\n\n")[0]
    assert "7 dead_key" in table
    assert "Retired, but not deleted: service credential 'twilio-sms:retiring' (sms-agent, us-south" in table
    assert "\n  Written to reports: audit.html, audit.csv, audit.json\n" in table
    assert [name for name, number in numbers.items() if number not in table] == []

    # The reports are private, complete and consistent.
    with (play.here / "reports" / "audit.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["host"]: line["status"] for line in lines} == {name: row["status"] for name, row in rows.items()}
    page = (play.here / "reports" / "audit.html").read_text()
    assert all(number in page for number in numbers.values())
    assert [oct(path.stat().st_mode & 0o777) for path in (play.here / "reports").iterdir()] == ["0o600"] * 3


def test_the_whole_account_without_an_inventory(play: Player, accounts: Accounts) -> None:
    agent, other = accounts.agent(), accounts.agent("east", "us-east")
    here, there = accounts.box.add_key(agent["guid"]), accounts.box.add_key(other["guid"])
    numbers = [accounts.connected(here), accounts.connected(there, EAST), accounts.number(sms_url="")]
    run = play("-e", "audit_dir=reports", playbook="voiceagent.sms.audit_sms")
    assert run.code == 0, run.output
    assert list(statuses(run, play).values()) == ["not_connected", "connected", "connected"]
    assert set(statuses(run, play)) == set(numbers)
    given = play("-e", f"phone_number={numbers[1]}", "-e", "region=us-south", playbook="audit_sms")
    assert "elsewhere" in given.stdout


def test_exit_code_for_pipelines(play: Player, accounts: Accounts) -> None:
    box, agent = accounts.box, accounts.agent()
    key, dead = box.add_key(agent["guid"]), box.add_key(agent["guid"], "dead", api_key={"disabled": True})
    numbers = {
        "well": accounts.connected(key),
        "dead": accounts.connected(dead),
        "away": accounts.number(sms_url="https://example.com/"),
        "failing": accounts.connected(key),
    }
    _alert(accounts, numbers["failing"])
    hosts = {"all": {"hosts": {name: {"phone_number": number} for name, number in numbers.items()}}}
    for fail_on, failed in (
        ("", set()),
        ("dead_key, elsewhere", {"dead", "away"}),
        ("errors", {"failing"}),
        ("any", {"dead", "away", "failing"}),
    ):
        run = play("-e", f"audit_fail_on='{fail_on}'", "-e", "region=us-south", playbook="audit_sms", inventory=hosts)
        assert (set(run.failures), run.code != 0) == (failed, bool(failed)), fail_on
    whole = {"region": "us-south", "audit_fail_on": ["dead_key"], "connect_sms_report_per_host": False}
    assert play(playbook="audit_sms", inventory=hosts, variables=whole).code != 0


def _alert(accounts: Accounts, number: str, code: str = "11200", **values: Any) -> None:
    """Add an error of a number's webhook at Twilio."""
    accounts.box.add_alert(
        account_sid=accounts.twilio["sid"],
        error_code=code,
        request_url=accounts.sms_url(number),
        request_method="POST",
        request_variables=f"To=%2B{number[1:]}&From=%2B15557650000&Body=hi",
        **values,
    )


def test_webhook_errors_are_joined_to_their_numbers(play: Player, accounts: Accounts) -> None:
    box, agent = accounts.box, accounts.agent()
    key = box.add_key(agent["guid"])
    one, two, three = (accounts.connected(key) for _number in range(3))
    box.fault("receiver.text", status=503)
    assert not box.text(one)["delivered"]
    _alert(accounts, one, "11205")
    _alert(accounts, two, at=time.time() - 3 * 86400)
    _alert(accounts, two, at=time.time() - 12 * 86400)
    accounts.box.add_alert(account_sid=accounts.twilio["sid"], request_url="https://example.com/other")
    run = play("-e", "audit_dir=reports", "-e", "audit_days=5", playbook="audit_sms")
    assert run.code == 0, run.output
    rows = {row["phone_number"]: row for row in json.loads((play.here / "reports/audit.json").read_text())["numbers"]}
    assert rows[one]["errors"]["codes"] == {"11200": 1, "11205": 1}
    assert (rows[two]["errors"]["count"], rows[three]["errors"]["count"]) == (1, 0)
    assert run.operations["monitor.fetch_alert"] == 3
    # A number that was changed after its last error is fine again, and the report shows the other changes since the last audit.
    assert (rows[one]["errors"]["since_change"], rows[two]["errors"]["since_change"]) == (2, 0)
    assert "before its last change" in rows[two]["msg"]
    box.change("twilio", "numbers", one, sms_url="")
    added = accounts.connected(key)
    none = play("-e", "audit_dir=reports", "-e", "audit_days=0", playbook="audit_sms")
    assert not [name for name in none.operations if name.startswith("monitor")]
    report = json.loads((play.here / "reports/audit.json").read_text())
    changed = [{"phone_number": one, "was": "connected", "status": "not_connected"}]
    assert (report["since"]["new"], report["since"]["changed"], report["since"]["gone"]) == ([added], changed, [])
    assert [(each["connected"], each["numbers"]) for each in report["history"]] == [(3, 3), (3, 4)]


def test_receivers_of_ones_own(play: Player, accounts: Accounts) -> None:
    place = "sms.example.com:9443"
    right, wrong = (
        accounts.number(sms_url=url("the-gateway-pass", place, "sms")),
        accounts.number(sms_url=url("the-old-gateway-pass", place)),
    )
    assistant = "https://api.us-south.assistant.watson.cloud.ibm.com/public/twilio/1?token=wx-secret"
    watson, other = (
        accounts.number(sms_url=assistant + "#rc=2"),
        accounts.number(sms_url=assistant.replace("wx-", "x-")),
    )
    gateway = {
        "connect_sms_receiver_host": place,
        "connect_sms_username": "sms",
        "connect_sms_password": "the-gateway-pass",
    }
    hosts = {
        "all": {
            "children": {
                "gateway": {"vars": gateway, "hosts": {n: {"phone_number": n} for n in (right, wrong)}},
                "assistant": {
                    "vars": {"connect_sms_receiver_url": assistant},
                    "hosts": {n: {"phone_number": n} for n in (watson, other)},
                },
            }
        }
    }
    without = {"IC_API_KEY": None, "IBMCLOUD_API_KEY": None}
    run = play(
        "-e", "audit_dir=reports", playbook="audit_sms", inventory=hosts, env=without, secrets=["the-gateway-pass"]
    )
    assert run.code == 0, run.output
    expected = {right: "connected", wrong: "dead_key", watson: "connected", other: "dead_key"}
    assert statuses(run, play) == expected
    assert not [request for request in run.requests if request["cloud"] == "ibm"]


def test_what_cannot_be_found_out_is_said(play: Player, accounts: Accounts) -> None:
    box, agent = accounts.box, accounts.agent()
    number = accounts.connected(box.add_key(agent["guid"]))
    words = ("-e", f"phone_number={number}", "-e", "audit_dir=reports")
    no_identity = play(*words, playbook="audit_sms", env={"IC_API_KEY": None, "IBMCLOUD_API_KEY": None})
    assert (no_identity.code, statuses(no_identity, play)[number]) == (0, "unknown")
    assert "IC_API_KEY" in no_identity.output
    box.fault("messaging.list_services", status=403)
    hidden = play(*words, playbook="audit_sms")
    assert (hidden.code, statuses(hidden, play)[number]) == (0, "unknown")
    box.fault("rc.list_keys", status=403)
    nameless = play(*words, playbook="audit_sms")
    assert (nameless.code, statuses(nameless, play)[number]) == (0, "connected")
    box.fault("monitor.list_alerts", status=403)
    blind = play(*words, playbook="audit_sms")
    assert "webhook errors of account" in blind.output
    assert statuses(blind, play)[number] == "connected"
    refused = play(*words, playbook="audit_sms", env={"TWILIO_AUTH_TOKEN": "0" * 32})
    assert refused.code != 0
    assert "20003" in refused.output


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("audit_fail_on=dead-key",), "dead-key"),
        (("audit_days=31",), "0 to 30"),
        (("region=eu-es",), "eu-es"),
        (("phone_number=12",), "'12'"),
    ],
)
def test_mistakes_are_named(play: Player, accounts: Accounts, words: tuple[str, ...], named: str) -> None:
    run = play(*(part for word in words for part in ("-e", word)), playbook="audit_sms")
    assert run.code != 0
    assert named in run.output


def test_names_of_others_do_no_harm(play: Player, accounts: Accounts) -> None:
    name = "=HYPERLINK(1)<script>alert(1)</script>POLICY"
    number = accounts.number(sms_url="https://example.com/</td><script>alert(2)</script>", friendly_name=name)
    run = play("-e", "audit_dir=reports", playbook="audit_sms")
    assert run.code == 0
    assert statuses(run, play) == {number: "elsewhere"}
    page = (play.here / "reports" / "audit.html").read_text()
    assert page.count("<script>") == 1
    assert "&lt;script&gt;" in page
    assert f"'{name}" in (play.here / "reports" / "audit.csv").read_text()
