# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls in the plan's accounts are valid for their modules, and hold all that the plan says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import TWILIO_OPTIONS
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._role.calls import holder_calls, look_calls, webhook_calls
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Snapshot
from ansible_collections.voiceagent.sms.plugins.modules import twilio_sms_webhook, twilio_sms_webhook_info

ACCESS = {"account_sid": "AC" + "1" * 32, "auth_token": "secret", "timeout": 5.0}
LOOKED = [{"snapshot": pack_snapshot(Snapshot(ACCESS["account_sid"], {}, {}))}]


def plan(**more: Any) -> dict[str, Any]:
    """Return a plan with one account, none of whose values is a module's default."""
    group = {"phone_numbers": "+15550000001", "url": "https://example.com/x", "host": None, "fallback_host": None}
    account = {
        "access": ACCESS,
        "phone_numbers": "+15550000001",
        "webhooks": [{**group, "credentials": [], "password": None}],
        "state": "absent",
        "on_override": "repair",
        "pools": True,
        "repair_shared_services": True,
        "release_conversations": True,
        "concurrency": 7,
        "force": True,
        "alert_days": 3,
        "changed_by": True,
        **more,
    }
    finish = {"accounts": [{"access": ACCESS, "delete_unseen": False}]}
    return {"accounts": [account], "credentials": [], "dry_run": False, "finish": finish}


def validated(module: Any, call: dict[str, Any]) -> dict[str, Any]:
    """Return a call's options as the module gets them, without those for access."""
    rules = {name: value for name, value in module.ARGUMENTS.items() if name != "supports_check_mode"}
    checked = ArgumentSpecValidator(**rules).validate(call)
    assert checked.error_messages == []
    options = checked.validated_parameters
    assert {name: options[name] for name in ACCESS} == ACCESS
    return {name: value for name, value in options.items() if name not in TWILIO_OPTIONS}


def test_a_look_asks_for_all_that_the_plan_needs() -> None:
    (call,) = look_calls(plan())
    assert validated(twilio_sms_webhook_info, call) == {
        "phone_numbers": ["+15550000001"],
        "overrides": True,
        "pools": True,
        "holders": False,
        "alert_days": 3,
        "changed_by": True,
        "snapshot": True,
    }


@pytest.mark.parametrize("none", ["", None])
def test_a_look_without_numbers_is_at_the_whole_account(none: str | None) -> None:
    (call,) = look_calls(plan(phone_numbers=none, on_override="ignore"))
    options = validated(twilio_sms_webhook_info, call)
    assert (options["phone_numbers"], options["overrides"]) == (None, False)


def test_an_update_gets_all_that_the_plan_says() -> None:
    (call,) = webhook_calls(plan(), LOOKED)
    options = validated(twilio_sms_webhook, call)
    assert [group["phone_numbers"] for group in options["webhooks"]] == [["+15550000001"]]
    chosen = ("state", "on_override", "repair_shared_services", "release_conversations", "concurrency")
    assert [options[name] for name in chosen] == ["absent", "repair", True, True, 7]
    assert options["_role"] == {
        "snapshot": LOOKED[0]["snapshot"],
        "restore": None,
        "force": True,
        "progress_file": None,
    }


def test_a_restore_gets_the_record() -> None:
    (call,) = webhook_calls(plan(restore={}), LOOKED)
    assert validated(twilio_sms_webhook, call)["_role"]["restore"]


@pytest.mark.parametrize("looked", [[{"msg": "HTTP 401"}], [{}]])
def test_an_account_that_could_not_be_read_is_not_called(looked: list[dict[str, Any]]) -> None:
    assert webhook_calls(plan(), looked) == [{}]


def test_holders_are_sought_in_every_account_of_the_play() -> None:
    (call,) = holder_calls(plan())
    assert validated(twilio_sms_webhook_info, call)["holders"] is True
