# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.steps import key_usage

DOCUMENTATION = r"""
name: sms_key_usage
short_description: (Internal part of the role connect_sms) Tell which API keys are held by anything in whole accounts
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), before it deletes a credential.
  - Its result holds secrets.
positional: planned, problem, accounts
options:
  _input:
    description: The results of M(voiceagent.sms.twilio_sms_webhook_info) with C(holders).
    type: list
    elements: dict
    required: true
  planned:
    description: In a dry run, the result of P(voiceagent.sms.sms_webhooks#filter) for the same accounts, to be taken for done.
    type: list
    elements: dict
  problem:
    description: Why it is not even known which accounts there are, if so.
    type: str
  accounts:
    description: The accounts that were looked at, with C(delete_unseen) of each.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    state: absent
    keys_in_use: "{{ (__connect_sms_afterwards.results | voiceagent.sms.sms_key_usage)['keys'] }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: The keys in C(keys), what holds each of them in C(holders), and in C(problem) why it is not known of everything.
  type: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_key_usage": key_usage}
