# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""extensions/eda/rulebooks with the real ansible-rulebook: changes are repaired once, and errors start one audit."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import yaml

from controller.jobs import TEMPLATES
from controller.objects import questions, required
from controller.options import ASKED
from sandbox.client import Sandbox
from system.conftest import Accounts, url
from system.leaks import Leaks
from system.playing import BROKEN, Player

HERE = pathlib.Path(sys.executable).parent
PROGRAM = HERE / "ansible-rulebook"
INTERVAL = 3
#: Includes the start of a Java virtual machine and of Ansible, on a busy machine.
PATIENCE = 150
ELSEWHERE = "https://user:a-password-of-somebody-else@elsewhere.example.com/inbound"
CONNECT, AUDIT = (
    "PLAY [Connect phone numbers to an SMS agent]",
    "PLAY [Report which phone numbers reach their SMS agent]",
)

pytestmark = [
    pytest.mark.skipif(
        not PROGRAM.exists(), reason="ansible-rulebook is in an environment of its own: session rulebook"
    ),
    pytest.mark.skipif(not shutil.which("java"), reason="ansible-rulebook needs Java 17, which is not here"),
]


class Rulebook:
    """A running rulebook of the collection."""

    def __init__(self, player: Player, box: Sandbox, name: str, more: Sequence[str] = ()) -> None:
        """Start it, with an inventory that is not used."""
        folder = player.folder
        self._home = player.home
        self._box, self._log = box, folder / f"{name}.log"
        (folder / "inventory.ini").write_text("localhost ansible_connection=local\n")
        (folder / "variables.yml").write_text(yaml.safe_dump({"region": "us-south", "interval": INTERVAL}))
        environment = player.environment()
        environment["PATH"] = f"{HERE}{os.pathsep}{environment['PATH']}"
        words = [PROGRAM, "--rulebook", f"voiceagent.sms.{name}", "--inventory", folder / "inventory.ini"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*words, "--vars", folder / "variables.yml", *more],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """Its output."""
        return self._log.read_text()

    def runs(self, play: str, until: str = "") -> int:
        """How many playbooks have started, or printed a word. (The output of a failed one is shown twice.)"""
        pattern = r"(?<!run_playbook - ERROR - \n)" + re.escape(play) + (f".*?{until}" if until else "")
        return len(re.findall(pattern, self.output, re.DOTALL))

    def ended(self, play: str) -> int:
        """How many playbooks have ended."""
        return self.runs(play, until="PLAY RECAP")

    def looks(self) -> int:
        """How often Twilio's Monitor was polled."""
        return self._box.operations().count("monitor.list_alerts")

    def astray(self) -> set[str]:
        """The numbers that it has reported."""
        (kept,) = self._home.rglob("sms_errors-*.json")
        return set(json.loads(kept.read_text())["drifted"])

    def wait(self, reached: Callable[[], bool]) -> None:
        """Wait until something has happened."""
        end = time.monotonic() + PATIENCE
        while not reached():
            assert self._process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.2)

    def wait_for_looks(self, count: int) -> None:
        """Wait for this number of further polls."""
        before = self.looks()
        self.wait(lambda: self.looks() >= before + count)

    def stop(self) -> None:
        """End it as with Ctrl-C, with all its descendants."""
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Controller:
    """A minimal controller that starts the job templates and records their arguments."""

    def __init__(self) -> None:
        """Listen."""
        self.launches: list[tuple[str, dict[str, Any]]] = []
        noted, names = self.launches, list(TEMPLATES)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                templates = [
                    {
                        **dict.fromkeys((f"ask_{what}_on_launch" for what in ASKED), False),
                        **{key: value for key, value in TEMPLATES[name].items() if key.startswith("ask_")},
                        "id": place,
                        "type": "job_template",
                        "name": name,
                        "summary_fields": {"organization": {"name": TEMPLATES[name]["organization"]}},
                        "related": {"launch": f"/api/v2/job_templates/{place}/launch/"},
                    }
                    for place, name in enumerate(names)
                ]
                job = {
                    "id": 1,
                    "url": "/api/v2/jobs/1/",
                    "type": "job",
                    "status": "successful",
                    "created": "",
                    "artifacts": {},
                }
                rows = templates if "unified_job_templates" in self.path else [job]
                self._answer({**job, "version": "24.6.1", "results": rows, "count": len(rows), "next": None})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                noted.append((names[int(self.path.split("/")[4])], body))
                self._answer({"id": 1, "url": "/api/v2/jobs/1/"}, 201)

            def _answer(self, body: dict[str, Any], status: int = 200) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_words: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def controller() -> Iterator[Controller]:
    one = Controller()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def rulebook(
    play: Player, box: Sandbox, accounts: Accounts, controller: Controller
) -> Iterator[Callable[[str], Rulebook]]:
    started: list[Rulebook] = []

    def start(name: str) -> Rulebook:
        box.clear_log()
        more = ("--controller-url", controller.url, "--controller-token", "nobody-s") if "controller" in name else ()
        started.append(Rulebook(play, box, name, more))
        started[-1].wait(lambda: started[-1].looks() >= 1)
        return started[-1]

    yield start
    for one in started:
        one.stop()
    leaks = Leaks({*box.secrets(), ELSEWHERE, "a-password-of-somebody-else", accounts.environment["IC_API_KEY"]})
    state = [path.read_text() for path in play.home.rglob("sms_errors-*.json")]
    assert state
    for text in (*(one.output for one in started), *state):
        assert not leaks.in_text(text)
        assert not [word for word in BROKEN if word in text], text


