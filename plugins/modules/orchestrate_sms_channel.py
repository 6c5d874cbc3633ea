#!/usr/bin/python
# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orchestrate_sms_channel
short_description: Manage the Twilio SMS channel of a watsonx Orchestrate agent
version_added: 1.1.0
description:
  - Ensures that an agent's environment has a channel of the type C(twilio_sms), and returns the channel's webhook URL.
  - Phone numbers need this URL as their webhook, see M(voiceagent.sms.twilio_sms_webhook). It contains no secret. The service
    checks the signature of each text with the account's auth token, which is stored in the channel.
  - An environment has one channel of this type. If it has another name, the channel is adopted or refused; no second one is created.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.orchestrate_sms_channel_info
  - module: voiceagent.sms.twilio_sms_webhook
extends_documentation_fragment:
  - voiceagent.sms.orchestrate
  - voiceagent.sms.ibm_cloud
  - voiceagent.sms.attributes
  - voiceagent.sms.attributes.action_group_orchestrate
attributes:
  idempotent:
    support: partial
    details: With O(update_token=true) the auth token is sent each time, because the service does not show the token that it has.
options:
  agent:
    description: Name or ID of the agent.
    type: str
    required: true
  environment:
    description: The agent's environment that the channel belongs to. V(live) exists once the agent is deployed.
    type: str
    choices: [live, draft]
    default: live
  name:
    description: Name of the channel, 64 characters at most.
    type: str
    default: twilio-sms
  description:
    description: Description of the channel, 1024 characters at most. If not given, the current one is kept.
    type: str
  account_sid:
    description:
      - SID of the Twilio account whose numbers use the channel. For numbers of a subaccount, give the subaccount's SID.
      - If not set, the environment variable E(TWILIO_ACCOUNT_SID) is used; an empty one counts as not set.
      - Required with O(state=present). With O(state=absent), a channel of another account is refused.
    type: str
  auth_token:
    description:
      - The auth token of O(account_sid). An API key does not work, because Twilio signs texts with the auth token.
      - If not set, the environment variable E(TWILIO_AUTH_TOKEN) is used; an empty one counts as not set.
      - Sent only to create a channel, to adopt one of another account, and with O(update_token).
    type: str
  phone_number:
    description: The channel's phone number, in any notation. If not given, the current one is kept.
    type: str
  update_token:
    description:
      - Whether to send O(auth_token) to an existing channel. Needed after the account's auth token was replaced in Twilio, because
        the service does not show which token the channel has.
    type: bool
    default: false
  adopt:
    description:
      - Whether to use an existing channel that has another name, or that belongs to another Twilio account. The channel keeps its
        name, and gets O(account_sid) with O(auth_token).
      - From then on, the service refuses texts to numbers of the channel's previous account.
    type: bool
    default: false
  state:
    description:
      - V(present) ensures that the channel exists.
      - V(absent) deletes the channel of this O(name). Clear the webhooks that lead to it first.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Ensure that the agent receives texts
  voiceagent.sms.orchestrate_sms_channel:
    instance_url: https://api.us-south.watson-orchestrate.cloud.ibm.com/instances/20250508-1234-5678-9abc-def012345678
    api_key: "{{ vault_orchestrate_api_key }}"
    agent: support_agent
    account_sid: "{{ twilio_account_sid }}"
    auth_token: "{{ vault_twilio_auth_token }}"
  register: sms_channel

- name: Connect phone numbers to it
  voiceagent.sms.twilio_sms_webhook:
    phone_numbers: ["+15551234567"]
    url: "{{ sms_channel.url }}"

- name: Try the draft of an agent first
  voiceagent.sms.orchestrate_sms_channel:
    agent: support_agent
    environment: draft
    description: A channel for tests

- name: Give the channel the account's new auth token
  voiceagent.sms.orchestrate_sms_channel:
    agent: support_agent
    auth_token: "{{ vault_new_twilio_auth_token }}"
    update_token: true

- name: Use a channel that somebody created in the product
  voiceagent.sms.orchestrate_sms_channel:
    agent: support_agent
    adopt: true

- name: Delete the channel
  voiceagent.sms.orchestrate_sms_channel:
    agent: support_agent
    state: absent
"""

RETURN = r"""
channel:
  description: The channel.
  returned: success
  type: dict
  contains:
    id: {description: Its ID; null for one that does not exist., type: str}
    name: {description: Its name., type: str, sample: twilio-sms}
    agent_id: {description: "ID of the agent; null if it does not exist, with O(state=absent).", type: str}
    environment: {description: "V(live) or V(draft).", type: str, sample: live}
    environment_id: {description: "ID of the environment; null if it does not exist, with O(state=absent).", type: str}
