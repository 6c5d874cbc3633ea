# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.second_look import second_looks

DOCUMENTATION = r"""
name: sms_second_looks
short_description: (Internal part of the role connect_sms) Say which service credentials are to be looked at again
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), after numbers were switched to the keys of credentials.
  - Its result holds secrets.
positional: found, done
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  found:
    description: The results of M(voiceagent.sms.iva_credential) for the plan's credentials, in order.
    type: list
    elements: dict
    required: true
  done:
    description: The results of M(voiceagent.sms.twilio_sms_webhook) for the plan's accounts, in order.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.iva_credential_info:
    guids: "{{ item.guids }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_second_looks(__connect_sms_credentials.results, __connect_sms_webhooks.results) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description:
    - For each of the plan's credentials the options of M(voiceagent.sms.iva_credential_info), in C(access) those of IBM Cloud.
  type: list
  elements: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_second_looks": second_looks}
