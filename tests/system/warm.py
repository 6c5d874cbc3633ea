# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook without its start-up: a process that has imported Ansible, the SDKs and the collection forks for each run.

Imports take most of a short run's time: Ansible once for each run, an SDK once for each task that uses it. The child runs
the command's own class with the command line, environment, current directory and output files of the run. Only the imports
differ from a run of the command.

The process takes a job at a Unix socket: a JSON object and the files for standard output and standard error. It answers
with the process ID and, when the job has ended, with its exit code. It ends when its standard input is closed.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import operator
import os
import pathlib
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

READY = b"ready\n"
PLUGINS = "ansible_collections.voiceagent.sms.plugins"
IMPORTS = (
    "ansible.cli.playbook",
    "ansible.executor.task_executor",
    *(f"ansible.plugins.{each}" for each in ("callback.default", "connection.local", "shell.sh", "strategy.linear")),
    "ibm_platform_services",
    "twilio.rest",
)


# The command for shells: it hands its job to the process that forks. With settings of its own it is the real command.
COMMAND = """#!{python} -IS
import os, sys
own = {{name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_")}}
if own != {settings!r} or os.path.exists("ansible.cfg"):
    os.execv({command!r}, [{command!r}, *sys.argv[1:]])
sys.path.insert(0, {folder!r})
import warm
job = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
sys.exit(warm.Job({socket!r}, sys.stdout, sys.stderr, **job).wait())
"""


# ---- in the tests' process ----


class Server:
    """The process that forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it with the environment that its imports see."""
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._socket = str(pathlib.Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._socket],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == READY, "the process that forks did not start"
        atexit.register(self.stop)

    def install(self, folder: pathlib.Path, settings: Mapping[str, str]) -> None:
        """Write a command ``ansible-playbook`` to a folder.

        :param settings: the ``ANSIBLE_`` variables that it works with
        """
        command = pathlib.Path(sys.executable).with_name("ansible-playbook")
        path = folder / command.name
        text = COMMAND.format(
            python=sys.executable,
            command=str(command),
            settings=dict(settings),
            folder=str(pathlib.Path(__file__).parent),
            socket=self._socket,
        )
        path.write_text(text)
        path.chmod(0o755)

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def start(self, stdout: IO[Any], stderr: IO[Any], **job: Any) -> Job:
        """Start a run.

        :param job: ``argv``, ``env``, ``cwd``, and ``hurry``: true for a run whose pauses take no time
        """
        return Job(self._socket, stdout, stderr, **job)


class Job:
    """A run under way."""

    def __init__(self, path: str, stdout: IO[Any], stderr: IO[Any], **job: Any) -> None:
        """Hand a job to the process that forks, at its socket, as :meth:`Server.start` does."""
        self._door = socket.socket(socket.AF_UNIX)
        self._door.connect(path)
        socket.send_fds(self._door, [b"j"], [stdout.fileno(), stderr.fileno()])
        self._door.sendall(json.dumps(job).encode() + b"\n")
        self._lines = self._door.makefile("r")
        self._code: int | None = None
        #: The process ID of ansible-playbook.
        self.pid = int(self._lines.readline())

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal; raise TimeoutError after so many seconds."""
        if self._code is None:
            self._door.settimeout(timeout)
            self._code = int(self._lines.readline())
            self._lines.close()
            self._door.close()
        return self._code


# ---- in the process that forks ----


def main(path: str) -> None:
    """Fork for each job that comes in at a socket."""
    sys.path.pop(0)  # this file's folder
    preload()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as selector:
        door.bind(path)
        door.listen(16)
        selector.register(door, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        os.write(1, READY)
        while True:
            if any(key.fileobj is sys.stdin for key, _events in selector.select()):
                return
            connection, _address = door.accept()
            if os.fork() == 0:
                door.close()
                supervise(connection)
            connection.close()


def preload() -> None:
    """Import what runs import, and read the definitions of Ansible's settings once."""
    for name in IMPORTS:
        importlib.import_module(name)
    from ansible.config.manager import ConfigManager
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

    ConfigManager._read_config_yaml_file = functools.cache(ConfigManager._read_config_yaml_file)
    init_plugin_loader()
    plugins = importlib.import_module(PLUGINS)
    for found in pkgutil.walk_packages(plugins.__path__, f"{PLUGINS}."):
        if not found.ispkg:
            importlib.import_module(found.name)
    # Each run installs a finder of its own, and warns where there is one.
    AnsibleCollectionConfig._collection_finder = None
    _AnsibleCollectionFinder._remove()


def supervise(connection: socket.socket) -> None:
    """Run a job in a child of this child, and send its result."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _mark, files, _flags, _address = socket.recv_fds(connection, 1, 2)
    job = json.loads(connection.makefile("r").readline())
    child = os.fork()
    if child == 0:
        connection.close()
        play(job, files)
    for file in files:
        os.close(file)
    connection.sendall(b"%d\n" % child)
    _pid, status = os.waitpid(child, 0)
    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def play(job: Mapping[str, Any], files: list[int]) -> None:
    """Act as ``ansible-playbook``, and end this process."""
    os.setsid()
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    for number, file in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
        os.dup2(file, number)
        os.close(file)
    atexit._clear()
    tempfile.tempdir = None
    sys.argv = ["ansible-playbook", *job["argv"]]
    from ansible import constants
    from ansible.cli.playbook import PlaybookCLI

    importlib.reload(constants)  # settings come from this run's environment
    if job.get("hurry"):
        hurry()
    code: Any = 1
    try:
        PlaybookCLI.cli_executor(sys.argv)
    except SystemExit as end:
        code = end.code
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(bool(code)))


class Clock:
    """A clock that moves on when somebody sleeps, while the sleep takes no time."""

    def __init__(self) -> None:
        """Begin with the real time."""
        self._slept = 0.0

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._slept += seconds

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic() + self._slept

    def time(self) -> float:
        """Return the seconds since 1970: the sandbox's clock, which tells when things were made, does not move on."""
        return time.time()


def hurry(setitem: Callable[..., None] = operator.setitem, setattr: Callable[..., None] = setattr) -> None:
    """Let no pause of the collection take time; *setitem* and *setattr* may be those of pytest's ``monkeypatch``."""

    def load(name: str) -> Any:
        return importlib.import_module(f"{PLUGINS}.{name}")

    now = Clock()
    pace, transport, mint = (load(f"module_utils.{name}") for name in ("_http.pace", "_http.transport", "_ibm.mint"))
    for kind in (transport.Transport, pace.Pace, mint.Mint):
        setitem(kind.__init__.__kwdefaults__, "sleep", now.sleep)
    setitem(pace.Pace.__init__.__kwdefaults__, "clock", now.monotonic)
    setattr(load("modules.iva_credential"), "time", now)
    # The SDK reads all of the machine's CA certificates for each of its services, for connections that it never makes.
    service, adapters = map(importlib.import_module, ("ibm_cloud_sdk_core.base_service", "requests.adapters"))
    setattr(service, "SSLHTTPAdapter", lambda **_options: adapters.HTTPAdapter())


if __name__ == "__main__":
    main(sys.argv[1])
