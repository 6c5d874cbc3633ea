#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orchestrate_sms_channel_info
short_description: Read the Twilio SMS channels of a watsonx Orchestrate agent
version_added: 1.1.0
description:
  - Lists the channels of the type C(twilio_sms) in an agent's environments, each with its webhook URL.
  - The read-only counterpart of M(voiceagent.sms.orchestrate_sms_channel).
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.orchestrate_sms_channel
extends_documentation_fragment:
  - voiceagent.sms.orchestrate
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_orchestrate
  - voiceagent.sms.attributes.info_module
options:
  agent:
    description: Name or ID of the agent. If there is no such agent, no channels are returned.
    type: str
    required: true
  environment:
    description: Only list channels of this environment. By default those of both.
    type: str
    choices: [live, draft]
  name:
    description: Only list channels with this name.
    type: str
"""

EXAMPLES = r"""
- name: List the channels through which an agent receives texts
  voiceagent.sms.orchestrate_sms_channel_info:
    instance_url: https://api.us-south.watson-orchestrate.cloud.ibm.com/instances/20250508-1234-5678-9abc-def012345678
    api_key: "{{ vault_orchestrate_api_key }}"
    agent: support_agent
  register: sms_channels

- name: List only those of the deployed agent
  voiceagent.sms.orchestrate_sms_channel_info:
    agent: support_agent
    environment: live
"""

RETURN = r"""
channels:
  description: The channels.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: Its ID., type: str}
    name: {description: Its name., type: str, sample: twilio-sms}
    agent_id: {description: ID of the agent., type: str}
    environment: {description: "V(live) or V(draft).", type: str, sample: live}
    environment_id: {description: ID of the environment., type: str}
    account_sid: {description: "SID of its Twilio account, null if the service does not show it.", type: str}
    phone_number: {description: "Its phone number, null if there is none or the service does not show it.", type: str}
    description: {description: "Its description, null if there is none or the service does not show it.", type: str}
    created_on: {description: "When it was created, null if the service does not show it.", type: str}
    url: {description: "The webhook URL for phone numbers. It contains no secret.", type: str}
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ibm import orchestrate as channels
from ..module_utils._ibm.client import IBM_IMPORT_ERROR
from ..module_utils._module.edge import run
from ..module_utils._module.options import IBM_CLOUD_OPTIONS
from ..module_utils._module.orchestrate import ORCHESTRATE_OPTIONS, orchestrate


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    params = module.params
    client = orchestrate(params)
    agent = client.agent(params["agent"])
    found = []
    for environment in [params["environment"]] if params["environment"] else channels.ENVIRONMENTS:
        environment_id = channels.environment_of(agent, environment) if agent else None
        if agent and environment_id:
            rows = client.channels(agent["id"], environment_id)
            found += [
                described(client, row, agent["id"], environment, environment_id)
                for row in rows
                if params["name"] in (None, row.get("name"))
            ]
    return {"changed": False, "channels": found}


def described(
    client: channels.Orchestrate, row: Mapping[str, Any], agent_id: str, environment: str, environment_id: str
) -> dict[str, Any]:
    """Return a channel field by field, because the service's answer may contain Twilio's auth token."""
    shown = client.channel(agent_id, environment_id, row["id"]) or row
    return {
        "id": row["id"],
        "name": row.get("name"),
        "agent_id": agent_id,
        "environment": environment,
        "environment_id": environment_id,
        **{field: shown.get(field) for field in (*channels.SHOWN, "created_on")},
        "url": client.webhook(agent_id, environment_id, row["id"]),
    }


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **IBM_CLOUD_OPTIONS,
        **ORCHESTRATE_OPTIONS,
        "agent": {"type": "str", "required": True},
        "environment": {"type": "str", "choices": list(channels.ENVIRONMENTS)},
        "name": {"type": "str"},
    },
    "supports_check_mode": True,
}
NEEDS = {"ibm-platform-services": IBM_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
