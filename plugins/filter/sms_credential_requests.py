# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.steps import credential_requests

DOCUMENTATION = r"""
name: sms_credential_requests
short_description: (Internal part of the role connect_sms) Tell which service credentials of a batch are needed
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), between looking at phone numbers and looking up credentials.
  - Its result holds secrets.
positional: looked
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  looked:
    description:
      - The results of M(voiceagent.sms.twilio_sms_webhook_info) for the plan's accounts, in order.
      - Without them all credentials are needed.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.iva_credential:
    name: "{{ item.name }}"
    region: "{{ item.region }}"
    candidate_api_keys: "{{ item.candidate_api_keys }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_credential_requests(__connect_sms_look.results) }}"
  when: item.needed
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - The plan's service credentials, each with C(needed), C(wait) and C(candidate_api_keys).
  type: list
  elements: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_credential_requests": credential_requests}