url:
  description:
    - The webhook URL for phone numbers. It contains no secret.
    - Null in check mode if the channel would be created, and with O(state=absent).
  returned: success
  type: str
failure:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    code: {description: "The service's code, or V(unknown_agent), V(not_deployed), V(other_channel) and so on.", type: str}
    status: {description: The HTTP status if there was one., type: int}
"""

import re
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._http.errors import SmsError
from ..module_utils._ibm import orchestrate as channels
from ..module_utils._ibm.client import IBM_IMPORT_ERROR
from ..module_utils._module.edge import run
from ..module_utils._module.options import IBM_CLOUD_OPTIONS, TWILIO_OPTIONS, given
from ..module_utils._module.orchestrate import ORCHESTRATE_OPTIONS, orchestrate
from ..module_utils._numbers.notation import normalize

ACCOUNT_OPTIONS = {name: TWILIO_OPTIONS[name] for name in ("account_sid", "auth_token")}


def wanted_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wanted fields of the channel, ``None`` for a field that is not managed.

    :raises SmsError: for values that the service would refuse; nothing was sent
    """
    sid, name, description = given(params, "account_sid", TWILIO_OPTIONS), params["name"], params["description"]
    if not 0 < len(name.strip()) <= channels.LONGEST_NAME:
        raise SmsError(f"name must have 1 to {channels.LONGEST_NAME} characters, not {len(name)}", code="bad_name")
    if len(description or "") > channels.LONGEST_DESCRIPTION:
        raise SmsError(
            f"description must have {channels.LONGEST_DESCRIPTION} characters at most", code="bad_description"
        )
    if sid and not re.fullmatch("AC[0-9a-fA-F]{32}", sid):
        raise SmsError("account_sid must be AC and 32 hexadecimal digits", code="bad_sid")
    try:
        phone_number = normalize(params["phone_number"]) if params["phone_number"] else None
    except ValueError as error:
        raise SmsError(str(error), code="bad_phone_number") from None
    return {"account_sid": sid or None, "description": description, "phone_number": phone_number}


def token_of(params: Mapping[str, Any], why: str) -> str:
    """Return Twilio's auth token, or say what it is needed for."""
    mine, theirs = ({name: given(source, name, TWILIO_OPTIONS) for name in ACCOUNT_OPTIONS} for source in (params, {}))
    token = (mine["auth_token"] or "").strip()
    if token == theirs["auth_token"] and mine["account_sid"] != theirs["account_sid"] and theirs["account_sid"]:
        raise SmsError(
            f"auth_token is missing: TWILIO_AUTH_TOKEN is that of account {theirs['account_sid']}, not of"
            f" {mine['account_sid']}, so the channel would refuse all texts",
            code="missing_credentials",
        )
    if not token:
        raise SmsError(
            f"auth_token is missing (environment TWILIO_AUTH_TOKEN). It is needed to {why}: the service checks Twilio's"
            " signatures with the account's auth token, and an API key cannot replace it",
            code="missing_credentials",
        )
    return token


def ensure_present(
    module: AnsibleModule, client: channels.Orchestrate, place: dict[str, str], row: Mapping[str, Any] | None
) -> dict:
    """Create the channel, or change what differs."""
    params, wanted = module.params, wanted_of(module.params)
    if row is None:
        fields = {"name": params["name"], **{field: value for field, value in wanted.items() if value is not None}}
        token = token_of(params, "create a channel")
        if not module.check_mode:
            row = client.create(*place.values(), {**fields, channels.TOKEN_FIELD: token})
        return result_of(client, params, place, row, before={}, after=fields)
    shown = client.channel(*place.values(), row["id"]) or row
    patch, token = changes(params, shown, wanted), {}
    if params["update_token"] or "account_sid" in patch:
        token = {channels.TOKEN_FIELD: token_of(params, "change the channel's account or token")}
    hidden = [name for name, value in wanted.items() if value is not None and name not in shown]
    if hidden:
        module.warn(
            f"Channel '{row.get('name')}' does not show its {' and '.join(hidden)}, which could not be compared"
        )
    if (patch or token) and not module.check_mode:
        client.update(*place.values(), row["id"], {**patch, **token})
    before = {"name": row.get("name"), **{field: shown.get(field) for field in channels.SHOWN if field in shown}}
    after = {**before, **patch}
    if token:
        before, after = {**before, "auth_token": "the one it has"}, {**after, "auth_token": "the one that was given"}
    return result_of(client, params, place, row, before=before, after=after)


