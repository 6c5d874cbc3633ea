# SPDX-License-Identifier: GPL-3.0-or-later
"""The helpers of noxfile.py; above all, a run without tests must not succeed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tools import ansible_test, project, release

# ---- ansible-test ----


def report(place: pathlib.Path, name: str, inside: str = "") -> None:
    folder = place / "tests" / "output" / "junit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.xml").write_text(
        f"<testsuites><testsuite><testcase>{inside}</testcase></testsuite></testsuites>"
    )


def target(place: pathlib.Path, name: str, aliases: str) -> None:
    folder = place / "tests" / "integration" / "targets" / name
    folder.mkdir(parents=True)
    (folder / "aliases").write_text(aliases)


def test_a_target_without_a_report_did_not_run(tmp_path: pathlib.Path) -> None:
    for name in ("iva_credential", "iva_credential_info", "role-x"):
        target(tmp_path, name, "azp/posix/1")
    assert ansible_test.left_out(tmp_path, ansible_test.targets(tmp_path)) == ansible_test.targets(tmp_path)
    report(tmp_path, "iva_credential_info-x_2abc1d-1764090000.1234")
    report(tmp_path, "role-x-abcd1234-1764090000.1")
    assert ansible_test.left_out(tmp_path, ansible_test.targets(tmp_path)) == {"iva_credential"}


def test_helpers_and_disabled_targets_need_not_run(tmp_path: pathlib.Path) -> None:
    targets = {"setup_server": "hidden", "prepare_x": "", "cloudy": "disabled\nazp/posix/1", "real": "azp/posix/1"}
    for name, aliases in targets.items():
        target(tmp_path, name, aliases)
    assert ansible_test.targets(tmp_path) == {"real"}


@pytest.mark.parametrize(("inside", "had_work"), [("", True), ("<failure/>", True), ("<skipped/>", False)])
def test_a_sanity_test_that_was_skipped_looked_at_nothing(tmp_path: pathlib.Path, inside: str, had_work: bool) -> None:
    report(tmp_path, "ansible-test-sanity-pslint", inside)
    assert ansible_test.had_work(*ansible_test.reports(tmp_path)) is had_work


def test_totals_add_up_what_the_reports_say(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "CACHE", tmp_path)
    monkeypatch.setattr(project, "LOGS", tmp_path)
    (tmp_path / "unit.xml").write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="1" skipped="3"/></testsuites>'
    )
    for name, inside in {"pylint": "<failure/>", "compile": "", "pslint": "<skipped/>"}.items():
        report(tmp_path / "sanity" / project.COLLECTION, name, inside)
    report(tmp_path / "integration" / project.COLLECTION, "target-abc-1.2", "<failure/>")  # rescued, so no failure
    results = {"unit": "failed", "sanity": "failed", "integration": "success", "lint": "success", "docs": "failed"}
    sessions = [{"name": name, "result": result} for name, result in {**results, "unit-2.16": "skipped"}.items()]
    (tmp_path / "report.json").write_text(json.dumps({"sessions": sessions}))
    assert ansible_test.totals(tmp_path / "report.json") == (4 + 1 + 1 + 1, 2 + 1 + 1)


def test_a_session_that_was_kept_from_starting_has_failed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "report.json").write_text('{"sessions": [{"name": "never-started", "result": "aborted"}]}')
    assert ansible_test.totals(tmp_path / "report.json") == (0, 1)


# ---- the environment ----


def test_a_developers_own_settings_do_not_get_through(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("TWILIO_AUTH_TOKEN", "IC_API_KEY", "IBMCLOUD_API_KEY", "ANSIBLE_CONFIG"):
        monkeypatch.setenv(name, "own")
    (tmp_path / "versions" / "3.13.0" / "bin").mkdir(parents=True)
    (tmp_path / "versions" / "2.7.18" / "bin").mkdir(parents=True)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "shims"), "/usr/bin"]))
    project.forget_the_developer()
    assert "own" not in os.environ.values()
    assert os.environ["PATH"] == os.pathsep.join(["/usr/bin", str(tmp_path / "versions" / "3.13.0" / "bin")])


def test_loopback_needs_no_proxy_and_nothing_is_written_at_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    env = project.environment(tmp_path)
    assert env["NO_PROXY"] == env["no_proxy"] == "example.com,127.0.0.1,localhost"
    assert env["PATH"].split(os.pathsep)[0] == str(tmp_path)
    assert env["HOME"].startswith(str(project.CACHE))


@pytest.mark.skipif(not pathlib.Path("/proc/self/environ").exists(), reason="left_over looks into /proc")
def test_who_carries_the_mark_is_found_until_it_is_stopped() -> None:
    mark = f"UNIT_TEST_MARK={os.getpid()}\0"
    env = {**os.environ, "UNIT_TEST_MARK": str(os.getpid())}
    child = subprocess.Popen([sys.executable, "-c", "input()"], env=env, stdin=subprocess.PIPE)
    try:
        assert any(line.startswith(f"{child.pid} ") for line in project.left_over(mark))
    finally:
        child.kill()
        child.communicate()
    assert not project.left_over(mark)


# ---- the release ----


def test_what_is_no_users_is_found_in_a_tarball() -> None:
    right = ["README.md", "plugins/modules/x.py", "docs/docsite/links.yml", "examples/numbers.csv"]
    wrong = ["twilio-9.whl", "plugins/twilio-9.whl", "tests/x.py", "docs/.DS_Store", ".github/x", "plugins/x.pyc"]
    assert release.strays([*right, *wrong]) == sorted(wrong)


def checkout(root: pathlib.Path, galaxy: str, *fragments: str) -> pathlib.Path:
    (root / "changelogs" / "fragments").mkdir(parents=True)
    (root / "galaxy.yml").write_text(galaxy)
    (root / "changelogs" / "changelog.yaml").write_text("releases:\n  1.1.0:\n    release_date: '2026-11-25'\n")
    for name in fragments:
        (root / "changelogs" / "fragments" / name).touch()
    return root


def test_placeholders_unreleased_changes_and_a_version_without_changes_hinder_a_release(tmp_path: pathlib.Path) -> None:
    good = "version: 1.1.0\nrepository: https://code.example.org/x\n"
    assert release.hindrances(checkout(tmp_path / "good", good, ".keep")) == []
    bad = checkout(tmp_path / "bad", "version: 1.2.0\nhomepage: https://git.example.com/voiceagent/sms\n", "x.yml")
    assert release.hindrances(bad) == [
        "galaxy.yml: homepage: https://git.example.com/voiceagent/sms",
        "changelogs/fragments are not released yet: x.yml",
        "changelogs/changelog.yaml does not have the version of galaxy.yml",
    ]


def test_this_checkout_has_no_address_yet() -> None:
    """Once there is a public address, the links in the README and the documentation must be changed, too."""
    places = {
        line.partition(":")[0]
        for line in (project.ROOT / "galaxy.yml").read_text().splitlines()
        if "git.example" in line
    }
    assert places == {"repository", "documentation", "homepage", "issues"}
