# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API, the log, and the server's start and end."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
import requests

from sandbox.client import Sandbox, SandboxError

TESTS = pathlib.Path(__file__).resolve().parents[2]


def test_the_log_tells_what_arrived_in_its_order(box: Any, twilio: Any, number: Any) -> None:
    twilio.list(PhoneNumber="+1555")
    twilio.update(number["sid"], SmsUrl="https://a.example/", SmsMethod="GET")
    requests.post(f"{box.url}/identity/token", data={"grant_type": "x"}, timeout=30)
    listed, updated, token = box.requests()
    assert [entry["n"] for entry in (listed, updated, token)] == [listed["n"] + step for step in range(3)]
    assert (listed["operation"], listed["query"], listed["write"]) == (
        "twilio.list_numbers",
        {"PhoneNumber": "+1555"},
        False,
    )
    assert (updated["cloud"], updated["method"], updated["status"]) == ("twilio", "POST", 200)
    assert updated["fields"] == {"SmsUrl": "https://a.example/", "SmsMethod": "GET"}
    assert updated["account"] == updated["authorized_as"] == twilio.account
    assert (token["operation"], token["status"], token["write"]) == ("iam.token", 400, False)
    assert box.writes() == [updated]
    assert box.requests(operation="twilio", since=listed["n"]) == [updated]
    assert box.operations(cloud="ibm") == ["iam.token"]
    box.settings(log_bodies=False)
    twilio.update(number["sid"], SmsUrl="https://a.example/")
    assert box.writes()[-1]["fields"] == {"SmsUrl": None}
    box.clear_log()
    assert (box.requests(), box.summary()["total"]) == ([], 0)


def test_the_state_can_be_read_and_put_back(box: Any, twilio: Any, agent: Any, number: Any) -> None:
    box.add_key(agent["guid"])
    box.add_service(pool=[number["sid"]])
    state = box.state()
    twilio.update(number["sid"], SmsUrl="https://a.example/")
    box.add_numbers(count=3)
    box.set_state(state)
    assert box.state() == state
    assert twilio.fetch(number["sid"]).json()["sms_url"] == ""


def test_a_reset_keeps_the_announced_credentials(box: Any, twilio: Any) -> None:
    box.settings(latency=0.1)
    box.fault("*", times=None)
    box.reset("demo")
    assert len(twilio.list().json()["incoming_phone_numbers"]) == 5
    assert box.settings()["latency"] == 0
    assert box.summary()["total"] == 1
    with pytest.raises(SandboxError, match="seed"):
        box.reset("nonsense")


def test_the_demo_seed(box: Any, ibm: Any) -> None:
    box.reset("demo")
    numbers = {number["phone_number"]: number for number in box.rows("twilio", "numbers")}
    assert numbers["+15550100001"]["sms_url"] == "https://demo.twilio.com/welcome/sms/reply"
    assert [numbers[f"+1555010000{last}"]["sms_url"] for last in (2, 3)] == ["", ""]
    assert numbers["+15550100009"]["capabilities"]["sms"] is False
    agents = {(row["name"], row["region_id"], row["service_name"]) for row in box.rows("ibm", "instances")}
    assert ("sms-agent", "us-south", "voice-agent-with-watson") in agents
    assert {region for _name, region, _service in agents} == {"us-south", "us-east"}


def test_accounts_of_their_own_for_tests(box: Any) -> None:
    twilio = box.add_twilio_account()
    assert twilio["environment"]["TWILIO_ACCOUNT_SID"] == twilio["sid"]
    ibm = box.add_ibm_account(name="other")
    assert ibm["environment"]["IC_API_KEY"] == ibm["api_key"]["value"]
    assert ibm["api_key"]["account_id"] == ibm["id"]


def test_many_numbers_at_once(box: Any) -> None:
    numbers = box.add_numbers(count=12, prefix="+1555", sms_url="https://u:bulk-password@a.example/")
    assert (numbers[0]["phone_number"], numbers[-1]["phone_number"]) == ("+15550000001", "+15550000012")
    assert box.add_numbers(count=1)[0]["phone_number"] == "+15550000013"
    assert "bulk-password" in box.secrets()


def test_secrets_past_and_present(box: Any, twilio: Any, agent: Any, number: Any) -> None:
    key = box.add_key(agent["guid"])
    token = box.token()
    twilio.update(number["sid"], SmsUrl="https://u:old-password@a.example/")
    twilio.update(number["sid"], SmsUrl="")
    added = {key["api_key"]["value"], token, "old-password", box.add_twilio_key()["secret"]}
    announced = {box.environment["TWILIO_AUTH_TOKEN"], box.environment["IC_API_KEY"]}
    assert added | announced <= set(box.secrets())


@pytest.mark.parametrize(
    "wrong",
    [
        ("POST", "/twilio/numbers", {"phone_number": "+15550000001", "nonsense": 1}),
        ("POST", "/twilio/nonsense", {}),
        ("POST", "/ibm/keys", {"instance": "nobody"}),
        ("PATCH", "/settings", {"nonsense": 1}),
        ("PATCH", "/twilio/numbers/nobody", {}),
        ("PATCH", "/ibm/nonsense/1", {}),
        ("POST", "/twilio/services", {"pool": ["+15559999999"]}),
        ("POST", "/faults", {}),
    ],
)
def test_the_door_says_what_it_cannot_do(box: Any, wrong: tuple[str, str, dict[str, Any]]) -> None:
    with pytest.raises(SandboxError, match="400"):
        box.call(*wrong)


def test_the_same_number_twice(box: Any, number: Any) -> None:
    with pytest.raises(SandboxError, match="already"):
        box.add_numbers({"phone_number": number["phone_number"]})


# --- the server ---


def run(folder: pathlib.Path, *more: str) -> Any:
    command = [sys.executable, "-m", "sandbox", "--ready-file", str(folder / "ready"), *more]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_files_for_those_who_start_it(tmp_path: pathlib.Path) -> None:
    with run(tmp_path, "--env-file", str(tmp_path / "env"), "--seed", "demo") as process:
        wait_for((tmp_path / "ready").exists)
        said = json.loads((tmp_path / "ready").read_text())
        assert said["pid"] == process.pid
        assert said["url"].startswith("http://127.0.0.1:")
        lines = (tmp_path / "env").read_text().splitlines()
        assert f"export TWILIO_API_ENDPOINT='{said['url']}'" in lines
        assert len(lines) == len(said["environment"]) == 8
        assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("ready", "env")} == {0o600}
        attached = Sandbox.attach(tmp_path / "ready")
        assert attached.pid == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert said["url"] in process.stdout.read()
    assert list(tmp_path.iterdir()) == []


def test_it_ends_of_age(tmp_path: pathlib.Path) -> None:
    with run(tmp_path, "--max-age", "0.05") as process:
        assert process.wait(30) == 0


def test_it_ends_with_its_parent(tmp_path: pathlib.Path) -> None:
    starter = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from sandbox.client import Sandbox; import os"
    starter += "; box = Sandbox.start(); print(box.pid, flush=True); os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", starter],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    wait_for(lambda: not alive(int(done.stdout)))


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(SandboxError, match="invalid choice"):
        Sandbox.start(seed="nonsense")
