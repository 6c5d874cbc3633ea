#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iva_credential_info
short_description: Read the service credentials of an SMS agent's instance in IBM Cloud
version_added: 1.0.0
description:
  - Lists the service credentials of an instance of Voice Agent, without their keys, and checks whether given API keys still work.
  - The read-only counterpart of M(voiceagent.sms.iva_credential).
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.iva_credential
extends_documentation_fragment:
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_ibm_cloud
  - voiceagent.sms.attributes.info_module
options:
  name:
    description: Only list service credentials with this name. By default all of the instance.
    type: str
  instance:
    description:
      - Name, GUID or CRN of the service instance.
      - By default the only instance in O(region) that belongs to one of O(service_names).
    type: str
  region:
    description:
      - IBM Cloud region id, such as V(us-south).
      - Without O(region) and O(instance), no credentials are listed, and only O(api_keys) are checked.
    type: str
  guids:
    description:
      - GUIDs of service credentials to read one by one, instead of a list. This takes one request each, but shows recent changes
        that a list may not show yet.
      - With the GUID of their O(instance), those in the instance's list are taken from it, in one request. The list also shows
        whether each is the first with its name.
      - Cannot be combined with O(name) or O(region).
    type: list
    elements: str
    default: []
  service_names:
    description: Service names, as in an instance's CRN, that count as SMS agents if O(instance) is not given.
    type: list
    elements: str
    default: [voiceagent, voice-agent, voice-agent-with-watson]
  api_keys:
    description: API keys to check.
    type: list
    elements: str
    default: []
  explain:
    description:
      - Whether to return details of O(api_keys), not only whether IAM accepts them, and to return RV(retired). Takes one more request
        for each key, one for each instance, and a list of the service credentials of the whole account.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: List the credentials of the agent in Dallas
  voiceagent.sms.iva_credential_info:
    region: us-south
  register: sms_credentials

- name: Check whether somebody has renamed or deleted the credential meanwhile
  voiceagent.sms.iva_credential_info:
    guids:
      - "{{ sms_credential.credential.guid }}"
  register: sms_credentials

- name: Check whether the key in the vault still works
  voiceagent.sms.iva_credential_info:
    api_keys:
      - "{{ vault_twilio_sms_key }}"
  register: sms_keys
