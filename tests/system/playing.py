# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook, and checks what must be true of every run."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from sandbox.client import Sandbox
from system import warm
from system.leaks import Leaks

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 180
FOREIGN = ("ANSIBLE_", "TWILIO_", "IC_", "IBMCLOUD_", "IAM_IDENTITY_", "RESOURCE_CONTROLLER_", "VCAP_", "JOB_ID", "WO_")
SECRET_VARIABLES = (
    "IC_API_KEY",
    "IBMCLOUD_API_KEY",
    "IC_IAM_TOKEN",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_SECRET",
    "WO_API_KEY",
)
# Texts that indicate a crash, not a user's mistake.
BROKEN = (
    "Traceback (most recent call last)",
    "MODULE FAILURE",
    "An exception occurred",
    "Unexpected failure",
    "which is a bug in it",
)
PYTHON = pathlib.Path(sys.executable)
#: Makes modules run in their own processes, as on another machine: another path to the same Python.
AS_PROCESSES = (
    "-e",
    f"ansible_python_interpreter={PYTHON.with_name('python' if PYTHON.name != 'python' else 'python3')}",
)
# A placeholder for a secret in the output must never be sent as one.
MASKS = ("VALUE_SPECIFIED_IN_NO_LOG", "KEY-TO-BE-CREATED", "REDACTED", "***")


@dataclasses.dataclass
class Run:
    """The output of a run of ansible-playbook, and its requests to the clouds."""

    code: int
    stdout: str
    stderr: str
    #: The sandbox's log of this run.
    requests: list[dict[str, Any]]

    @property
    def output(self) -> str:
        """Everything that a user sees."""
        return self.stdout + self.stderr

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The counts of the recap that are not zero, by host."""
        hosts = {}
        for line in self.stdout.partition("PLAY RECAP")[2].splitlines():
            found = re.match(r"(\S+)\s+: (ok=.*)", line)
            if found:
                counts = dict(part.split("=") for part in found[2].split())
                hosts[found[1]] = {name: int(count) for name, count in counts.items() if count != "0"}
        return hosts

    @property
    def status(self) -> dict[str, str]:
        """The result of each host: its report is the last task, so ``changed`` and ``failed`` are the host's own."""
        return {
            host: "failed" if counts.get("failed") else "changed" if host in self.changed else "ok"
            for host, counts in self.recap.items()
        }

    @property
    def changed(self) -> set[str]:
        """The hosts whose report says that something changed."""
        report = self.stdout.rpartition("Report on the phone numbers]")[2]
        return set(re.findall(r"^changed: \[([^\]]+)\]", report, re.MULTILINE))

    @property
    def failures(self) -> dict[str, str]:
        """The message of each host that failed."""
        messages = {}
        for found in re.finditer(r"^fatal: \[([^\]]+)\]: FAILED! => ", self.stdout, re.MULTILINE):
            messages[found[1]] = str(json.JSONDecoder().raw_decode(self.stdout, found.end())[0].get("msg"))
        return messages

    @property
    def diff(self) -> str:
        """The diffs, sorted by number, because hosts report at the same time in any order."""
        return "\n".join(sorted(re.findall(r"^--- before.*?(?=^\n|\Z)", self.stdout, re.MULTILINE | re.DOTALL)))

    @property
    def operations(self) -> dict[str, int]:
        """The count of requests of each kind."""
        return dict(collections.Counter(request["operation"] for request in self.requests))

    @property
    def writes(self) -> list[dict[str, Any]]:
        """The write requests."""
        return [request for request in self.requests if request["write"]]


@functools.cache
def warm_server() -> warm.Server:
    """Return the process that forks for runs, started once for all tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return warm.Server({**kept, **settings_of_ansible()})


def settings_of_ansible() -> dict[str, str]:
    """Return the settings that are the same for all runs."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": os.environ.get("ANSIBLE_COLLECTIONS_PATH") or str(ROOT / ".cache" / "link"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEVEL_WARNING": "false",
    }


