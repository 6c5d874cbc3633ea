# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules support; see the attributes table on each module's page."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
    details:
      - If the module would run on the controller with Ansible's own Python, without C(become), C(async) and C(environment),
        it runs in the task's own process, which saves half a second. Otherwise it runs like any other module.
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
"""

    ACTION_GROUP_IBM_CLOUD = r"""
attributes:
  action_group:
    description: Use C(group/voiceagent.sms.ibm_cloud) in C(module_defaults) to set the IBM Cloud options for this module.
    support: full
    membership:
      - voiceagent.sms.ibm_cloud
"""

    ACTION_GROUP_TWILIO = r"""
attributes:
  action_group:
    description: Use C(group/voiceagent.sms.twilio) in C(module_defaults) to set the Twilio options for this module.
    support: full
    membership:
      - voiceagent.sms.twilio
"""

    ACTION_GROUP_ORCHESTRATE = r"""
attributes:
  action_group:
    description: Use C(group/voiceagent.sms.orchestrate) in C(module_defaults) to set the access options for this module.
    support: full
    membership:
      - voiceagent.sms.ibm_cloud
      - voiceagent.sms.orchestrate
"""

    INFO_MODULE = r"""
attributes:
  check_mode:
    details: The module changes nothing, so it does the same in check mode.
  diff_mode:
    support: N/A
    details: The module changes nothing.
  idempotent:
    details: The module changes nothing.
"""

    # For the parts of the role that are action plugins: they run once for the batch, on the controller, and connect to nothing.
    ROLE_PART = r"""
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  become:
    description: Is usable alongside become keywords.
    support: none
  bypass_host_loop:
    description: Forces a C(run_once), so that it runs once for all hosts of the batch.
    support: full
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: none
  delegation:
    description: Can be used in conjunction with delegate_to and related keywords.
    support: none
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: all
    support: full
"""

    # Their options are names of variables, because templating the results for each host takes too long.
    ROLE_RESULTS = r"""
options:
  plan:
    description: Name of the variable with the result of M(voiceagent.sms.sms_plan).
    type: str
  look:
    description: Name of the variable with the results of M(voiceagent.sms.twilio_sms_webhook_info).
    type: str
  credentials:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential).
    type: str
  channels:
    description: Name of the variable with the results of M(voiceagent.sms.sms_channels).
    type: str
  keys:
    description: Name of the variable with the results of M(voiceagent.sms.iva_credential_info).
    type: str
  urls:
    description: The results of the task that builds the webhook URLs.
    type: str
  webhooks:
    description: Name of the variable with the results of M(voiceagent.sms.twilio_sms_webhook).
    type: str
  first_pass:
    description: Name of the variable with the results of a first pass, if another run made a second one necessary.
    type: str
"""
