# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of an account's phone numbers, read once and used by several tasks.

The role reads the numbers before it writes anything in either cloud, and updates them once the credential exists. The
snapshot passes the state from the first task to the second, so that the account is listed once. It is a secret, because
it contains the webhooks' passwords.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._http.errors import SmsError
from .._http.urls import place, printable
from .._numbers.notation import did_you_mean
from .alerts import NO_ERRORS, webhook_errors
from .changes import iso, last_changes
from .overrides import (
    conversations_of,
    overrides_of_pools,
    read_others,
    read_pools,
    service_from,
    services_and_addresses,
)
from .provider import Numbers, Provider
from .webhook import receives_sms, settings_of

HINTS = 100  # the maximum number of missing numbers that get a "did you mean"


def _hints(twilio: Numbers, missing: list[str]) -> dict[str, str]:
    """Return hints about numbers that the account does not have."""
    try:
        there = twilio.near(missing) if missing else set()
    except SmsError:
        return {}  # the numbers are reported as missing anyway
    found = {number: did_you_mean(number, there) for number in missing[:HINTS]} if there else {}
    return {number: hint for number, hint in found.items() if hint}


@dataclass
class Number:
    """One phone number: its SID, its SMS settings (see :mod:`webhook`), whether it can receive texts at all, its name,
    and when it was changed last (ISO 8601)."""

    sid: str
    settings: dict[str, str]
    receives_sms: bool = True
    friendly_name: str = ""
    changed_at: str = ""


@dataclass
class Snapshot:
    """The account's numbers among the requested ones, by number in E.164.

    *overrides*: by number, what takes its texts instead of its webhook; ``None`` if it was not requested or could not be
    read, which *override_problem* then explains. *services*: the account's Messaging Services (see
    :func:`overrides.service_from`). *conversations*: the address configurations by number, even if a service comes before
    them. *errors*: the webhook errors by number (see :func:`alerts.webhook_errors`). *unjoined_errors*: the count of those
    of unknown numbers. *changes*: by number, who changed the webhook last (see :func:`changes.last_changes`).
    """

    account_sid: str
    numbers: dict[str, Number] = field(default_factory=dict)
    overrides: dict[str, dict[str, Any]] | None = None
    override_problem: str | None = None
    services: list[dict[str, Any]] = field(default_factory=list)
    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, dict[str, Any]] | None = None
    unjoined_errors: int = 0
    errors_problem: str | None = None
    changes: dict[str, dict[str, Any]] | None = None
    changes_problem: str | None = None
    hints: dict[str, str] = field(default_factory=dict)  # hints about missing numbers

    @classmethod
    def take(
        cls,
        twilio: Provider,
        wanted: Iterable[str] | None,
        *,
        with_overrides: bool = True,
        with_pools: bool = False,
        alert_days: int = 0,
        with_changes: bool = False,
    ) -> Snapshot:
        """Read the account.

        :param wanted: numbers in E.164; ``None`` for all of the account's
        :param with_overrides: whether to read what takes the numbers' texts instead
        :param with_pools: whether to read the other senders in the pools of services that take the numbers' texts
        :param alert_days: days for which to read webhook errors, and names with them; 0 for neither
        :param with_changes: whether to read who changed the webhooks last
        :raises SmsError: if the numbers cannot be read; other problems are only recorded
        """
        wanted = None if wanted is None else list(wanted)
        rows = {row["phone_number"]: row for row in twilio.list()} if wanted is None else twilio.find(wanted)
        numbers = {
            number: Number(
                row["sid"],
                settings_of(row),
                receives_sms(row),
                printable(str(row.get("friendly_name") or "")) if alert_days else "",
                iso(row.get("date_updated")) if alert_days else "",
            )
            for number, row in rows.items()
        }
        snapshot = cls(twilio.account_sid, numbers, hints=_hints(twilio, [n for n in wanted or () if n not in rows]))
        if with_overrides and (rows or wanted is None):
            try:
                snapshot._look_at_services(twilio, rows, with_pools=with_pools)
            except SmsError as error:
                snapshot.override_problem = (
                    f"It is not known whether a Messaging Service or a conversation takes the numbers' texts: {error}"
                )
        if alert_days and rows:
            snapshot._read_errors(twilio, alert_days)
        if with_changes and rows:
            try:
                snapshot.changes = last_changes(twilio, numbers)
            except SmsError as error:
                snapshot.changes_problem = (
                    f"It is not known who changed webhooks of account {twilio.account_sid}: {error}"
                )
        return snapshot

    def _read_errors(self, twilio: Any, days: int) -> None:
        changed = {number: self._changed_at(number) for number in self.numbers}
        try:
            self.errors, self.unjoined_errors = webhook_errors(
                twilio, self.numbers, days, services=self.services, changed=changed
            )
        except SmsError as error:
            self.errors_problem = f"The webhook errors of account {self.account_sid} are not known: {error}"

    def _changed_at(self, number: str) -> str:
        """Return the last change of the number, or of the service that takes its texts."""
        service = self.service_of(number)
        return max(self.numbers[number].changed_at, iso(service["changed_at"]) if service else "")

    def service_of(self, number: str) -> dict[str, Any] | None:
        """Return the Messaging Service whose own webhooks take a number's texts, ``None`` for none."""
        override = (self.overrides or {}).get(number)
        if not override or override["kind"] != "messaging_service":
            return None
        return next((each for each in self.services if each["sid"] == override["sid"]), None)

    def _look_at_services(self, twilio: Provider, rows: Mapping[str, Mapping[str, Any]], *, with_pools: bool) -> None:
        service_rows, addresses = services_and_addresses(twilio)
        services = [service_from(row) for row in service_rows]
        conversations = conversations_of(addresses, rows)
        read_pools(twilio, rows, services)
        if with_pools:
            read_others(twilio, rows, services)
        self.services, self.conversations = services, conversations
        self.overrides = overrides_of_pools(rows, services, conversations)

    def carrier_of(self, number: str, wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the Messaging Service that sends a number's texts to the wanted receiver, or ``None``.

        :param wanted: its ``url``; the password does not matter
        """
        service = self.service_of(number) if wanted and wanted.get("url") else None
        return service if service and place(service["url"]) == place((wanted or {})["url"]) else None

    def errors_of(self, number: str) -> dict[str, Any] | None:
        """Return a number's webhook errors, ``None`` if they are not known."""
        if self.errors is None:
            return None
        return self.errors.get(number, {**NO_ERRORS, "codes": {}})

    @classmethod
    def from_dict(cls, data: Any) -> Snapshot:
        """Return the snapshot with the fields *data*, as ``vars`` returns them, including numbers.

        :raises SmsError: for anything else
        """
        try:
            data = dict(data)
            numbers = {number: Number(**row) for number, row in data.pop("numbers").items()}
            return cls(numbers=numbers, **data)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SmsError("snapshot is not what twilio_sms_webhook_info returned", code="bad_snapshot") from None
