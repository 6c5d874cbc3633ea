# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocol of an SMS provider's client. A second provider is another class with these methods.

Rows have the fields that :mod:`webhook` reads. A provider without services between texts and numbers returns no rows for
those methods. All methods raise ``SmsError`` if the provider refuses a request or cannot be reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

Row = dict[str, Any]


class Numbers(Protocol):
    """The phone numbers of one account."""

    account_sid: str

    def find(self, wanted: Sequence[str]) -> dict[str, Row]:
        """Return the account's numbers among *wanted* (E.164), by number."""

    def near(self, missing: Sequence[str]) -> set[str]:
        """Return numbers that the user may have meant instead of *missing*."""

    def list(self, **query: str) -> Iterator[Row]:
        """Yield the account's numbers."""

    def update(self, number: str, sid: str, fields: Mapping[str, str]) -> Row:
        """Change *fields* of a number and return it as it is afterwards."""


class Provider(Numbers, Protocol):
    """The phone numbers of one account, and the services that may take their texts."""

    @property
    def sees_overrides(self) -> bool:
        """Whether these credentials can read the services."""

    def messaging_services(self) -> Sequence[Row]:
        """Return the services."""

    def pool(self, service_sid: str) -> Sequence[Row]:
        """Return the numbers of a service."""

    def pool_short_codes(self, service_sid: str) -> Sequence[Row]:
        """Return the short codes of a service."""

    def pool_senders(self, service_sid: str) -> Sequence[Row]:
        """Return the senders of other channels of a service."""

    def update_service(self, name: str, sid: str, fields: Mapping[str, str]) -> Row:
        """Change *fields* of a service and return it as it is afterwards."""

    def conversation_addresses(self) -> Sequence[Row]:
        """Return the address configurations that may make conversations of texts."""

    def update_address(self, name: str, sid: str, fields: Mapping[str, str]) -> Row:
        """Change *fields* of an address configuration and return it as it is afterwards."""

    def short_codes(self) -> Sequence[Row]:
        """Return the account's short codes."""

    def senders(self, channel: str) -> Sequence[Row]:
        """Return the account's senders of a channel."""
