# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's steps in this process, for tests that need hundreds of runs.

Runs the modules' ``main()`` and the functions behind the role's plugins in the order of ``roles/connect_sms/tasks``,
without ansible-playbook, which takes seconds for each run. Waiting takes no time here, because the clock is simulated.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from requests.adapters import HTTPAdapter

from ansible_collections.voiceagent.sms.plugins.filter.receiver_url import receiver_url
from ansible_collections.voiceagent.sms.plugins.module_utils._http import pace, transport
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import mint
from ansible_collections.voiceagent.sms.plugins.module_utils._role import deletion, outcomes, plan, second_look, steps
from ansible_collections.voiceagent.sms.plugins.modules import (
    iva_credential,
    iva_credential_info,
    twilio_sms_webhook,
    twilio_sms_webhook_info,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECS = yaml.safe_load((ROOT / "roles/connect_sms/meta/argument_specs.yml").read_text())["argument_specs"]
PREFIX = "connect_sms_"


class Time:
    """A clock that moves on when somebody sleeps, without waiting."""

    def __init__(self) -> None:
        self._slept = 0.0

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self._slept += seconds

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic() + self._slept

    def time(self) -> float:
        """Return the seconds since 1970 by the sandbox's clock, which determines when things were created."""
        return time.time()


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Let all waiting in the collection take no time."""
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
        #: The output of all tasks of a run, for the search for secrets and crashes.
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
        play = Play(entry, {"localhost": role_values(entry, self._variables, numbers)}, check_mode)
        report = play.run()
        self.said = play.said
        return report


def role_values(entry: str, variables: Mapping[str, Any], numbers: list[str]) -> dict[str, Any]:
    """Return a host's values for an entry point of the role, validated and with their defaults."""
    options = SPECS[entry]["options"]
    checked = ArgumentSpecValidator(options).validate({**variables, "connect_sms_phone_numbers": numbers})
    assert not checked.error_messages
    return {name: checked.validated_parameters.get(name) for name in options}


class Play:
    """One run of the role: its steps in the order of ``roles/connect_sms/tasks``, and their results."""

    def __init__(
        self,
        entry: str,
        hosts: Mapping[str, Any],
        check_mode: bool = False,
        others: Mapping[str, Any] | None = None,
        runner: Callable[..., dict[str, Any]] = run_module,
    ) -> None:
        """Plan the work for these hosts' values; *others* are the values of excluded hosts of the inventory."""
        self.entry, self.dry, self.runner = entry, check_mode, runner
        state = "absent" if entry == "disconnect" else "present"
        self.plan = plan.make_plan(hosts, state=state, rotate=entry == "rotate")
        assert not self.plan["errors"]
        finish = {"credentials": [], "accounts": []}
        if entry in ("rotate", "disconnect"):
            finish = plan.finish_plan(hosts, others or {})
        self.plan.update(dry_run=check_mode, run_id=uuid.uuid4().hex, finish={**finish, "problem": None})
        self.looked: list[dict[str, Any]] = []
        self.found: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.retired: list[dict[str, Any]] = []
        self.before: dict[str, Any] | None = None
        self.deleted: list[dict[str, Any]] = []
        self.said = ""

    def run(self) -> dict[str, Any]:
        """Take all steps and return the report."""
        left: list[str] = []
        self.look()
        if self.entry == "disconnect":
            self.write()
            self.before = usage = self.usage()
            self.retired = self._each(usage["credentials"], {"state": "retiring", "keys_in_use": usage["keys"]})
        else:
            self.have_credentials()
            self.write()
            if self.settled():
                self.look()
                self.have_credentials()
                self.write()
                left = self.settled()
        warnings, failures = self.finish() if self.entry != "main" else ([], [])
        report = outcomes.numbers_outcome(outcomes.Batch(self.plan, self.looked, self.found, self.done))
        if failures := [*failures, *left]:
            told = [report["msg"]] if report["failed"] else []
            report.update(failed=True, msg="; ".join([*told, *failures]))
        shown = [_shown(results) for results in (self.looked, self.found, self.deleted)]
        self.said = json.dumps([*shown, self.done, warnings, report])
        return {**report, "kept": warnings}

    def look(self) -> None:
        """Look at the numbers."""
        self.looked = [
            self.runner(
                twilio_sms_webhook_info,
                {
                    "phone_numbers": account["phone_numbers"],
                    "overrides": account["on_override"] != "ignore",
                    "pools": account["pools"],
                    "snapshot": True,
                    **account["access"],
                },
            )
            for account in self.plan["accounts"]
        ]

    def have_credentials(self) -> None:
        """Find or create the credentials."""
        self.found = []
        for request in steps.credential_requests(self.plan, self.looked):
            more = {"candidate_api_keys": request["candidate_api_keys"], "wait_until_accepted": request["wait"]}
            more |= {"run_id": self.plan["run_id"], "return_iam_token": True, "max_age": request.get("max_age")}
            wanted = {**_credential(request), **more}
            self.found.append(self._module(iva_credential, wanted) if request["needed"] else {"skipped": True})

    def write(self) -> None:
        """Set the webhooks."""
        self.done = [
            self._module(
                twilio_sms_webhook,
                {
                    **{name: account[name] for name in ("webhooks", "state", "on_override")},
                    **{name: account[name] for name in ("repair_shared_services", "release_conversations")},
                    "concurrency": account["concurrency"],
                    "_role": {"snapshot": account["snapshot"]},
                    **account["access"],
                },
            )
            if account["webhooks"]
            else {"skipped": True}
            for account in steps.webhooks(self._with_urls(), self.looked, self.found)
        ]

    def settled(self) -> list[str]:
        """Read the credentials again, and return those that have changed."""
        now = []
        for request in second_look.second_looks(self.plan, self.found, self.done):
            wanted = {name: request.get(name) for name in ("guids", "instance")}
            now.append(self.runner(iva_credential_info, {**request["access"], **wanted}))
        return second_look.unsettled(self.plan, self.found, now)

    def usage(self) -> dict[str, Any]:
        """Find out what holds which key."""
        read = [
            self.runner(twilio_sms_webhook_info, {"holders": True, **account["access"]})
            for account in self.plan["finish"]["accounts"]
        ]
        return deletion.key_usage(self._with_urls(), read, self.looked, self.found, self.done)

    def _with_urls(self) -> Any:
        urls = [receiver_url(**one) for one in steps.receivers(self.plan, self.found)]
        return steps.with_urls(self.plan, self.found, [{"ansible_facts": {steps.URL: url}} for url in urls])

    def finish(self) -> tuple[list[str], list[str]]:
        """Delete unused credentials, and report the others."""
        usage = self.usage()
        retired = self.entry == "rotate" or not self.dry
        last = {"state": "absent", "retired": retired, "reinstate": self.entry == "disconnect"}
        self.deleted = self._each(usage["credentials"], {**last, "keys_in_use": usage["keys"]})
        moved = any(result.get("changed") for result in self.done)
        return deletion.verdict(
            self.plan, usage, self.retired, self.deleted, self.found, moved=moved, before=self.before
        )

    def _each(self, requests: list[dict[str, Any]], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [self._module(iva_credential, {**_credential(request), **options}) for request in requests]

    def _module(self, module: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        return self.runner(module, params, check_mode=self.dry)


def _credential(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item["access"], **{name: item.get(name) for name in ("name", "instance", "region", "role")}}


def _shown(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out results that the role hides with ``no_log``."""
    return [
        {name: value for name, value in one.items() if name not in ("snapshot", "api_key", "iam_token")}
        for one in results
    ]


Step = Callable[..., dict[str, Any]]
