# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""watsonx Orchestrate: tokens of its own platform (MCSP), agents, their SMS channels, and inbound texts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Any
from xml.sax.saxutils import escape

from . import iam
from .answers import Answer, Refused, orchestrate_error
from .gate import Call, Operation
from .models import Channel, OrchestrateAgent, OrchestrateInstance

API = "/instances/{instance}/v1/orchestrate"
CHANNELS = API + "/agents/{agent}/environments/{environment}/channels/twilio_sms"
EVENTS = "/tenants/{tenant}/agents/{agent}/environments/{environment}/channels/twilio_sms/{channel}/events"
#: Required and optional fields of a create, and optional fields of a PATCH, each with its form.
CONSTANTS = {"channel": "twilio_sms", "spec_version": "v1", "kind": "channel"}
PATTERNS = {
    "name": r"(?s).{1,64}",
    "description": r"(?s).{0,1024}",
    "account_sid": r"AC[0-9a-fA-F]{32}",
    "twilio_authentication_token": r".+",
    "phone_number": r".*",
}
REQUIRED = ("name", "account_sid", "twilio_authentication_token", *CONSTANTS)


# --- tokens of MCSP ---


def token_v1(call: Call) -> Answer:
    """Exchange an API key for a token, whose subscription is that of the account's first instance."""
    return _token(call, None)


def token_v2(call: Call) -> Answer:
    """Exchange an API key for a token of one instance."""
    instance = call.state.orchestrate_instances.get(call.params["instance"])
    if instance is None:
        raise Refused(orchestrate_error(404, "The service is not known."))
    return _token(call, instance)


def _token(call: Call, instance: OrchestrateInstance | None) -> Answer:
    api_key = call.state.api_keys.by_value.get(str(call.fields.get("apikey", "")))
    if api_key is None or not api_key.usable():
        raise Refused(orchestrate_error(401, "The API key is not valid."))
    if instance is None:
        of_account = (each for each in call.state.orchestrate_instances if each.account_id == api_key.account_id)
        instance = next(of_account, None)
    subscription = instance.subscription if instance else None
    claims = {"subscriptionId": subscription} if subscription else {}
    call.entry.account, call.entry.authorized_as = api_key.account_id, api_key.iam_id
    token = iam.issue(call.state, call.settings.token_lifetime, "mcsp", api_key, claims)
    return Answer(200, {"token": token, "token_type": "jwt", "expires_in": int(call.settings.token_lifetime)})


# --- agents and channels ---


def authorize(call: Call) -> None:
    """Find the caller by its bearer token; the instance must belong to its account."""
    iam.authorize(call)
    instance = call.state.orchestrate_instances.get(call.params["instance"])
    if instance is None:
        raise Refused(orchestrate_error(404, "The instance is not known."))
    if instance.account_id != call.bearer.account_id:
        raise Refused(orchestrate_error(403, "The instance is another account's."))


def list_agents(call: Call) -> Answer:
    """List the instance's agents, or those of some names."""
    names = [name for name in call.query.get("names", "").split(",") if name]
    agents = [
        {"id": each.id, "name": each.name, "environments": [{"id": i, "name": n} for n, i in each.environments.items()]}
        for each in call.state.orchestrate_agents
        if each.instance_guid == call.params["instance"] and (not names or each.name in names)
    ]
    return Answer(200, {"agents": agents} if call.settings.agents_under_a_key else agents)


def _place(call: Call) -> tuple[OrchestrateAgent, str]:
    """Return agent and environment of a path."""
    agent = call.state.orchestrate_agents.get(call.params["agent"])
    if agent is None or agent.instance_guid != call.params["instance"]:
        raise Refused(orchestrate_error(404, "Agent not found"))
    if call.params["environment"] not in agent.environments.values():
        raise Refused(orchestrate_error(404, "Environment not found"))
    return agent, call.params["environment"]


def _channels(call: Call) -> list[Channel]:
    agent, environment = _place(call)
    return [each for each in call.state.channels if (each.agent_id, each.environment_id) == (agent.id, environment)]


def _channel(call: Call) -> Channel:
    found = next((each for each in _channels(call) if each.id == call.params["channel"]), None)
    if found is None:
        raise Refused(orchestrate_error(404, "Channel not found"))
    return found


def _shown(call: Call, channel: Channel, whole: bool) -> dict[str, Any]:
    """Return a channel for an answer. It is not known whether the real service shows the token."""
    plain: dict[str, Any] = {
        "id": channel.id,
        "name": channel.name,
        "channel": "twilio_sms",
        "created_on": channel.created_on,
    }
    if whole and call.settings.channels_show_details:
        plain.update(
            account_sid=channel.account_sid, phone_number=channel.phone_number, description=channel.description
        )
    if whole and call.settings.channels_show_tokens:
        plain["twilio_authentication_token"] = channel.twilio_authentication_token
    return plain


def list_channels(call: Call) -> Answer:
    """List the SMS channels of an environment."""
    return Answer(200, {"channels": [_shown(call, each, whole=False) for each in _channels(call)]})


def get_channel(call: Call) -> Answer:
    """Show a channel."""
    return Answer(200, _shown(call, _channel(call), whole=True))


