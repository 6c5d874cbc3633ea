#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_settled
short_description: (Internal part of the role connect_sms) Check that the service credentials are unchanged
version_added: 1.1.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Fails if another run has renamed or deleted a credential while numbers were being switched to its key.
  - Returns what it cannot find out, or finds at the second check. The role fails with it after the reports.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
options:
  now:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential_info).
    type: str
    required: true
  superseded:
    description: Name of the variable with what P(voiceagent.sms.sms_next#filter) returned as V(superseded), the second time.
    type: str
  deleted:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential) for these, the second time.
    type: str
  again:
    description: Whether this is the second check, after the numbers were connected again.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
problem: {description: "The message with which the role fails in the end, V(\"\") for none.", returned: success, type: str}
"""
