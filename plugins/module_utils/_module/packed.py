# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packs data that modules and the role's tasks pass to each other into one string.

Ansible visits every single value of a task's result several times: it tags it, masks it, and copies it to another process.
For ten thousand numbers this takes longer than their updates. A string is one value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._twilio.snapshot import Snapshot


def pack(data: Any) -> str:
    """Return *data* as a string that templates do not change.

    Before ansible-core 2.19, a template's result that looks like JSON or Python is converted to data, and for a string
    option into Python's notation. So the string begins with a character that is neither.
    """
    return "JSON " + json.dumps(data, default=vars, separators=(",", ":"))


def unpack(text: str) -> Any:
    """Return the data that :func:`pack` packed.

    :raises ValueError: for anything else
    """
    return json.loads(text.removeprefix("JSON "))


def pack_snapshot(snapshot: Snapshot) -> str:
    """Return a snapshot as a string, for :func:`unpack_snapshot`."""
    return pack(snapshot)


def unpack_snapshot(text: str) -> Snapshot:
    """Return the snapshot that :func:`pack_snapshot` packed.

    :raises SmsError: for anything else
    """
    try:
        data = unpack(text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        data = None
    return Snapshot.from_dict(data)


def to_text(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return entries as a string: for each a line with its ``phone_number`` and the whole entry as JSON."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    return "".join(f"\n{entry['phone_number']} {encode(entry)}" for entry in entries)


def from_text(text: str, numbers: set[str] | None = None) -> list[dict[str, Any]]:
    """Return the entries in a string, or only those of *numbers*, in the same order.

    A few are found without parsing the others, because each host of a batch needs only its own.
    """
    if numbers is not None and len(numbers) <= 10:
        places = sorted(place for place in (text.find(f"\n{number} ") for number in numbers) if place >= 0)
        lines = [text[place + 1 : _end(text, place + 1)] for place in places]
    else:
        lines = text.split("\n")[1:]
    parts = (line.partition(" ") for line in lines)
    return [json.loads(entry) for number, _space, entry in parts if numbers is None or number in numbers]


def _end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
