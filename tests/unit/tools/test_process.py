# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are run: their output is kept, and none outlives its time or its step."""

import os
import pathlib
import sys
import time

import pytest

from tools import process, project


@pytest.fixture
def log(tmp_path):
    return process.Log(tmp_path / "log", terminal=False)


def python(log, tmp_path, code, limit=60.0):
    return process.run([sys.executable, "-c", code], log, dict(os.environ), tmp_path, limit)


def test_output_and_code_come_back_and_stand_in_the_log(log, tmp_path):
    ended = python(log, tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert ended.code == 3
    assert set(ended.output.split()) == {"out", "err"}
    assert "out" in log.path.read_text()


def test_a_program_without_an_end_is_given_up(log, tmp_path):
    began = time.monotonic()
    ended = python(log, tmp_path, "import time; time.sleep(60)", limit=0.5)
    assert ended.code
    assert time.monotonic() - began < 30
    assert "Given up" in log.path.read_text()


@pytest.mark.skipif(not pathlib.Path("/proc/self/environ").exists(), reason="left_over looks into /proc")
def test_who_carries_the_mark_is_found_until_it_is_stopped(tmp_path):
    own = f"unit-test-{os.getpid()}"  # another core's unit tests may run at the same time
    env = {**os.environ, project.MARK: own}
    with open(tmp_path / "out", "w") as output:
        child = process.start([sys.executable, "-c", "import time; time.sleep(60)"], env, tmp_path, output)
    try:
        assert any(line.startswith(f"{child.pid} ") for line in process.left_over(f"{project.MARK}={own}\0"))
    finally:
        process.stop(child)
    assert not process.left_over(f"{project.MARK}={own}\0")


def test_a_developers_own_credentials_and_settings_do_not_get_through(monkeypatch, tmp_path):
    for name in ("TWILIO_AUTH_TOKEN", "IC_API_KEY", "IBMCLOUD_API_KEY", "ANSIBLE_CONFIG"):
        monkeypatch.setenv(name, "own")
    monkeypatch.setenv("PATH", os.pathsep.join(["/home/x/.pyenv/shims", "/usr/bin"]))
    monkeypatch.setenv("NO_PROXY", "example.com")
    env = project.environment(tmp_path)
    assert "own" not in env.values()
    assert env["PATH"] == os.pathsep.join([str(tmp_path / "bin"), "/usr/bin"])
    assert env["NO_PROXY"] == "example.com,127.0.0.1,localhost"
    assert env["HOME"].startswith(str(project.CACHE))
