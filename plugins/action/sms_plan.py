# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.vars.reserved import get_reserved_names

# Ansible forks a process for each task. What is imported before the first one need not be imported in each.
from ..filter import sms_next  # noqa: F401  # pylint: disable=unused-import
from ..module_utils._http.errors import SmsError, join
from ..module_utils._module.options import (
    IBM_CLOUD_OPTIONS,
    TWILIO_OPTIONS,
    given,
    misspelt,
    require_ibm_cloud,
    require_twilio,
)
from ..module_utils._module.orchestrate import orchestrate
from ..module_utils._numbers.files import load
from ..module_utils._role import backup, tenants
from ..module_utils._role.audit import audit_plan
from ..module_utils._role.plan import (
    CHANNEL_VARIABLES,
    IBM_VARIABLES,
    PREFIX,
    TWILIO_VARIABLES,
    access_of,
    credential_plan,
    finish_plan,
    make_plan,
    needs_no_credential,
    numbers_if_known,
    restore_plan,
    restore_values,
)
from ..module_utils._role.short import DRY_RUN, KNOWN, is_given
from ..module_utils._role.verify import verify_plan
from ..plugin_utils.action_failed import ActionFailed
from ..plugin_utils.host_values import HostValues
from ..plugin_utils.module_defaults import access_defaults
from ..plugin_utils.run import run_id
from ..plugin_utils.vault import decrypting

PLAYBOOK_VARIABLES = [PREFIX + name for name in ("serial", "max_fail_percentage")]  # read by playbooks only
STEP = 1000  # hosts between two lines of progress
display = Display()


