# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._twilio import provider
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.client import TwilioNumbers
from ansible_collections.voiceagent.sms.plugins.modules import twilio_sms_webhook

ONE = "+15550000001"
METHODS = [name for kind in (provider.Numbers, provider.Provider) for name in vars(kind) if name[0] != "_"]


@pytest.mark.parametrize("name", METHODS)
def test_twilio_is_a_provider(name: str) -> None:
    asked, there = getattr(provider.Provider, name), getattr(TwilioNumbers, name)
    if callable(asked):
        assert list(inspect.signature(asked).parameters) == list(inspect.signature(there).parameters)


class Another:
    """Knows one number, and has no services."""

    account_sid = "ACother"
    sees_overrides = True

    def __init__(self) -> None:
        self.row = {"sid": "PN1", "phone_number": ONE, "sms_url": ""}

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AssertionError(f"{name} is no part of the protocol")
        return lambda *_asked: []

    def find(self, wanted: list[str]) -> dict[str, Any]:
        """Return the number, if it is wanted."""
        return {ONE: self.row} if ONE in wanted else {}

    def update(self, number: str, sid: str, fields: dict[str, str]) -> dict[str, Any]:
        """Change the number."""
        self.row |= {"sms_url": fields["SmsUrl"], "sms_method": fields.get("SmsMethod", "")}
        return self.row


def test_a_second_provider_needs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    another = Another()
    monkeypatch.setattr(twilio_sms_webhook, "twilio_numbers", lambda params, transport: another)
    spec = twilio_sms_webhook.ARGUMENTS["argument_spec"]
    params = {name: option.get("default") for name, option in spec.items()}
    params |= {"phone_numbers": [ONE, "+15550000002"], "url": "https://agent.example.com/sms", "on_override": "repair"}
    params |= {"timeout": 30, "validate_certs": True, "_role": dict.fromkeys(twilio_sms_webhook.ROLE_OPTIONS)}
    module = SimpleNamespace(params=params, check_mode=False, _diff=False)
    result = twilio_sms_webhook.manage(module)
    assert [entry["status"] for entry in result["numbers"]] == ["changed", "failed"]
    assert another.row["sms_url"] == "https://agent.example.com/sms"
