#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_verify
short_description: (Internal part of the role connect_sms) Report whether texts arrive and are answered
version_added: 1.1.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Combines the settings of a batch's phone numbers, IAM's answers about their keys, and the results of texts to them. Shows a
    table, and fails if a text did not arrive, was refused, or cannot be answered. Nothing that it shows contains a secret.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
options:
  proofs:
    description: Name of the variable with the results of M(voiceagent.sms.twilio_sms_verify).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
numbers:
  description:
    - An entry for each phone number as in RV(voiceagent.sms.twilio_sms_verify#module:numbers), with C(host), C(account_sid) and
      C(failed), the worst first, 100 at most. If the run fails, only those that fail it. None if there are more than 100 that do not.
  returned: always
  type: list
  elements: dict
receivers:
  description: As RV(voiceagent.sms.twilio_sms_verify#module:receivers).
  returned: always
  type: list
  elements: dict
summary: {description: How many phone numbers have each result., returned: always, type: dict}
notes: {description: What could not be determined., returned: always, type: list, elements: str}
"""