def test_what_changes_is_put_back_once_and_errors_start_one_audit(
    rulebook: Callable[[str], Rulebook], accounts: Accounts, box: Sandbox, controller: Controller
) -> None:
    key = box.add_key(accounts.agent()["guid"])
    first, second, other = accounts.connected(key), accounts.connected(key), accounts.number(sms_url=ELSEWHERE)
    right = url(key["api_key"]["value"])
    running = rulebook("repair_sms")

    # Somebody changes two webhooks.
    running.wait_for_looks(1)
    for number in (first, second):
        box.change("twilio", "numbers", number, sms_url=ELSEWHERE)
    changed = running.looks()
    running.wait(lambda: running.astray() == {first, second})
    assert running.looks() - changed <= 2, "one may have been under way"
    running.wait(lambda: {accounts.sms_url(number) for number in (first, second)} == {right})
    # Both are repaired together, each by one update, and no other number is touched. Two real intervals are two minutes.
    running.wait(lambda: running.ended(CONNECT) == 1)
    running.wait_for_looks(2)
    written = [request["fields"]["SmsUrl"] for request in box.writes()]
    assert len(written) == 2, box.writes()
    assert (running.runs(CONNECT), running.runs(AUDIT)) == (1, 0), running.output
    assert accounts.sms_url(other) == ELSEWHERE

    # Somebody deletes the key: each text is refused, which Twilio logs as an error.
    box.clear_log()
    box.remove("ibm", "keys", key["guid"])
    for _text in range(4):
        assert not box.text(first)["delivered"]
    running.wait(lambda: running.ended(AUDIT) == 1)
    for _text in range(2):
        box.text(second)
    running.wait_for_looks(3)
    assert (running.runs(CONNECT), running.runs(AUDIT)) == (1, 1), running.output
    assert "dead_key" in running.output
    assert box.writes() == []

    # A restart reports nothing again; from now on a controller's jobs do the work.
    running.stop()
    again = rulebook("repair_sms_by_controller")
    again.wait_for_looks(1)
    box.change("twilio", "numbers", second, sms_url=ELSEWHERE)
    again.wait(lambda: len(controller.launches) == 1)
    again.wait_for_looks(2)
    ((template, launch),) = controller.launches
    asked = questions(TEMPLATES[template])
    given = {name: value for name, value in launch["extra_vars"].items() if name != "ansible_eda"}
    assert template == "SMS - repair"
    assert required(TEMPLATES[template]) <= set(given) <= set(asked)
    assert (given["phone_numbers"], given["dry_run"], launch["limit"]) == (f"tel:{second}", "no", "localhost")
    assert accounts.sms_url(second) == ELSEWHERE, "which a job would change"
