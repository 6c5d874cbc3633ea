# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import ApiError, SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot, unpack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.decision import why_not
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.services import Verdict
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot

ONE, TWO, THREE = "+15550000001", "+15550000002", "+15550000003"
SETTINGS = {"url": "https://u:p@gw/", "method": "", "fallback_url": "", "fallback_method": "", "application_sid": ""}
SERVICE = {"kind": "messaging_service", "sid": "MG1", "name": "marketing"}


def row(number: str, sid: str, **more: Any) -> dict[str, Any]:
    return {"phone_number": number, "sid": sid, "sms_url": "https://u:p@gw/", "capabilities": {"sms": True}, **more}


class Account:
    """A Twilio account with a few numbers."""

    account_sid = "AC1"

    def __init__(self, *rows: dict[str, Any], sees_overrides: bool = True, error: SmsError | None = None) -> None:
        self.rows = rows
        self.sees_overrides = sees_overrides
        self.error = error
        self.asked: list[str] = []

    def list(self) -> Any:
        self.asked.append("list")
        yield from self.rows

    def find(self, wanted: Any) -> dict[str, dict[str, Any]]:
        self.asked.append("find")
        return {row["phone_number"]: row for row in self.rows if row["phone_number"] in wanted}

    def near(self, missing: Any) -> set[str]:
        self.asked.append("near")
        return {row["phone_number"] for row in self.rows}

    def conversation_addresses(self) -> Any:
        self.asked.append("addresses")
        if self.error:
            raise self.error
        return [
            {"sid": "IG1", "address": ONE, "friendly_name": "chat", "auto_creation": {"enabled": True}},
            {"sid": "IG2", "address": TWO, "auto_creation": {"enabled": False}},
            {"sid": "IG3", "address": "+15559999999", "auto_creation": {"enabled": True}},
            {"sid": "IG4", "address": TWO, "auto_creation": None},
        ]

    def messaging_services(self) -> Any:
        self.asked.append("services")
        return [
            {"sid": "MG1", "friendly_name": "marketing", "use_inbound_webhook_on_number": False},
            {"sid": "MG2", "friendly_name": "defers", "use_inbound_webhook_on_number": True},
        ]

    def pool(self, sid: str) -> Any:
        self.asked.append(f"pool {sid}")
        return [{"sid": "PN2"}, {"sid": "PN99"}]


def test_take() -> None:
    account = Account(row(ONE, "PN1"), row(TWO, "PN2"), row(THREE, "PN3", capabilities={"sms": False}))
    snapshot = Snapshot.take(account, [ONE, TWO, THREE, "+15550000004"])
    assert set(snapshot.numbers) == {ONE, TWO, THREE}
    assert snapshot.numbers[ONE] == Number("PN1", SETTINGS, True)
    assert snapshot.numbers[THREE].receives_sms is False
    assert snapshot.overrides == {
        ONE: {"kind": "conversation", "sid": "IG1", "name": "chat"},
        TWO: {"kind": "messaging_service", "sid": "MG1", "name": "marketing"},
    }
    assert snapshot.override_problem is None
    # The pool of a service that defers to its numbers is not read.
    assert account.asked == ["find", "near", "services", "addresses", "pool MG1"]


def test_take_all_numbers_of_the_account() -> None:
    account = Account(row(ONE, "PN1"))
    assert set(Snapshot.take(account, None, with_overrides=False).numbers) == {ONE}
    assert account.asked == ["list"]


@pytest.mark.parametrize(
    ("account", "with_overrides", "asked"),
    [(Account(row(ONE, "PN1")), False, ["find"]), (Account(), True, ["find", "near"])],
    ids=["not asked for", "no such number"],
)
def test_overrides_are_looked_up_only_where_they_matter(account: Account, with_overrides: bool, asked: list) -> None:
    snapshot = Snapshot.take(account, [ONE], with_overrides=with_overrides)
    assert account.asked == asked
    assert not snapshot.overrides
    assert snapshot.override_problem is None


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Account(row(ONE, "PN1"), sees_overrides=False), "a parent account's credentials cannot see"),
        (Account(row(ONE, "PN1"), error=ApiError("Could not list: HTTP 500", code="http_500")), "HTTP 500"),
    ],
)
def test_an_unknown_override_is_noted(account: Account, said: str) -> None:
    snapshot = Snapshot.take(account, [ONE])
    assert snapshot.overrides is None
    assert snapshot.override_problem is not None
    assert said in snapshot.override_problem


