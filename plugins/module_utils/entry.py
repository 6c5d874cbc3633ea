# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of every module: which libraries it needs, and how its errors reach the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import SmsError


def run(module: AnsibleModule, work: Callable[[], dict], *, needs: dict[str, str | None]) -> Any:
    """Exit *module* with what *work* returns, or fail it with a message made for the user.

    :param work: returns the module's result; a result with ``failed`` in it fails the module
    :param needs: package names, each with the traceback of its failed import or ``None``
    """
    for library, traceback in needs.items():
        if traceback:
            module.fail_json(msg=missing_required_lib(library), exception=traceback)
    failure, result = None, {}
    try:
        result = work()
    except SmsError as error:
        failure = error
    # Outside the except block: within it Ansible would add a traceback at -vvv.
    if failure is not None:
        module.fail_json(msg=str(failure), failure=failure.facts())
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