def _check(fields: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields to store in a channel; refuse unknown, missing and malformed ones."""
    unknown = sorted(set(fields) - set(PATTERNS) - set(CONSTANTS))
    missing = sorted(set(required) - set(fields))
    wrong = [name for name, value in CONSTANTS.items() if fields.get(name, value) != value]
    wrong += [
        name
        for name, pattern in PATTERNS.items()
        if name in fields and not (isinstance(fields[name], str) and re.fullmatch(pattern, fields[name]))
    ]
    for what, names in (("extra fields not permitted", unknown), ("field required", missing), ("invalid value", wrong)):
        if names:
            raise Refused(orchestrate_error(422, f"{what}: {', '.join(names)}"))
    return {name: value for name, value in fields.items() if name in PATTERNS}


def create_channel(call: Call) -> Answer:
    """Create the one SMS channel of an environment."""
    agent, environment = _place(call)
    values = _check(call.fields, REQUIRED)
    if _channels(call):
        raise Refused(orchestrate_error(409, "A channel of type twilio_sms already exists in this environment"))
    channel = call.state.channels.create({"agent_id": agent.id, "environment_id": environment, **values})
    call.state.remember_secret(channel.twilio_authentication_token)
    return Answer(201, _shown(call, channel, whole=True))


def update_channel(call: Call) -> Answer:
    """Change fields of a channel."""
    channel, values = _channel(call), _check(call.fields)
    call.state.channels.change(channel, values)
    call.state.remember_secret(channel.twilio_authentication_token)
    return Answer(200, _shown(call, channel, whole=True))


def delete_channel(call: Call) -> Answer:
    """Delete a channel."""
    call.state.channels.remove(_channel(call))
    return Answer(204)


# --- texts ---


def signature(token: str, url: str, parameters: dict[str, str]) -> str:
    """Return Twilio's signature of a request: URL and sorted POST parameters, HMAC-SHA1 with an auth token."""
    text = url + "".join(name + parameters[name] for name in sorted(parameters))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def receive(call: Call) -> Answer:
    """Accept a text for an existing channel, if it is signed with the channel's auth token."""
    channel = _addressed(call)
    signed = channel is not None and _signed(call, channel.twilio_authentication_token)
    ours = channel is not None and call.fields.get("AccountSid") == channel.account_sid
    status = 404 if channel is None else 200 if signed and ours else 403
    agent = call.state.orchestrate_agents.get(channel.agent_id) if channel else None
    call.state.texts.append(
        {
            "at": time.time(),
            "host": call.request.headers.get("Host", "").lower(),
            "region": None,
            "accepted": status == 200,
            "status": status,
            "username": None,
            "with_credentials": True,  # Twilio signs each request, so none is only the first of two
            "instance": agent.name if agent else None,
            "from": call.fields.get("From"),
            "to": call.fields.get("To"),
            "body": call.fields.get("Body"),
        }
    )
    if status != 200:
        raise Refused(
            Answer(status, {403: "Invalid signature", 404: "No such channel"}[status], content_type="text/plain")
        )
    reply = escape(f"{agent.name if agent else ''}: you wrote: {call.fields.get('Body', '')}")
    page = f'<?xml version="1.0" encoding="UTF-8"?><Response><Message>{reply}</Message></Response>'
    return Answer(200, page, content_type="text/xml")


def _addressed(call: Call) -> Channel | None:
    """Return the channel of a path; tenant, agent and environment must be right as well."""
    channel = call.state.channels.get(call.params["channel"])
    agent = call.state.orchestrate_agents.get(call.params["agent"])
    instance = call.state.orchestrate_instances.get(agent.instance_guid) if agent else None
    if channel is None or agent is None or instance is None or call.params["tenant"] not in tenants(instance):
        return None
    return channel if (channel.agent_id, channel.environment_id) == (agent.id, call.params["environment"]) else None


def tenants(instance: OrchestrateInstance) -> set[str]:
    """Return the names of an instance's tenant: with its subscription, with its account in IBM Cloud, or with neither."""
    if instance.subscription:
        return {f"{instance.subscription}_{instance.guid}"}
    return {instance.guid, f"{instance.account_id}_{instance.guid}"}


def _signed(call: Call, token: str) -> bool:
    """Return whether the signature matches, with either scheme, because a proxy may have changed it."""
    host, path = call.request.headers.get("Host", ""), call.request.rel_url.raw_path_qs
    given = call.request.headers.get("X-Twilio-Signature", "")
    urls = (f"{scheme}://{host}{path}" for scheme in ("https", "http"))
    return any(hmac.compare_digest(given, signature(token, url, call.fields)) for url in urls)


def _operation(name: str, method: str, path: str, handler: Any) -> Operation:
    return Operation(f"orchestrate.{name}", method, path, handler, authorize, cloud="ibm")


OPERATIONS = (
    Operation("mcsp.token", "POST", "/siusermgr/api/1.0/apikeys/token", token_v1, cloud="ibm", writes=False),
    Operation(
        "mcsp.token_v2", "POST", "/api/2.0/services/{instance}/apikeys/token", token_v2, cloud="ibm", writes=False
    ),
    _operation("list_agents", "GET", API + "/agents", list_agents),
    _operation("list_channels", "GET", CHANNELS, list_channels),
    _operation("create_channel", "POST", CHANNELS, create_channel),
    _operation("get_channel", "GET", CHANNELS + "/{channel}", get_channel),
    _operation("update_channel", "PATCH", CHANNELS + "/{channel}", update_channel),
    _operation("delete_channel", "DELETE", CHANNELS + "/{channel}", delete_channel),
    Operation("orchestrate.text", "POST", EVENTS, receive, cloud="receiver", writes=False),
)