def test_dump_and_load() -> None:
    snapshot = Snapshot("AC1", {ONE: Number("PN1", SETTINGS), TWO: Number("PN2", SETTINGS, False)}, {ONE: SERVICE})
    assert unpack_snapshot(pack_snapshot(snapshot)) == snapshot
    bare = Snapshot("AC1", override_problem="not known")
    assert unpack_snapshot(pack_snapshot(bare)) == bare


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        "null",
        '"text"',
        '{"numbers": []}',
        '{"numbers": {}}',
        '{"account_sid": "AC1", "numbers": {"+15550000001": {"sid": "PN1"}}}',
        '{"account_sid": "AC1", "numbers": {}, "more": 1}',
    ],
)
def test_load_refuses_anything_else(text: str) -> None:
    with pytest.raises(SmsError, match="is not what twilio_sms_webhook_info returned") as refusal:
        unpack_snapshot(text)
    assert refusal.value.code == "bad_snapshot"


def test_a_dump_is_no_literal_that_a_template_would_evaluate() -> None:
    text = pack_snapshot(Snapshot("AC1", {ONE: Number("PN1", SETTINGS)}))
    assert text.startswith("JSON {")  # Before ansible-core 2.19 text that begins with a brace becomes a dictionary.


@pytest.mark.parametrize(
    ("number", "state", "on_override", "said"),
    [
        (ONE, "present", "warn", None),
        (ONE, "present", "fail", "left alone: Messaging Service 'marketing' \\(MG1\\)"),
        (ONE, "present", "ignore", None),
        (ONE, "absent", "fail", None),
        (TWO, "present", "warn", "cannot receive texts"),
        (TWO, "absent", "warn", None),
        (THREE, "present", "warn", "not a phone number of account AC1 \\(20404\\)"),
        (THREE, "absent", "ignore", "not a phone number of account AC1 \\(20404\\)"),
    ],
)
def test_why_not(number: str, state: str, on_override: str, said: str | None) -> None:
    snapshot = Snapshot("AC1", {ONE: Number("PN1", SETTINGS), TWO: Number("PN2", SETTINGS, False)}, {ONE: SERVICE})
    refusal = why_not(number, {}, snapshot, Verdict(), {"state": state, "on_override": on_override})
    if said is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert re.search(said, refusal)


def test_who_changed_a_webhook_and_when_the_path_of_texts_changed() -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    changed, failed, repaired = (now - timedelta(days=days) for days in (3, 2, 1))

    class Telling(Account):
        def messaging_services(self) -> Any:
            return [
                {"sid": "MG1", "use_inbound_webhook_on_number": False, "date_updated": f"{repaired:%Y-%m-%dT%H:%M:%SZ}"}
            ]

        def alerts(self, since: str) -> Any:
            return [
                {
                    "sid": f"NO{sid}",
                    "resource_sid": sid,
                    "error_code": "11200",
                    "date_generated": f"{failed:%Y-%m-%dT%H:%M:%SZ}",
                }
                for sid in ("PN1", "PN2")
            ]

        def alert(self, sid: str) -> Any:
            raise AssertionError("the list itself names the numbers")

        def number_updates(self, since: str) -> Any:
            return []

    numbers = [row(ONE, "PN1"), row(TWO, "PN2")]
    dated = [{**each, "date_updated": format_datetime(changed)} for each in numbers]
    snapshot = Snapshot.take(Telling(*dated), None, alert_days=7, with_changes=True)
    assert snapshot.numbers[ONE].changed_at == f"{changed:%Y-%m-%dT%H:%M:%SZ}"
    assert (snapshot.changes, snapshot.changes_problem) == ({}, None)
    assert (snapshot.service_of(ONE), (snapshot.service_of(TWO) or {})["sid"]) == (None, "MG1")
    # The service changed after the error, the number that takes its texts itself did not.
    assert {number: errors["since_change"] for number, errors in (snapshot.errors or {}).items()} == {ONE: 1, TWO: 0}
    blind = Snapshot.take(Account(*numbers, sees_overrides=False), None, with_changes=True)
    assert "AC1" in str(blind.changes_problem)
    assert unpack_snapshot(pack_snapshot(snapshot)) == snapshot


def test_a_number_that_is_not_there_comes_with_what_may_have_been_meant() -> None:
    account = Account(row(ONE, "PN1"))
    snapshot = Snapshot.take(account, ["+" + ONE[2:], "+15559999999"], with_overrides=False)
    assert snapshot.hints == {"+" + ONE[2:]: f"did you mean {ONE}?"}
    params = {"state": "present", "on_override": "warn"}
    said = why_not("+" + ONE[2:], {}, snapshot, Verdict(), params)
    assert said == f"not a phone number of account AC1 (20404): did you mean {ONE}?"
    assert str(why_not("+15559999999", {}, snapshot, Verdict(), params)).endswith("check the number and the account")
    assert account.asked == ["find", "near"]
