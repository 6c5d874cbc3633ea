# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks make of what the tools say: above all, that testing nothing is no success."""

import types

import pytest

from tools import checks, process


@pytest.fixture
def step(tmp_path):
    log = process.Log(tmp_path / "log", terminal=False)
    return types.SimpleNamespace(refuse=checks.Step.refuse.__get__(types.SimpleNamespace(log=log)))


ROLES = """Running iva_credential integration test role
Running connect_sms integration test role
"""


def test_integration_counts_targets(step):
    outcome = checks.count_integration(step, process.Finished(0, ROLES), {"iva_credential", "connect_sms"})
    assert outcome[:2] == (2, 0)


def test_integration_names_the_failed_targets(step):
    output = f"{ROLES}FATAL: The 1 integration test(s) listed below (out of 2) failed. See error output:\nconnect_sms\n"
    outcome = checks.count_integration(step, process.Finished(1, output), {"iva_credential", "connect_sms"})
    assert (outcome.passed, outcome.failed, outcome.note) == (1, 1, "connect_sms")


@pytest.mark.parametrize("output", ["", "All targets skipped.\n", ROLES])
def test_integration_that_leaves_a_target_out_fails(step, output):
    assert checks.count_integration(step, process.Finished(0, output), {"connect_sms", "twilio_sms_webhook"}).failed


def test_integration_that_ends_badly_fails_though_no_target_did(step):
    assert checks.count_integration(step, process.Finished(1, ROLES), {"iva_credential"}).failed == 1


def test_helpers_and_disabled_targets_need_not_run(tmp_path):
    targets = {"setup_server": "hidden", "prepare_x": "", "cloudy": "disabled\nazp/posix/1", "real": "azp/posix/1"}
    for name, aliases in targets.items():
        folder = tmp_path / "tests" / "integration" / "targets" / name
        folder.mkdir(parents=True)
        (folder / "aliases").write_text(aliases)
    assert checks.integration_targets(tmp_path) == {"real"}


def report(folder, name, inside=""):
    case = f'<testcase classname="sanity" name="{name}">{inside}</testcase>'
    (folder / f"ansible-test-sanity-{name}.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")


def test_sanity_counts_what_had_something_to_look_at(tmp_path, step):
    for number in range(12):
        report(tmp_path, f"fine{number}")
    report(tmp_path, "pslint", '<skipped message="No tests applicable."/>')
    report(tmp_path, "pylint", '<failure message="3 issues"/>')
    outcome = checks.count_sanity(step, process.Finished(1, ""), tmp_path, ())
    assert outcome == (12, 1, 1, "pylint")


@pytest.mark.parametrize("tests", [0, 3])
def test_sanity_that_looked_at_next_to_nothing_fails(tmp_path, step, tests):
    for number in range(tests):
        report(tmp_path, f"fine{number}")
    assert checks.count_sanity(step, process.Finished(0, "All targets skipped.\n"), tmp_path, ()).failed == 1


def test_sanity_of_one_test_is_not_held_to_that(tmp_path, step):
    report(tmp_path, "validate-modules")
    assert checks.count_sanity(step, process.Finished(0, ""), tmp_path, ("--test", "validate-modules")) == (1, 0, 0, "")


def test_junit_of_pytest_is_counted(tmp_path):
    file = tmp_path / "report.xml"
    file.write_text('<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>')
    assert checks.count_junit(file)[:3] == (3, 3, 3)
