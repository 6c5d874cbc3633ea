# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sandbox``: run the sandbox on loopback until its parent, a signal or its age ends it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pathlib
import signal
import tempfile

from aiohttp import web

from .app import build
from .front import Front
from .seed import SEEDS, Identity

#: Loopback only, because the sandbox uses plain HTTP and gives its secrets to everyone who asks.
HOST = "127.0.0.1"
PARENT_POLL = 0.5


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="sandbox", description="IBM Cloud and Twilio on loopback, for tests.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--ready-file", type=pathlib.Path, help="JSON file to write once it listens")
    parser.add_argument("--env-file", type=pathlib.Path, help="shell file of exports to write once it listens")
    parser.add_argument("--seed", choices=SEEDS, default="empty", help="what the accounts hold at first")
    parser.add_argument("--max-age", type=float, default=3600.0, metavar="SECONDS", help="end after this time")
    parser.add_argument("--detach", action="store_true", help="stay when the parent process ends")
    return parser.parse_args(argv)


def write(path: pathlib.Path, text: str) -> None:
    """Write a file of secrets atomically, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # created with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, path)


async def _ended(options: argparse.Namespace, parent: int) -> None:
    """Wait for a reason to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.call_later(options.max_age, stop.set)
    while not stop.is_set():
        if not options.detach and os.getppid() != parent:
            return
        try:
            await asyncio.wait_for(stop.wait(), PARENT_POLL)
        except asyncio.TimeoutError:
            continue


async def serve(options: argparse.Namespace, parent: int) -> None:
    """Listen, announce it, and stop in the end."""
    identity = Identity()
    app, world = build(options.seed, identity)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, HOST, options.port, backlog=1024)
    await site.start()
    world.url = f"http://{HOST}:{runner.addresses[0][1]}"
    front = Front(runner.addresses[0][1], lambda host: host in world.settings.receivers)
    # The receivers' names lead to the sandbox, not to the internet.
    environment = {**identity.environment(world.url), **front.environment}
    if options.env_file:
        write(options.env_file, "".join(f"export {name}='{value}'\n" for name, value in environment.items()))
    if options.ready_file:
        write(options.ready_file, json.dumps({"url": world.url, "pid": os.getpid(), "environment": environment}))
    print(f"sandbox: {world.url} (pid {os.getpid()}, seed {options.seed})", flush=True)
    try:
        await _ended(options, parent)
    finally:
        front.close()
        await runner.cleanup()
        for path in (options.env_file, options.ready_file):
            if path:
                path.unlink(missing_ok=True)


def main() -> None:
    """Run the sandbox."""
    parent = os.getppid()
    asyncio.run(serve(parse(), parent))


if __name__ == "__main__":
    main()
