# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phone numbers in E.164, from any notation that people and inventories use."""

from __future__ import annotations

import re

_DECORATION = re.compile(r"[\s().\-\u2010-\u2015/]+")  # what people put between digits, typographic hyphens included
_E164 = re.compile(r"[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits, the country code never begins with 0


def normalize(value: object) -> str:
    """Return *value* as an E.164 phone number, such as ``+15551234567``.

    The plus is optional because an INI inventory turns ``+15551234567`` into the integer 15551234567, and the
    Voice Agent dashboard stores numbers without it. ``00`` is taken for the international prefix.

    :param value: a string or an integer in any notation: ``1 (555) 123-4567``, ``+1-555-123-4567``, 15551234567
    :raises ValueError: with a message for the user, when it is no complete international number
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is not a phone number: write it as a string such as '+15551234567'")
    text = _DECORATION.sub("", str(value))
    digits = text[1:] if text.startswith("+") else text[2:] if text.startswith("00") else text
    if not _E164.fullmatch(digits):
        raise ValueError(
            f"{str(value)[:40]!r} is not a phone number with its country code: write it as '+15551234567'"
            " (7 to 15 digits, the first not 0)"
        )
    return "+" + digits


def normalize_all(values: list) -> tuple[list[str], list[str]]:
    """Normalize many numbers at once, dropping repetitions.

    :param values: numbers in any notation
    :returns: the distinct E.164 numbers in the order asked for, and one message for each value that is none
    """
    numbers: dict[str, None] = {}
    errors = []
    for value in values:
        try:
            numbers[normalize(value)] = None
        except ValueError as error:
            errors.append(str(error))
    return list(numbers), errors
