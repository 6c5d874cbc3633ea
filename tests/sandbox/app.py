# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web application: both clouds, the receivers and the control API on one port."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from . import iam, messages, orchestrate, receiver, resource_controller, twilio, twilio_v1
from .answers import Answer, Refused, rc_error, twilio_error
from .control import Control
from .faults import Faults
from .gate import WRITES, Call, Gate, Operation, World
from .inbound import Inbound
from .log import RequestLog
from .seed import Identity, seeded
from .settings import Settings

OPERATIONS = (
    *iam.OPERATIONS,
    *resource_controller.OPERATIONS,
    *twilio.OPERATIONS,
    *twilio_v1.OPERATIONS,
    *messages.OPERATIONS,
    *receiver.OPERATIONS,
    *orchestrate.OPERATIONS,
)


def build(seed: str = "empty", identity: Identity | None = None) -> tuple[web.Application, World]:
    """Return the application and the world behind it; the world's ``url`` must be set once it listens."""
    identity = identity or Identity()
    world = World(seeded(seed, identity), Settings(), RequestLog(), Faults())
    gate, inbound = Gate(world), Inbound(world)
    world.deliver = inbound.text
    app = web.Application(client_max_size=256 * 1024 * 1024)  # a whole state can be put

    app.router.add_routes(Control(world, inbound, identity, seed).routes())
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, gate.route(operation))
    app.router.add_route("*", "/{path:.*}", _stranger(app, gate))

    async def close(_app: web.Application) -> None:
        await inbound.close()

    app.on_cleanup.append(close)
    return app, world


def _stranger(app: web.Application, gate: Gate) -> Handler:
    """Return the handler of unknown requests: they are refused, but logged, writes as writes."""

    async def handle(request: web.Request) -> web.StreamResponse:
        allowed: set[str] = set()
        for resource in app.router.resources():
            _match, methods = await resource.resolve(request)
            allowed |= methods - {"*"}
        ibm = request.path.startswith(
            ("/v2/resource", "/identity", "/v1/apikeys", "/instances/", "/siusermgr/", "/api/")
        )

        def refuse(call: Call) -> Answer:
            if ibm:
                status = 405 if allowed else 404
                raise Refused(rc_error(status, "RC-NotFound", f"{request.method} {request.path} is not served."))
            if allowed:
                raise Refused(twilio_error(405, 20004, "Method not allowed"))
            raise Refused(twilio_error(404, 20404, f"The requested resource {request.path} was not found"))

        operation = Operation(
            "unknown",
            request.method,
            request.path,
            refuse,
            cloud="ibm" if ibm else "twilio",
            writes=request.method in WRITES,
        )
        return await gate.serve(operation, request)

    return handle
