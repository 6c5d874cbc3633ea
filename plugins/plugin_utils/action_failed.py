# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure of an action plugin that the user can fix, without a traceback."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail


class ActionFailed(AnsibleActionFail):
    """Fails with a message, shown once: in the task's result.

    ansible-core before 2.19 would add the traceback of an exception, even if there is none. Newer releases would show the message
    again for each host, in an ``[ERROR]`` block with the source of the role's task.

    :param result: the rest of the task's result
    """

    omit_exception_key = True

    def __init__(self, message: str, result: dict[str, Any] | None = None):
        super().__init__(message, result=result)
        self.result.pop("exception", None)
