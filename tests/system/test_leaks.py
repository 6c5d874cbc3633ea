# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With all logging enabled, no secret is written anywhere.

Each run of :class:`system.playing.Player` is searched for secrets, in its output and its files. Here its events as a
controller stores them, its log, its facts, the SDKs' log messages, and the arguments of all processes are searched as
well.
"""

from __future__ import annotations

import json
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.counts import tried
from system.leaks import Leaks, forms
from system.parallel import two_at_a_time
from system.playing import AS_PROCESSES, Player, Run

# Like a controller's callback: one line for each event, with all of its data.
EVENTS = """
from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: events\\ntype: aggregate\\nshort_description: All events\\ndescription: All events.\\n"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "events"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, event, **what):
        with open(os.environ["EVENTS_FILE"], "a") as file:
            file.write(json.dumps({"event": event, **what}, default=repr) + "\\n")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._write("task_start", name=task.get_name(), args={} if task.no_log else task.args)

    def v2_playbook_on_stats(self, stats):
        self._write("stats", changed=stats.changed, custom=stats.custom)

    def v2_on_file_diff(self, result):
        self._write("diff", result=result._result)


def _of(event):
    def on(self, result, **more):
        self._write(event, host=result._host.get_name(), result=result._result, more=more)
    return on


for event in ("runner_on_ok", "runner_on_failed", "runner_on_skipped", "runner_on_unreachable", "runner_item_on_ok",
              "runner_item_on_failed", "runner_item_on_skipped", "runner_retry"):
    setattr(CallbackModule, "v2_" + event, _of(event))
"""
# PYTHONPATH can be used to enable every logger. None of their messages may appear in Ansible's output.
DEBUG = """
import http.client, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=getattr(sys, "{stream}"))
http.client.HTTPConnection.debuglevel = 1
for name in ("ibm-cloud-sdk-core", "twilio.http_client", "twilio", "urllib3", "requests"):
    logging.getLogger(name).setLevel(logging.DEBUG)
"""
RECEIVER = "https://hook:{}@elsewhere.example.com/sms?token={}"


class Watched(Player):
    """Runs playbooks with all logging enabled, and watches the arguments of all processes."""

    def __init__(self, box: Sandbox, folder: pathlib.Path, accounts: Accounts, loud: str | None) -> None:
        folder.mkdir()
        super().__init__(box, folder, accounts.environment)
        plugins, python = folder / "plugins", folder / "python"
        for place in (plugins, python):
            place.mkdir()
        (plugins / "events.py").write_text(EVENTS)
        self._surroundings = {
            "ANSIBLE_CALLBACK_PLUGINS": str(plugins),
            "ANSIBLE_CALLBACKS_ENABLED": "events",
            "EVENTS_FILE": str(self.here / "events.jsonl"),
            "ANSIBLE_LOG_PATH": str(self.here / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.here / "facts"),
            "ANSIBLE_GATHERING": "implicit",
            "ANSIBLE_INJECT_FACT_VARS": "true",
        }
        self._logs = loud is None
        if loud:
            (python / "sitecustomize.py").write_text(DEBUG.format(stream=loud))
            self._surroundings["PYTHONPATH"] = str(python)  # which leaves Ansible's own log no way to be written
        self._arguments: set[bytes] = set()

    def __call__(self, *arguments: str, env: Mapping[str, str | None] | None = None, **more: Any) -> Run:
        """Run a playbook while its processes are watched."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,))
        watcher.start()
        try:
            run = super().__call__(*arguments, env={**self._surroundings, **(env or {})}, **more)
        finally:
            ended.set()
            watcher.join()
        return run

    def _watch(self, ended: threading.Event) -> None:
        own = str(self.folder).encode()
        while not ended.is_set():
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if own in line or b"AnsiballZ" in line or b"ansible" in line:
                    self._arguments.add(line)
            time.sleep(0.02)

    def search(self, secrets: list[str]) -> None:
        """Search everything that was watched and written, and check that there was something to search."""
        leaks = Leaks(secrets)
        arguments = "\n".join(line.replace(b"\0", b" ").decode(errors="replace") for line in self._arguments)
        assert "AnsiballZ" in arguments or "ansible-playbook" in arguments
        assert not leaks.in_text(arguments)
        events = (self.here / "events.jsonl").read_text()
        names = [json.loads(line)["event"] for line in events.splitlines()]
        assert {"task_start", "runner_on_ok", "runner_item_on_ok", "stats"} <= set(names)
        assert not leaks.in_text(events)
        if self._logs:
            log = (self.here / "ansible.log").read_text()
            assert "PLAY RECAP" in log
            assert not leaks.in_text(log)
        tried("forms of secrets", sum(len(forms(secret)) for secret in secrets))


@pytest.fixture
def boxes() -> Iterator[list[Sandbox]]:
    """A sandbox for each parallel worker."""
    with Sandbox.start() as one, Sandbox.start() as other:
        yield [one, other]


