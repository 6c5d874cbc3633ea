# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure of an action plugin that the user can fix, without a traceback."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail


class ActionFailed(AnsibleActionFail):
    """Fails with a message only. ansible-core before 2.19 would add a traceback, even if there is none."""

    def __init__(self, message: str):
        super().__init__(message)
        self.result.pop("exception", None)
