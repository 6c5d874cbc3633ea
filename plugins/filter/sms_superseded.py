# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.second_look import superseded

DOCUMENTATION = r"""
name: sms_superseded
short_description: (Internal part of the role connect_sms) Say which service credentials of a run gave way to older ones
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), where another machine has created a credential at the same moment.
  - Its result holds secrets.
positional: now
options:
  _input:
    description: What M(voiceagent.sms.sms_plan) returned.
    type: dict
    required: true
  now:
    description: The results of M(voiceagent.sms.iva_credential_info) for P(voiceagent.sms.sms_second_looks#filter).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: How the role calls it
  ansible.builtin.set_fact:
    __connect_sms_superseded: "{{ __connect_sms_plan | voiceagent.sms.sms_superseded(__connect_sms_now.results) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: What the plan has as C(finish), for these credentials.
  type: dict
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_superseded": superseded}