class Running:
    """A running command."""

    def __init__(self, process: subprocess.Popen[bytes] | warm.Job, files: tuple[IO[bytes], IO[bytes]]) -> None:
        """Store its process, and the files of its standard output and error."""
        self._process, self._files = process, files
        self.pid = process.pid

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Return its exit code, negative for a signal."""
        return self._process.wait(timeout)

    def ended(self) -> bool:
        """Whether it has ended."""
        return not alive(self.pid)

    def said(self) -> list[str]:
        """Return its standard output and error so far."""
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read().decode())
        return texts

    def kill(self) -> None:
        """Kill it and all its descendants with SIGKILL."""
        for member in family(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        self._process.wait(TIMEOUT)


def alive(pid: int) -> bool:
    """Whether a process is running."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def family(pid: int) -> list[int]:
    """Return a process and all its descendants, because workers and modules have their own sessions."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    members = [pid] if pid in parents else []
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


class Player:
    """Runs playbooks with a HOME, a TMPDIR and a current directory of their own."""

    def __init__(
        self, box: Sandbox, folder: pathlib.Path, environment: Mapping[str, str], *, hurry: bool = False
    ) -> None:
        """Run against this sandbox, by default with this environment, and in a hurry: without the collection's pauses."""
        self._box, self._hurry = box, hurry
        self._environment = environment
        self.folder = folder
        self.home, self.temporary, self.here = folder / "home", folder / "tmp", folder / "here"
        for place in (self.home, self.temporary, self.here):
            place.mkdir()

    def __call__(
        self,
        *arguments: str,
        playbook: str = "connect_sms",
        inventory: str | Mapping[str, Any] | None = None,
        env: Mapping[str, str | None] | None = None,
        variables: Mapping[str, Any] | None = None,
        secrets: Iterable[str] = (),
    ) -> Run:
        """Run a playbook of the collection.

        :param playbook: its name for the one in the checkout, its full name (with dots) as a user of the collection, or
            the text of one of the user's own
        :param inventory: INI (a text) or YAML (a dictionary)
        :param env: changes of the environment; None removes a variable
        :param variables: extra variables that are not plain text
        :param secrets: secrets that the output must not contain, besides those of the sandbox and the environment
        """
        command = self.command(playbook)
        if inventory is not None:
            command += ["-i", str(self.inventory_file(inventory))]
        if variables:
            command += ["-e", json.dumps(variables)]
        return self._run([*command, *arguments], self.environment(env or {}), secrets)

    def shell(self, command: str, env: Mapping[str, str | None] | None = None, kept: str | None = None) -> Run:
        """Run a command line as a user types it, always in the same folder.

        :param kept: a subfolder that may contain secrets
        """
        environment = self.environment(env or {})
        commands = self.folder / "commands"
        if not commands.exists():
            commands.mkdir()
            settings = {name: value for name, value in self.environment().items() if name.startswith("ANSIBLE_")}
            warm_server().install(commands, settings)
        environment["PATH"] = os.pathsep.join([str(commands), str(PYTHON.parent), environment["PATH"]])
        return self._run(["bash", "-c", command], environment, kept=kept)

    def _run(
        self, command: list[str], environment: dict[str, str], secrets: Iterable[str] = (), kept: str | None = None
    ) -> Run:
        known = self._files()
        self._box.clear_log()
        with self.start(command, environment) as running:
            run = Run(running.wait(), *running.said(), self._box.requests())
        own = [environment[name] for name in SECRET_VARIABLES if environment.get(name)]
        left = {path: changed for path, changed in self._files().items() if known.get(path) != changed}
        if kept:
            left = {path: changed for path, changed in left.items() if self.here / kept not in path.parents}
        self.judge(run, Leaks({*self._box.secrets(), *own, *secrets}), list(left))
        return run

    @contextlib.contextmanager
    def start(self, command: list[str], environment: dict[str, str]) -> Iterator[Running]:
        """Start a command; its descendants end with the ``with`` block."""
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            process: subprocess.Popen[bytes] | warm.Job
            if self._is_plain(command, environment):
                process = warm_server().start(
                    stdout, stderr, argv=command[1:], env=environment, cwd=str(self.here), hurry=self._hurry
                )
            else:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                    env=environment,
                    cwd=self.here,
                )
            running = Running(process, (stdout, stderr))
            try:
                yield running
            finally:
                running.kill()

    def _is_plain(self, command: list[str], environment: Mapping[str, str]) -> bool:
        """Whether a run is one of ansible-playbook that has no settings of its own that are read at import."""
        own = self.environment()
        foreign = {name for name in environment if name.startswith("ANSIBLE_")}
        return (
            pathlib.Path(command[0]).name == "ansible-playbook"
            and all(environment[name] == own.get(name) for name in foreign)
            and not (self.here / "ansible.cfg").exists()
        )

    def command(self, playbook: str, *arguments: str) -> list[str]:
        """Return the command that runs a playbook of the collection."""
        return [str(PYTHON.with_name("ansible-playbook")), self._playbook(playbook), *arguments]

    def judge(self, run: Run, leaks: Leaks, left: Iterable[pathlib.Path]) -> None:
        """Check what must be true of every run."""
        assert not [word for word in BROKEN if word in run.output], run.output
        assert not leaks.in_text(run.output), run.output
        assert not [(path, leak) for path in left for leak in leaks.in_text(path.read_text(errors="replace"))]
        for request in run.requests:
            assert request["operation"] != "unknown", request
            assert not request["alarm"], request
            assert not leaks.in_text(f"{request['path']} {request['query']}"), request
        for request in run.writes:
            assert not [mask for mask in MASKS if mask in str(request["fields"])], request

    def _files(self) -> dict[pathlib.Path, int]:
        return {path: path.stat().st_mtime_ns for path in self._walk() if path.is_file() and not path.is_symlink()}

    def _walk(self) -> Iterator[pathlib.Path]:
        for place in (self.home, self.temporary, self.here):
            yield from place.rglob("*")

    def inventory_file(self, inventory: str | Mapping[str, Any]) -> pathlib.Path:
        """Write an inventory outside of the search for leaks, because it may contain hosts' credentials."""
        text = isinstance(inventory, str)
        path = self.folder / ("hosts.ini" if text else "hosts.yml")
        path.write_text(inventory if isinstance(inventory, str) else json.dumps(inventory, indent=2))
        return path

    def _playbook(self, playbook: str) -> str:
        if "\n" in playbook:
            path = self.folder / "own.yml"
            path.write_text(playbook)
            return str(path)
        return playbook if "." in playbook else str(ROOT / "playbooks" / f"{playbook}.yml")

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the environment of a run, without the caller's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "TMPDIR": str(self.temporary),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.temporary / "remote"),
            **settings_of_ansible(),
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        wanted = {**kept, **own, **self._environment, **(changes or {})}
        return {name: value for name, value in wanted.items() if value is not None}
