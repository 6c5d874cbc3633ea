# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of the role's action plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._role.outcomes import both_passes
from .action_failed import ActionFailed
from .module_defaults import COLLECTION

display = Display()


class RolePart(ActionBase):
    """An action that works on results registered by earlier tasks of the role.

    Takes the names of the registered variables, not their values: templating a thousand outcomes for each of a thousand
    hosts would take longer than everything else.
    """

    BYPASS_HOST_LOOP = True  # once for the batch
    VARIABLES = frozenset({"plan", "look", "credentials", "channels", "keys", "urls", "webhooks", "first_pass"})
    _requires_connection = False
    _VALID_ARGS = VARIABLES

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        result = {**result, "changed": False, **self.work()}
        if not result.pop("failed", False):
            return result
        for text in result.pop("warnings", ()):
            display.warning(text)
        raise ActionFailed(result["msg"], result)

    def work(self) -> dict[str, Any]:
        """Return the task's result, ``failed`` and ``msg`` included."""
        raise NotImplementedError

    @property
    def plan(self) -> dict[str, Any]:
        """What ``sms_plan`` returned."""
        return self._task_vars[self._task.args["plan"]]

    def registered(self, argument: str) -> Mapping[str, Any]:
        """Return the variable that an argument names, empty if there is none."""
        return self._task_vars.get(self._task.args.get(argument)) or {}

    @property
    def first_pass(self) -> Mapping[str, Any]:
        """What a first pass did, if another run made a second one necessary: ``webhooks`` and ``files``."""
        first = self.registered("first_pass")
        # A fact outlives its play, so it must belong to this plan.
        return first if first.get("plan") == self.plan["id"] else {"webhooks": [], "files": []}

    def written(self) -> list[Mapping[str, Any]]:
        """Return the results of the webhooks' task: of both passes, if there were two."""
        return both_passes(self.first_pass["webhooks"], self._results("webhooks"))

    def results(self, *arguments: str) -> list[list[Mapping[str, Any]]]:
        """Return for each argument the results of the task that registered the variable: a loop, or ``sms_accounts``."""
        return [self._results(argument) for argument in arguments]

    def _results(self, argument: str) -> list[Mapping[str, Any]]:
        registered = self.registered(argument)
        return registered.get("accounts") or registered.get("results", [])

    def run_module(self, name: str, args: Mapping[str, Any], *, write: bool) -> dict[str, Any]:
        """Run a module of this collection as a task would, in check mode unless it may *write*, and return its result."""
        return self.run_action(self.action_of(name, args, write=write))

    def action_of(self, name: str, args: Mapping[str, Any], *, write: bool) -> ActionBase:
        """Return the action that runs a module of this collection, for :meth:`run_action`."""
        task = self._task.copy()
        task.action = f"{COLLECTION}.{name}"
        task.args = dict(args)
        task.check_mode = not write
        return self._shared_loader_obj.action_loader.get(
            task.action,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )

    def run_action(self, action: ActionBase) -> dict[str, Any]:
        """Run an action and return its result, also if it could not run its module."""
        try:
            result = action.run(task_vars=dict(self._task_vars))
        except AnsibleError as error:
            result = {"msg": str(error)}
        return {name: value for name, value in result.items() if name != "invocation"}
