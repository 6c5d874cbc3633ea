# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's variables of each host of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.playbook.conditional import Conditional
from ansible.playbook.task_include import TaskInclude
from ansible.template import Templar

from ..module_utils._role.short import KNOWN, is_given, short_values

#: Names that users choose: if YAML reads one as a number or boolean, the credential would get another name.
NAMED_BY_USERS = ("connect_sms_credential_name",)
PLAIN = (bool, int, float, type(None))


class HostValues:
    """Reads and validates the variables of a specification, host by host.

    Only a plugin on the controller can do this: a template sees another host's inventory variables, but not its play
    variables and role defaults. It has to be fast for thousands of hosts: one templar serves all of them, values without
    a template are used unchanged, and values that hosts share are validated once.

    :param spec: the role's argument specification
    :param task: the task in whose play and role the variables are read
    :param task_vars: the task's variables
    """

    def __init__(self, spec: Mapping[str, Mapping[str, Any]], task: Any, loader: Any, task_vars: Mapping[str, Any]):
        hostvars = task_vars["hostvars"]
        self._validator = ArgumentSpecValidator({name: dict(option) for name, option in spec.items()})
        self._names = list(spec)
        self._task = task
        self._manager = hostvars._variable_manager
        self._inventory = hostvars._inventory
        # Without these, Ansible lists the play's hosts again for each host.
        self._play = {
            "_hosts": list(task_vars["ansible_play_hosts"]),
            "_hosts_all": list(task_vars["ansible_play_hosts_all"]),
        }
        self._templar = Templar(loader=loader, variables={})
        self._validated: dict[str, tuple[dict[str, Any], list[str]]] = {}
        self.extra: Mapping[str, Any] = self._manager.extra_vars
        # An unanswered survey question is an empty extra variable, which must not hide the inventory's value. This
        # process belongs to the task, so nothing else sees the change.
        self._manager._extra_vars = {name: value for name, value in self.extra.items() if is_given(value)}
        self._short = {name: value for name, value in self.extra.items() if name in KNOWN}

    def of(self, host: str) -> tuple[dict[str, Any], list[str]]:
        """Return the values of *host*, ``None`` for those that are not given, and the mistakes in them."""
        record = self._inventory.get_host(host)  # makes the implicit localhost, too
        variables = self._manager.get_vars(play=self._task.get_play(), host=record, task=self._task, **self._play)
        given = {name: variables[name] for name in self._names if name in variables}
        if not is_given(given.get("connect_sms_phone_numbers")) and "connect_sms_phone_numbers" in self._names:
            given["connect_sms_phone_numbers"] = variables.get("phone_number")
        try:
            values = short_values(self._templated(self._short, variables))
            values |= self._templated({name: value for name, value in given.items() if name not in values}, variables)
        except AnsibleError as error:
            return {}, [error.message]
        return self._checked({name: value for name, value in values.items() if name in self._names and is_given(value)})

    def meant(self, hosts: list[str]) -> list[str]:
        """Return the hosts for which the conditions (``when``) of the role and of its parents hold.

        Ansible evaluates the conditions of a task that runs once for its first host only. A host whose conditions cannot be
        evaluated is meant, as it always is without conditions.
        """
        conditions = _conditions(self._task)
        return [host for host in hosts if self._holds(conditions, host)] if conditions else hosts

    def _holds(self, conditions: list[Any], host: str) -> bool:
        record = self._inventory.get_host(host)
        variables = self._manager.get_vars(play=self._task.get_play(), host=record, task=self._task, **self._play)
        self._templar.available_variables = variables
        try:
            if hasattr(self._templar, "evaluate_conditional"):
                return all(map(self._templar.evaluate_conditional, conditions))
            own = Conditional(loader=self._task.get_loader())  # ansible-core before 2.19
            own.when = conditions
            return bool(own.evaluate_conditional(self._templar, variables))
        except AnsibleError:
            return True

    def everybody(self) -> list[str]:
        """Return all hosts of the inventory, including those that ``--limit`` excludes."""
        return [host.name for host in self._inventory.get_hosts("all", ignore_limits=True, ignore_restrictions=True)]

    def _templated(self, given: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """:raises AnsibleError: with a message that names the variable"""
        self._templar.available_variables = variables
        values = {}
        for name, value in given.items():
            try:
                values[name] = value if _is_plain(value) else self._templar.template(value)
            except AnsibleError as error:
                raise AnsibleError(f"{name} cannot be templated: {error.message}") from None
        return values

    def _checked(self, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the values, with defaults and types applied, and the mistakes in them."""
        values = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        numbers = values.pop("connect_sms_phone_numbers", None)
        if isinstance(numbers, Mapping):
            return {}, ["connect_sms_phone_numbers must be a list of phone numbers, not a dictionary"]
        read_as = [name for name in NAMED_BY_USERS if isinstance(values.get(name), (bool, int, float))]
        if read_as:
            return {}, [_not_a_text(name, values[name]) for name in read_as]
        known = repr(sorted(values.items()))
        if known not in self._validated:
            checked = self._validator.validate(values)
            valid = {name: checked.validated_parameters.get(name) for name in self._names}
            self._validated[known] = valid, list(checked.error_messages)
        valid, errors = self._validated[known]
        if "connect_sms_phone_numbers" not in self._names:
            return dict(valid), list(errors)
        return {**valid, "connect_sms_phone_numbers": list(_numbers(numbers))}, list(errors)


def _conditions(task: Any) -> list[Any]:
    """Return the conditions of a task, with those of the includes that it comes from. Static imports hand theirs on."""
    conditions, parent = list(task.when), task._parent
    while parent is not None:
        if isinstance(parent, TaskInclude) and not parent.statically_loaded:
            conditions += parent.when
        parent = parent._parent
    return conditions


def _numbers(given: Any) -> Iterator[Any]:
    """Yield the numbers in a variable: one, or a list."""
    if is_given(given):
        yield from (each for each in (given if isinstance(given, list) else [given]) if is_given(each))


def _not_a_text(name: str, value: Any) -> str:
    """Return the message about a name that YAML has read as something else, so that the original text is lost."""
    return (
        f"{name} must be a string, but YAML has read it as {str(value).lower()} (0123 is an octal number, yes is true):"
        " quote it, or in a controller's survey choose a name that begins with a letter and is not such a word"
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and "{#" not in value
    return isinstance(value, PLAIN)
