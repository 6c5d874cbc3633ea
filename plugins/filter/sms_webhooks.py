# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.channels import with_channels
from ..module_utils._role.steps import webhooks

DOCUMENTATION = r"""
name: sms_webhooks
short_description: (Internal part of the role connect_sms) Fill the API keys into the webhook URLs of a batch
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), between looking up credentials and updating phone numbers.
  - Its result holds secrets.
positional: looked, credentials, channels
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  looked:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) for the plan's accounts, in order.
    type: list
    elements: dict
    required: true
  credentials:
    description:
      - The results of M(voiceagent.sms.iva_credential) for the plan's credentials, in order.
      - Not needed to disconnect.
    type: list
    elements: dict
  channels:
    description: The results of M(voiceagent.sms.sms_channels) for the plan's channels, in order.
    type: list
    elements: dict
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.twilio_sms_webhook:
    webhooks: "{{ item.webhooks }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_webhooks(__connect_sms_look.results, __connect_sms_credentials.results) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - The plan's Twilio accounts, each with C(webhooks) as M(voiceagent.sms.twilio_sms_webhook) takes them, the phone numbers of
      each as one text.
  type: list
  elements: dict
"""


def filled(plan: Any, looked: Any, credentials: Any = None, channels: Any = None) -> list[dict[str, Any]]:
    """Return the plan's accounts with the URLs of both kinds of receivers."""
    return webhooks(with_channels(plan, channels), looked, credentials)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_webhooks": filled}
