# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The private parts of ansible-core that the plugins use exist in the tested core."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.inventory.manager import InventoryManager, split_host_pattern
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.role import Role
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.release import __version__ as ansible_version
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.voiceagent.sms.plugins.plugin_utils.action_failed import ActionFailed

LOADER = DataLoader()
INVENTORY = InventoryManager(loader=LOADER, sources=[])
MANAGER = VariableManager(loader=LOADER, inventory=INVENTORY)
CHECKED = ArgumentSpecValidator({"name": {"type": "str"}}).validate({"name": "a"})


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (LOADER, "_vault"),
        (LOADER._vault, "secrets"),
        (MANAGER, "_extra_vars"),
        (MANAGER, "extra_vars"),
        (HostVars(INVENTORY, MANAGER, LOADER), "_variable_manager"),
        (HostVars(INVENTORY, MANAGER, LOADER), "_inventory"),
        (CHECKED, "validated_parameters"),
        (CHECKED, "_no_log_values"),
        (CHECKED, "_warnings"),
        (Task(), "_role"),
        (Task(), "module_defaults"),
        (Task(), "get_play"),
        (Task(), "environment"),
        (Task(), "when"),
        (Task(), "_parent"),
        (TaskInclude(), "statically_loaded"),
        (Role(Play()), "_role_path"),
    ],
)
def test_a_private_part_is_there(holder: Any, name: str) -> None:
    assert hasattr(holder, name)


def test_signatures_are_as_they_are_used() -> None:
    assert {"play", "host", "task", "_hosts", "_hosts_all"} <= set(inspect.signature(MANAGER.get_vars).parameters)
    assert "ignore_limits" in inspect.signature(INVENTORY.get_hosts).parameters
    assert split_host_pattern("a:!b") == ["a", "!b"]


def test_a_failure_can_still_be_shown_once() -> None:
    """In 2.19 and newer an exception of an action says whether it is shown beside the task's result."""
    shows_errors = tuple(map(int, ansible_version.split(".")[:2])) >= (2, 19)
    assert hasattr(AnsibleActionFail, "omit_exception_key") is shows_errors
    assert ActionFailed("no", {"numbers": []}).result["numbers"] == []


def test_extra_variables_that_are_replaced_are_gone() -> None:
    manager = VariableManager(loader=LOADER, inventory=INVENTORY)
    manager._extra_vars = {"phone_number": ""}
    assert manager.get_vars()["phone_number"] == ""
    manager._extra_vars = {}
    assert "phone_number" not in manager.get_vars()
