# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.deletion import key_usage

DOCUMENTATION = r"""
name: sms_key_usage
short_description: (Internal part of the role connect_sms) Tell which API keys are held in whole accounts, and by what
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), before it deletes a credential.
  - Its result holds secrets.
positional: read, look, found, done, channels
options:
  _input:
    description: The result of M(voiceagent.sms.sms_plan).
    type: dict
    required: true
  read:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) with its option C(holders).
    type: list
    elements: dict
    required: true
  look:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) with which the batch began.
    type: list
    elements: dict
    required: true
  found:
    description: The results of M(voiceagent.sms.iva_credential).
    type: list
    elements: dict
    required: true
  done:
    description: The results of M(voiceagent.sms.twilio_sms_webhook).
    type: list
    elements: dict
    required: true
  channels:
    description: The results of M(voiceagent.sms.sms_channels) for the plan's channels, in order.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: How the role calls it
  ansible.builtin.set_fact:
    __connect_sms_usage: >-
      {{ __connect_sms_plan | voiceagent.sms.sms_key_usage(__connect_sms_holders.results, __connect_sms_look.results,
         __connect_sms_credentials.results, __connect_sms_webhooks.results) }}
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - The keys in C(keys), what holds each of them in C(holders), the credentials that may be looked into in C(credentials), and in
      C(problem) and C(unseen) what is not known.
  type: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_key_usage": key_usage}
