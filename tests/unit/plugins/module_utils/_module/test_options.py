# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.basic import AnsibleFallbackNotFound

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._module import options
from ansible_collections.voiceagent.sms.plugins.module_utils._module.edge import run
from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import (
    IBM_CLOUD_OPTIONS,
    TWILIO_OPTIONS,
    given,
)

IAM = "https://iam.cloud.ibm.com"


@pytest.mark.parametrize(
    ("environment", "value"),
    [
        ({"IC_API_KEY": "first", "IBMCLOUD_API_KEY": "second"}, "first"),
        ({"IC_API_KEY": "", "IBMCLOUD_API_KEY": "second"}, "second"),
        ({"IBMCLOUD_API_KEY": "second"}, "second"),
    ],
)
def test_the_first_variable_that_is_not_empty_counts(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], value: str
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert options.nonempty_env("IC_API_KEY", "IBMCLOUD_API_KEY") == value


@pytest.mark.parametrize("environment", [{}, {"IC_API_KEY": ""}, {"IC_API_KEY": "", "IBMCLOUD_API_KEY": ""}])
def test_empty_variables_are_not_set(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(AnsibleFallbackNotFound):
        options.nonempty_env("IC_API_KEY", "IBMCLOUD_API_KEY")


@pytest.mark.parametrize(
    ("name", "params", "environment", "value"),
    [
        ("ibmcloud_api_key", {"ibmcloud_api_key": "own"}, {"IC_API_KEY": "env"}, "own"),
        ("ibmcloud_api_key", {"ibmcloud_api_key": ""}, {"IC_API_KEY": "env"}, "env"),
        ("ibmcloud_api_key", {"ibmcloud_api_key": None}, {"IBMCLOUD_API_KEY": "env"}, "env"),
        ("ibmcloud_api_key", {}, {}, None),
        ("iam_endpoint", {"iam_endpoint": "https://own"}, {"IBMCLOUD_IAM_API_ENDPOINT": "https://env"}, "https://own"),
        ("iam_endpoint", {"iam_endpoint": ""}, {"IBMCLOUD_IAM_API_ENDPOINT": "https://env"}, "https://env"),
        ("iam_endpoint", {"iam_endpoint": ""}, {"IBMCLOUD_IAM_API_ENDPOINT": ""}, IAM),
        ("iam_endpoint", {}, {}, IAM),
        ("validate_certs", {"validate_certs": False}, {}, False),
        ("validate_certs", {}, {}, True),
        ("timeout", {"timeout": 0.5}, {}, 0.5),
        ("timeout", {}, {}, 30),
    ],
)
def test_given(
    monkeypatch: pytest.MonkeyPatch, name: str, params: dict[str, Any], environment: dict[str, str], value: Any
) -> None:
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)
    assert given(params, name, IBM_CLOUD_OPTIONS) == value


TOKEN, PAIR = ("auth_token",), ("api_key_sid", "api_key_secret")
ENVIRONMENT = {"TWILIO_AUTH_TOKEN": "token-of-env", "TWILIO_API_KEY": "SKenv", "TWILIO_API_SECRET": "secret-of-env"}


@pytest.mark.parametrize(
    ("params", "environment", "found"),
    [
        pytest.param({"auth_token": "own"}, {}, ("own", None, None), id="token"),
        pytest.param({"api_key_sid": "SKown", "api_key_secret": "own"}, {}, (None, "SKown", "own"), id="pair"),
        pytest.param(
            {},
            ENVIRONMENT,
            ("token-of-env", "SKenv", "secret-of-env"),
            id="only environment",
        ),
        pytest.param(
            {"api_key_sid": "SKown", "api_key_secret": "own"}, ENVIRONMENT, (None, "SKown", "own"), id="own pair wins"
        ),
        pytest.param({"auth_token": "own"}, ENVIRONMENT, ("own", None, None), id="own token wins"),
        pytest.param(
            {"api_key_sid": "SKown"}, ENVIRONMENT, (None, "SKown", "secret-of-env"), id="half a pair, completed by env"
        ),
        pytest.param({"auth_token": ""}, {"TWILIO_AUTH_TOKEN": ""}, (None, None, None), id="nothing but emptiness"),
    ],
)
def test_own_credentials_leave_out_those_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], environment: dict[str, str], found: tuple
) -> None:
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)
    option = options.resolved(params, TWILIO_OPTIONS, TOKEN, PAIR)
    assert (option["auth_token"] or None, option["api_key_sid"], option["api_key_secret"]) == found
    assert set(option) == set(TWILIO_OPTIONS)


