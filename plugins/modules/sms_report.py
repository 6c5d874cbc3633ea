#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_report
short_description: (Internal part of the role connect_sms) Report the result of a host
version_added: 1.0.0
description:
  - Used by the role P(voiceagent.sms.connect_sms#role) only.
  - Its result shows whether a host's phone numbers were changed or failed, without any secret.
  - Without O(look) and O(audit) it reports on the service credentials.
author: voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment: [voiceagent.sms.attributes.role_part, voiceagent.sms.attributes.role_results]
attributes:
  bypass_host_loop:
    support: none
  diff_mode:
    support: full
options:
  entry_point:
    description: The role's entry point, for the wording of the summary.
    type: str
    default: main
  backup:
    description: Name of the variable with the result of M(voiceagent.sms.sms_backup).
    type: str
  settled:
    description: Name of the variable with the result of M(voiceagent.sms.sms_settled).
    type: str
  audit:
    description: Name of the variable with the result of M(voiceagent.sms.sms_audit), to report an audit instead.
    type: str
  retired:
    description: For a disconnect, name of the variable with the results of the M(voiceagent.sms.iva_credential) that retired.
    type: str
  deleted:
    description: For a disconnect, name of the variable with the results of M(voiceagent.sms.iva_credential) that deleted.
    type: str
  host:
    description: The host to report on. By default the whole batch.
    type: str
"""

EXAMPLES = r"""
- name: Use the role, not this part of it
  ansible.builtin.import_role:
    name: voiceagent.sms.connect_sms
"""

RETURN = r"""
msg: {description: What happened., returned: always, type: str}
numbers:
  description:
    - The entries of M(voiceagent.sms.twilio_sms_webhook) for the host's phone numbers.
    - If the report fails, only those that failed, also if nothing was attempted with them.
    - If there are more than a thousand numbers, only those that failed or whose texts go elsewhere, because showing each takes time.
  returned: always
  type: list
  elements: dict
"""
