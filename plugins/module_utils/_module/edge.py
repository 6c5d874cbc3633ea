# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of every module: checks its libraries, and turns its errors into results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._http.errors import SmsError


def run(module: AnsibleModule, manage: Callable[[AnsibleModule], dict], needs: Mapping[str, str | None]) -> Any:
    """Exit *module* with its result.

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
    """Return the module's result, with a message for the user if it failed.

    :param module: the module, or its substitute in the task's own process
    :param manage: does the work and returns the result, which has ``failed`` if it failed
    """
    try:
        return manage(module)
    except SmsError as error:
        return {"failed": True, "msg": str(error), "failure": error.facts()}
