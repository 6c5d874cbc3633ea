#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_backup
short_description: (Internal part of the role connect_sms) Record the SMS settings that are about to change
version_added: 1.0.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Writes the current SMS settings of the phone numbers that are about to change to a file, encrypted if there is a vault
    password. Fails if it cannot, so that no setting is overwritten without a record. A dry run writes no file.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
options:
  reserve:
    description: Whether only to reserve the disk space that the record needs, before credentials are created.
    type: bool
    default: false
  entry_point:
    description: The role's entry point, noted in the file.
    type: str
    default: main
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
files: {description: The files that were written., returned: always, type: list, elements: str}
count: {description: How many phone numbers are about to change., returned: always, type: int}
"""
