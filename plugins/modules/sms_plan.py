#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_plan
short_description: (Internal part of the role connect_sms) Plan the work for a batch of hosts
version_added: 1.0.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Reads the role's variables for every host of the batch, checks them by the role's argument specification, and returns the
    distinct service credentials and Twilio accounts that they need, so that each is looked up once.
  - Also reads the short extra variables of the playbooks, such as C(region), which have no effect in an inventory.
  - Its result contains secrets. If nothing can be done, it returns RV(refusal), which contains none.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part]
options:
  entry_point:
    description: The role's entry point, whose variables are read.
    type: str
    default: main
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
refusal: {description: "Why nothing can be done; nothing else is returned with it.", returned: if nothing can be done, type: str}
credentials: {description: The distinct service credentials., returned: always, type: list, elements: dict}
channels: {description: The distinct channels of watsonx Orchestrate., returned: when numbers are written, type: list, elements: dict}
accounts:
  description: The Twilio accounts, each with groups of phone numbers that get the same webhook.
  returned: always
  type: list
  elements: dict
numbers: {description: The phone numbers of each host., returned: always, type: dict}
unplanned: {description: "The phone numbers of hosts with RV(errors), as far as they could be read.", returned: always, type: dict}
errors: {description: "The mistakes in hosts' variables, by host. These hosts fail.", returned: always, type: dict}
dry_run: {description: "Whether this is a dry run, in check mode or by the extra variable C(dry_run).", returned: always, type: bool}
per_host: {description: Whether every host reports on its own phone numbers., returned: always, type: bool}
last_host: {description: The last host of the batch., returned: always, type: str}
id: {description: An ID that no other plan has., returned: always, type: str}
run_id: {description: An ID that all plans of one Ansible run have., returned: always, type: str}
"""
