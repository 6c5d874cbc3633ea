# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import importlib
import json
import pathlib
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS
from unit.plugins.running import Result, Run

from ansible_collections.voiceagent.sms.plugins.plugin_utils import in_process
from sandbox.client import Sandbox

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core before 2.19

    @contextlib.contextmanager
    def patch_module_args(args: dict[str, Any]) -> Iterator[None]:
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = None


MODULES = "ansible_collections.voiceagent.sms.plugins.modules."
DOORS = {"as a process": False, "in the task's process": True}


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def box(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    server.reset()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(params=DOORS.values(), ids=DOORS)
def in_task(request: pytest.FixtureRequest) -> bool:
    """Whether the module runs in the task's own process, like its action, or as a program, like Ansible."""
    return bool(request.param)


@pytest.fixture
def run(
    in_task: bool,
    box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
) -> Run:
    """Return a function that runs a module in this process and returns its result.

    Its output must not contain secrets of the sandbox except the API key that it returns, and none of its requests may
    buy, move or release a number.
    """
    warnings: list[str] = []
    codes: list[Any] = []  # with which a program has ended
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _module, text, **_more: warnings.append(text))

    def as_task(module: ModuleType, name: str, args: dict[str, Any], *, check: bool, diff: bool) -> None:
        task = SimpleNamespace(action=name, args=args, check_mode=check, diff=diff)
        result = in_process.run(module, task, shows_arguments=True)
        warnings.extend(result.pop("warnings", ()))
        print(json.dumps(result))

    def as_process(module: ModuleType, name: str, args: dict[str, Any], *, check: bool, diff: bool) -> None:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(tmp_path)}
        if "inject_invocation" in PASS_VARS:  # newer ansible-cores show the arguments only where that is asked for
            internal["_ansible_inject_invocation"] = True
        with (
            patch_module_args({**args, **internal, "_ansible_module_name": name}),
            pytest.raises(SystemExit) as ended,
        ):
            module.main()
        codes.append(ended.value.code)

    def runner(module_name: str, /, *, check: bool = False, diff: bool = True, **args: Any) -> Result:
        module = importlib.import_module(MODULES + module_name)
        warnings.clear()
        codes.clear()
        box.clear_log()
        work = as_task if in_task else as_process
        work(module, f"voiceagent.sms.{module_name}", args, check=check, diff=diff)
        printed = capsys.readouterr()
        result = Result(json.loads(printed.out))
        result.text, result.warnings, result.requests = printed.out + printed.err, list(warnings), box.requests()
        assert [bool(code) for code in codes] == ([] if in_task else [bool(result.get("failed"))])
        assert result.get("exception") is None
        known = {result.get("api_key"), result.get("iam_token"), None}
        assert "module_args" in result["invocation"] or result.get("failed")
        shown = json.dumps([{**result, "api_key": "", "snapshot": "", "holders": ""}, warnings])
        assert [secret for secret in box.secrets() if secret not in known and secret in shown] == []
        assert box.summary()["alarms"] == []
        if check:
            assert result.writes == [], "a dry run writes nothing"
        return result

    return runner