"""

RETURN = r"""
credentials:
  description:
    - The service credentials, as RV(voiceagent.sms.iva_credential#module:credential), the oldest first.
    - With O(guids) one entry for each, in order. C(state) is V(removed) for a deleted credential, and V(absent)
      for an unknown one. C(instance) is null. C(first) is false if another credential with the same
      name is older, which is only known with O(instance).
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
    credential:
      description:
        - Name of the credential that it belongs to, among the listed ones or, with O(explain), in the whole account. Null for none.
        - The following keys are returned with O(explain) only.
      type: str
    reason: {description: "Why IAM does not accept it; null if it does.", type: str}
    locked: {description: "Whether the key is protected from changes. A locked key can be used.", type: bool}
    guid: {description: "GUID of the credential, or null.", type: str}
    role: {description: "Role of the credential, or an empty string if it is not known.", type: str}
    created_at: {description: "When the credential was created, or the key if the credential is not known.", type: str}
    age_days: {description: Days since then., type: float}
    instance: {description: "Name of the credential's service instance, or null.", type: str}
    instance_guid: {description: Its GUID., type: str}
    instance_crn: {description: Its CRN., type: str}
    region: {description: Its region id., type: str}
retired:
  description:
    - The service credentials of the account that a rotation has replaced and that are not deleted yet. Nothing should need them.
    - Each has C(name), C(guid), C(role), C(created_at), C(age_days), C(instance), C(instance_guid), C(instance_crn) and C(region).
  returned: with O(explain=true), if they could be listed
  type: list
  elements: dict
  version_added: 1.1.0
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError
from ..module_utils._ibm import credential as credentials
from ..module_utils._ibm.client import IBM_IMPORT_ERROR, IbmCloud, find_instance
from ..module_utils._ibm.receiver import is_api_key
from ..module_utils._module.access import ibm_cloud
from ..module_utils._module.edge import run
from ..module_utils._module.options import IBM_CLOUD_OPTIONS


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    params = module.params
    if params["guids"] and (params["name"] or params["region"]):
        raise SmsError("guids cannot be combined with name or region", code="bad_options")
    cloud = ibm_cloud(params)
    instance, keys = {}, []
    if params["guids"]:
        keys = cloud.keys(params["instance"]) if params["instance"] else []
    elif params["instance"] or params["region"]:
        instance = find_instance(
            cloud, instance=params["instance"], region=params["region"], service_names=params["service_names"]
        )
        keys = credentials.oldest_first(cloud.keys(str(instance["guid"])), params["name"])
    described = [by_guid(cloud, guid, keys) for guid in params["guids"]] or [
        credentials.describe(
            key,
            instance,
            credentials.Wanted(str(key.get("name"))),
            readable=credentials.api_key_of(key) is not None,
        )
        for key in keys
    ]
    answer = {"changed": False, "credentials": described}
    if params["explain"]:
        return {**answer, **explain_all(module, cloud, params["api_keys"])}
    return {**answer, "api_keys": [look_into(cloud, value, keys) for value in params["api_keys"]]}


def by_guid(cloud: IbmCloud, guid: str, listed: list[Any]) -> dict[str, Any]:
    """Return one credential, whatever its name is by now.

    :param listed: the credentials of its instance, if they are known. Whoever retires one waits until the list shows it.
    """
    key = next((key for key in listed if key["guid"] == guid), None) or cloud.key(guid) or {}
    same = [other for other in listed if other.get("name") == key.get("name")]
    wanted = credentials.Wanted(str(key.get("name") or ""), credentials.role_of(key))
    shown = credentials.describe(
        key or None, credentials.instance_of(key), wanted, readable=credentials.api_key_of(key) is not None
    )
    return {
        **shown,
        "guid": guid,
        "first": not any(credentials.is_before(other, key) for other in same if other != key),
    }


def explain_all(module: AnsibleModule, cloud: IbmCloud, values: list[str]) -> dict[str, Any]:
    """Return all that is known of API keys, and the retired credentials."""
    try:
        keys = cloud.all_keys()
    except SmsError as error:
        module.warn(f"It is not known which service credentials the API keys belong to: {error}")
        return {"api_keys": [explain(cloud, value, []) for value in values]}
    retired = [key for key in credentials.oldest_first(keys, None) if credentials.is_retired(key)]
    rows = [explain(cloud, value, keys) for value in values]
    told = [retired_entry(key) for key in retired]
    names = instance_names(cloud, [*rows, *told])
    for row in [*rows, *told]:
        row["instance"] = names.get(row["instance_guid"])
    return {"api_keys": rows, "retired": told}


def instance_names(cloud: IbmCloud, rows: list[dict[str, Any]]) -> dict[Any, str]:
    """Return the names of the credentials' instances, by GUID, as far as they can be read."""
    names = {}
    for guid in dict.fromkeys(row["instance_guid"] for row in rows if row["instance_guid"]):
        try:
            found = cloud.instance(guid)
        except SmsError:
            continue  # not every identity may read instances, and the GUID is returned anyway
        if found:
            names[guid] = str(found.get("name") or "")
    return names


def retired_entry(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a retired credential."""
    return {
        "name": key.get("name"),
        "guid": key.get("guid"),
        "role": credentials.role_of(key),
        "created_at": key.get("created_at"),
        "age_days": credentials.age_in_days(key, time.time()),
        **credentials.origin(key),
    }


def explain(cloud: IbmCloud, value: str, keys: list[Any]) -> dict[str, Any]:
    """Return all that is known of an API key. Only IAM knows whether it works; the rest explains why."""
    now = time.time()
    accepted = is_api_key(value) and cloud.accepts(value)
    try:
        details = cloud.api_key_details(value) if is_api_key(value) else None
        reason = credentials.why_refused(details, now)
    except SmsError:
        details, reason = None, "IAM refuses it"  # not every identity may ask for details
    owner = credentials.owner_of(value, keys, details)
    source = owner or details or {}
    return {
        "accepted": accepted,
        "reason": None if accepted else reason,
        "locked": bool(details and details.get("locked")),
        "credential": owner.get("name") if owner else None,
        "guid": owner.get("guid") if owner else None,
        "role": credentials.role_of(owner) if owner else "",
        "created_at": source.get("created_at"),
        "age_days": credentials.age_in_days(source, now),
        "instance": None,
        **credentials.origin(owner or {}),
    }


def look_into(cloud: IbmCloud, value: str, keys: list[Any]) -> dict[str, Any]:
    """Return whether an API key works, and to which of *keys* it belongs."""
    if not is_api_key(value) or not cloud.accepts(value):
        return {"accepted": False, "credential": None}
    owner = credentials.owner_of(value, keys, None)
    if owner is None and keys:
        owner = credentials.owner_of(value, keys, cloud.api_key_details(value))
    return {"accepted": True, "credential": owner.get("name") if owner else None}


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **IBM_CLOUD_OPTIONS,
        "name": {"type": "str"},
        "instance": {"type": "str"},
        "region": {"type": "str"},
        "guids": {"type": "list", "elements": "str", "default": []},
        "service_names": {"type": "list", "elements": "str", "default": list(credentials.SERVICE_NAMES)},
        "api_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "explain": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}
NEEDS = {"ibm-platform-services": IBM_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