def changes(params: Mapping[str, Any], shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs, or refuse a channel that another account's numbers need."""
    patch = channels.differences(shown, wanted)
    if "account_sid" in patch and not params["adopt"]:
        raise other_account(shown, wanted)
    return patch


def other_account(shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> SmsError:
    """Return the error about a channel of another Twilio account."""
    return SmsError(
        f"channel '{shown.get('name')}' ({shown['id']}) belongs to Twilio account {shown.get('account_sid')}, not to"
        f" {wanted['account_sid']}: texts to that account's numbers would be refused. Choose another agent or environment, or"
        " take the channel over (orchestrate_sms_channel, adopt: true)",
        code="other_account",
    )


def ensure_absent(
    module: AnsibleModule, client: channels.Orchestrate, place: dict[str, str], row: Mapping[str, Any] | None
) -> dict:
    """Delete the channel, unless it belongs to another account."""
    wanted = wanted_of(module.params)
    shown = row and client.channel(*place.values(), row["id"])
    if row is None or shown is None:
        return result_of(client, module.params, place, None, before={}, after={})
    if "account_sid" in channels.differences(shown, {"account_sid": wanted["account_sid"]}):
        raise other_account(shown, wanted)
    if not module.check_mode:
        client.delete(*place.values(), row["id"])
    before = {"name": row.get("name"), **{field: shown.get(field) for field in channels.SHOWN if field in shown}}
    return result_of(client, module.params, place, None, before=before, after={})


def result_of(
    client: channels.Orchestrate,
    params: Mapping[str, Any],
    place: Mapping[str, str | None],
    row: Mapping[str, Any] | None,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
) -> dict:
    """Return the module's result. The service's answer is copied field by field, because it may contain the auth token."""
    return {
        "changed": before != after,
        "channel": {
            "id": row["id"] if row else None,
            "name": row.get("name") or params["name"] if row else params["name"],
            "agent_id": place["agent_id"],
            "environment": params["environment"],
            "environment_id": place["environment_id"],
        },
        "url": client.webhook(*place.values(), row["id"]) if row else None,
        "diff": {"before": before, "after": after},
    }


def manage(module: AnsibleModule) -> dict:
    """Do what the options ask for and return the module's result."""
    params = module.params
    wanted = wanted_of(params)
    present = params["state"] == "present"
    if present and not wanted["account_sid"]:
        raise SmsError("account_sid is missing (environment TWILIO_ACCOUNT_SID)", code="missing_credentials")
    if present and params["update_token"]:
        token_of(params, "replace the channel's")
    client = orchestrate(params, secrets=(given(params, "auth_token", TWILIO_OPTIONS) or "",))
    agent = client.agent(params["agent"])
    environment = channels.environment_of(agent, params["environment"]) if agent else None
    if not agent or not environment:
        if present:
            raise channels.no_environment(params["agent"], params["environment"]) if agent else unknown(params["agent"])
        nowhere = {"agent_id": agent["id"] if agent else None, "environment_id": None}
        return result_of(client, params, nowhere, None, before={}, after={})
    place = {"agent_id": agent["id"], "environment_id": environment}
    rows = client.channels(*place.values())
    if present:
        where = f"environment {params['environment']} of agent '{params['agent']}'"
        row = channels.choose_channel(rows, params["name"], adopt=params["adopt"], where=where)
        return ensure_present(module, client, place, row)
    row = next((row for row in rows if row.get("name") == params["name"]), None)
    return ensure_absent(module, client, place, row)


def unknown(agent: str) -> SmsError:
    """Return the error about an agent that does not exist."""
    return SmsError(
        f"there is no agent '{agent}' in this instance of watsonx Orchestrate, or this identity may not see it: check the"
        " name (it is case-sensitive) and instance_url",
        code="unknown_agent",
    )


ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        **IBM_CLOUD_OPTIONS,
        **ORCHESTRATE_OPTIONS,
        **ACCOUNT_OPTIONS,
        "agent": {"type": "str", "required": True},
        "environment": {"type": "str", "choices": list(channels.ENVIRONMENTS), "default": "live"},
        "name": {"type": "str", "default": "twilio-sms"},
        "description": {"type": "str"},
        "phone_number": {"type": "str"},
        "update_token": {"type": "bool", "default": False, "no_log": False},
        "adopt": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    "supports_check_mode": True,
}
NEEDS = {"ibm-platform-services": IBM_IMPORT_ERROR}


def main() -> None:
    run(AnsibleModule(**ARGUMENTS), manage, NEEDS)


if __name__ == "__main__":
    main()
