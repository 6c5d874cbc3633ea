# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of each request to a cloud: log, credentials, limits, faults, latency, work, answer."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import ids
from .answers import Answer, Refused, rc_error, twilio_error
from .faults import Fault, Faults
from .log import Entry, RequestLog
from .meeting import Meeting
from .settings import Settings
from .state import State, Token

#: Methods of write requests, if the operation is one of a cloud.
WRITES = ("POST", "PUT", "PATCH", "DELETE")
CLOUDS = ("ibm", "twilio")


@dataclasses.dataclass
class World:
    """Shared by all handlers. A reset replaces ``state`` and ``settings``."""

    state: State
    settings: Settings
    log: RequestLog
    faults: Faults
    #: Base URL of the sandbox, known once it listens.
    url: str = ""
    #: Lets a text arrive: number, sender, text, and how many answers to each other came before it.
    deliver: Callable[..., Any] | None = None
    #: The order of requests, where programs are made to meet.
    meeting: Meeting | None = None


@dataclasses.dataclass
class Call:
    """One request as a handler sees it."""

    world: World
    request: web.Request
    entry: Entry
    #: Parts of the path, decoded.
    params: dict[str, str]
    query: dict[str, str]
    #: Form fields, or the members of the JSON object that was sent.
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: IBM Cloud: who calls.
    token: Token | None = None
    #: Twilio: SID of the account whose credentials were used, and of the one that is worked on.
    credential_account: str = ""
    account_sid: str = ""
    #: Twilio: whether the credentials are an account's auth token, not an API key.
    with_auth_token: bool = False

    @property
    def state(self) -> State:
        """The state of the clouds."""
        return self.world.state

    @property
    def settings(self) -> Settings:
        """The settings of the sandbox."""
        return self.world.settings

    @property
    def bearer(self) -> Token:
        """The caller's token, of a call that was authorized."""
        assert self.token is not None
        return self.token


Handler = Callable[[Call], Answer]


def _nobody(call: Call) -> None:
    """Ask for no credentials."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation of a cloud: its route and its handler."""

    name: str
    method: str
    path: str
    handler: Handler
    authorize: Callable[[Call], None] = _nobody
    cloud: str = "twilio"
    #: False for a POST that changes nothing (the token exchange, a text to a receiver).
    writes: bool = True

    @property
    def write(self) -> bool:
        """Return whether the operation counts as a write."""
        return self.writes and self.method in WRITES


