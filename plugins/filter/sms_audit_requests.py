# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.audit import key_requests

DOCUMENTATION = r"""
name: sms_audit_requests
short_description: (Internal part of the role connect_sms) Tell which API keys IAM has to be asked about
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), between reading phone numbers and judging them.
  - Its result holds secrets.
positional: looked
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned for an audit.
    type: dict
    required: true
  looked:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) for the plan's accounts, in order.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.iva_credential_info:
    api_keys: "{{ item.api_keys }}"
    explain: true
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_audit_requests(__connect_sms_look.results) }}"
  when: item.api_keys | length > 0
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - The plan's identities in IBM Cloud, each with C(api_keys).
  type: list
  elements: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_audit_requests": key_requests}
