#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sms_kept
short_description: (Internal part of the role connect_sms) Say which service credentials the role connect_sms has kept, and why
version_added: 1.1.0
description:
  - A part of the role P(voiceagent.sms.connect_sms#role), not for use by itself.
  - Warns of credentials that are still in use, and fails for those that IBM Cloud refused to delete.
  - Runs once for the batch.
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
  credentials:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential).
    type: str
    required: true
  webhooks:
    description: Name of the variable with the results of M(voiceagent.sms.twilio_sms_webhook).
    type: str
    required: true
  usage:
    description: Name of the variable with what P(voiceagent.sms.sms_key_usage#filter) returned.
    type: str
    required: true
  before:
    description: As O(usage), when the credentials were retired, of a disconnect.
    type: str
  retired:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential) that retired, of a disconnect.
    type: str
  deleted:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential) that deleted.
    type: str
    required: true
  fail:
    description: Whether to fail for what should be gone, instead of warnings.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: How the role calls it
  voiceagent.sms.sms_kept:
    plan: __connect_sms_plan
    credentials: __connect_sms_credentials
    webhooks: __connect_sms_webhooks
    usage: __connect_sms_usage
    deleted: __connect_sms_deleted
"""

RETURN = r"""
msg:
  description: What is to be said, if anything.
  returned: when there is something to say
  type: str
"""
