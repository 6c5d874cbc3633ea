#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iva_credential
short_description: Manage the service credential of an SMS agent's instance in IBM Cloud
version_added: 1.0.0
description:
  - Makes sure that an instance of Voice Agent has exactly one service credential of a name, and returns its API key.
  - The API key goes into the webhook URL of phone numbers, see M(voiceagent.sms.twilio_sms_webhook).
  - Never creates a second credential of a name. Where the key of an existing one cannot be read, it says so instead.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.iva_credential_info
  - plugin: voiceagent.sms.connect_sms
    plugin_type: role
extends_documentation_fragment:
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_ibm_cloud
options:
  name:
    description: Name of the service credential.
    type: str
    required: true
  instance:
    description:
      - Name, GUID or CRN of the service instance.
      - Without it, the only instance in O(region) that belongs to one of O(service_names) is meant.
    type: str
  region:
    description:
      - IBM Cloud region id, such as V(us-south).
      - When given, the instance must be there. Required without O(instance).
    type: str
  role:
    description:
      - Role of the credential. SMS agents need one of the two.
      - The role of an existing credential cannot be changed. Another one than wanted is an error.
    type: str
    choices: [Writer, Manager]
    default: Writer
  state:
    description:
      - V(present) makes sure that the credential exists.
      - V(absent) deletes it, and what a rotation has retired of it. Its API key stops to work at once, so clear the webhooks
        that hold it first, and give what is still in use as O(keys_in_use).
    type: str
    choices: [present, absent]
    default: present
  create:
    description:
      - Whether to create the credential where there is none. If false, a missing one is an error, in a dry run as well.
      - For what runs many times at once, such as the slices of a controller's job, after one run has made the credential.
      - Cannot be false with O(max_age) or O(state=absent).
    type: bool
    default: true
  candidate_api_keys:
    description:
      - API keys that the caller already holds, from a vault or from a webhook.
      - They are tried, in order, when the key of an existing credential cannot be read (redacted, or shown only once).
        One fits when IAM says that it belongs to this credential.
    type: list
    elements: str
    default: []
  max_age:
    description:
      - With O(state=present), replaces a credential that is older than that many days, to begin a rotation.
      - The old one is renamed to its name with C(:retiring) added, and keeps working. Move the webhooks to the new key, then
        delete the old one with O(state=absent) and O(retired=true).
      - A rotation that was begun and not finished is continued. No further credential is made for it.
    type: float
  retired:
    description: With O(state=absent), delete only what a rotation has retired, not the credential itself.
    type: bool
    default: false
  keys_in_use:
    description:
      - With O(state=absent), API keys that webhooks still hold. A credential to which one of them belongs, or may belong, is
        kept and named in RV(kept).
    type: list
    elements: str
    default: []
  service_names:
    description: Service names, as in an instance's CRN, that count as SMS agents where O(instance) is not given.
    type: list
    elements: str
    default: [voiceagent, voice-agent, voice-agent-with-watson]
  wait_until_accepted:
    description:
      - Whether to wait, after the credential was created, until IAM accepts its API key. That takes some seconds, in
        which texts to a number that already uses it would be refused.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Make sure that the agent in Dallas has a credential for Twilio
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
  register: sms_credential
  no_log: true # the result holds the API key

- name: Use one of several instances, with a key from the vault where the stored one cannot be read
  voiceagent.sms.iva_credential:
    name: twilio-sms
    instance: support-agent
    region: us-east
    role: Manager
    candidate_api_keys:
      - "{{ vault_twilio_sms_key }}"
  register: sms_credential
  no_log: true

- name: Find the credential, but never make one
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    create: false
  register: sms_credential
  no_log: true

- name: Begin a rotation of a key that is older than 90 days
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    max_age: 90
  register: sms_credential
  no_log: true

- name: Finish it, once the webhooks hold the new key
  voiceagent.sms.iva_credential:
    name: twilio-sms
    region: us-south
    state: absent
    retired: true
    keys_in_use: "{{ keys_that_webhooks_hold }}"

- name: Delete the credential
  voiceagent.sms.iva_credential:
    name: twilio-sms
    instance: support-agent
    state: absent
"""

RETURN = r"""
credential:
  description: The service credential.
  returned: success
  type: dict
  contains:
    name: {description: Its name., type: str, sample: twilio-sms}
    guid: {description: Its GUID; null for one that does not exist., type: str, sample: 5d0c1f4e-7a0c-4b7e-9a53-0a0f2f2b3c11}
    id: {description: Its CRN; null for one that does not exist., type: str}
    role: {description: Its role., type: str, sample: Writer}
    state: {description: "V(active), or V(absent) for one that does not exist.", type: str, sample: active}
    region: {description: Region id of its instance., type: str, sample: us-south}
    instance: {description: Name of its instance., type: str, sample: sms-agent}
    instance_guid: {description: GUID of its instance., type: str}
    service_id: {description: "ID of the service ID behind it, null where it is not shown.", type: str}
    created_at: {description: When it was created (ISO 8601)., type: str, sample: "2026-11-22T10:00:00.000Z"}
    one_time: {description: Whether its key was shown only once., type: bool}
    readable: {description: Whether its key is known., type: bool}
