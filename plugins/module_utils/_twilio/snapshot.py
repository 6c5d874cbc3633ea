# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account says of phone numbers at one moment, looked up once and used by more than one task.

A role looks before it writes anything in either cloud, and writes to the numbers after the credential is there. The
snapshot carries the look from the one task to the other, so that the account is listed once. It holds the webhooks'
passwords: it is a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._http.errors import SmsError
from .alerts import webhook_errors
from .overrides import describe_override, find_overrides, messaging_services, webhooks_of
from .webhook import receives_sms, settings_of


def why_not(number: str, snapshot: Snapshot, params: Mapping[str, Any]) -> str | None:
    """Return why a number must be left alone, in words, or ``None``.

    :param params: ``state`` and ``on_override`` as in twilio_sms_webhook
    """
    found = snapshot.numbers.get(number)
    if found is None:
        return f"not a phone number of account {snapshot.account_sid} (20404): check the number and the account"
    if params.get("state", "present") == "present":
        if not found.receives_sms:
            return "cannot receive texts: the number has no SMS capability"
        override = (snapshot.overrides or {}).get(number)
        if override and params["on_override"] == "fail":
            return f"left alone: {describe_override(override)}"
    return None


@dataclass
class Number:
    """One phone number: its SID, its SMS settings (see :mod:`webhook`), whether it can receive texts at all, its name."""

    sid: str
    settings: dict[str, str]
    receives_sms: bool = True
    friendly_name: str = ""


@dataclass
class Snapshot:
    """The account's numbers among those asked for, by number in E.164.

    *overrides* holds what takes numbers' texts instead of their webhooks, by number; ``None`` when that was not asked
    for or is not known, which *override_problem* then explains. *services* are the Messaging Services whose own
    webhooks take texts: ``name``, ``url`` and ``fallback_url`` of each. *errors* are the webhook errors by number (see
    :func:`alerts.webhook_errors`), *unjoined_errors* counts those of unknown numbers.
    """

    account_sid: str
    numbers: dict[str, Number] = field(default_factory=dict)
    overrides: dict[str, dict[str, Any]] | None = None
    override_problem: str | None = None
    services: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, dict[str, Any]] | None = None
    unjoined_errors: int = 0
    errors_problem: str | None = None

    @classmethod
    def take(
        cls, twilio: Any, wanted: Iterable[str] | None, *, with_overrides: bool = True, alert_days: int = 0
    ) -> Snapshot:
        """Look at the account.

        :param twilio: a :class:`twilio.TwilioNumbers`
        :param wanted: numbers in E.164; ``None`` for all of the account's
        :param with_overrides: whether to look up what takes the numbers' texts instead
        :param alert_days: for how many days to look up webhook errors, and names with them; 0 for neither
        :raises SmsError: when the numbers cannot be read; a look-up of something else that fails is only noted
        """
        rows = {row["phone_number"]: row for row in twilio.list()} if wanted is None else twilio.find(list(wanted))
        numbers = {
            number: Number(
                row["sid"],
                settings_of(row),
                receives_sms(row),
                str(row.get("friendly_name") or "") if alert_days else "",
            )
            for number, row in rows.items()
        }
        snapshot = cls(twilio.account_sid, numbers)
        if with_overrides and (rows or wanted is None):
            try:
                services = messaging_services(twilio)
                snapshot.overrides = find_overrides(twilio, rows, services)
                snapshot.services = [webhooks_of(service) for service in services]
            except SmsError as error:
                snapshot.override_problem = (
                    f"It is not known whether a Messaging Service or a conversation takes the numbers' texts: {error}"
                )
        if alert_days and rows:
            try:
                snapshot.errors, snapshot.unjoined_errors = webhook_errors(twilio, numbers, alert_days)
            except SmsError as error:
                snapshot.errors_problem = f"The webhook errors of account {twilio.account_sid} are not known: {error}"
        return snapshot

    def errors_of(self, number: str) -> dict[str, Any] | None:
        """Return a number's webhook errors, ``None`` when they are not known."""
        if self.errors is None:
            return None
        return self.errors.get(number, {"count": 0, "last_at": None, "codes": {}})

    @classmethod
    def from_dict(cls, data: Any) -> Snapshot:
        """Return the snapshot whose fields are *data*, as ``vars`` gives them, numbers included.

        :raises SmsError: for anything else
        """
        try:
            data = dict(data)
            numbers = {number: Number(**row) for number, row in data.pop("numbers").items()}
            return cls(numbers=numbers, **data)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SmsError("snapshot is not what twilio_sms_webhook_info returned", code="bad_snapshot") from None
