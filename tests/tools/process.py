# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs so that their output is kept and none of them outlives us."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
from typing import TextIO

LIMIT = 25 * 60  # seconds; far above what any single command needs
_live: set[subprocess.Popen] = set()


class Log:
    """Where a step's output goes: to a file, and to the terminal as well unless another step uses that."""

    def __init__(self, path: pathlib.Path, terminal: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.terminal = terminal
        self._file: TextIO = open(path, "w", encoding="utf-8", errors="replace")  # noqa: SIM115

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
        if self.terminal:
            sys.stdout.write(text)
            sys.stdout.flush()

    def say(self, text: str) -> None:
        self.write(f"{text}\n")


def _read(process: pathlib.Path, name: str) -> bytes:
    try:
        return (process / name).read_bytes()
    except OSError:  # gone, or somebody else's
        return b""


def left_over(mark: str) -> list[str]:
    """Programs that still run and carry this mark in their environment (Linux only; elsewhere: none)."""
    wanted = mark.encode()
    return [
        f"{folder.name} {_read(folder, 'cmdline').replace(bytes(1), b' ').decode(errors='replace').strip()}"
        for folder in pathlib.Path("/proc").glob("[0-9]*")
        if int(folder.name) != os.getpid() and wanted in _read(folder, "environ")
    ]


class Finished:
    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output


def stop(process: subprocess.Popen) -> None:
    """End a program and what it started; ask first, then insist."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whoever of the group did not go with its leader
    _live.discard(process)


def stop_all() -> None:
    for process in list(_live):
        stop(process)


def start(command: list[str], env: dict[str, str], cwd: pathlib.Path, output: int | TextIO) -> subprocess.Popen:
    process = subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _live.add(process)
    return process


def run(
    command: list[str],
    log: Log,
    env: dict[str, str],
    cwd: pathlib.Path,
    limit: float = LIMIT,
    quiet: bool = False,
) -> Finished:
    """Run one program to its end; its output goes to the log line by line and comes back as one text."""
    shown = shlex.join(str(word) for word in command)
    if not quiet:
        log.say(f"$ {shown.replace(str(cwd) + os.sep, '')}")
    process = start([str(word) for word in command], env, cwd, subprocess.PIPE)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        stop(process)

    timer = threading.Timer(limit, give_up)
    timer.start()
    lines = []
    try:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            lines.append(line)
            log.write(line)
        code = process.wait()
    finally:
        timer.cancel()
        stop(process)
    if late.is_set():
        log.say(f"Given up after {limit:.0f} seconds.")
        code = code or 124
    return Finished(code, "".join(lines))