api_key:
  description:
    - The API key. A secret, so use C(no_log) on the task.
    - Null when it cannot be known, in a dry run that would create the credential, and with O(state=absent).
  returned: success
  type: str
api_key_source:
  description: Where the key comes from. Null where it is not known.
  returned: success
  type: str
  sample: created
rotation_due:
  description: Whether the credential was older than O(max_age), or a rotation was under way. If false, nothing was done.
  returned: with O(max_age)
  type: bool
kept:
  description: With O(state=absent), the credentials that were not deleted because a key of them is in use.
  returned: with O(state=absent)
  type: list
  elements: dict
  contains:
    name: {description: Name of the credential., type: str}
    guid: {description: GUID of the credential., type: str}
    keys_in_use: {description: "Which of O(keys_in_use), by their places from 0.", type: list, elements: int}
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    code: {description: "The provider's code, or V(wrong_role), V(missing_credential), V(unknown_instance) and so on.", type: str}
    status: {description: The HTTP status if there was one., type: int}
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError
from ..module_utils._ibm import credential as credentials
from ..module_utils._ibm.client import IBM_IMPORT_ERROR, IbmCloud, find_instance
from ..module_utils._ibm.mint import Mint
from ..module_utils._ibm.receiver import is_api_key
from ..module_utils._module.access import ibm_cloud
from ..module_utils._module.edge import run
from ..module_utils._module.options import IBM_CLOUD_OPTIONS

ACCEPTED_WITHIN = 120  # seconds; terraform-provider-ibm #3561 saw fresh keys refused for some seconds


