# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that the sandbox starts with, and how tests add to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from . import ids
from .models import (
    ApiKey,
    IbmAccount,
    Instance,
    TwilioAccount,
)
from .state import SERVICE_ROLES, State, role_name
from .twilio import DEMO_WEBHOOK

SEEDS = ("empty", "demo")


@dataclasses.dataclass(frozen=True)
class Identity:
    """The accounts whose credentials the sandbox announces at its start; a reset keeps them valid."""

    ibm_account_id: str = dataclasses.field(default_factory=ids.hex_id)
    ibm_api_key: str = dataclasses.field(default_factory=ids.ibm_api_key)
    twilio_account_sid: str = dataclasses.field(default_factory=lambda: ids.sid("AC"))
    twilio_auth_token: str = dataclasses.field(default_factory=ids.auth_token)

    def environment(self, url: str) -> dict[str, str]:
        """Return the environment variables with which the collection talks to the sandbox."""
        return {
            **ibm_environment(self.ibm_api_key, url),
            **twilio_environment(self.twilio_account_sid, self.twilio_auth_token, url),
        }


def ibm_environment(api_key: str, url: str) -> dict[str, str]:
    """Return the environment of an IBM Cloud caller."""
    return {
        "IC_API_KEY": api_key,
        "IBMCLOUD_IAM_API_ENDPOINT": url,
        "IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT": url,
    }


