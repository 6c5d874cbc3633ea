# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Computes the options of the modules that ``sms_accounts`` runs in the plan's Twilio accounts. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .channels import with_channels
from .steps import Results, webhooks, with_urls

Calls = list[dict[str, Any]]  # options of a module, for each account; none if there is nothing to do


def look_calls(plan: Mapping[str, Any]) -> Calls:
    """Return the calls of ``twilio_sms_webhook_info`` that read the numbers of the batch."""
    return [
        {
            **account["access"],
            "phone_numbers": account["phone_numbers"] or None,
            "overrides": account["on_override"] != "ignore",
            "pools": account["pools"],
            "alert_days": account["alert_days"],
            "changed_by": account["changed_by"],
            "snapshot": True,
        }
        for account in plan["accounts"]
    ]


def webhook_calls(
    plan: Mapping[str, Any],
    looked: Results,
    found: Results | None = None,
    channels: Results | None = None,
    urls: Results | None = None,
) -> Calls:
    """Return the calls of ``twilio_sms_webhook``. They contain secrets.

    :param looked: the results of :func:`look_calls`
    :param found: the results of ``iva_credential``
    :param channels: the results of ``sms_channels``
    :param urls: the results of ``set_fact`` with :data:`steps.URL` for :func:`steps.receivers`
    """
    plan = with_urls(with_channels(plan, channels), found or [], urls)
    names = ("webhooks", "state", "on_override", "repair_shared_services", "release_conversations", "concurrency")
    return [
        {
            **account["access"],
            **{name: account[name] for name in names},
            "_role": {name: account[name] for name in ("snapshot", "restore", "force") if name in account},
        }
        if account["webhooks"]
        else {}
        for account in webhooks(plan, looked, found)
    ]


def holder_calls(plan: Mapping[str, Any]) -> Calls:
    """Return the calls of ``twilio_sms_webhook_info`` that find what uses API keys, in all accounts of the play."""
    return [{**account["access"], "holders": True} for account in plan["finish"]["accounts"]]