class ActionModule(ActionBase):
    """Reads the role's variables for every host of the batch and plans the work for all of them."""

    BYPASS_HOST_LOOP = True  # once for the batch
    _requires_connection = False
    _VALID_ARGS = frozenset({"entry_point"})

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = {**super().run(tmp, task_vars), "changed": False}
        try:
            return {**result, **self._planned(task_vars or {})}
        except ActionFailed as error:
            # The task hides its result, because it contains passwords. So the next task fails with this message.
            return {**result, "refusal": error.message}

    def _planned(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """:raises ActionFailed: if nothing can be done"""
        self._entry_point = str(self._task.args.get("entry_point", "main"))
        self._files: dict[str, list[str]] = {}
        self._tenants: dict[str, dict[str, Any]] = {}
        values = HostValues(self._options(), self._task, self._loader, task_vars)
        self._refuse_misspelt(values.extra)
        self._refuse_lost_hosts(task_vars)
        names = values.meant(task_vars["ansible_play_batch"]) or task_vars["ansible_play_batch"]
        dry_run = bool(self._task.check_mode) or self._is_dry_run(values.extra)
        read, problems = self._read(names, values)
        hosts = {host: one for host, one in read.items() if host not in problems}
        if not dry_run and self._entry_point not in ("audit", "credential", "verify"):
            self._check_folders(hosts, problems, in_container="awx_job_id" in task_vars)
        plan = self._plan(hosts, problems, dry_run)
        if plan["errors"] and not plan["numbers"] and not plan["credentials"]:
            raise ActionFailed(join(list(dict.fromkeys(plan["errors"].values())), "; "))
        return {
            "dry_run": dry_run,
            "run_id": run_id(),
            "id": uuid.uuid4().hex,
            "per_host": any(one.get("connect_sms_report_per_host") for one in hosts.values()) or bool(problems),
            "last_host": names[-1],
            **plan,
            "unplanned": {host: numbers_if_known(host, read[host]) for host in plan["errors"] if host in read},
            "finish": self._finish(hosts, values, task_vars),
        }

    @staticmethod
    def _refuse_lost_hosts(task_vars: Mapping[str, Any]) -> None:
        """Refuse a second use of the role in a play if hosts are missing after the first.

        If the first has repeated its work (``connect_and_check.yml``), Ansible leaves only its first host in the play's batch.
        """
        first, plan = task_vars.get("__connect_sms_first_pass"), task_vars.get("__connect_sms_plan")
        if first and plan and first.get("plan") == plan.get("id"):
            lost = [host for host in plan["numbers"] if host not in task_vars["ansible_play_batch"]]
            if lost:
                raise ActionFailed(
                    f"Ansible has left out {join(lost, ', ')}, because another run interfered with an earlier task of this play."
                    " Nothing was done: run the playbook again"
                )

    def _refuse_misspelt(self, extra: Mapping[str, Any]) -> None:
        """Refuse misspelt extra variables: ``dryrun=yes`` would otherwise be a real run."""
        known = {*KNOWN, *PLAYBOOK_VARIABLES, *self._all_options()}
        names = [name for name in map(str, extra) if not name.startswith("ansible_")]
        meant = misspelt(names, sorted(known), others=get_reserved_names())
        if meant:
            texts = [f"extra variable '{name}' is not known: did you mean {one}?" for name, one in meant.items()]
            raise ActionFailed(f"{join(texts, ' ')} Nothing was done")

    @staticmethod
    def _is_dry_run(extra: Mapping[str, Any]) -> bool:
        """Whether the extra variable ``dry_run`` asks for a dry run: a controller's form cannot pass ``--check``."""
        if not is_given(extra.get(DRY_RUN)):
            return False
        try:
            return boolean(extra[DRY_RUN])
        except TypeError:
            raise ActionFailed(f"dry_run must be yes or no, not '{str(extra[DRY_RUN])[:40]}'") from None

    def _read(self, names: list[str], read: HostValues) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Return the values of each host, and the mistakes in them."""
        hosts, problems = {}, {}
        for count, host in enumerate(names, 1):
            hosts[host], errors = read.of(host)
            errors = errors or self._refusals(hosts[host])
            if errors:
                problems[host] = join(errors, "; ")
            if count % STEP == 0 and len(names) > STEP:
                display.display(f"Planned {count} of {len(names)} hosts")
        return hosts, problems

    def _finish(
        self, hosts: dict[str, dict[str, Any]], read: HostValues, task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what to delete after the play's last batch, and every account that may still need it."""
        nothing = {"credentials": [], "accounts": [], "problem": None}
        if self._entry_point not in ("rotate", "disconnect"):
            return nothing
        living = read.meant(task_vars["ansible_play_hosts"])  # hosts that have failed are in no batch
        if not set(living[-1:]) <= set(task_vars["ansible_play_batch"]):
            return nothing
        play = read.meant(task_vars["ansible_play_hosts_all"])
        problem = None
        values: dict[str, dict[str, Any]] = dict(hosts)
        for host in {**dict.fromkeys(play), **dict.fromkeys(read.everybody())}:
            if host not in values:
                values[host], errors = read.of(host)
                if errors and not values[host]:
                    problem = problem or f"host {host}: {join(errors, '; ')}"
        own = {host: values[host] for host in play if values[host]}
        others = {host: one for host, one in values.items() if one and host not in own}
        return {**finish_plan(own, others), "problem": problem}

    def _plan(self, hosts: dict[str, dict[str, Any]], problems: dict[str, str], dry_run: bool) -> dict[str, Any]:
        if self._entry_point == "restore":
            return self._restore_plan(hosts, problems, dry_run)
        if self._entry_point == "audit":
            return audit_plan(hosts, problems)
        if self._entry_point == "verify":
            return verify_plan(hosts, problems)
        if self._entry_point == "credential":
            return credential_plan(hosts, problems)
        state = "absent" if self._entry_point == "disconnect" else "present"
        return make_plan(hosts, problems, state=state, rotate=self._entry_point == "rotate")

    @staticmethod
    def _check_folders(hosts: dict[str, dict[str, Any]], problems: dict[str, str], in_container: bool) -> None:
        """Check that the record can be written, before anything else is."""
        folders: dict[str, str | None] = {}
        for host, folder in [(host, values.get("connect_sms_backup_dir")) for host, values in hosts.items()]:
            if folder and folder not in folders:
                try:
                    folders[folder] = backup.check_folder(os.path.abspath(folder), in_container=in_container)
                except SmsError as error:
                    folders[folder] = str(error)
            if folder and folders[folder]:
                problems[host] = str(folders[folder])
                del hosts[host]

    def _restore_plan(
        self, hosts: dict[str, dict[str, Any]], problems: dict[str, str], dry_run: bool
    ) -> dict[str, Any]:
        """Return the plan of a restore. A record belongs to accounts, so one host represents all of it."""
        host = next(iter(hosts), None)
        if host is not None:
            try:
                values = restore_values(hosts)
                paths = backup.paths_of(values["connect_sms_backup"])
                record = backup.read_all(paths, decrypting(self._loader))
                account_sid = self._access(values, "twilio")["account_sid"]
                folder = os.path.abspath(values.get("connect_sms_backup_dir") or os.path.dirname(paths[0]))
                if not dry_run:
                    backup.check_folder(folder)
                return {**restore_plan(host, record, values, account_sid, folder), "errors": problems}
            except (SmsError, ValueError) as error:
                problems = {**problems, **dict.fromkeys(hosts, str(error))}
        return {"credentials": [], "accounts": [], "numbers": {}, "errors": problems}

    def _options(self) -> dict[str, dict[str, Any]]:
        """Return the role's argument spec, the only list of its variables."""
        role = self._task._role
        if role is None:
            raise ActionFailed("sms_plan only works inside the role voiceagent.sms.connect_sms")
        return self._specs(role)[self._entry_point]["options"]

    def _specs(self, role: Any) -> dict[str, Any]:
        path = os.path.join(role._role_path, "meta", "argument_specs.yml")
        return self._loader.load_from_file(path, unsafe=True)["argument_specs"]  # not copied: it is only read

    def _all_options(self) -> set[str]:
        """Return the role's variables of all entry points."""
        return {name for spec in self._specs(self._task._role).values() for name in spec["options"]}

    def _refusals(self, values: dict[str, Any]) -> list[str]:
        """Return the mistakes in a host's values, and read its numbers file into them."""
        if (values.get("connect_sms_concurrency", 1) or 0) < 1:
            # Checked here, because failing later would leave a new, unused credential.
            return ["connect_sms_concurrency must be 1 or more"]
        tasks = values.get("connect_sms_store_key_tasks")
        if tasks and (problem := self._why_no_tasks(tasks)):
            return [f"connect_sms_store_key_tasks '{tasks}' {problem}"]
        values["connect_sms_store_key_tasks"] = os.path.abspath(tasks) if tasks else None
        if values.get("connect_sms_tenants_file"):
            try:
                values["connect_sms_tenants_file"] = self._tenants_in(values["connect_sms_tenants_file"])
            except SmsError as error:
                return [str(error)]
        path = values.get("connect_sms_numbers_file")
        if path:
            try:
                numbers = self._numbers_in(os.path.abspath(path))
            except SmsError as error:
                return [str(error)]
            values["connect_sms_phone_numbers"] = [*(values["connect_sms_phone_numbers"] or ()), *numbers]
        return self._missing_credentials(values)

    def _why_no_tasks(self, path: str) -> str | None:
        """Return why a file has no tasks, ``None`` if it has.

        Failing later would leave a new credential whose key is not stored.
        """
        try:
            loaded = self._loader.load_from_file(os.path.abspath(path))
        except AnsibleError:
            return "cannot be read as YAML"
        if not isinstance(loaded, list) or not all(isinstance(task, Mapping) for task in loaded):
            return "is not a list of tasks"
        return None

    def _tenants_in(self, path: str) -> dict[str, Any]:
        """Return the tenants in a gateway's file. Many hosts may share it, so it is read once."""
        if path not in self._tenants:
            self._tenants[path] = tenants.load(os.path.abspath(path), decrypting(self._loader))
        return self._tenants[path]

    def _numbers_in(self, path: str) -> list[str]:
        """Return the phone numbers in a file. Many hosts may share it, so it is read once."""
        if path not in self._files:
            self._files[path] = [number for number, _description in load(path, decrypting(self._loader))]
        return self._files[path]

    def _missing_credentials(self, values: dict[str, Any]) -> list[str]:
        """Check that credentials for both clouds are given, before the first request."""
        if any(self._task.environment or ()):
            return []  # This process cannot see the task's environment; the modules report what is missing.
        checks = [] if self._entry_point == "credential" else [(require_twilio, "twilio")]
        # An audit or restore may find no key, and then does not need IBM Cloud.
        if not needs_no_credential(values) and self._entry_point not in ("audit", "restore", "verify"):
            checks.append((require_ibm_cloud, "ibm_cloud"))
        for require, cloud in checks:
            try:
                require(self._access(values, cloud))
            except SmsError as error:
                return [str(error)]
        return self._orchestrate_refusals(values)

    def _orchestrate_refusals(self, values: dict[str, Any]) -> list[str]:
        """Check the options for watsonx Orchestrate, before the first request."""
        if not values.get("connect_sms_orchestrate_agent") or self._entry_point in ("credential", "rotate"):
            return []
        account = self._access(values, "twilio")
        if account["subaccount_sid"] not in (None, "", account["account_sid"]):
            return [
                "a channel of watsonx Orchestrate needs the subaccount's own SID and auth token, with which Twilio signs its"
                " texts: give them as connect_sms_twilio_account_sid and connect_sms_twilio_auth_token, without"
                " connect_sms_twilio_subaccount_sid"
            ]
        own = access_of(values, CHANNEL_VARIABLES)
        groups = ("ibm_cloud", "orchestrate")
        defaults = [access_defaults(self._task, self._templar, group, "orchestrate_sms_channel") for group in groups]
        try:
            orchestrate({**defaults[0], **defaults[1], **own})
        except SmsError as error:
            return [str(error)]
        return []

    def _access(self, values: Mapping[str, Any], cloud: str) -> dict[str, Any]:
        """Return a host's options for access to a cloud: its own, the play's defaults, or the environment's."""
        module, spec, variables = {
            "twilio": ("twilio_sms_webhook", TWILIO_OPTIONS, TWILIO_VARIABLES),
            "ibm_cloud": ("iva_credential", IBM_CLOUD_OPTIONS, IBM_VARIABLES),
        }[cloud]
        defaults = access_defaults(self._task, self._templar, cloud, module)
        own = {name: values.get(variable) for name, variable in variables.items()}
        own = {name: defaults.get(name) if value is None else value for name, value in own.items()}
        return {name: given(own, name, spec) for name in spec}
