# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio import changes
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number

ONE = "+15550000001"
NUMBERS = {ONE: Number("PN1", {})}
OLD, NEW = "https://apikey:secret-one@sms.example.com/a", "https://flows.example.com/b?token=secret-two"


class Monitor:
    """Twilio's Monitor with given events."""

    def __init__(self, *rows: dict[str, Any], sees_overrides: bool = True) -> None:
        self.rows, self.sees_overrides = rows, sees_overrides

    def number_updates(self, since: str) -> list[dict[str, Any]]:
        assert since.endswith("Z")
        return list(self.rows)


def event(data: Any, at: str = "2026-11-20T10:00:00Z", sid: str = "PN1", **values: Any) -> dict[str, Any]:
    who = {"actor_type": "user", "actor_sid": "US1", "source": "web"}
    return {"event_data": data, "event_date": at, "resource_sid": sid, **who, **values}


URL = {"sms_url": {"previous": OLD, "updated": NEW}}


@pytest.mark.parametrize("data", [URL, {"resource_properties": URL}], ids=["direct", "resource_properties"])
def test_who_changed_a_webhook_without_its_secrets(data: dict[str, Any]) -> None:
    told = changes.last_changes(Monitor(event(data)), NUMBERS)
    assert told[ONE] == {
        "at": "2026-11-20T10:00:00Z",
        "actor_type": "user",
        "actor_sid": "US1",
        "source": "web",
        "before": {"url": "https://apikey:***@sms.example.com/a"},
        "after": {"url": "https://flows.example.com/b?token=***"},
    }
    assert "secret" not in json.dumps(told)


@pytest.mark.parametrize(
    "row",
    [
        event({"friendly_name": {"previous": "a", "updated": "b"}}),  # not the webhook
        event({"voice_url": {"previous": OLD, "updated": NEW}}),
        event(URL, sid="PN9"),
        event(None),
        event("text"),
        event({"resource_properties": None}),
        event({"sms_url": "text"}),
        {},
    ],
)
def test_what_tells_nothing_is_left_out(row: dict[str, Any]) -> None:
    assert changes.last_changes(Monitor(row), NUMBERS) == {}


def test_the_last_change_counts_in_any_order() -> None:
    rows = [event(URL, f"2026-11-{day}T10:00:00Z", actor_sid=f"US{day}") for day in (20, 22, 21)]
    assert changes.last_changes(Monitor(*rows), NUMBERS)[ONE]["actor_sid"] == "US22"
    application = event({"sms_application_sid": {"previous": None, "updated": "AP1"}}, "2026-11-23T10:00:00Z")
    told = changes.last_changes(Monitor(*rows, application), NUMBERS)[ONE]
    assert (told["before"], told["after"]) == ({"application_sid": ""}, {"application_sid": "AP1"})


def test_a_parent_cannot_know() -> None:
    with pytest.raises(SmsError, match="subaccount"):
        changes.last_changes(Monitor(sees_overrides=False), NUMBERS)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "changed by user US1 (web) at 2026-11-20T10:00:00Z"),
        ({"actor_type": "account", "actor_sid": "AC1", "source": "api"}, "with credentials of account AC1 (api)"),
        ({"actor_type": "twilio-admin", "actor_sid": "", "source": ""}, "changed by twilio-admin at"),
        ({"actor_type": "", "actor_sid": "", "source": ""}, "changed by somebody at"),
    ],
)
def test_in_words(values: dict[str, str], words: str) -> None:
    told = next(iter(changes.last_changes(Monitor(event(URL, **values)), NUMBERS).values()))
    assert words in changes.describe_change(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00.123Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00.1Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00Z"),
        ("Fri, 20 Nov 2026 11:00:00 +0100", "2026-11-20T10:00:00Z"),
        ("", ""),
        (None, ""),
        ("yesterday", ""),
        (17, ""),
    ],
)
def test_times_of_twilio(text: Any, told: str) -> None:
    assert changes.iso(text) == told
