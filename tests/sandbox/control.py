# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API, with which tests prepare the sandbox, make it fail, and inspect its requests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import iam, ids
from . import seed as seeds
from .gate import World
from .inbound import Inbound
from .meeting import Meeting
from .models import ApiKey, IbmAccount, Profile, ResourceKey, TwilioAccount
from .settings import Settings
from .state import State

Json = Any
#: The sender of a text if the test names none.
SENDER = "+15557650000"
#: The user who changes things in Twilio's console.
USER = "US" + "c0" * 16


class Control:
    """Serves ``/_sandbox/...``. Nothing here is logged, slowed down or made to fail."""

    def __init__(self, world: World, inbound: Inbound, identity: seeds.Identity, seed: str) -> None:
        """Control this world, which started with this identity and seed."""
        self._world = world
        self._inbound = inbound
        self._identity = identity
        self._seed = seed

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the control API."""
        routes: list[tuple[str, str, Callable[[web.Request], Any]]] = [
            ("GET", "/health", self.health),
            ("GET", "/state", self.get_state),
            ("PUT", "/state", self.put_state),
            ("GET", "/secrets", self.get_secrets),
            ("POST", "/reset", self.reset),
            ("GET", "/requests", self.get_requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/requests/summary", self.get_summary),
            ("GET", "/writes", self.get_writes),
            ("GET", "/faults", self.get_faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("DELETE", "/faults/{id}", self.clear_faults),
            ("GET", "/settings", self.get_settings),
            ("PATCH", "/settings", self.change_settings),
            ("POST", "/inbound", self.text),
            ("POST", "/meeting", self.begin_meeting),
            ("GET", "/meeting", self.get_meeting),
            ("DELETE", "/meeting", self.end_meeting),
            ("DELETE", "/meeting/{lane}", self.end_lane),
            ("POST", "/ibm/tokens", self.add_token),
            ("DELETE", "/ibm/tokens", self.expire_tokens),
            ("POST", "/{cloud:ibm|twilio}/{kind}", self.add),
            ("GET", "/{cloud:ibm|twilio}/{kind}", self.list_rows),
            ("PATCH", "/{cloud:ibm|twilio}/{kind}/{key}", self.change),
            ("DELETE", "/{cloud:ibm|twilio}/{kind}/{key}", self.remove),
        ]
        return [web.route(method, f"/_sandbox{path}", _door(handler)) for method, path, handler in routes]

    # --- the whole ---

    async def health(self, _request: web.Request) -> Json:
        """Report that the sandbox is listening."""
        return {"status": "ok", "pid": os.getpid(), "url": self._world.url}

    async def get_state(self, _request: web.Request) -> Json:
        """Return the whole state, secrets included, and the settings."""
        return {**self._world.state.dump(), "settings": self._world.settings.to_json()}

    async def put_state(self, request: web.Request) -> Json:
        """Replace the whole state, and the settings if they are sent."""
        sent = await request.json()
        self._world.state = State.load(sent)
        if "settings" in sent:
            self._world.settings = Settings(**sent["settings"])
        return {"status": "ok"}

    async def get_secrets(self, _request: web.Request) -> Json:
        """Return all secret values."""
        gateways = {receiver.get("password", "") for receiver in self._world.settings.receivers.values()}
        return sorted({*self._world.state.secrets(), *gateways} - {""})

    async def reset(self, request: web.Request) -> Json:
        """Reset state, settings, faults and log. The announced credentials stay valid."""
        sent = await _body(request)
        self._world.state = seeds.seeded(sent.get("seed", self._seed), self._identity)
        self._world.settings = Settings()
        self._world.faults.clear()
        self._world.log.clear()
        return {"status": "ok", "environment": self._identity.environment(self._world.url)}

    # --- log, faults, settings ---

    async def get_requests(self, request: web.Request) -> Json:
        """Return the logged requests in the order of arrival."""
        return self._world.log.select(**request.query)

    async def clear_requests(self, _request: web.Request) -> Json:
        """Forget the logged requests."""
        self._world.log.clear()
        return {"status": "ok"}

    async def get_summary(self, _request: web.Request) -> Json:
        """Return counts, also of the texts that the receivers accepted and refused."""
        texts = {"accepted": 0, "refused": 0, "challenged": 0}
        for text in self._world.state.texts:
            refusal = "refused" if text["with_credentials"] else "challenged"
            texts["accepted" if text["accepted"] else refusal] += 1
        return {**self._world.log.summary(), "texts": texts}

    async def get_writes(self, _request: web.Request) -> Json:
        """Return the logged write requests."""
        return self._world.log.writes()

    async def get_faults(self, _request: web.Request) -> Json:
        """Return the faults with their hits."""
        return self._world.faults.plain()

    async def add_fault(self, request: web.Request) -> Json:
        """Add a fault."""
        return vars(self._world.faults.add(await _body(request)))

    async def clear_faults(self, request: web.Request) -> Json:
        """Forget all faults, or one."""
        number = request.match_info.get("id")
        self._world.faults.clear(None if number is None else int(number))
        return {"status": "ok"}

    async def get_settings(self, _request: web.Request) -> Json:
        """Return the settings."""
        return self._world.settings.to_json()

    async def change_settings(self, request: web.Request) -> Json:
        """Change settings."""
        self._world.settings.update(await _body(request))
        return self._world.settings.to_json()

    # --- things ---

    async def add(self, request: web.Request) -> Json:
        """Add one thing (an object) or several (a list); return them with what they were given."""
        cloud, kind = request.match_info["cloud"], request.match_info["kind"]
        sent = await _body(request)
        if (cloud, kind) == ("twilio", "numbers"):
            return seeds.add_numbers(self._world.state, sent)
        adders = {
            "accounts": self._add_ibm_account if cloud == "ibm" else self._add_twilio_account,
            "profiles": self._add_profile,
            "instances": self._add_instance,
            "keys": lambda values: seeds.add_key(self._world.state, values),
            "api_keys": self._add_caller if cloud == "ibm" else None,
            "orchestrate_instances": self._add_orchestrate,
            "orchestrate_agents": lambda values: seeds.add_agent(self._world.state, values),
            "channels": lambda values: seeds.add_channel(self._world.state, values),
        }
        self._table(cloud, kind)
        adder = adders.get(kind) or (lambda values: seeds.add_owned(self._world.state, kind, values))
        return [adder(values) for values in sent] if isinstance(sent, list) else adder(sent)

    def _add_ibm_account(self, values: dict[str, Any]) -> Json:
        """Add an account, with the API key of an administrator."""
        state = self._world.state
        account: IbmAccount = state.ibm_accounts.create(values)
        caller = self._add_caller({"account_id": account.id})
        return {**state.ibm_accounts.plain(account), "api_key": caller, "environment": caller["environment"]}

    def _add_caller(self, values: dict[str, Any]) -> Json:
        """Add a caller's API key."""
        state = self._world.state
        key: ApiKey = state.api_keys.create({"account_id": seeds.first_ibm_account(state), **values})
        return {**state.api_keys.plain(key), "environment": seeds.ibm_environment(key.value, self._world.url)}

    def _add_profile(self, values: dict[str, Any]) -> Json:
        state = self._world.state
        profile: Profile = state.profiles.create({"account_id": seeds.first_ibm_account(state), **values})
        return {**state.profiles.plain(profile), "crn": profile.crn, "iam_id": profile.iam_id}

    def _add_instance(self, values: dict[str, Any]) -> Json:
        instance = seeds.add_instance(self._world.state, values)
        plain = self._world.state.instances.plain(instance)
        return {**plain, "crn": instance.crn, "alias_crn": instance.alias_crn}

    def _add_orchestrate(self, values: dict[str, Any]) -> Json:
        """Add an instance of watsonx Orchestrate, with the environment of its own caller."""
        state = self._world.state
        values = {"account_id": seeds.first_ibm_account(state), **values}
        instance = state.orchestrate_instances.create(values)
        caller = self._add_caller({"account_id": instance.account_id, "name": "orchestrate"})
        url = f"{self._world.url}/instances/{instance.guid}"
        environment = {"WO_INSTANCE": url, "WO_API_KEY": caller["value"], "WO_AUTH_ENDPOINT": self._world.url}
        return {**state.orchestrate_instances.plain(instance), "url": url, "environment": environment}

    def _add_twilio_account(self, values: dict[str, Any]) -> Json:
        """Add a main account, or a subaccount of ``owner_account_sid``."""
        state = self._world.state
        account: TwilioAccount = state.twilio_accounts.create(values)
        environment = seeds.twilio_environment(account.sid, account.auth_token, self._world.url)
        return {**state.twilio_accounts.plain(account), "environment": environment}

    async def list_rows(self, request: web.Request) -> Json:
        """Return all things of a kind."""
        table = self._table(request.match_info["cloud"], request.match_info["kind"])
        return [table.plain(row) for row in table]

    async def change(self, request: web.Request) -> Json:
        """Change fields of a thing, as somebody might in a console."""
        state, sent = self._world.state, await _body(request)
        table, row = self._row(request)
        if table is state.services:
            sent.update(seeds.pools(state, sent))
        for value in sent.values():
            state.remember_url(value if isinstance(value, str) else None)
        if table is state.numbers:
            sent.setdefault("date_updated", ids.rfc2822())
            state.change_number(row, sent, actor_type="user", actor_sid=USER, source="web")
        else:
            table.change(row, sent)
        return table.plain(row)

    async def remove(self, request: web.Request) -> Json:
        """Remove a thing without a trace; a resource key softly, as somebody in IBM's console would."""
        table, row = self._row(request)
        if isinstance(row, ResourceKey):
            self._world.state.remove_key(row, "IBMid-CONSOLE")
        else:
            table.remove(row)
        return {"status": "ok"}

    async def add_token(self, request: web.Request) -> Json:
        """Issue an IAM token for a caller's ``api_key`` (default: the announced one) without a logged request."""
        value = (await _body(request)).get("api_key", self._identity.ibm_api_key)
        key = self._world.state.api_keys.by_value.get(value)
        if key is None:
            raise ValueError("there is no such API key")
        token = iam.issue(self._world.state, self._world.settings.token_lifetime, iam.GRANT_API_KEY, key)
        return {"access_token": token}

    async def expire_tokens(self, _request: web.Request) -> Json:
        """Let all tokens that were issued expire at once."""
        self._world.state.expire_tokens()
        return {"status": "ok"}

    def _table(self, cloud: str, kind: str) -> Any:
        try:
            return self._world.state.tables[cloud][kind]
        except KeyError:
            raise ValueError(f"{cloud} has no {kind}; it has {', '.join(self._world.state.tables[cloud])}") from None

    def _row(self, request: web.Request) -> tuple[Any, Any]:
        """Return the table and the row that a path means; a number and an API key go by their value, too."""
        cloud, kind, key = (request.match_info[part] for part in ("cloud", "kind", "key"))
        table = self._table(cloud, kind)
        row = table.get(key)
        if row is None and kind == "numbers":
            row = self._world.state.numbers.by_phone.get(key)
        if row is None and kind == "short_codes":
            row = self._world.state.short_code(key)
        if row is None and (cloud, kind) == ("ibm", "api_keys"):
            row = self._world.state.api_keys.by_value.get(key)
        if row is None:
            raise ValueError(f"{cloud} {kind} has no {key}")
        return table, row

    # --- programs that meet ---

    async def begin_meeting(self, request: web.Request) -> Json:
        """Let programs meet: ``seed lanes watch``."""

        async def text(wanted: str) -> bool:
            number = self._world.state.numbers.by_phone[wanted]
            return bool((await self._inbound.text(number, SENDER, "hello"))["delivered"])

        self._world.meeting = Meeting(**await _body(request), text=text)
        return self._world.meeting.plain()

    async def get_meeting(self, _request: web.Request) -> Json:
        """Return how far the programs are."""
        return self._meeting().plain()

    async def end_meeting(self, _request: web.Request) -> Json:
        """Let all requests through at once again; return what was seen."""
        meeting, self._world.meeting = self._meeting(), None
        await meeting.stop()
        return meeting.plain()

    async def end_lane(self, request: web.Request) -> Json:
        """Note that a program has ended."""
        self._meeting().end(request.match_info["lane"])
        return self._meeting().plain()

    def _meeting(self) -> Meeting:
        if self._world.meeting is None:
            raise ValueError("no programs meet")
        return self._world.meeting

    # --- texts ---

    async def text(self, request: web.Request) -> Json:
        """Let a text arrive at a number or short code: ``to``, ``from``, ``body``."""
        sent = await _body(request)
        wanted, state = sent.get("to", ""), self._world.state
        number = state.numbers.by_phone.get(wanted) or state.short_code(wanted)
        if number is None:
            raise ValueError(f"there is no number {sent.get('to')}")
        return await self._inbound.text(number, sent.get("from", SENDER), sent.get("body", "hello"))


async def _body(request: web.Request) -> Json:
    return json.loads(await request.read() or b"{}")


def _door(handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    """Answer with a handler's result, or with 400 and the reason if it fails."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except (ValueError, TypeError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle
