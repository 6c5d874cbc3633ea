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
  - A part of the role P(voiceagent.sms.connect_sms#role), not for use by itself.
  - Gives a verdict on every phone number of a batch, shows a table of those that somebody has to look at, and writes reports.
  - Runs once for the batch. Nothing that it shows or writes holds a secret.
author:
  - voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment:
  - voiceagent.sms.attributes.role_part
attributes:
  bypass_host_loop:
    description: Forces a C(run_once), so that it runs once for all hosts of the batch.
    support: full
options:
  plan:
    description: Name of the variable with the result of M(voiceagent.sms.sms_plan).
    type: str
    required: true
  look:
    description: Name of the variable with the results of M(voiceagent.sms.twilio_sms_webhook_info).
    type: str
    required: true
  keys:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential_info).
    type: str
    required: true
  channels:
    description: Name of the variable with the results of M(voiceagent.sms.sms_channels).
    type: str
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.sms_audit:
    plan: __connect_sms_plan
    look: __connect_sms_look
    keys: __connect_sms_keys
  register: __connect_sms_audit
"""

RETURN = r"""
entries:
  description: The verdicts, as one text. For the role.
  returned: always
  type: str
summary:
  description: How many phone numbers have each status, and how many met C(errors).
  returned: always
  type: dict
  sample: {connected: 998, elsewhere: 2, errors: 1}
notes:
  description: What could not be found out.
  returned: always
  type: list
  elements: str
failures:
  description: What failed hosts, by host.
  returned: always
  type: dict
files:
  description: The reports that were written.
  returned: always
  type: list
  elements: str
"""
