# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads times as the clouds write them, alike with every Python. No I/O."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_ZONE = re.compile(r"([+-]\d\d)(\d\d)$")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")


def from_iso(text: Any) -> datetime | None:
    """Return an ISO 8601 time, ``None`` if it is not one. Without a zone in the text, the result has none either.

    Before version 3.11, Python reads only fractions of 3 or 6 digits, and no ``Z``. Resource Controller writes
    ``2018-07-02T22:03:43.837979455Z``, and IAM ``2026-01-01T00:00+0000``.
    """
    text = re.sub("[Zz]$", "+00:00", str(text or "").strip())
    text = _ZONE.sub(r"\1:\2", text)
    text = _FRACTION.sub(lambda fraction: f".{fraction[1][:6]:0<6}", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
