# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ..module_utils._http.errors import SmsError
from ..module_utils._module.options import IBM_CLOUD_OPTIONS, TWILIO_OPTIONS, given, require_ibm_cloud, require_twilio
from ..module_utils._numbers.files import load
from ..module_utils._role import backup
from ..module_utils._role.audit import audit_plan
from ..module_utils._role.plan import IBM_VARIABLES, TWILIO_VARIABLES, credential_plan, make_plan, restore_plan
from ..plugin_utils.vault import decrypting


class ActionModule(ActionBase):
    """Reads the role's variables for every host of the batch and plans the work for all of them.

    Only a plugin on the controller can do so: a template sees another host's inventory variables, but neither play
    variables nor role defaults as they are for that host.
    """

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"entry_point", "state"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        spec = self._options()
        hosts, problems = {}, {}
        for host in task_vars["ansible_play_batch"]:
            values, errors = self._values(host, spec, task_vars)
            if errors:
                problems[host] = "; ".join(errors)
            else:
                hosts[host] = values
        dry_run = bool(self._task.check_mode)
        entry_point = self._task.args.get("entry_point")
        if not dry_run and entry_point not in ("audit", "credential"):
            self._check_folders(hosts, problems)
        if entry_point == "restore":
            plan = self._restore_plan(hosts, problems)
        elif entry_point == "audit":
            plan = audit_plan(hosts, problems)
        elif entry_point == "credential":
            plan = credential_plan(hosts, problems)
        else:
            plan = make_plan(hosts, problems, state=self._task.args.get("state", "present"))
        return {**result, "changed": False, "dry_run": dry_run, **plan}

    @staticmethod
    def _check_folders(hosts: dict[str, dict[str, Any]], problems: dict[str, str]) -> None:
        """Before anything is written anywhere, see whether the record of it can be."""
        folders: dict[str, str | None] = {}
        for host, folder in [(host, values.get("connect_sms_backup_dir")) for host, values in hosts.items()]:
            if folder and folder not in folders:
                try:
                    folders[folder] = backup.check_folder(os.path.abspath(folder))
                except SmsError as error:
                    folders[folder] = str(error)
            if folder and folders[folder]:
                problems[host] = str(folders[folder])
                del hosts[host]

    def _restore_plan(self, hosts: dict[str, dict[str, Any]], problems: dict[str, str]) -> dict[str, Any]:
        """Return the plan of putting a backup back. A backup is of accounts, so one host stands for all of it."""
        plan: dict[str, Any] = {"credentials": [], "accounts": [], "numbers": {}, "errors": problems}
        for host, values in list(hosts.items())[:1]:
            try:
                record = backup.read(os.path.abspath(values["connect_sms_backup"]), decrypting(self._loader))
                option = {name: values[variable] for name, variable in TWILIO_VARIABLES.items()}
                return restore_plan(host, record, values, given(option, "account_sid", TWILIO_OPTIONS))
            except (SmsError, ValueError) as error:
                problems[host] = str(error)
        return plan

    def _options(self) -> dict[str, dict[str, Any]]:
        """Return the role's own argument spec, the one place that says which variables there are."""
        role = self._task._role
        if role is None:
            raise AnsibleActionFail("sms_plan works inside the role voiceagent.sms.connect_sms only")
        specs = self._loader.load_from_file(os.path.join(role._role_path, "meta", "argument_specs.yml"))
        return specs["argument_specs"][self._task.args.get("entry_point", "main")]["options"]

    def _values(
        self, host: str, spec: dict[str, dict[str, Any]], task_vars: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the role's variables as they are for *host*, validated, and what is wrong with them."""
        hostvars = task_vars["hostvars"]
        manager, inventory = hostvars._variable_manager, hostvars._inventory
        record = inventory.get_host(host)  # makes the implicit localhost, too
        variables = manager.get_vars(play=self._task.get_play(), host=record, task=self._task)
        templar = Templar(loader=self._loader, variables=variables)
        values, errors = {}, []
        for name in spec:
            if variables.get(name) is None:
                continue
            try:
                values[name] = templar.template(variables[name])
            except AnsibleError as error:
                errors.append(f"{name} cannot be templated: {error.message}")
        values = {name: value for name, value in values.items() if value is not None and value != ""}
        checked = ArgumentSpecValidator(spec).validate(values)
        errors += checked.error_messages
        values = {name: checked.validated_parameters.get(name) for name in spec}
        if (
            not errors and (values.get("connect_sms_concurrency", 1) or 0) < 1
        ):  # before there is a credential for nothing
            errors.append("connect_sms_concurrency must be 1 or more")
        if not errors and values.get("connect_sms_numbers_file"):
            try:
                rows = load(os.path.abspath(values["connect_sms_numbers_file"]))
            except SmsError as error:
                errors.append(str(error))
            else:
                given = values["connect_sms_phone_numbers"] or []
                values["connect_sms_phone_numbers"] = [*given, *(number for number, _description in rows)]
        return values, errors or self._missing_credentials(values)

    def _missing_credentials(self, values: dict[str, Any]) -> list[str]:
        """Before the first request to either cloud, see whether credentials for both are there."""
        if any(self._task.environment or ()):
            return []  # the modules' environment is not this process's: they will say it
        literal = values.get("connect_sms_receiver_url") or values.get("connect_sms_password")
        entry_point = self._task.args.get("entry_point")
        # Nothing but the service credential needs no phone numbers.
        checks = [] if entry_point == "credential" else [(require_twilio, TWILIO_OPTIONS, TWILIO_VARIABLES)]
        # An audit may find nothing that IBM Cloud knows of, and a restore only asks about keys that it finds.
        if not literal and entry_point not in ("audit", "restore"):
            checks.append((require_ibm_cloud, IBM_CLOUD_OPTIONS, IBM_VARIABLES))
        for require, spec, variables in checks:
            try:
                require({name: given({name: values[variables[name]]}, name, spec) for name in spec})
            except SmsError as error:
                return [str(error)]
        return []
