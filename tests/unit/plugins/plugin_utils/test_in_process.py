# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.template import Templar

from ansible_collections.voiceagent.sms.plugins.action import (
    iva_credential,
    iva_credential_info,
    twilio_sms_webhook,
    twilio_sms_webhook_info,
)
from ansible_collections.voiceagent.sms.plugins.plugin_utils import in_process

try:
    from ansible.template import trust_as_template

    tagged = trust_as_template
except ImportError:  # ansible-core before 2.19 marks what it does not trust instead
    from ansible.utils.unsafe_proxy import wrap_var as tagged

    def trust_as_template(value: Any) -> Any:
        return value


HERE = {"ansible_python_interpreter": sys.executable}
LOCAL = {"transport": "local", "become": None}
ACTIONS = [iva_credential, iva_credential_info, twilio_sms_webhook, twilio_sms_webhook_info]


def code(manage: Any, **more: Any) -> ModuleType:
    """Return a module that does this."""
    module = ModuleType("made_up")
    spec = {"name": {"type": "str"}, "key": {"type": "str", "no_log": True}, "n": {"type": "list", "aliases": ["m"]}}
    values = {"ARGUMENTS": {"argument_spec": spec, "supports_check_mode": True}, "NEEDS": {}, "manage": manage}
    vars(module).update({**values, **more})
    return module


def task(**values: Any) -> Any:
    base = {"action": "voiceagent.sms.made_up", "args": {}, "check_mode": False, "diff": False}
    return SimpleNamespace(**{**base, "async_val": 0, "environment": [], "delegate_to": None, **values})


def run(manage: Any, **values: Any) -> dict[str, Any]:
    return in_process.run(code(manage), task(**values), shows_arguments=False)


@pytest.mark.parametrize(
    ("variables", "connection", "values", "expected"),
    [
        (HERE, {}, {}, True),
        (HERE, {}, {"environment": [{}, None]}, True),
        ({"ansible_python_interpreter": trust_as_template("{{ ansible_playbook_python }}")}, {}, {}, True),
        (HERE, {}, {"environment": [{"TWILIO_AUTH_TOKEN": "of this task"}]}, False),
        (HERE, {}, {"async_val": 60}, False),
        ({**HERE, in_process.SWITCH: False}, {}, {}, False),
        ({**HERE, in_process.SWITCH: "no"}, {}, {}, False),
        ({**HERE, in_process.SWITCH: "yes"}, {}, {}, True),
        (HERE, {"become": object()}, {}, False),
        (HERE, {"transport": "ssh"}, {}, False),
        ({}, {}, {}, False),  # Ansible looks for a Python then
        ({"ansible_python_interpreter": "auto"}, {}, {}, False),
        ({"ansible_python_interpreter": "/usr/bin/python3"}, {}, {}, False),
        ({"ansible_python_interpreter": trust_as_template("{{ nobody_knows }}")}, {}, {}, False),
        (HERE, {}, {"delegate_to": "localhost"}, False),
        ({**HERE, "ansible_delegated_vars": {"localhost": {}}}, {}, {"delegate_to": "localhost"}, False),
        ({"ansible_delegated_vars": {"localhost": HERE}}, {}, {"delegate_to": "localhost"}, True),
    ],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_where_a_module_runs(
    monkeypatch: pytest.MonkeyPatch,
    action: Any,
    variables: dict[str, Any],
    connection: dict[str, Any],
    values: dict[str, Any],
    expected: bool,
) -> None:
    ran = []
    monkeypatch.setattr(NormalAction, "run", lambda *_args: ran.append("process") or {})
    monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
    monkeypatch.setattr(in_process, "run", lambda module, *_args, **_more: ran.append(module.__name__) or {})
    loader = DataLoader()
    known = {**variables, "ansible_playbook_python": sys.executable}
    plugin = action.ActionModule(
        task(**values),
        SimpleNamespace(**{**LOCAL, **connection}),
        SimpleNamespace(),
        loader,
        Templar(loader=loader, variables=known),
        None,
    )
    plugin.run(task_vars=known)
    name = action.__name__.rpartition(".")[2]
    assert ran == [f"{in_process.MODULES}.{name}" if expected else "process"]


def test_a_missing_library_is_ansible_s_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    module = code(None, NEEDS={"twilio": "Traceback: no such module"})
    monkeypatch.setattr(in_process.importlib, "import_module", lambda _name: module)
    monkeypatch.setattr(NormalAction, "run", lambda *_args: {"by": "a process"})
    plugin = twilio_sms_webhook_info.ActionModule.__new__(twilio_sms_webhook_info.ActionModule)
    monkeypatch.setattr(plugin, "_is_at_home", lambda _variables: True, raising=False)
    assert plugin.run() == {"by": "a process"}


def test_what_a_module_is_told() -> None:
    seen: list[Any] = []

    def manage(module: Any) -> dict[str, Any]:
        seen.append((module.params, module.check_mode, module._diff))
        return {}

    run(manage, args={"name": "a", "m": "1,2"}, check_mode=True, diff=True)
    assert seen == [({"name": "a", "key": None, "n": ["1", "2"], "m": "1,2"}, True, True)]


def test_secret_options_are_in_no_result() -> None:
    def manage(module: Any) -> dict[str, Any]:
        module.warn("twice")
        module.warn("twice")
        return {"changed": True, "seen": [f"key is {module.params['key']}"], "invocation": {"module_args": "own"}}

    secret = {"key": "s3cret-k3y"}
    result = run(manage, args=secret)
    assert result == {"changed": True, "seen": ["key is ********"], "warnings": ["twice"]}
    shown = in_process.run(code(lambda _module: {}), task(args=secret), shows_arguments=True)
    assert shown["invocation"]["module_args"]["key"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_an_option_and_its_alias_are_both_given() -> None:
    result = run(lambda _module: {}, args={"n": ["1"], "m": ["2"]})
    assert result["warnings"] == ["Both option n and its alias m are set."]


def test_a_module_with_a_mistake_in_it_fails_like_any_other() -> None:
    def manage(_module: Any) -> dict[str, Any]:
        raise KeyError("s3cret-k3y")

    result = run(manage, args={"key": "s3cret-k3y"})
    assert result["failed"] is True
    assert result["msg"] == "voiceagent.sms.made_up crashed, which is a bug in it: KeyError"
    assert "in manage" in result["exception"]
    assert "s3cret-k3y" not in result["exception"]


def test_an_interrupt_is_no_result() -> None:
    def manage(_module: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(manage)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (tagged("text"), "text"),
        ({tagged("a"): [tagged("b"), 1]}, {"a": ["b", 1]}),
        ((1, 2.5, True, None), [1, 2.5, True, None]),
        (b"bytes", "b'bytes'"),
        ("", ""),
    ],
)
def test_plain_values(value: Any, expected: Any) -> None:
    result = in_process.plain(value)
    assert result == expected
    assert kinds(result) <= {str, int, float, bool, type(None), list, dict}


def kinds(value: Any) -> set[type]:
    """Return the types in a value."""
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*map(kinds, inside))


def test_nobody_logs_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("ibm-cloud-sdk-core")
    with caplog.at_level(logging.DEBUG):
        with in_process.silence():
            logger.critical("Authorization: Bearer s3cret")
        logger.critical("afterwards")
    assert caplog.messages == ["afterwards"]
