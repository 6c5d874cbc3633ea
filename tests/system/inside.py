# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's steps in this process, for what has to be tried hundreds of times.

The modules' own ``main()`` and the functions behind the role's plugins, in the order of ``roles/connect_sms/tasks``,
without ansible-playbook, which takes seconds for each run. Waiting takes no time here: a clock of our own moves on.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from requests.adapters import HTTPAdapter

from ansible_collections.voiceagent.sms.plugins.module_utils._http import pace, transport
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import mint
from ansible_collections.voiceagent.sms.plugins.module_utils._role import outcomes, plan, steps
from ansible_collections.voiceagent.sms.plugins.modules import (
    iva_credential,
    twilio_sms_webhook,
    twilio_sms_webhook_info,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECS = yaml.safe_load((ROOT / "roles/connect_sms/meta/argument_specs.yml").read_text())["argument_specs"]
PREFIX = "connect_sms_"


class Time:
    """Passes while somebody sleeps, and takes none."""

    def __init__(self) -> None:
        self._slept = 0.0

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self._slept += seconds

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic() + self._slept

    def time(self) -> float:
        """Return the seconds since 1970: it stays with the sandbox's clock, that tells when things were made."""
        return time.time()


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Let nothing in the collection really wait."""
    now = Time()
    for function in (transport.Transport.__init__, pace.Pace.__init__, mint.Mint.__init__):
        patch.setitem(function.__kwdefaults__, "sleep", now.sleep)
    patch.setitem(pace.Pace.__init__.__kwdefaults__, "clock", now.monotonic)
    patch.setattr(iva_credential, "time", now)
    patch.setattr(mint, "MEETING_PLACE", "/not/there", raising=False)  # locks go into the folder for temporary files
    # The SDK reads all of the machine's CA certificates for each of its services, for connections that it never makes.
    patch.setattr("ibm_cloud_sdk_core.base_service.SSLHTTPAdapter", lambda **_options: HTTPAdapter())


def run_module(module: Any, params: Mapping[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    """Run a module's ``main()`` and return what it printed: results as the next task gets them."""
    given = {name: value for name, value in params.items() if value is not None}
    arguments = {**given, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    if hasattr(basic, "_ANSIBLE_PROFILE"):
        basic._ANSIBLE_PROFILE = "legacy"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    return result


class Role:
    """The role for one host with these variables."""

    def __init__(self, **variables: Any) -> None:
        """Take variables without their prefix: ``region="us-south"``."""
        self._variables = {PREFIX + name: value for name, value in variables.items()}
        #: What all results of a run's tasks say, for whoever looks for secrets or programs that broke.
        self.said = ""

    def connect(self, numbers: list[str], *, check_mode: bool = False) -> dict[str, Any]:
        """Connect numbers and return the report."""
        return self._play("main", numbers, check_mode)

    def rotate(self, numbers: list[str], *, check_mode: bool = False) -> dict[str, Any]:
        """Rotate the key of numbers and return the report."""
        return self._play("rotate", numbers, check_mode)

    def disconnect(self, numbers: list[str], *, check_mode: bool = False) -> dict[str, Any]:
        """Disconnect numbers and return the report."""
        return self._play("disconnect", numbers, check_mode)

    def _play(self, entry: str, numbers: list[str], check_mode: bool) -> dict[str, Any]:
        options = SPECS[entry]["options"]
        given = {**self._variables, "connect_sms_phone_numbers": numbers}
        checked = ArgumentSpecValidator(options).validate(given)
        assert not checked.error_messages
        values = {name: checked.validated_parameters.get(name) for name in options}
        state = "absent" if entry == "disconnect" else "present"
        planned = plan.make_plan({"localhost": values}, state=state, rotate=entry == "rotate")
        assert not planned["errors"]

        looked = [
            run_module(
                twilio_sms_webhook_info,
                {
                    "phone_numbers": account["phone_numbers"],
                    "overrides": account["on_override"] != "ignore",
                    "pools": account["pools"],
                    "snapshot": True,
                    **account["access"],
                },
            )
            for account in planned["accounts"]
        ]
        found: list[dict[str, Any]] = []
        if entry != "disconnect":
            for request in steps.credential_requests(planned, looked):
                more = {"candidate_api_keys": request["candidate_api_keys"], "wait_until_accepted": request["wait"]}
                wanted = {**_credential(request), **more, "max_age": request.get("max_age")}
                found.append(_module(iva_credential, wanted, check_mode) if request["needed"] else {"skipped": True})
        done = [
            _module(
                twilio_sms_webhook,
                {
                    **{name: account[name] for name in ("webhooks", "state", "snapshot", "on_override")},
                    **{name: account[name] for name in ("repair_shared_services", "release_conversations")},
                    "concurrency": account["concurrency"],
                    **account["access"],
                },
                check_mode,
            )
            if account["webhooks"]
            else {"skipped": True}
            for account in steps.webhooks(planned, looked, found)
        ]
        kept: list[str] = []
        finish: list[dict[str, Any]] = []
        if entry != "main":
            finish, kept = self._finish(entry, planned, looked, found, check_mode)
        report = outcomes.numbers_outcome(outcomes.Batch(planned, looked, found, done), "localhost")
        self.said = json.dumps([_shown(looked), _shown(found), done, finish, kept, report])
        return {**report, "kept": kept}

    @staticmethod
    def _finish(
        entry: str,
        planned: Mapping[str, Any],
        looked: list[dict[str, Any]],
        found: list[dict[str, Any]],
        check_mode: bool,
    ) -> tuple[list[dict[str, Any]], list[str]]:
        afterwards = [
            run_module(twilio_sms_webhook_info, {"holders": True, **account["access"]})
            for account in planned["accounts"]
        ]
        planned_webhooks = steps.webhooks(planned, looked, found) if check_mode else None
        usage = steps.key_usage(afterwards, planned_webhooks, accounts=planned["accounts"])
        deleted = []
        for credential in planned["credentials"] if not usage["problem"] else ():
            wanted = {"state": "absent", "retired": entry == "rotate", "keys_in_use": usage["keys"]}
            deleted.append(_module(iva_credential, {**_credential(credential), **wanted}, check_mode))
        return deleted, steps.kept_credentials(deleted, usage)


def _module(module: Any, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    return run_module(module, params, check_mode=check_mode)


def _credential(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item["access"], **{name: item.get(name) for name in ("name", "instance", "region", "role")}}


def _shown(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is meant to be secret, and is under ``no_log`` in the role."""
    return [{name: value for name, value in one.items() if name not in ("snapshot", "api_key")} for one in results]


Step = Callable[..., dict[str, Any]]
