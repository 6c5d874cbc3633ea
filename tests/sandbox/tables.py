# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyed collections of records, with indexes for fast lookups."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from .models import ApiKey, Number, ResourceKey

Record = TypeVar("Record")


class Table(Generic[Record]):
    """Records of one kind by their key, in the order of their creation."""

    def __init__(self, model: type[Record], key: str) -> None:
        """Store records of ``model`` by the attribute ``key``."""
        self.model = model
        self.key = key
        self.rows: dict[str, Record] = {}
        self._fields = [field.name for field in dataclasses.fields(model)]  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows.values())

    def get(self, key: str | None) -> Record | None:
        """Return the record with this key, or None."""
        return None if key is None else self.rows.get(key)

    def create(self, values: dict[str, Any]) -> Record:
        """Add a record with these values. Raise ValueError for an unknown or missing field."""
        self._check(values)
        try:
            record = self.model(**values)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return self.add(record)

    def add(self, record: Record) -> Record:
        """Add a record."""
        self._index(record)
        self.rows[getattr(record, self.key)] = record
        return record

    def change(self, record: Record, values: dict[str, Any]) -> None:
        """Change fields of a record, but not its key."""
        self._check(values)
        if values.get(self.key, getattr(record, self.key)) != getattr(record, self.key):
            raise ValueError(f"{self.key} cannot change")
        self._unindex(record)
        for name, value in values.items():
            setattr(record, name, value)
        self._index(record)

    def remove(self, record: Record) -> None:
        """Remove a record."""
        self._unindex(record)
        del self.rows[getattr(record, self.key)]

    def plain(self, record: Record) -> dict[str, Any]:
        """Return a record's fields (a shallow copy: the state of 10,000 numbers is read at once)."""
        return {name: getattr(record, name) for name in self._fields}

    def _check(self, values: dict[str, Any]) -> None:
        unknown = sorted(set(values) - set(self._fields))
        if unknown:
            raise ValueError(f"{self.model.__name__} has no {', '.join(unknown)}; it has {', '.join(self._fields)}")

    def _index(self, record: Record) -> None:
        """Add a record to further indexes; raise ValueError if it cannot be added."""

    def _unindex(self, record: Record) -> None:
        """Remove a record from further indexes."""


class ApiKeys(Table[ApiKey]):
    """API keys, also by their value."""

    def __init__(self) -> None:
        super().__init__(ApiKey, "id")
        self.by_value: dict[str, ApiKey] = {}

    def _index(self, record: ApiKey) -> None:
        self.by_value[record.value] = record

    def _unindex(self, record: ApiKey) -> None:
        self.by_value.pop(record.value, None)


class ResourceKeys(Table[ResourceKey]):
    """Resource keys, also by their instance."""

    def __init__(self) -> None:
        super().__init__(ResourceKey, "guid")
        self.by_instance: dict[str, dict[str, ResourceKey]] = {}

    def _index(self, record: ResourceKey) -> None:
        self.by_instance.setdefault(record.instance_guid, {})[record.guid] = record

    def _unindex(self, record: ResourceKey) -> None:
        self.by_instance.get(record.instance_guid, {}).pop(record.guid, None)


class Directory:
    """The numbers of one account in their order, to be sliced and searched."""

    def __init__(self) -> None:
        self.numbers: list[Number] = []
        self._positions: dict[str, int] = {}
        self._text = ""
        self._starts: list[int] = []
        self._stale = False

    def add(self, number: Number) -> None:
        """Append a number."""
        self.numbers.append(number)
        self._stale = True

    def remove(self, number: Number) -> None:
        """Remove a number."""
        self.numbers = [other for other in self.numbers if other is not number]
        self._stale = True

    def position(self, sid: str) -> int | None:
        """Return the index of a number."""
        self._refresh()
        return self._positions.get(sid)

    def search(self, pattern: str) -> list[Number]:
        """Return the numbers that contain ``pattern``, in which ``*`` stands for one digit.

        All numbers are in one string, because finding a substring in it is fast, and clients look up thousands of numbers
        one by one.
        """
        self._refresh()
        found: dict[int, None] = {}
        for match in re.finditer(re.escape(pattern).replace(r"\*", "[0-9]"), self._text):
            found[bisect.bisect_right(self._starts, match.start()) - 1] = None
        return [self.numbers[index] for index in found]

    def _refresh(self) -> None:
        if not self._stale:
            return
        self._positions = {number.sid: index for index, number in enumerate(self.numbers)}
        self._text = "\n".join(number.phone_number for number in self.numbers)
        self._starts = []
        start = 0
        for number in self.numbers:
            self._starts.append(start)
            start += len(number.phone_number) + 1
        self._stale = False


class Numbers(Table[Number]):
    """Phone numbers, also by number and by account."""

    def __init__(self) -> None:
        super().__init__(Number, "sid")
        self.by_phone: dict[str, Number] = {}
        self._directories: dict[str, Directory] = {}

    def of_account(self, account_sid: str) -> Directory:
        """Return the numbers of an account."""
        return self._directories.setdefault(account_sid, Directory())

    def change(self, record: Number, values: dict[str, Any]) -> None:
        """Change fields; the indexes only change for a new number or owner."""
        if {"account_sid", "phone_number"} & set(values):
            super().change(record, values)
            return
        self._check(values)
        for name, value in values.items():
            setattr(record, name, value)

    def _index(self, record: Number) -> None:
        if record.phone_number in self.by_phone:
            raise ValueError(f"there already is a number {record.phone_number}")
        if not record.friendly_name:
            record.friendly_name = record.phone_number
        self.by_phone[record.phone_number] = record
        self.of_account(record.account_sid).add(record)

    def _unindex(self, record: Number) -> None:
        self.by_phone.pop(record.phone_number, None)
        self.of_account(record.account_sid).remove(record)