def everything(box: Sandbox, folder: pathlib.Path, *, words: tuple[str, ...], loud: str | None) -> None:
    """Run all playbooks, successfully and with failures."""
    accounts = Accounts(box)
    agent = accounts.agent()
    player = Watched(box, folder, accounts, loud)
    old = RECEIVER.format("hand-pasted-p4ss", "query-t0ken-old")
    numbers = [accounts.number(sms_url=old), accounts.number(sms_fallback_url=old)]
    backups = folder / "backups"
    common = ("-e", "region=us-south", "-e", f"phone_numbers={','.join(numbers)}", *words)
    recorded = (*common, "-e", f"connect_sms_backup_dir={backups}")
    own = ("hand-pasted-p4ss", "query-t0ken-old")
    assert player(*common, "--check", secrets=own).code == 0
    run = player(*recorded, secrets=own)
    assert run.code == 0, run.output
    # A message that repeats what it was sent, in all forms.
    key = accounts.the_api_key(agent)
    for number in numbers:
        box.change("twilio", "numbers", number, sms_url=RECEIVER.format("p4ss-of-another", "t0ken-of-another"))
    echo = f"bad URL {url(key)} SmsUrl=https%3A%2F%2Fapikey%3A{key}%40sms-south%2F {old}"
    with box.failing("twilio.update_number", status=400, code=21402, message=echo, times=None):
        assert player(*common, secrets=own).code == 2
    with box.failing("rc.list_instance_keys", status=500, message=f"no {url(key)}", times=None):
        assert player(*common, secrets=own).code == 2
    rotated = player(*common, playbook="rotate_sms_key", secrets=own)
    assert rotated.code == 0, rotated.output
    (file,) = backups.iterdir()
    back = ("-e", f"backup={file}", "-e", "force=yes", *words)
    restored = player(*back, playbook="restore_sms", secrets=own)
    assert restored.code == 0, restored.output
    assert box.number(numbers[1])["sms_fallback_url"] == old
    assert player(*common, secrets=own).code == 0
    right = accounts.sms_url(numbers[0])
    box.change("twilio", "numbers", numbers[0], sms_url=RECEIVER.format("p4ss-of-another", "t0ken-of-another"))
    texts = ("-e", f"verify_from={accounts.number()}", "-e", "verify_replies=yes")
    verified = player(*common, *texts, playbook="verify_sms", secrets=own)
    assert verified.code == 2
    assert "answered after" in verified.output
    box.change("twilio", "numbers", numbers[0], sms_url=right)
    gone = player(*common, playbook="disconnect_sms", secrets=own)
    assert gone.code == 0, gone.output
    assert accounts.keys(agent) == []
    player.search([*box.secrets(), *own, key])


def hidden(box: Sandbox, folder: pathlib.Path, *, words: tuple[str, ...], loud: str | None) -> None:
    """Keys in an inventory, keys that cannot be read, credentials that are refused."""
    accounts = Accounts(box)
    agent = accounts.agent()
    player = Watched(box, folder, accounts, loud)
    editor = box.add_caller(account_id=accounts.ibm["id"], service_role="Reader", platform_role="Editor")
    key = box.add_key(agent["guid"])["api_key"]["value"]
    twilio = box.add_twilio_key(account_sid=accounts.twilio["sid"])
    hosts = {
        "vault": {"phone_number": accounts.number(), "connect_sms_api_key": key},
        "gateway": {
            "phone_number": accounts.number(),
            "connect_sms_receiver_host": "gateway.example.com",
            "connect_sms_password": "gateway-p4ssword",
        },
        "literal": {
            "phone_number": accounts.number(),
            "connect_sms_receiver_url": "https://assistant.example.com/?t=literal-t0ken-1",
        },
        "refused": {
            "phone_number": accounts.number(),
            "connect_sms_twilio_account_sid": accounts.twilio["sid"],
            "connect_sms_twilio_auth_token": "wr0ng-t0ken-of-twilio",
        },
        "wrong": {"phone_number": accounts.number(), "connect_sms_ibmcloud_api_key": "wr0ng-key-of-ibm-cloud"},
        "two": {"phone_number": accounts.number(), "connect_sms_password": "n0t:possible@password"},
    }
    settings = {
        "connect_sms_region": "us-south",
        "connect_sms_ibmcloud_api_key": editor["value"],
        "connect_sms_twilio_api_key_sid": twilio["sid"],
        "connect_sms_twilio_api_key_secret": twilio["secret"],
    }
    own = (
        "gateway-p4ssword",
        "literal-t0ken-1",
        "wr0ng-t0ken-of-twilio",
        "wr0ng-key-of-ibm-cloud",
        "n0t:possible@password",
    )
    inventory = {"all": {"hosts": hosts, "vars": settings}}
    for arguments in (("--check",), ()):
        run = player(*words, *arguments, inventory=inventory, secrets=own, env={"TWILIO_AUTH_TOKEN": None})
        assert run.code == 2
        assert set(run.failures) == {"refused", "wrong", "two"}, run.output
    player.search([*box.secrets(), *own])


SCENARIOS = {
    "everything, loudly": (everything, ("-vvvv", "--diff"), "stderr"),
    "everything, as it is": (everything, (), None),
    "everything, in processes, loudly": (everything, ("-vvvv", "--diff", *AS_PROCESSES), "stdout"),
    "hidden keys, loudly": (hidden, ("-vvvv", "--diff"), "stdout"),
}


def test_nothing_shows_a_secret(boxes: list[Sandbox], tmp_path: pathlib.Path) -> None:
    names = list(SCENARIOS)

    def play(box: Sandbox, name: str) -> None:
        scenario, words, loud = SCENARIOS[name]
        scenario(box, tmp_path / str(names.index(name)), words=words, loud=loud)

    two_at_a_time(boxes, play, names)
