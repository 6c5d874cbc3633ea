#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_kept
short_description: (Internal part of the role connect_sms) Report which service credentials are kept, and why
version_added: 1.1.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Warns about credentials that are still in use, and fails for those that IBM Cloud refused to delete.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
options:
  usage:
    description: Name of the variable with what P(voiceagent.sms.sms_next#filter) returned as V(key_usage).
    type: str
    required: true
  before:
    description: For a disconnect, O(usage) at the time when the credentials were retired.
    type: str
  retired:
    description: For a disconnect, name of the variable with the results of the M(voiceagent.sms.iva_credential) that retired.
    type: str
  deleted:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential) that deleted.
    type: str
    required: true
  settled:
    description: Name of the variable with the result of M(voiceagent.sms.sms_settled), to fail for that as well.
    type: str
  fail:
    description: Whether to fail for credentials that should be gone, instead of warning.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
msg: {description: The warning or failure., returned: if a credential was kept, type: str}
"""