class Gate:
    """Lets requests through to the handlers of operations."""

    def __init__(self, world: World) -> None:
        """Guard this world."""
        self._world = world
        self._in_flight: dict[str, int] = collections.defaultdict(int)

    def route(self, operation: Operation) -> Callable[[web.Request], Any]:
        """Return the web handler of an operation."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.serve(operation, request)

        return handle

    async def serve(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        """Serve a request to a cloud in its turn."""
        meeting = self._world.meeting
        lane = await meeting.enter(request.host.partition(":")[0]) if meeting and operation.cloud in CLOUDS else None
        if meeting is None or lane is None:
            return await self._serve(operation, request)
        if lane.cut and not lane.works:
            meeting.leave(lane, None)
            await meeting.never()
            return _hang_up(request)
        try:
            response = await self._serve(operation, request)
        finally:
            meeting.leave(lane, operation.name if operation.write else None)
        if lane.cut:
            await meeting.never()
        return response

    async def _serve(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        """Serve a request and log it."""
        log = self._world.log
        query = dict(request.rel_url.query)
        path = request.rel_url.raw_path
        entry = log.open(operation.cloud, operation.name, operation.write, request.method, path, query)
        started = time.monotonic()
        call = Call(self._world, request, entry, dict(request.match_info), query)
        try:
            answer, fault = await self._answer(operation, call)
            if answer is None:
                return _hang_up(request)
            self._stamp(answer, call, time.monotonic() - started)
            if fault is not None and fault.mode == "reset_after":
                return _hang_up(request)
            entry.status = answer.status
            return _response(answer, truncated=fault is not None and fault.body == "truncated")
        finally:
            self._leave(call)
            log.close(entry)

    async def _answer(self, operation: Operation, call: Call) -> tuple[Answer | None, Fault | None]:
        """Return the answer, or None to close the connection, and the fault that affected it."""
        fault = None
        try:
            await _read(call)
            operation.authorize(call)
            self._enter(call)
            if self._world.settings.latency:
                await asyncio.sleep(self._world.settings.latency)
            fault = self._world.faults.pick(operation.name, call.entry.path, call.fields, self._caller(call))
            if fault is None:
                return operation.handler(call), None
            return await self._fail(operation, call, fault), fault
        except Refused as refused:
            return refused.answer, fault

    async def _fail(self, operation: Operation, call: Call, fault: Fault) -> Answer | None:
        call.entry.fault = fault.id
        real = None
        if fault.mode == "expire":
            self._world.state.expire_tokens(call.entry.account)
            operation.authorize(call)  # refuses
        if fault.body == "unheeded":
            call.fields = {}  # the entry in the log keeps what was sent
        if fault.works:
            try:
                real = operation.handler(call)
            except Refused as refused:
                real = refused.answer
        if fault.mode.startswith("hang"):
            await asyncio.sleep(fault.seconds)
        if fault.mode in ("reset_before", "hang"):
            return None
        if fault.mode == "reset_after":
            return real
        return fault.answer(operation.name, real)

    def _caller(self, call: Call) -> str | None:
        """Return the account of the caller's credentials: at IAM, that of the API key that is sent."""
        api_key = self._world.state.api_keys.by_value.get(call.fields.get("apikey", ""))
        return call.credential_account or call.entry.account or (api_key.account_id if api_key else None)

    def _enter(self, call: Call) -> None:
        """Count a request of a Twilio account as in flight; over the limit refuse it (unprocessed: safe to repeat)."""
        account, settings = call.credential_account, self._world.settings
        if not account:
            return
        self._in_flight[account] += 1
        if settings.twilio_concurrency is not None and self._in_flight[account] > settings.twilio_concurrency:
            answer = twilio_error(429, 20429, "Too Many Requests")
            if settings.retry_after is not None:
                answer.headers["Retry-After"] = f"{settings.retry_after:g}"
            raise Refused(answer)

    def _leave(self, call: Call) -> None:
        if call.credential_account and self._in_flight[call.credential_account]:
            self._in_flight[call.credential_account] -= 1

    def _stamp(self, answer: Answer, call: Call, duration: float) -> None:
        """Add the headers by which each cloud's support finds a request."""
        if call.entry.cloud == "ibm":
            transaction = ids.guid()
            answer.headers["X-Global-Transaction-ID"] = answer.headers["Transaction-Id"] = transaction
            if isinstance(answer.body, dict) and "error_code" in answer.body:
                answer.body["transaction_id"] = transaction
        elif call.entry.cloud == "twilio":
            answer.headers["Twilio-Concurrent-Requests"] = str(max(1, self._in_flight[call.credential_account]))
            answer.headers["Twilio-Request-Duration"] = f"{duration:.3f}"
            answer.headers["Twilio-Request-Id"] = ids.sid("RQ")


async def _read(call: Call) -> None:
    """Read the form or JSON object of a request, if it has one."""
    request = call.request
    if not request.body_exists:
        return
    if request.content_type == "application/json":
        try:
            sent = json.loads(await request.read() or b"{}")
        except ValueError as error:
            raise Refused(rc_error(400, "RC-InvalidJson", "The request body is not valid JSON.")) from error
        if not isinstance(sent, dict):
            raise Refused(rc_error(400, "RC-InvalidJson", "The request body is not a JSON object."))
        call.fields = sent
    else:
        call.fields = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    keep = call.settings.log_bodies
    call.entry.fields = dict(call.fields) if keep else dict.fromkeys(call.fields)


def _hang_up(request: web.Request) -> web.StreamResponse:
    """Reset the connection, so that the peer gets an error and not a normal end of file."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


def _response(answer: Answer, truncated: bool) -> web.Response:
    body = answer.body
    if body is None:
        data = b""
    elif isinstance(body, str):
        data = body.encode()
    else:
        data = json.dumps(body, separators=(",", ":")).encode()
    if truncated:
        data = data[: max(1, len(data) // 2)]
    headers = {**answer.headers, "Content-Type": answer.content_type} if data else answer.headers
    return web.Response(status=answer.status, body=data or None, headers=headers)
