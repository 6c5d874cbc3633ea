#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_channels
short_description: (Internal part of the role connect_sms) Find, create or delete channels of watsonx Orchestrate
version_added: 1.1.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Runs M(voiceagent.sms.orchestrate_sms_channel) for each channel of the plan. Its result contains no secrets.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
options:
  action:
    description:
      - V(find) finds the channels of the batch and writes nothing.
      - V(ensure) also creates missing channels that a number of the batch can be connected to.
      - V(delete) deletes the channels of the whole play, except those that something in the accounts still leads to.
    type: str
    choices: [find, ensure, delete]
    default: find
  found:
    description: With O(action=delete), name of the variable with the result of this action with O(action=find).
    type: str
  afterwards:
    description: With O(action=delete), the same as O(look), but read after all changes.
    type: str
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
results:
  description: What M(voiceagent.sms.orchestrate_sms_channel) returned for each of the plan's channels.
  returned: always
  type: list
  elements: dict
"""
