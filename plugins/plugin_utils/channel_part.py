# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For the parts of the role that work with channels of watsonx Orchestrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .module_defaults import access_defaults
from .role_part import RolePart

CHANNEL, ACCOUNT = "orchestrate_sms_channel", "twilio_sms_webhook_info"


class ChannelPart(RolePart):
    """An action that runs modules, as separate tasks would."""

    def channel(self, channel: Mapping[str, Any], *, write: bool, **options: Any) -> dict[str, Any]:
        """Run the module for a channel, in check mode unless it may *write*, and return its result."""
        # The defaults of the account belong to the action group for Twilio.
        account = access_defaults(self._task, self._templar, "twilio", "twilio_sms_webhook")
        args = {
            **{name: account[name] for name in ("account_sid", "auth_token") if name in account},
            **access_defaults(self._task, self._templar, "ibm_cloud", CHANNEL),
            **access_defaults(self._task, self._templar, "orchestrate", CHANNEL),
            **channel["access"],
            **{name: channel[name] for name in ("agent", "environment", "name")},
            **options,
        }
        return self.run_module(CHANNEL, args, write=write)

    def holders(self, account: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an account has that leads anywhere. A secret."""
        defaults = access_defaults(self._task, self._templar, "twilio", ACCOUNT)
        return self.run_module(ACCOUNT, {**defaults, **account["access"], "holders": True}, write=False)
