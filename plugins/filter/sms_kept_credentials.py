# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._role.steps import kept_credentials

DOCUMENTATION = r"""
name: sms_kept_credentials
short_description: (Internal part of the role connect_sms) Explain which credentials were not deleted, and why
version_added: 1.0.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), after it has deleted what is not in use.
positional: usage
options:
  _input:
    description: The results of M(voiceagent.sms.iva_credential) with O(voiceagent.sms.iva_credential#module:state=absent).
    type: list
    elements: dict
    required: true
  usage:
    description: What P(voiceagent.sms.sms_key_usage#filter) returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: How the role calls it
  ansible.builtin.debug:
    msg: "{{ __connect_sms_deleted.results | voiceagent.sms.sms_kept_credentials(__connect_sms_usage) }}"
"""

RETURN = r"""
_value:
  description: Sentences without secrets.
  type: list
  elements: str
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"sms_kept_credentials": kept_credentials}
