# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.verify import requests

DOCUMENTATION = r"""
name: sms_verify_requests
short_description: (Internal part of the role connect_sms) Say what has to be verified of a batch's phone numbers
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), between reading phone numbers and texting them.
  - Its result holds secrets.
positional: looked, asked, channels
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned for the entry point C(verify).
    type: dict
    required: true
  looked:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) for the plan's accounts, in order.
    type: list
    elements: dict
    required: true
  asked:
    description: The results of M(voiceagent.sms.iva_credential_info) for the API keys in the webhooks.
    type: list
    elements: dict
    required: true
  channels:
    description: The results of M(voiceagent.sms.sms_channels).
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.twilio_sms_verify:
    phone_numbers: "{{ item.phone_numbers }}"
    snapshot: "{{ item.snapshot }}"
    silent: "{{ item.silent }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_verify_requests(__connect_sms_look.results, __connect_sms_keys.results) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - One item for each Twilio account that could be looked at, with C(access) and options of
      M(voiceagent.sms.twilio_sms_verify). All together they allow no more texts than one of them may send.
  type: list
  elements: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_verify_requests": requests}
