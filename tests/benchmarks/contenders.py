# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All contenders: each way to point phone numbers at an agent, as a command over the same sandbox."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping

from benchmarks.measure import Failed, Measured, run
from benchmarks.report import LATENCY
from sandbox.client import Sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
TWILIO_CLI = "twilio-cli@6.2.4"
FOREIGN = ("ANSIBLE_", "TWILIO_", "IC_", "IBMCLOUD_", "JOB_ID", "PYTHON")


class World:
    """A new agent, N new phone numbers, and a folder and an environment to work in."""

    def __init__(self, box: Sandbox, folder: pathlib.Path) -> None:
        """Work over this sandbox and in this folder."""
        self.box = box
        self.folder = folder
        self._number = 0
        self.env: dict[str, str] = {}

    def reset(self, count: int, **settings: object) -> None:
        """Start again with *count* numbers, none of them connected."""
        self.box.reset()
        self.box.settings(latency=LATENCY, log_bodies=False, **settings)
        instance = self.box.add_instance("sms-agent", "us-south")
        if count:
            self.box.add_numbers(count=count, prefix="+1555")
        self.numbers = [row["phone_number"] for row in self.box.rows("twilio", "numbers")]
        self.env = self._environment(instance["guid"])

    def foreign_key(self) -> None:
        """For contenders that do not deal with IBM Cloud: the URL is given to them."""
        instance = self.box.rows("ibm", "instances")[0]
        key = self.box.add_key(instance["guid"])["api_key"]["value"]
        self.env["BENCH_URL"] = f"https://apikey:{key}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"

    def _environment(self, guid: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
        }
        for name in ("home", "tmp", "here"):
            (self.folder / name).mkdir(exist_ok=True)
        return {
            **kept,
            **self.box.environment,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "ANSIBLE_HOME": str(self.folder / "home" / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "link"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_DEVEL_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
        }

    def run(self, *command: str, **env: str) -> Measured:
        """Run and measure a command."""
        self._number += 1
        log = self.folder / f"{self._number}.log"
        return run(self.box, command, {**self.env, **env}, self.folder / "here", log)

    def written(self, name: str, data: object) -> str:
        """Write a file of JSON and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(data))
        return str(path)

    def list_file(self, numbers: list[str] | None = None) -> str:
        """Return the path of a CSV file with all numbers, or with these, such as the agent's dashboard exports."""
        numbers = numbers or self.numbers
        path = self.folder / f"numbers-{numbers[0]}-{len(numbers)}.csv"
        path.write_text("".join(f"{number},number {place}\n" for place, number in enumerate(numbers)))
        return str(path)

    def inventory(self, **variables: str) -> str:
        """Return the path of an inventory whose hosts are the numbers."""
        hosts = {f"n{place:05d}": {"phone_number": number} for place, number in enumerate(self.numbers)}
        return self.written("inventory.json", {"all": {"hosts": hosts, "vars": variables}})

    def add_subaccounts(self, count: int, numbers: int) -> None:
        """Add subaccounts with numbers of their own."""
        owner = self.box.rows("twilio", "accounts")[0]["sid"]
        self.subaccounts: dict[str, list[str]] = {}
        for index in range(count):
            sub = self.box.add_twilio_account(owner_account_sid=owner)["sid"]
            rows = self.box.add_numbers(count=numbers, prefix=f"+1556{index:03d}", account_sid=sub)
            self.subaccounts[sub] = [row["phone_number"] for row in rows]
        self.numbers = [number for own in self.subaccounts.values() for number in own]

    # --- contenders ---

    def list_mode(self, *arguments: str) -> Measured:
        """Our playbook with a file of numbers."""
        play = str(ROOT / "playbooks" / "connect_sms.yml")
        return self.run(ansible(), play, "-e", "region=us-south", "-e", f"numbers_file={self.list_file()}", *arguments)

    def inventory_mode(self, *arguments: str) -> Measured:
        """Our playbook with an inventory whose hosts are numbers."""
        play = str(ROOT / "playbooks" / "connect_sms.yml")
        return self.run(ansible(), play, "-e", "region=us-south", "-i", self.inventory(), *arguments)

    def plan_only(self) -> Measured:
        """Our plan of an inventory that needs nothing of either cloud: what planning takes."""
        play = str(ROOT / "playbooks" / "ensure_sms_credential.yml")
        return self.run(ansible(), play, "-i", self.inventory(connect_sms_receiver_url="https://wa.example.com/x"))

    def ensure_credential(self) -> None:
        """Create the service credential, as the node before a controller's sliced job does."""
        self.run(ansible(), str(ROOT / "playbooks" / "ensure_sms_credential.yml"), "-e", "region=us-south")

    def changing_cap(self) -> Measured:
        """Our playbook while the account's cap falls from 40 to 20 and rises again, as others come and go."""
        ended = threading.Event()

        def change() -> None:
            for updates, cap in ((len(self.numbers) // 5, 20), (3 * len(self.numbers) // 5, 40)):
                while not ended.wait(0.05):
                    operations = self.box.summary()["operations"]
                    if operations.get("twilio.update_number", {}).get("200", 0) >= updates:
                        break
                self.box.settings(twilio_concurrency=cap)

        watcher = threading.Thread(target=change)
        watcher.start()
        try:
            return self.list_mode()
        finally:
            ended.set()
            watcher.join()

    def slices(self, count: int) -> Measured:
        """Our playbook in several processes at once, each with a part of the numbers, as in a controller's sliced job."""
        command = [ansible(), str(ROOT / "playbooks" / "connect_sms.yml"), "-e", "region=us-south", "-e"]
        parts = [self.list_file(self.numbers[place::count]) for place in range(count)]
        runs = [shlex.join([*command, f"numbers_file={part}"]) for part in parts]
        return self.run("sh", "-c", " & ".join([*runs, "wait"]))

    def subaccounts_mode(self) -> Measured:
        """Our playbook with a host for each subaccount."""
        play = str(ROOT / "playbooks" / "connect_sms.yml")
        hosts = {
            f"sub{place}": {"connect_sms_twilio_subaccount_sid": sid, "connect_sms_phone_numbers": numbers}
            for place, (sid, numbers) in enumerate(self.subaccounts.items())
        }
        inventory = self.written("subaccounts.json", {"all": {"hosts": hosts}})
        return self.run(ansible(), play, "-e", "region=us-south", "-i", inventory)

    def subaccounts_script(self) -> Measured:
        """The plain SDK with 16 threads over the numbers of all subaccounts."""
        script = str(HERE / "sdk_script.py")
        return self.run(sys.executable, script, self.list_file(), *self.subaccounts)

    def sdk_script(self) -> Measured:
        """The plain SDK with 16 threads."""
        return self.run(sys.executable, str(HERE / "sdk_script.py"), self.list_file())

    def uri_tasks(self) -> Measured:
        """One ansible.builtin.uri task for each number."""
        return self.run(ansible(), self.play("uri"), "-i", self.inventory(), ANSIBLE_FORKS="16")

    def module_per_host(self) -> Measured:
        """One module process for each number."""
        return self.run(ansible(), self.play("module_per_host"), "-i", self.inventory(), ANSIBLE_FORKS="16")

    def twilio_cli(self, program: pathlib.Path) -> Measured:
        """One call of Twilio's command line for each number."""
        words = 'phone-numbers:update "$number" --sms-url "$BENCH_URL" --silent </dev/null'
        loop = f"for number in {' '.join(self.numbers)}; do '{program}' {words} || exit 1; done"
        return self.run("sh", "-c", loop, NODE_OPTIONS=f"--require {HERE / 'twilio_cli_loopback.js'}")

    def empty_play(self) -> Measured:
        """A play without tasks: what Ansible itself takes for a play."""
        return self.run(ansible(), self.play("empty"))

    def debug_play(self) -> Measured:
        """A play with one debug task: what Ansible itself takes for each host."""
        return self.run(ansible(), self.play("debug"), "-i", self.inventory())

    @staticmethod
    def play(name: str) -> str:
        """Return the path of a playbook of the benchmarks."""
        return str(HERE / "playbooks" / f"{name}.yml")

    def connected(self) -> int:
        """Return how many numbers are connected."""
        return sum("/sms.receiver/SmsRecv" in str(row["sms_url"]) for row in self.box.rows("twilio", "numbers"))

    def all_connected(self, measured: Measured) -> Measured:
        """Return the measurement if the contender really did its work."""
        if self.connected() != len(self.numbers):
            raise Failed(f"{self.connected()} of {len(self.numbers)} numbers are connected")
        return measured


def ansible() -> str:
    """Return the path of ansible-playbook beside this Python."""
    return str(pathlib.Path(sys.executable).with_name("ansible-playbook"))


def twilio_cli(environ: Mapping[str, str] | None = None) -> pathlib.Path | str:
    """Return the program, installed by npm into the cache, or why there is none."""
    place = ROOT / ".cache" / TWILIO_CLI
    program = place / "node_modules" / ".bin" / "twilio"
    if program.exists():
        return program
    if not shutil.which("npm"):
        return "npm is not installed"
    place.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), TWILIO_CLI]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env=dict(os.environ if environ is None else environ),
        )
    except subprocess.TimeoutExpired:
        return "npm took too long"
    return program if done.returncode == 0 else "npm could not install it"
