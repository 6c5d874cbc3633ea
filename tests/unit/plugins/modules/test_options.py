# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong options: the message is the same wherever the module runs."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.running import Run

SECRET = "s3cret-of-an-option"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("iva_credential", {}, "missing required arguments: name"),
    (
        "iva_credential",
        {"name": "a", "role": "Reader"},
        "value of role must be one of: Writer, Manager, got: Reader",
    ),
    ("iva_credential", {"name": "a", "create": "perhaps"}, "argument 'create' is of type"),
    (
        "iva_credential",
        {"name": "a", "nme": "b", "ibmcloud_api_key": SECRET},
        "Unsupported parameters for (voiceagent.sms.iva_credential) module: nme. Supported parameters include: ",
    ),
    ("twilio_sms_webhook", {}, "one of the following is required: phone_numbers, webhooks"),
    ("twilio_sms_webhook", {"url": "https://a.example.com"}, "one of the following is required: phone_numbers, webho"),
    (
        "twilio_sms_webhook",
        {"phone_numbers": ["+15550000001"], "webhooks": [], "auth_token": SECRET},
        "parameters are mutually exclusive: phone_numbers|webhooks",
    ),
    (
        "twilio_sms_webhook",
        {"webhooks": [{"url": "https://u.example.com"}]},
        "missing required arguments: phone_numbers found in webhooks",
    ),
    (
        "twilio_sms_webhook",
        {"webhooks": [{"phone_numbers": "1", "urls": "more"}]},
        "Unsupported parameters for (voiceagent.sms.twilio_sms_webhook) module: webhooks.urls. Supported parameters",
    ),
    ("twilio_sms_webhook", {"phone_number": "1", "concurrency": SECRET, "auth_token": SECRET}, "'concurrency' is of"),
    (
        "twilio_sms_webhook",
        {"phone_number": "1", "method": "PUT"},
        "value of method must be one of: POST, GET, got: PUT",
    ),
    ("twilio_sms_webhook", {"phone_number": "1", "state": "there"}, "value of state must be one of: present, absent"),
    ("twilio_sms_webhook_info", {"alert_days": "a week"}, "argument 'alert_days' is of type"),
    ("iva_credential_info", {"explain": {}}, "argument 'explain' is of type"),
]


@pytest.mark.parametrize(("module", "args", "msg"), WRONG)
def test_wrong_options_stop_a_module(run: Run, module: str, args: dict[str, Any], msg: str) -> None:
    result = run(module, **args)
    assert result["failed"] is True
    assert msg in result["msg"]
    assert result.requests == []
    assert SECRET not in result.text
