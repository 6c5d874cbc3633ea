#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iva_credential_info
short_description: Read the service credentials of an SMS agent's instance in IBM Cloud
version_added: 0.1.0
description:
  - Lists the service credentials of an instance of Voice Agent, without their keys, and tells of API keys that the caller
    holds whether they still work.
  - The read-only partner of M(voiceagent.sms.iva_credential).
author:
  - voiceagent.sms authors (@voiceagent-sms)
extends_documentation_fragment:
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_ibm_cloud
  - voiceagent.sms.attributes.info_module
options:
  name:
    description: Only the service credentials of this name. By default all of the instance.
    type: str
  instance:
    description:
      - Name, GUID or CRN of the service instance.
      - Without it, the only instance in O(region) that belongs to one of O(service_names) is meant.
    type: str
  region:
    description:
      - IBM Cloud region id, such as V(us-south).
      - Without it and O(instance), no credentials are listed, and only O(api_keys) are looked into.
    type: str
  service_names:
    description: Service names, as in an instance's CRN, that count as SMS agents where O(instance) is not given.
    type: list
    elements: str
    default: [voiceagent, voice-agent, voice-agent-with-watson]
  api_keys:
    description: API keys to look into.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: List the credentials of the agent in Dallas
  voiceagent.sms.iva_credential_info:
    region: us-south
  register: sms_credentials

- name: See whether the key in the vault still works
  voiceagent.sms.iva_credential_info:
    api_keys:
      - "{{ vault_twilio_sms_key }}"
  register: sms_keys
"""

RETURN = r"""
credentials:
  description: The service credentials, as RV(voiceagent.sms.iva_credential#module:credential), the oldest first.
  returned: success
  type: list
  elements: dict
api_keys:
  description: One entry for each of O(api_keys), in order.
  returned: success
  type: list
  elements: dict
  contains:
    accepted: {description: Whether IAM accepts the key., type: bool}
    credential: {description: "Name of the listed credential that it belongs to, or null.", type: str}
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import credential as credentials
from ..module_utils.entry import run
from ..module_utils.ibm_cloud import IBM_IMPORT_ERROR, IbmCloud, find_instance
from ..module_utils.options import IBM_CLOUD_OPTIONS
from ..module_utils.receiver import is_api_key


def read(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    params = module.params
    cloud = IbmCloud.from_options(params)
    instance, keys = {}, []
    if params["instance"] or params["region"]:
        instance = find_instance(cloud, params)
        keys = credentials.oldest_first(cloud.keys(str(instance["guid"])), params["name"])
    described = [
        credentials.describe(
            key,
            instance,
            credentials.Wanted(str(key.get("name"))),
            readable=credentials.api_key_of(key) is not None,
        )
        for key in keys
    ]
    return {
        "changed": False,
        "credentials": described,
        "api_keys": [look_into(cloud, value, keys) for value in params["api_keys"]],
    }


def look_into(cloud: IbmCloud, value: str, keys: list[Any]) -> dict[str, Any]:
    """Return what is known of an API key."""
    if not is_api_key(value) or not cloud.accepts(value):
        return {"accepted": False, "credential": None}
    owner = next((key for key in keys if credentials.api_key_of(key) == value), None)
    if owner is None and keys:
        details = cloud.api_key_details(value)
        owner = next((key for key in keys if details and credentials.belongs(details, key)), None)
    return {"accepted": True, "credential": owner.get("name") if owner else None}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **IBM_CLOUD_OPTIONS,
            "name": {"type": "str"},
            "instance": {"type": "str"},
            "region": {"type": "str"},
            "service_names": {"type": "list", "elements": "str", "default": list(credentials.SERVICE_NAMES)},
            "api_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    run(module, lambda: read(module), needs={"ibm-platform-services": IBM_IMPORT_ERROR})


if __name__ == "__main__":
    main()
