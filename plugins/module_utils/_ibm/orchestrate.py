# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client for watsonx Orchestrate: agents, their SMS channels, and a channel's webhook.

IBM publishes no description of this API. The source is IBM's own tool, the Agent Development Kit
(github.com/IBM/ibm-watsonx-orchestrate-adk: ``channels_client.py``, ``agent_client.py``, ``channels_common.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from .._http.errors import ApiError, SmsError, TransportError, code_of, join
from .._http.transport import Reply, Transport, check_endpoint
from .._http.urls import redact, said
from .client import NoToken, authenticator

try:
    import jwt
    from ibm_cloud_sdk_core import ApiException
    from ibm_cloud_sdk_core.authenticators import MCSPAuthenticator
except ImportError:  # the modules report client.IBM_IMPORT_ERROR
    MCSPAuthenticator = None
try:
    from ibm_cloud_sdk_core.authenticators import MCSPV2Authenticator
except ImportError:  # added to ibm-cloud-sdk-core in 2025; without it only the first way to a token is tried
    MCSPV2Authenticator = None

CHANNEL = "twilio_sms"
IAM, MCSP = "iam", "mcsp"
MCSP_V1 = "https://iam.platform.saas.ibm.com"
MCSP_V2 = "https://account-iam.platform.saas.ibm.com"
ENVIRONMENTS = ("live", "draft")
LONGEST_NAME, LONGEST_DESCRIPTION = 64, 1024
TOKEN_FIELD = "twilio_authentication_token"
SHOWN = ("account_sid", "description", "phone_number")  # the compared fields of a channel, if the answer shows them

_INSTANCE = re.compile(r"(?P<base>.+)/instances/(?P<guid>[A-Za-z0-9_-]+)")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Instance(NamedTuple):
    """An instance of watsonx Orchestrate: its URL, its GUID, and the base URL of its channels' webhooks."""

    url: str
    guid: str
    channels: str  # base URL

    @classmethod
    def parse(cls, url: str, option: str = "instance_url") -> Instance:
        """Return the instance with the URL from the product's settings.

        :raises SmsError: for anything else, and for Cloud Pak for Data
        """
        url = url.strip()
        if url.startswith("https://cpd"):
            raise SmsError(
                f"{option} leads to Cloud Pak for Data, which is not supported, because its API and tokens differ."
                " Create the channel there yourself and give its webhook as connect_sms_receiver_url",
                code="cloud_pak",
            )
        found = _INSTANCE.fullmatch(check_endpoint(url, option))
        if not found:
            raise SmsError(
                f"{option} '{redact(url)}' is not the URL of an instance: it looks like"
                " https://api.us-south.watson-orchestrate.cloud.ibm.com/instances/GUID, and the product's settings show it",
                code="bad_instance_url",
            )
        base = found["base"]
        # A loopback or private instance has one base URL for everything.
        channels = base.replace("https://api.", "https://channels.", 1) if base.startswith("https://api.") else base
        return cls(found[0], found["guid"], channels)

    @property
    def kind(self) -> str:
        """The kind of the instance's tokens. The Agent Development Kit uses the same part of the URL to decide."""
        return IAM if ".cloud.ibm.com" in self.url else MCSP

    def webhook(self, subscription: str | None, agent_id: str, environment_id: str, channel_id: str) -> str:
        """Return a channel's webhook. No answer contains it; the Agent Development Kit builds it like this.

        :param subscription: the result of :func:`subscription_of` for the token
        """
        tenant = f"{subscription}_{self.guid}" if subscription else self.guid
        parts = ("tenants", tenant, "agents", agent_id, "environments", environment_id)
        path = "/".join(quote(part, safe="") for part in (*parts, "channels", CHANNEL, channel_id, "events"))
        return f"{self.channels}/{path}"


def subscription_of(token: str) -> str | None:
    """Return the subscription in an access token: its claim ``subscriptionId``, or else ``account.bss``.

    :raises SmsError: if the token cannot be read, because the webhook would not work
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise SmsError(
            "the access token is not a JWT, so the tenant in the webhook's URL is not known: give an API key instead",
            code="bad_token",
        ) from None
    account = claims.get("account")
    return claims.get("subscriptionId") or (account.get("bss") if isinstance(account, Mapping) else None)


class Tokens:
    """Access tokens, from the first of several authenticators that works.

    :param ways: a name for messages, and the SDK's authenticator, for each
    :param transport: the HTTP policy, also for the token requests
    :param identity: the options with the identity, for error messages
    """

    def __init__(self, ways: Sequence[tuple[str, Any]], transport: Transport, identity: str):
        self.identity = identity
        self._ways = list(ways)
        for _name, way in self._ways:
            _send_through(transport, way)

    @classmethod
    def for_instance(
        cls,
        instance: Instance,
        transport: Transport,
        *,
        api_key: str | None,
        token: str | None = None,
        profile_id: str | None = None,
        iam_endpoint: str,
        auth_endpoint: str | None = None,
        identity: str = "api_key",
    ) -> Tokens:
        """Return the tokens of an instance.

        :param api_key: of the instance's platform: IBM Cloud's, or MCSP's (AWS and others)
        :param token: a ready token, which is used as it is
        :param profile_id: a trusted profile of IBM Cloud
        :param auth_endpoint: replaces the platform's own endpoints
        :raises SmsError: if an IBM Cloud API key is malformed
        """
        if token or instance.kind == IAM:
            endpoint = auth_endpoint or iam_endpoint
            way = authenticator(endpoint, api_key=api_key, token=token, profile_id=profile_id)
            return cls([("IAM", way)], transport, identity)
        ways = [("MCSP", MCSPAuthenticator(api_key, auth_endpoint or MCSP_V1))]
        if MCSPV2Authenticator is not None:
            endpoint = auth_endpoint or MCSP_V2
            scope = {"scope_collection_type": "services", "scope_id": instance.guid}
            ways.append(("MCSP v2", MCSPV2Authenticator(apikey=api_key, url=endpoint, **scope)))
        return cls(ways, transport, identity)

    def get(self) -> str:
        """Return a token. Only the authenticator that worked is used from then on.

        :raises NoToken: if none works, with the answer to each
        """
        refusals: list[SmsError] = []
        for name, way in self._ways:
            try:
                token = _token_of(way)
            except ApiError as error:
                refusals.append(error.during(f"get a token from {name}"))
                continue
            self._ways = [(name, way)]
            return token
        first = refusals[0]
        hint = f"; check {self.identity}, instance_url and auth_endpoint"
        raise NoToken("; ".join(map(str, refusals)) + hint, code=first.code, status=first.status)

    def renew(self) -> bool:
        """Discard the refused token. Return whether there can be another one."""
        managers = [way.token_manager for _name, way in self._ways if hasattr(way, "token_manager")]
        for manager in managers:
            manager.expire_time = manager.request_time = 0
        return bool(managers)


class Orchestrate:
    """One instance of watsonx Orchestrate, accessed with one identity."""

    def __init__(self, instance: Instance, tokens: Tokens, transport: Transport, secrets: tuple[str, ...] = ()):
        """
        :param secrets: texts to remove from all messages, in case the service repeats them
        """
        self.instance = instance
        self._tokens = tokens
        self._transport = transport
        self._secrets = secrets

    def webhook(self, agent_id: str, environment_id: str, channel_id: str) -> str:
        """Return a channel's webhook."""
        return self.instance.webhook(subscription_of(self._tokens.get()), agent_id, environment_id, channel_id)

    def agent(self, name_or_id: str) -> dict[str, Any] | None:
        """Return the agent with this name or ID, or ``None``.

        :raises ApiError: if several have the name
        """
        query = {"include_hidden": "true", "include": "global"}
        if not _UUID.fullmatch(name_or_id):
            query = {"names": name_or_id, **query}  # there is no known filter by ID, so the whole list is read
        action = f"look for agent '{name_or_id}'"
        rows = _rows(action, self._ask(action, "GET", "/agents?" + urlencode(query)))
        found = [row for row in rows if name_or_id in (row["id"], row.get("name"))]
        if len(found) > 1:
            raise ApiError(
                f"{len(found)} agents have the name '{name_or_id}' (IDs {join([row['id'] for row in found], ', ')}):"
                " give the ID of one",
                code="ambiguous_agent",
            )
        return found[0] if found else None

    def channels(self, agent_id: str, environment_id: str) -> list[dict[str, Any]]:
        """Return the SMS channels of an agent's environment, at most one according to IBM's documentation."""
        action = f"list the SMS channels of agent {agent_id}"
        return _rows(action, self._ask(action, "GET", _path(agent_id, environment_id)), "channels")

    def channel(self, agent_id: str, environment_id: str, channel_id: str) -> dict[str, Any] | None:
        """Return one channel with all fields that the service shows, or ``None``."""
        action = f"read SMS channel {channel_id}"
        try:
            return _row(action, self._ask(action, "GET", _path(agent_id, environment_id, channel_id)))
        except ApiError as error:
            if error.status == 404 and not isinstance(error, NoToken):
                return None
            raise

    def create(self, agent_id: str, environment_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create an SMS channel and return it. If the answer is lost, find the channel instead of creating another."""
        action = f"create SMS channel '{fields['name']}'"
        body = {**fields, "channel": CHANNEL, "spec_version": "v1", "kind": "channel"}
        try:
            answer = self._ask(action, "POST", _path(agent_id, environment_id), body, repeatable=False)
        except ApiError as error:
            if not _maybe_done(error):
                raise
            made = [row for row in self.channels(agent_id, environment_id) if row.get("name") == fields["name"]]
            if not made:
                raise
            return made[0]
        return _row(action, answer)

    def update(self, agent_id: str, environment_id: str, channel_id: str, fields: Mapping[str, Any]) -> None:
        """Change fields of a channel; others are not changed."""
        self._ask(f"update SMS channel {channel_id}", "PATCH", _path(agent_id, environment_id, channel_id), fields)

    def delete(self, agent_id: str, environment_id: str, channel_id: str) -> None:
        """Delete a channel. It is not an error if it is already gone."""
        try:
            self._ask(f"delete SMS channel {channel_id}", "DELETE", _path(agent_id, environment_id, channel_id))
        except ApiError as error:
            if error.status not in (404, 410) or isinstance(error, NoToken):
                raise

    def _ask(
        self, action: str, method: str, path: str, fields: Mapping[str, Any] | None = None, repeatable: bool = True
    ) -> Any:
        """Send a request and return the data in its answer. If the token is refused during the run, it is renewed once."""
        reply = self._send(action, method, path, fields, repeatable)
        if reply.status == 401 and self._tokens.renew():
            reply = self._send(action, method, path, fields, repeatable)
        if not reply.ok:
            raise self._refusal(action, reply)
        return reply.json if reply.body else None

    def _send(self, action: str, method: str, path: str, fields: Mapping[str, Any] | None, repeatable: bool) -> Reply:
        headers = {"Authorization": f"Bearer {self._tokens.get()}", "Accept": "application/json"}
        body = None
        if fields is not None:
            body, headers["Content-Type"] = json.dumps(fields).encode(), "application/json"
        url = f"{self.instance.url}/v1/orchestrate{path}"
        try:
            return self._transport.request(method, url, headers, body, repeatable=repeatable)
        except SmsError as error:
            raise error.during(action) from None

    def _refusal(self, action: str, reply: Reply) -> ApiError:
        code, text = _error_of(reply, lambda: (*self._secrets, self._tokens.get()))
        shown = f"HTTP {reply.status}" + (f" ({code})" if code else "")
        hint = {
            401: f"; check {self._tokens.identity}, and that it belongs to the account of instance_url",
            403: f"; the identity of {self._tokens.identity} lacks the permission in this instance",
            404: "; check instance_url",
        }.get(reply.status, "")
        message = f"Could not {action}: {shown}" + (f": {text}" if text else "") + hint
        return ApiError(message, code=code or f"http_{reply.status}", status=reply.status)


# ---- pure: which environment, which channel, what differs ----


def environment_of(agent: Mapping[str, Any], name: str) -> str | None:
    """Return the ID of an agent's environment, or ``None``."""
    environments = agent.get("environments")
    for row in environments if isinstance(environments, list) else ():
        if isinstance(row, Mapping) and row.get("name") == name and isinstance(row.get("id"), str):
            return row["id"]
    return None


def no_environment(agent: str, name: str) -> SmsError:
    """Return the error about an agent without an environment."""
    if name == "live":
        text = f"agent '{agent}' has no live environment, so it is not deployed: deploy it, or choose environment draft"
        return SmsError(text, code="not_deployed")
    return SmsError(f"agent '{agent}' has no environment {name}", code="unknown_environment")


def choose_channel(
    rows: Sequence[Mapping[str, Any]], name: str, *, adopt: bool, where: str
) -> Mapping[str, Any] | None:
    """Return the wanted channel, ``None`` if there is none yet.

    :param rows: the SMS channels of one environment
    :param adopt: whether a channel with another name is accepted, since there can only be one
    :param where: agent and environment, for messages
    :raises SmsError: if there is a channel with another name, or there are several with this name
    """
    named = [row for row in rows if row.get("name") == name]
    chosen = named or (list(rows) if adopt else [])
    if len(chosen) == 1:
        return chosen[0]
    if not rows:
        return None
    shown = join([f"'{row.get('name')}' ({row['id']})" for row in chosen or rows], ", ")
    if chosen:
        raise SmsError(
            f"{where} has several SMS channels: {shown}. Delete those that nobody uses", code="ambiguous_channel"
        )
    raise SmsError(
        f"{where} already has an SMS channel with another name: {shown}. An environment has only one: give its name, or"
        " adopt it (orchestrate_sms_channel, adopt: true)",
        code="other_channel",
    )


def differences(shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of *wanted* that differ from the channel's. Fields that it does not show are not compared.

    :param wanted: values by field; ``None`` is not managed
    """
    return {
        field: value
        for field, value in wanted.items()
        if value is not None and field in shown and _comparable(field, shown[field]) != _comparable(field, value)
    }


def _comparable(field: str, value: Any) -> str:
    text = str(value or "")
    return re.sub(r"\D", "", text) if field == "phone_number" else text


# ---- answers ----


def _path(agent_id: str, environment_id: str, channel_id: str | None = None) -> str:
    parts = ["agents", agent_id, "environments", environment_id, "channels", CHANNEL]
    return "".join("/" + quote(part, safe="") for part in (*parts, *([channel_id] if channel_id else [])))


def _rows(action: str, answer: Any, key: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a list, which may be the whole answer or under a key."""
    if isinstance(answer, dict):
        lists = [value for name, value in answer.items() if isinstance(value, list) and key in (None, name)]
        answer = lists[0] if len(lists) == 1 else None
    if not isinstance(answer, list):
        raise _unexpected(action)
    return [_row(action, row) for row in answer]


def _row(action: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
        raise _unexpected(action)
    return row


def _unexpected(action: str) -> ApiError:
    return ApiError(f"Could not {action}: the answer does not match what IBM's own tool expects", code="bad_answer")


def _maybe_done(error: ApiError) -> bool:
    """Whether a request may have been processed although it failed."""
    if isinstance(error, TransportError):
        return error.maybe_done
    return (error.status or 0) >= 500 or error.code == "bad_answer"


def _error_of(reply: Reply, secrets: Callable[[], tuple[str, ...]] = tuple) -> tuple[str | None, str]:
    """Return code and text of an error's body. Its form is not documented, so this tries common names.

    :param secrets: returns what to remove from the text, if there is one
    """
    body = reply.json
    if not isinstance(body, Mapping):
        return None, ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        body = {**body, **errors[0]}
    texts = [body.get(name) for name in ("errorMessage", "message", "detail", "error")]
    text = next((text for text in texts if isinstance(text, str)), "")
    code = next((body[name] for name in ("errorCode", "error_code", "code") if body.get(name)), None)
    return code_of(code), said(text, secrets()) if text else ""


# ---- tokens through our transport ----


def _send_through(transport: Transport, way: Any) -> None:
    """Let a token manager send through *transport*, because on its own it does not retry and ignores CA, proxy and timeout."""

    def send(method: str, url: str, *, headers=None, params=None, data=None, **_ignored: Any) -> Any:
        body = urlencode(data) if isinstance(data, Mapping) else data
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(data, Mapping) else {}
        reply = transport.request(
            method,
            url + ("?" + urlencode(params) if params else ""),
            {**kind, **(headers or {})},
            body.encode() if isinstance(body, str) else body,
        )
        if not reply.ok:
            code, text = _error_of(reply)
            shown = f"HTTP {reply.status}" + (f" ({code})" if code else "") + (f": {text}" if text else "")
            raise NoToken(shown, code=code or f"http_{reply.status}", status=reply.status)
        return reply.json

    manager = getattr(way, "token_manager", None)
    for each in (manager, getattr(manager, "iam_delegate", None)):
        if each is not None:
            each._request = send


def _token_of(way: Any) -> str:
    """Return a token from one of the SDK's authenticators.

    :raises ApiError: if there is none
    """
    if not hasattr(way, "token_manager"):
        return way.bearer_token
    get: Callable[[], str] = way.token_manager.get_token
    try:
        return get()
    except (ValueError, TypeError, KeyError, AttributeError, ApiException, jwt.PyJWTError):
        raise NoToken("the answer contains no token", code="bad_answer") from None
    finally:
        # After a failure the SDK would sleep for up to 60 s before it requests a token again.
        way.token_manager.request_time = 0
