#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_accounts
short_description: (Internal part of the role connect_sms) Run a module for many Twilio accounts, several at once
version_added: 1.1.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - A call that fails does not fail the task. The report says what went wrong.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part]
options:
  module:
    description: The module.
    type: str
    required: true
    choices: [twilio_sms_verify, twilio_sms_webhook, twilio_sms_webhook_info]
  calls:
    description:
      - The module's options, for each account. Without options there is no call.
      - Options for access that are not given come from the play's C(module_defaults).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
accounts:
  description: What the module returned for each call, empty if there was none. A secret.
  returned: always
  type: list
  elements: dict
"""
