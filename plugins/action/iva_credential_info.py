# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """Runs the module in the task's own process if possible."""

    module_name = "iva_credential_info"
