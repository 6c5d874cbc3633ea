# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox (tests/sandbox) as a program of its own: both clouds on a loopback port while a step needs them."""

from __future__ import annotations

import contextlib
import json
import pathlib
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from tools import process, project

START_LIMIT = 120  # seconds; on a busy machine the imports alone have taken forty
MAX_AGE = 3600  # the sandbox ends by itself after that, whatever became of us


class Sandbox(NamedTuple):
    url: str
    environment: dict[str, str]


class NotStarted(Exception):
    pass


def command(venv: pathlib.Path, *arguments: str) -> list[str]:
    return [str(venv / "bin" / "python"), "-m", "sandbox", *arguments]


@contextlib.contextmanager
def running(venv: pathlib.Path, seed: str) -> Iterator[Sandbox]:
    """A sandbox on a free port, stopped at the end whatever happens."""
    env = project.environment(venv, PYTHONPATH=str(project.ROOT / "tests"))
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder, open(pathlib.Path(folder) / "log", "w+") as log:
        ready = pathlib.Path(folder) / "ready.json"
        words = command(venv, "--port", "0", "--ready-file", str(ready), "--seed", seed, "--max-age", str(MAX_AGE))
        server = process.start(words, env, project.ROOT, log)
        try:
            deadline = time.monotonic() + START_LIMIT
            while not ready.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise NotStarted(f"The sandbox did not start (exit code {server.poll()}).\n{log.read()}")
                time.sleep(0.1)
            told = json.loads(ready.read_text())
            yield Sandbox(told["url"], told["environment"])
        finally:
            process.stop(server)
