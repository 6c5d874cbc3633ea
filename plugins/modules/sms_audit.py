#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_audit
short_description: (Internal part of the role connect_sms) Give each phone number of an audit a verdict
version_added: 1.0.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Gives every phone number of a batch a verdict, shows a table of those that need attention, and writes reports.
    Nothing that it shows or writes contains a secret.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
entries: {description: "The verdicts, packed into one string.", returned: always, type: str}
summary: {description: "How many phone numbers have each status, and how many had C(errors).", returned: always, type: dict}
notes: {description: What could not be determined., returned: always, type: list, elements: str}
failures: {description: "Why hosts fail, by host.", returned: always, type: dict}
files: {description: The reports that were written., returned: always, type: list, elements: str}
"""
