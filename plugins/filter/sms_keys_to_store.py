# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.store import keys_to_store, not_stored

DOCUMENTATION = r"""
name: sms_keys_to_store
short_description: (Internal part of the role connect_sms) Tell which new API keys the user's own tasks have to keep
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), between making credentials and updating phone numbers.
  - Its result holds secrets.
positional: credentials, failed
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  credentials:
    description: The results of M(voiceagent.sms.iva_credential) for the plan's credentials, in order.
    type: list
    elements: dict
    required: true
  failed:
    description: Name of the task that failed. With it, the only item of the result is what the run has to say.
    type: str
"""

EXAMPLES = r"""
- name: How the role calls it
  ansible.builtin.include_tasks: "{{ item.tasks }}"
  loop: "{{ __connect_sms_plan | voiceagent.sms.sms_keys_to_store(__connect_sms_credentials.results) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: For each file of tasks and each new API key, the file as C(tasks) and what it gets as C(sms_key).
  type: list
  elements: dict
"""


def included(plan: Any, credentials: Any, failed: str | None = None) -> list[Any]:
    """Return what is included, or what is said after a failure."""
    if failed is not None:
        return [not_stored(plan, credentials, failed)]
    return list(keys_to_store(plan, credentials))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_keys_to_store": included}