def ensure_present(
    module: AnsibleModule, cloud: IbmCloud, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Find or create the credential and its API key; with ``max_age``, begin or continue a rotation."""
    params = module.params
    mint = Mint(cloud, str(instance["guid"]), wanted)
    on_instance = cloud.keys(str(instance["guid"]))
    keys = mint.settled(credentials.named(on_instance, wanted.name))
    if len(keys) > 1:
        raise credentials.duplicates(keys, wanted)
    key: Mapping[str, Any] | None = keys[0] if keys else None
    if key is None and not params["create"]:
        key = mint.noted()  # made a moment ago on this machine, and not listed yet
        if key is None:
            raise credentials.missing(instance, wanted)
    before = after = summary(instance, wanted)
    more = {}
    if params["max_age"] is not None:
        retiring = credentials.named(on_instance, credentials.retired_name(wanted.name))
        due, retire = rotation(cloud, key, retiring, wanted, params)
        more = {"rotation_due": due}
        if key is not None and retire:
            before = summary(instance, credentials.Wanted(wanted.name, credentials.role_of(key)), created="before")
            after = summary(instance, wanted, created="by this run")
            if not module.check_mode:
                cloud.rename_key(str(key["guid"]), credentials.retired_name(wanted.name))
            key = None
    if key is None and before == after:
        before = {}
    created = False
    if key is None and not module.check_mode:
        key, created = mint.create()
    if key is None:
        return result_of(None, instance, wanted, before=before, after=after, **more)
    credentials.check_role(key, wanted)
    if created:
        api_key, source = credentials.api_key_of(key), "created"
    else:
        before = after
        api_key, source = known_api_key(cloud, key, params["candidate_api_keys"])
    if api_key and params["wait_until_accepted"] and (created or may_be_fresh(key, api_key, params)):
        wait_until_accepted(cloud, api_key, wanted)
    return result_of(key, instance, wanted, before=before, after=after, api_key=api_key, source=source, **more)


def rotation(
    cloud: IbmCloud,
    key: Mapping[str, Any] | None,
    retiring: list[Mapping[str, Any]],
    wanted: credentials.Wanted,
    params: Mapping[str, Any],
) -> tuple[bool, bool]:
    """Return whether a rotation is due or under way, and whether the present credential is to be retired for it."""
    if key is None:
        return True, False
    fits = credentials.role_of(key).lower() in ("", wanted.role.lower())
    age = credentials.age_in_days(key, time.time())
    old = age is None or age >= params["max_age"]
    if retiring and fits and known_api_key(cloud, key, params["candidate_api_keys"])[0]:
        # The successor is there already. It may have grown old itself, where what was retired is in use for ever.
        return True, old and params["max_age"] > 0
    due = bool(retiring) or not fits or old
    return due, due


def may_be_fresh(key: Mapping[str, Any], api_key: str, params: Mapping[str, Any]) -> bool:
    """Whether IAM may not accept the key yet: made a moment ago by another run, and held by no webhook of ours."""
    age = credentials.age_in_days(key, time.time())
    return age is not None and age * 86400 < ACCEPTED_WITHIN and api_key not in params["candidate_api_keys"]


def known_api_key(cloud: IbmCloud, key: Mapping[str, Any], candidates: list[str]) -> tuple[str | None, str | None]:
    """Return the API key of an existing credential and where it comes from: IBM Cloud, or the caller's candidates."""
    api_key = credentials.api_key_of(key)
    if api_key is None and not key.get("onetime_credentials"):
        # A list may hide what a read of the single credential shows.
        api_key = credentials.api_key_of(cloud.key(str(key["guid"])) or {})
    if api_key is not None:
        return api_key, "read"
    for candidate in candidates:
        details = cloud.api_key_details(candidate) if is_api_key(candidate) else None
        if details and credentials.belongs(details, key) and credentials.usable(details):
            return candidate, "candidate"
    return None, None


def wait_until_accepted(cloud: IbmCloud, api_key: str, wanted: credentials.Wanted) -> None:
    """Wait until IAM accepts a fresh API key."""
    deadline = time.monotonic() + ACCEPTED_WITHIN
    while not cloud.accepts(api_key):
        if time.monotonic() > deadline:
            raise SmsError(
                f"Service credential '{wanted.name}' was created, but IAM has not accepted its API key for"
                f" {ACCEPTED_WITHIN} s. No webhook was touched; run again later",
                code="key_not_accepted",
            )
        time.sleep(1)


def ensure_absent(
    module: AnsibleModule, cloud: IbmCloud, instance: Mapping[str, Any], wanted: credentials.Wanted
) -> dict:
    """Delete the credential, or what a rotation has retired of it, unless its key is in use."""
    params = module.params
    on_instance = cloud.keys(str(instance["guid"]))
    keys = credentials.named(on_instance, credentials.retired_name(wanted.name))
    if not params["retired"]:
        named = credentials.named(on_instance, wanted.name)
        if len(named) > 1:
            raise credentials.duplicates(named, wanted)
        keys = named + keys
    owners = {index: cloud.api_key_details(value) for index, value in enumerate(params["keys_in_use"]) if keys}
    kept, deleted = [], []
    for key in keys:
        uses = [
            index
            for index, details in owners.items()
            if params["keys_in_use"][index] == credentials.api_key_of(key) or credentials.may_belong(details, key)
        ]
        if uses:
            kept.append({"name": key.get("name"), "guid": key.get("guid"), "keys_in_use": uses})
        else:
            deleted.append(key)
            if not module.check_mode:
                cloud.delete_key(str(key["guid"]))
    before = (
        summary(instance, credentials.Wanted(deleted[0]["name"], credentials.role_of(deleted[0]))) if deleted else {}
    )
    key = next((key for key in keys if key.get("name") == wanted.name and key not in deleted), None)
    return result_of(key, instance, wanted, before=before, after={}, kept=kept)


def summary(instance: Mapping[str, Any], wanted: credentials.Wanted, **more: Any) -> dict[str, Any]:
    """Return what a diff shows of a credential: not what the server assigns, so that a dry run predicts it."""
    return {
        "name": wanted.name,
        "role": wanted.role,
        "instance": instance.get("name"),
        "region": credentials.region_of(instance),
        **more,
    }


def result_of(
    key: Mapping[str, Any] | None,
    instance: Mapping[str, Any],
    wanted: credentials.Wanted,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
    api_key: str | None = None,
    source: str | None = None,
    **more: Any,
) -> dict:
    """Return the module's result."""
    return {
        "changed": before != after,
        "credential": credentials.describe(key, instance, wanted, readable=api_key is not None),
        "api_key": api_key,
        "api_key_source": source if api_key else None,
        "diff": {"before": before, "after": after},
        **more,
    }


def manage(module: AnsibleModule) -> dict:
    """Do what the options ask for and return the module's result."""
    params = module.params
    wanted = credentials.Wanted(params["name"], params["role"])
    credentials.check_name(wanted.name)
    if not params["create"] and (params["max_age"] is not None or params["state"] == "absent"):
        raise SmsError("create=false goes neither with max_age nor with state=absent", code="bad_options")
    cloud = ibm_cloud(params)
    instance = find_instance(
        cloud, instance=params["instance"], region=params["region"], service_names=params["service_names"]
    )
    ensure = ensure_present if params["state"] == "present" else ensure_absent
    result = ensure(module, cloud, instance, wanted)
    if result["api_key"] in params["candidate_api_keys"]:  # tried or not: a key that could be read may be among them
        # Ansible masks every value of a no_log option in the result too, but this one is what the caller asks for.
        module.no_log_values.discard(result["api_key"])
        params["candidate_api_keys"] = ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"]
    return result


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **IBM_CLOUD_OPTIONS,
        "name": {"type": "str", "required": True},
        "instance": {"type": "str"},
        "region": {"type": "str"},
        "role": {"type": "str", "choices": list(credentials.ROLES), "default": "Writer"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "create": {"type": "bool", "default": True},
        "candidate_api_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "max_age": {"type": "float"},
        "retired": {"type": "bool", "default": False},
        "keys_in_use": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "service_names": {"type": "list", "elements": "str", "default": list(credentials.SERVICE_NAMES)},
        "wait_until_accepted": {"type": "bool", "default": True},
    },
    "supports_check_mode": True,
}
NEEDS = {"ibm-platform-services": IBM_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