def twilio_environment(account_sid: str, auth_token: str, url: str) -> dict[str, str]:
    """Return the environment of a Twilio caller."""
    return {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": auth_token, "TWILIO_API_ENDPOINT": url}


def seeded(seed: str, identity: Identity) -> State:
    """Return a state with the announced accounts, and for ``demo`` with a few things in them."""
    if seed not in SEEDS:
        raise ValueError(f"the seed is one of {', '.join(SEEDS)}")
    state = State()
    state.ibm_accounts.add(IbmAccount(id=identity.ibm_account_id))
    state.api_keys.add(ApiKey(account_id=identity.ibm_account_id, value=identity.ibm_api_key))
    state.twilio_accounts.add(TwilioAccount(identity.twilio_account_sid, identity.twilio_auth_token))
    if seed == "demo":
        _add_demo(state)
    return state


def _add_demo(state: State) -> None:
    agent = {"service_name": "voice-agent-with-watson"}
    add_instance(state, {"name": "sms-agent", "region_id": "us-south", **agent})
    add_instance(state, {"name": "billing-db", "region_id": "us-south", "service_name": "cloudantnosqldb"})
    add_instance(state, {"name": "sms-agent-east", "region_id": "us-east", **agent})
    add_numbers(
        state,
        [
            {"phone_number": "+15550100001", "sms_url": DEMO_WEBHOOK},
            {"phone_number": "+15550100002"},
            {"phone_number": "+15550100003"},
            {"phone_number": "+15550100008"},  # without a webhook: to send texts from
            {"phone_number": "+15550100009", "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False}},
        ],
    )


# --- IBM Cloud -------------------------------------------------------------------------------------------------------


def first_ibm_account(state: State) -> str:
    """Return the ID of the announced account."""
    return next(iter(state.ibm_accounts)).id


def add_instance(state: State, values: dict[str, Any]) -> Instance:
    """Add an instance; ``region`` means ``region_id``, and ``alias: true`` gives it an alias."""
    values = {"account_id": first_ibm_account(state), **values}
    if "region" in values:
        values["region_id"] = values.pop("region")
    if values.pop("alias", False):
        values["alias_guid"] = ids.guid()
    return state.instances.create(values)


def add_key(state: State, values: dict[str, Any]) -> dict[str, Any]:
    """Add a resource key to an instance: ``instance``, ``name``, ``role`` (a name, a CRN or null).

    ``api_key`` has changes of its API key (disabled, expires_at, ...), all other values are changes of the key.
    """
    values = dict(values)
    instance = state.find_instance(values.pop("instance", None))
    if instance is None:
        raise ValueError("instance: the GUID, CRN or (unique) name of an instance is needed")
    role = values.pop("role", "Writer")
    if role in SERVICE_ROLES:
        role = None if role == "None" else f"crn:v1:bluemix:public:iam::::serviceRole:{role}"
    api_key_changes = values.pop("api_key", {})
    key, api_key = state.create_key(instance, values.pop("name", "twilio-sms"), role, "IBMid-SEED")
    state.api_keys.change(api_key, api_key_changes)
    state.keys.change(key, values)
    if key.state == "removed":
        state.remove_key(key, "IBMid-SEED")
    return {**state.keys.plain(key), "role_name": role_name(role), "api_key": state.api_keys.plain(api_key)}


def add_agent(state: State, values: dict[str, Any]) -> dict[str, Any]:
    """Add an agent to the first or a given instance of watsonx Orchestrate; ``live: false`` for one that is not deployed."""
    values = dict(values)
    live = values.pop("live", True)
    if "instance_guid" not in values:
        values["instance_guid"] = next(iter(state.orchestrate_instances)).guid
    agent = state.orchestrate_agents.create(values)
    if not live:
        del agent.environments["live"]
    return state.orchestrate_agents.plain(agent)


def add_channel(state: State, values: dict[str, Any]) -> dict[str, Any]:
    """Add a channel to an agent (``agent_id``), by default of its environment ``live`` and of the announced account."""
    values = dict(values)
    agent = state.orchestrate_agents.get(values.get("agent_id"))
    if agent is None:
        raise ValueError("agent_id: the ID of an agent is needed")
    values["environment_id"] = agent.environments[values.pop("environment", "live")]
    sid = values.setdefault("account_sid", first_twilio_account(state))
    account = state.twilio_accounts.get(sid)
    values.setdefault("twilio_authentication_token", account.auth_token if account else ids.auth_token())
    values.setdefault("name", "twilio-sms")
    channel = state.channels.create(values)
    state.remember_secret(channel.twilio_authentication_token)
    return state.channels.plain(channel)


# --- Twilio ----------------------------------------------------------------------------------------------------------


def first_twilio_account(state: State) -> str:
    """Return the SID of the announced account."""
    return next(iter(state.twilio_accounts)).sid


def add_numbers(state: State, sent: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add one number, a list of them, or ``count`` numbers with a ``prefix``; return them."""
    if isinstance(sent, dict):
        sent = _series(state, sent) if "count" in sent else [sent]
    account = first_twilio_account(state)
    added = []
    for values in sent:
        number = state.numbers.create({"account_sid": account, **values})
        state.remember_url(number.sms_url)
        state.remember_url(number.sms_fallback_url)
        added.append(state.numbers.plain(number))
    return added


def _series(state: State, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the next free numbers of a series: the prefix, filled up to ten digits behind ``+1``."""
    values = dict(values)
    count, prefix, current = values.pop("count"), values.pop("prefix", "+1555"), values.pop("start", 1)
    width = max(12 - len(prefix), len(str(count)))
    series: list[dict[str, Any]] = []
    while len(series) < count:
        phone = f"{prefix}{current:0{width}d}"
        current += 1
        if phone not in state.numbers.by_phone:
            series.append({**values, "phone_number": phone})
    return series


def add_owned(state: State, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Add a service, address, application, short code, sender, API key or alert of a Twilio account.

    A service's ``pool`` lists phone numbers or SIDs, ``short_codes`` and ``senders`` list SIDs or what they are called.
    """
    table = state.tables["twilio"][kind]
    values = {"account_sid": first_twilio_account(state), **values}
    values.update(pools(state, values))
    row = table.create(values)
    for value in values.values():
        state.remember_url(value if isinstance(value, str) else None)
    return table.plain(row)


def pools(state: State, values: dict[str, Any]) -> dict[str, dict[str, None]]:
    """Return the pools among the values of a Messaging Service, from names or SIDs."""
    finders: dict[str, Callable[[str], Any]] = {
        "pool": lambda member: state.numbers.by_phone.get(member) or state.numbers.get(member),
        "short_codes": state.short_code,
        "senders": lambda member: next((row for row in state.senders if member in (row.sid, row.sender_id)), None),
    }
    return {name: _members(find, values[name]) for name, find in finders.items() if name in values}


def _members(find: Callable[[str], Any], members: list[str] | dict[str, None]) -> dict[str, None]:
    chosen: dict[str, None] = {}
    for member in members:
        found = find(member)
        if found is None:
            raise ValueError(f"there is no {member}")
        chosen[found.sid] = None
    return chosen