@pytest.mark.parametrize(
    ("spec", "name", "variables"),
    [
        (IBM_CLOUD_OPTIONS, "ibmcloud_api_key", ["IC_API_KEY", "IBMCLOUD_API_KEY"]),
        (IBM_CLOUD_OPTIONS, "iam_token", ["IC_IAM_TOKEN", "IBMCLOUD_IAM_TOKEN"]),
        (IBM_CLOUD_OPTIONS, "iam_profile_id", ["IBMCLOUD_IAM_PROFILE_ID"]),
        (IBM_CLOUD_OPTIONS, "iam_endpoint", ["IBMCLOUD_IAM_API_ENDPOINT"]),
        (IBM_CLOUD_OPTIONS, "resource_controller_endpoint", ["IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT"]),
        (TWILIO_OPTIONS, "account_sid", ["TWILIO_ACCOUNT_SID"]),
        (TWILIO_OPTIONS, "auth_token", ["TWILIO_AUTH_TOKEN"]),
        (TWILIO_OPTIONS, "api_key_sid", ["TWILIO_API_KEY"]),
        (TWILIO_OPTIONS, "api_key_secret", ["TWILIO_API_SECRET"]),
        (TWILIO_OPTIONS, "subaccount_sid", ["TWILIO_SUBACCOUNT_SID"]),
        (TWILIO_OPTIONS, "edge", ["TWILIO_EDGE"]),
        (TWILIO_OPTIONS, "region", ["TWILIO_REGION"]),
        (TWILIO_OPTIONS, "api_endpoint", ["TWILIO_API_ENDPOINT"]),
    ],
)
def test_the_variables_that_users_rely_on(spec: dict, name: str, variables: list[str]) -> None:
    assert spec[name]["fallback"] == (options.nonempty_env, variables)


@pytest.mark.parametrize("spec", [IBM_CLOUD_OPTIONS, TWILIO_OPTIONS])
def test_secrets_are_no_log(spec: dict[str, dict[str, Any]]) -> None:
    secret = {name for name, option in spec.items() if option.get("no_log")}
    assert secret in ({"ibmcloud_api_key", "iam_token"}, {"auth_token", "api_key_secret"})


def test_missing_credentials_are_named_with_all_ways_to_give_them() -> None:
    nothing = dict.fromkeys({**options.IBM_CLOUD_OPTIONS, **options.TWILIO_OPTIONS})
    for require, names in (
        (options.require_ibm_cloud, ("ibmcloud_api_key", "IC_API_KEY", "iam_token", "IC_IAM_TOKEN")),
        (
            options.require_twilio,
            ("account_sid", "TWILIO_ACCOUNT_SID", "auth_token", "api_key_sid", "TWILIO_API_SECRET"),
        ),
    ):
        with pytest.raises(SmsError, match="credentials are missing") as failure:
            require(nothing)
        assert failure.value.code == "missing_credentials"
        assert [name for name in names if name not in str(failure.value)] == []


KNOWN = ["region", "instance", "phone_number", "phone_numbers", "numbers_file", "dry_run", "max_age", "force", "backup"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dryrun", "dry_run"),
        ("dry_rn", "dry_run"),
        ("dry-run", "dry_run"),
        ("dry_runs", "dry_run"),
        ("dyr_run", "dry_run"),
        ("regoin", "region"),
        ("regio", "region"),
        ("egion", "region"),
        ("xregion", "region"),
        ("Region", "region"),
        ("phone_nubmer", "phone_number"),
        ("phonenumber", "phone_number"),
        ("number_file", "numbers_file"),
        ("forc", "force"),
        ("dryRun", None),  # two edits
        ("DRY_RUN", None),
        ("my_region", None),
        ("regions2", None),
        ("fork", None),
        ("tags", None),
        ("", None),
        ("region", None),
        ("phone_numbers", None),
        ("forced", None),  # a variable of somebody else's
    ],
)
def test_misspelt(name: str, meant: str | None) -> None:
    assert options.misspelt([name], KNOWN, others=["forced"]) == ({name: meant} if meant else {})


def test_a_missing_library_names_the_command_that_installs_it() -> None:
    module = mock.Mock()
    module.fail_json.side_effect = SystemExit
    with pytest.raises(SystemExit):
        run(module, lambda _module: {}, {"twilio": "Traceback"})
    assert module.fail_json.call_args.kwargs["msg"].endswith(f"Install it with: {sys.executable} -m pip install twilio")
