# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._role.audit import key_requests
from ..module_utils._role.calls import holder_calls, look_calls, webhook_calls
from ..module_utils._role.deletion import key_usage
from ..module_utils._role.second_look import second_looks, superseded
from ..module_utils._role.steps import credential_requests, receivers
from ..module_utils._role.store import keys_to_store, not_stored
from ..module_utils._role.verify import verify_requests

DOCUMENTATION = r"""
name: sms_next
short_description: (Internal part of the role connect_sms) Return the items of the role's next task
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only, between two of its tasks.
  - Combines the plan with the results of earlier tasks. Each O(step) takes some of the other options. Their values are results of
    modules, in the order of the plan's items.
  - Its result contains secrets.
positional: step
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  step:
    description:
      - V(look) returns the calls of M(voiceagent.sms.twilio_sms_webhook_info) that read the numbers.
      - V(credentials) returns service credentials with C(needed), C(wait) and C(candidate_api_keys), from O(look). Without O(look) all
        are needed.
      - V(store) returns the task files that store new API keys, from O(credentials). V(not_stored) returns the error message after
        O(failed), from O(credentials).
      - V(receivers) returns what each webhook URL is made of, from O(credentials).
      - V(webhooks) returns the calls of M(voiceagent.sms.twilio_sms_webhook), from O(look), O(credentials), O(channels) and O(urls).
      - V(second_look) returns the GUIDs of credentials to read again, for a restore the API keys, from O(credentials), O(webhooks)
        and O(again).
      - V(superseded) returns the run's credentials that duplicate older ones, from O(now), in the form of the plan's C(finish).
      - V(holders) returns the calls of M(voiceagent.sms.twilio_sms_webhook_info) that find what uses API keys.
      - V(key_usage) returns the API keys in use, what uses them, and the credentials to delete if they are unused, from O(holders),
        O(look), O(credentials), O(webhooks), O(channels) and O(urls).
      - V(keys) returns the API keys to ask IAM about in an audit, from O(look).
      - V(verify) returns the calls of M(voiceagent.sms.twilio_sms_verify), from O(look), O(keys) and O(channels).
    type: str
    required: true
    choices:
      [look, credentials, store, not_stored, receivers, webhooks, second_look, superseded, holders, key_usage, keys, verify]
  look:
    description: Results of M(voiceagent.sms.twilio_sms_webhook_info), from before anything is written.
    type: list
    elements: dict
  credentials:
    description: Results of M(voiceagent.sms.iva_credential).
    type: list
    elements: dict
  channels:
    description: Results of M(voiceagent.sms.sms_channels).
    type: list
    elements: dict
  urls:
    description: Of the task that builds the URLs of V(receivers).
    type: list
    elements: dict
  webhooks:
    description: Results of M(voiceagent.sms.twilio_sms_webhook).
    type: list
    elements: dict
  now:
    description: Results of M(voiceagent.sms.iva_credential_info), for V(second_look).
    type: list
    elements: dict
  holders:
    description: Results of M(voiceagent.sms.twilio_sms_webhook_info) with C(holders).
    type: list
    elements: dict
  keys:
    description: Results of M(voiceagent.sms.iva_credential_info), for V(keys).
    type: list
    elements: dict
  again:
    description: Whether the numbers were connected before in this run. Then all count that did not fail, changed now or not.
    type: bool
    default: false
  failed:
    description: Name of the task that failed.
    type: str
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.iva_credential:
    name: "{{ item.name }}"
    region: "{{ item.region }}"
    candidate_api_keys: "{{ item.candidate_api_keys }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_next('credentials', look=__connect_sms_look.accounts) }}"
  when: item.needed
  no_log: true
"""

RETURN = r"""
_value:
  description: The items of the next task, as described for O(step).
  type: raw
"""


#: The function of each step, and its arguments after the plan.
STEPS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "look": (look_calls, ()),
    "credentials": (credential_requests, ("look",)),
    "store": (keys_to_store, ("credentials",)),
    "not_stored": (not_stored, ("credentials", "failed")),
    "receivers": (receivers, ("credentials",)),
    "webhooks": (webhook_calls, ("look", "credentials", "channels", "urls")),
    "second_look": (second_looks, ("credentials", "webhooks", "again")),
    "superseded": (superseded, ("now",)),
    "holders": (holder_calls, ()),
    "key_usage": (key_usage, ("holders", "look", "credentials", "webhooks", "channels", "urls")),
    "keys": (key_requests, ("look",)),
    "verify": (verify_requests, ("look", "keys", "channels")),
}


def sms_next(plan: Mapping[str, Any], step: str, **results: Any) -> Any:
    """Return the items of the task after *step*.

    :param results: results of earlier tasks, by the names in :data:`STEPS`
    """
    work_out, names = STEPS[step]
    return work_out(plan, *(results.get(name) for name in names))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_next": sms_next}
