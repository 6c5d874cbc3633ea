# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module of this collection in the task's own process, if it would run with the same Python anyway.

Packing a module, starting Python and compiling the module takes half a second, more than the requests for a hundred
numbers (`make bench`). On another machine, as another user or with another Python, Ansible runs the module like any other.
"""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction

from ..module_utils._module.edge import outcome

SWITCH = "voiceagent_sms_import_modules"  # a variable for users: false runs each module in its own process
MODULES = f"{__package__.rpartition('.')[0]}.modules"


class InProcess(NormalAction):
    """The action behind a module with ``ARGUMENTS``, ``NEEDS`` and ``manage``."""

    module_name: str

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        code = self.code(task_vars)
        if code is None:
            return super().run(tmp, task_vars)
        result = ActionBase.run(self, tmp, task_vars)
        with silence():
            result.update(run(code, self._task, shows_arguments=_shows_arguments(task_vars)))
        return result

    def code(self, task_vars: Mapping[str, Any]) -> ModuleType | None:
        """Return the imported module, or ``None`` if it has to run in a process of its own."""
        if not self._is_at_home(task_vars):
            return None
        code = importlib.import_module(f"{MODULES}.{self.module_name}")
        return None if any(code.NEEDS.values()) else code  # Ansible explains best why an import fails

    def _is_at_home(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether the module would run on this machine, as this user, with this Python and in this environment."""
        task = self._task
        if not _is_wanted(task_vars.get(SWITCH, True)):
            return False
        if self._connection.transport != "local" or self._connection.become or task.async_val:
            return False
        if any(task.environment or ()):
            return False
        if task.delegate_to:
            task_vars = task_vars.get("ansible_delegated_vars", {}).get(task.delegate_to, {})
        try:
            return self._templar.template(task_vars.get("ansible_python_interpreter")) == sys.executable
        except AnsibleError:
            return False  # Ansible reports it itself


class Module:
    """The part of ``AnsibleModule`` that modules of this collection use.

    :param code: the Python module
    :param name: its name in the task
    :param args: the task's arguments; if they are invalid, ``problem`` is ``AnsibleModule``'s message
    """

    def __init__(self, code: ModuleType, name: str, args: Mapping[str, Any], *, check_mode: bool, diff: bool):
        self.check_mode = check_mode
        self._diff = diff
        self.warnings: list[str] = []
        rules = {key: value for key, value in code.ARGUMENTS.items() if key != "supports_check_mode"}
        checked = ArgumentSpecValidator(**rules).validate(plain(args))
        self.params: dict[str, Any] = checked.validated_parameters
        self.no_log_values: set[str] = set(checked._no_log_values)
        self.problem: str | None = checked.errors.msg if checked.error_messages else None
        if self.problem and isinstance(checked.errors[0], UnsupportedError):
            self.problem = f"Unsupported parameters for ({name}) module: {self.problem}"
        for each in checked._warnings:
            self.warn(f"Both option {each['option']} and its alias {each['alias']} are set.")

    def warn(self, text: str) -> None:
        """Show a warning with the task's result."""
        if text not in self.warnings:
            self.warnings.append(text)


def run(code: ModuleType, task: Any, *, shows_arguments: bool) -> dict[str, Any]:
    """Return the result of a task that runs the module *code*, without the values of its secret options."""
    module = Module(code, task.action, task.args, check_mode=task.check_mode, diff=task.diff)
    try:
        result = {"failed": True, "msg": module.problem} if module.problem else outcome(module, code.manage)
    except Exception as error:  # a bug fails only this item of a loop, as a crashed process would
        msg = f"{task.action} crashed, which is a bug in it: {type(error).__name__}"
        result = {"failed": True, "msg": msg, "exception": traceback.format_exc()}
    if shows_arguments:
        result.setdefault("invocation", {"module_args": module.params})
    else:
        result.pop("invocation", None)
    if module.warnings:
        result["warnings"] = module.warnings
    return remove_values(result, module.no_log_values)


def plain(value: Any) -> Any:
    """Return a value without Ansible's tags and wrappers, as a module gets it through JSON."""
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    kind = next((kind for kind in (int, float) if isinstance(value, kind)), str)  # also of dates and vaulted text
    return kind(value)


@contextmanager
def silence() -> Iterator[None]:
    """Keep the SDKs' log messages out of Ansible's log (``ANSIBLE_LOG_PATH``), which records every logger."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _is_wanted(value: Any) -> bool:
    return boolean(value, strict=False) is not False


def _shows_arguments(task_vars: Mapping[str, Any]) -> bool:
    try:
        return bool(C.config.get_config_value("INJECT_INVOCATION", variables=task_vars))
    except AnsibleError:
        return True  # ansible-core before 2.20 always shows them
