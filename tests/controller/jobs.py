# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as a controller runs them: ansible-runner in a private data folder, laid out as AWX 24.6.1 lays it out."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from controller.objects import ROOT, objects, questions

OBJECTS = objects()
TEMPLATES = {item["name"]: item for item in OBJECTS["job_template"]}
TIMEOUT = 240
IDS = itertools.count(101)
# The settings of every job in a controller, except those for its containers.
ALWAYS = {
    "AWX_HOST": "https://awx.example.com",
    "PROJECT_REVISION": "0" * 40,
    "MAX_EVENT_RES": "700000",
    "ANSIBLE_FORCE_COLOR": "True",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_UNSAFE_WRITES": "1",
}


def injected(credential: str, inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that one of the collection's credentials sets in a job; for an empty field, an empty string."""
    kind = next(item["credential_type"] for item in OBJECTS["credential"] if item["name"] == credential)
    injectors = next(item["injectors"] for item in OBJECTS["credential_type"] if item["name"] == kind)
    return {name: inputs.get(template.strip("{} "), "") for name, template in injectors["env"].items()}


class Unsafe(yaml.SafeDumper):
    """Marks strings so that Ansible does not template them; ansible-core 2.19 and later then read ``yes`` as a boolean."""

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


def extra_variables(values: Mapping[str, Any], trusted: Mapping[str, Any]) -> str:
    """Return the file of extra variables as a controller writes it: all values except the template's own are marked."""
    texts = [
        yaml.dump({name: value}, Dumper=yaml.SafeDumper if trusted.get(name) == value else Unsafe, allow_unicode=True)
        for name, value in values.items()
    ]
    return "".join(texts)


class Job:
    """A launch of one of the collection's job templates, or one slice of it."""

    def __init__(
        self,
        folder: pathlib.Path,
        template: str,
        hosts: Mapping[str, Mapping[str, Any]],
        environment: Mapping[str, str],
        answers: Mapping[str, Any] | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        """Lay out the private data folder.

        :param hosts: the hosts of the inventory, or of the slice, with their variables
        :param environment: the variables from the job's credentials and from the machine
        :param answers: answers to the survey that differ from its defaults
        :param options: options of ansible-playbook, such as ``--check`` for the job type check
        """
        self._template, self._id = TEMPLATES[template], next(IDS)
        self._folder = folder / str(self._id)
        asked = questions(self._template)
        assert set(answers or {}) <= set(asked), "a controller drops what the form does not ask"
        given = {name: question["default"] for name, question in asked.items() if "default" in question}
        trusted = self._template.get("extra_vars", {})
        extra = {**trusted, **given, **(answers or {})}
        for prefix in ("awx", "tower"):
            extra |= {f"{prefix}_job_id": self._id, f"{prefix}_job_template_name": template}
            extra |= {f"{prefix}_user_name": "operator", f"{prefix}_job_launch_type": "workflow"}
        own = {"JOB_ID": str(self._id), "AWX_PRIVATE_DATA_DIR": str(self._folder)}
        for place in ("env", "inventory"):
            (self._folder / place).mkdir(parents=True)
        (self._folder / "project").symlink_to(ROOT)
        (self._folder / "env" / "extravars").write_text(extra_variables(extra, trusted))
        (self._folder / "env" / "envvars").write_text(json.dumps({**ALWAYS, **own, **environment}))
        (self._folder / "env" / "cmdline").write_text(" ".join(("-u root", *options)))
        script = self._folder / "inventory" / "hosts"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(_inventory(hosts))!r})\n")
        script.chmod(0o700)

    def run(self, environment: Mapping[str, str]) -> None:
        """Run it to its end.

        :param environment: of ansible-runner itself
        """
        program = pathlib.Path(sys.executable).with_name("ansible-runner")
        ended = subprocess.run(
            [program, "run", self._folder, "-p", self._template["playbook"], "--ident", str(self._id), "--quiet"],
            env=dict(environment),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert (self._artifacts / "rc").exists(), ended.stdout + ended.stderr

    @property
    def _artifacts(self) -> pathlib.Path:
        return self._folder / "artifacts" / str(self._id)

    @property
    def code(self) -> int:
        """The exit code of ansible-playbook."""
        return int((self._artifacts / "rc").read_text())

    @property
    def stdout(self) -> str:
        """What the controller shows of the job."""
        return (self._artifacts / "stdout").read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the controller records of the job."""
        files = (self._artifacts / "job_events").glob("*.json")
        return sorted((json.loads(file.read_text()) for file in files), key=lambda event: event["counter"])

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """The result of each host's own report."""
        return {
            event["event_data"]["host"]: event["event_data"]["res"]
            for event in self.events
            if event["event"] in ("runner_on_ok", "runner_on_failed")
            and event["event_data"]["task"].startswith("Report on the ")
        }

    @property
    def messages(self) -> list[str]:
        """The messages of failed tasks."""
        failed = [event["event_data"]["res"] for event in self.events if event["event"] == "runner_on_failed"]
        return [str(result.get("msg")) for result in failed]

    def kept(self) -> dict[pathlib.Path, str]:
        """Return everything that the job leaves behind: events, output, facts. The file with its environment is left out."""
        files = [path for path in self._artifacts.rglob("*") if path.is_file() and path.name != "command"]
        return {path: path.read_text(errors="replace") for path in files}


def _inventory(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the controller's inventory script prints."""
    more = {"remote_tower_enabled": "true", "remote_host_enabled": "true"}
    variables = {
        name: {**values, **more, "remote_tower_id": place, "remote_host_id": place}
        for place, (name, values) in enumerate(hosts.items(), 1)
    }
    return {
        "_meta": {"hostvars": variables},
        "all": {"hosts": list(hosts), "children": ["empty"]},
        "empty": {"hosts": []},
    }


def environment_of(home: pathlib.Path) -> dict[str, str]:
    """Return an environment without the developer's own settings, in place of a container."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or str(ROOT / ".cache" / "link")
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return {**kept, **direct, "HOME": str(home), "ANSIBLE_HOME": str(home / ".ansible")} | {
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEVEL_WARNING": "false",
    }
