# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of every module: which libraries it needs, and how its errors reach the user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._http.errors import SmsError


def run(module: AnsibleModule, manage: Callable[[AnsibleModule], dict], needs: Mapping[str, str | None]) -> Any:
    """Exit *module* with its outcome.

    :param manage: as for :func:`outcome`
    :param needs: package names, each with the traceback of its failed import or ``None``
    """
    for library, traceback in needs.items():
        if traceback:
            install = f"Install it with: {sys.executable} -m pip install {library}"
            module.fail_json(msg=f"{missing_required_lib(library)} {install}", exception=traceback)
    result = outcome(module, manage)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def outcome(module: AnsibleModule, manage: Callable[[AnsibleModule], dict]) -> dict:
    """Return the module's result, in which a failure has a message made for the user.

    :param module: or what stands for one in the task's own process
    :param manage: does the work and returns the result; one with ``failed`` in it is a failure
    """
    try:
        return manage(module)
    except SmsError as error:
        return {"failed": True, "msg": str(error), "failure": error.facts()}
