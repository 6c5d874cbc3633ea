# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Converts phone numbers to E.164, from any notation that people, inventories and forms use.

A wrong reading would connect another number, so a text is accepted only if it can mean one number. Characters without a
meaning (spaces, hyphens, invisible ones) are removed. Characters with a meaning (a decimal point, an exponent, a slash
before an extension, a minus sign) are interpreted, or the text is refused.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .._http.urls import MASK, looks_like_token, redact

_DECORATION = re.compile(r"[\s().\-\u2010-\u2015\u2212\u00b7\u2022/_]+")  # separators between digits
_EDGES = (
    " \t\r\n\f\v\u00a0\"'`\u00b4<>\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2039\u203a\u00ab\u00bb"
)
_SCHEME = re.compile(r"(?i)(?:tel|sms|callto):(?://)?")  # RFC 3966, RFC 5724, and Skype's variant
_BULLET = re.compile(r"[-*\u2022\u2013]\s+(?=\S)")
_FULLWIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # how East Asian keyboards write digits and plus
_E164 = re.compile(r"[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits, the country code never begins with 0
_EXPONENT = re.compile(r"[+-]?\d[\d.,]*[eE][+-]?\d+")
_DECIMAL = re.compile(r"(\+?)(\d+)\.(\d+)")
_FEW_AFTER_DOT = re.compile(r"[^.]*\.\s*\d{1,3}|.*\.\s*\d")
_DATE = re.compile(
    r"(?:19|20)\d\d([-./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|[0-3]?\d([-./])[0-3]?\d\2(?:19|20)\d\d"
)
_TRUNK = re.compile(r"([^(]*)\(\s*0\s*(\d*)\s*\)([^(]*)")
_BETWEEN = re.compile(r"[,;|\n\r]+|(?<=\d)\s*[/\s]\s*(?=\+)")  # what separates several numbers in one text
_LONG_WORD = re.compile(r"\S{16,}")
_BARE_HOST = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})")
_MOST_EXACT = 2**53  # above it a float is no longer every integer
# Country codes after which people write "(0)": a prefix that is only dialled inside the country and is not part of the
# number (ITU-T E.164 and its list of national prefixes). Italy, for example, is missing, because there the 0 is part of it.
_TRUNK_ZERO = re.compile(
    "20|27|3[1-3]|4[013469]|5[1458]|6[0-46]|8[1246]|9[0-2458]|21[23]|23[34]|25[4-6]|26[03]|35[3589]|37[34]|38[0-25-79]|421|593|855|88[06]"
    "|96[126]|97[12]"
)
_HOW_TO = "write it as '+15551234567' (7 to 15 digits, the first not 0)"


class NotANumber(ValueError):
    """A text that is not a phone number, or could be several.

    :param written: what the user wrote, shown in the message
    :param reason: what is wrong, without any part of the text, because the content of files is never shown
    :param read_as: how it was read so far
    """

    def __init__(self, written: object, reason: str, read_as: str = ""):
        shown = _shown(written)
        digits = re.fullmatch(r"\+?[0-9]{1,30}", read_as) and repr(read_as) != shown
        beside = f" (read as {read_as})" if digits else ""
        super().__init__(f"{shown} is not a phone number{beside}: {reason}")
        self.reason = reason


class Reading(NamedTuple):
    """The phone numbers in a variable's value.

    ``numbers`` are distinct and in E.164, ``errors`` are messages for the user. ``written`` is the original notation by
    number, if it differs from E.164 by more than the plus.
    """

    numbers: list[str]
    errors: list[str]
    written: dict[str, str]


def normalize(value: object, *, from_file: bool = False) -> str:
    """Return *value* as an E.164 phone number, such as ``+15551234567``.

    The plus is optional because an INI inventory turns ``+15551234567`` into the integer 15551234567, and the
    Voice Agent dashboard stores numbers without it. ``00`` is read as the international prefix.

    :param value: a string, an integer or a whole float: ``1 (555) 123-4567``, ``+49 (0)30 123456``, 15551234567
    :param from_file: whether it is the unchanged text of a file, which cannot have been shortened to a float
    :raises NotANumber: a ValueError with a message for the user, if it is not a complete international number
    """
    if isinstance(value, str) and value[:1] == "+" and _E164.fullmatch(value, 1):
        return "+" + value[1:]  # most of a long list
    text = _clean(_text_of(value))
    digits = _digits(_understood(text, value, from_file), value)
    if not from_file and text == digits:
        _refuse_octal(digits, value)
    return "+" + digits


def normalize_all(values: Iterable[object]) -> tuple[list[str], list[str]]:
    """Normalize many numbers at once, dropping repetitions.

    :param values: numbers in any notation; one text may hold several
    :returns: the distinct E.164 numbers in the given order, and one message for each value that is not a number
    """
    reading = read(values)
    return reading.numbers, reading.errors


def read(value: object) -> Reading:
    """Read the value of a variable, an extra variable or a survey answer.

    :param value: a number, a text with one or several (one per line, or separated by commas), a list of these, the text
        of a list (``["+15551234567","+15551234568"]``, which ``-e key=value`` produces), or nothing
    """
    numbers: dict[str, None] = {}
    errors: list[str] = []
    written: dict[str, str] = {}
    for piece in _pieces(value):
        try:
            number = normalize(piece)
        except ValueError as error:
            errors.append(str(error))
            continue
        numbers[number] = None
        if str(piece).strip().lstrip("+") != number[1:]:
            written.setdefault(number, _shown(piece))
    return Reading(list(numbers), errors, written)


def number_of_host(name: str) -> str | None:
    """Return a host's *name* as a phone number, or ``None`` if it is not one or only looks like one.

    Only a bare number counts: digits, optionally after a plus or ``00``. Addresses (``10.20.30.40``), dates and times
    (``20261125``, ``202611251930``), and anything too short for a number with its country code do not.
    """
    name = str(name)
    match = _BARE_HOST.fullmatch(name)
    if not match:
        return None
    digits = match[1]
    if name.startswith(("+", "00")):
        return "+" + digits
    if len(digits) < 10 or _is_time(digits) or _is_address(name):
        return None
    # Seconds and milliseconds since 1970 begin with 1. Numbers of +1 have ten more digits, the first of them above 1.
    return None if digits.startswith("1") and not re.fullmatch("1[2-9][0-9]{9}", digits) else "+" + digits


def did_you_mean(number: str, there: Iterable[str], written: str = "") -> str:
    """Return a hint for a *number* that the account does not have, or ``""``.

    :param number: as it was read, in E.164
    :param there: the account's numbers
    :param written: how the user wrote it, from :class:`Reading`
    :returns: for example ``'555-123-4567' was read as +5551234567: did you mean +15551234567?``
    """
    beside = f"{written} was read as {number}: " if written and written != repr(number) else ""
    digits, octal = number[1:], format(int(number[1:]), "o")
    there = list(there)
    if "+" + octal in there:
        return (
            f"{beside}did you mean +{octal}? YAML reads 00{octal} without quotes as an octal number, which is"
            f" {digits}: write '+{octal}'"
        )
    longer = [one for one in there if one.endswith(digits) and 1 <= len(one) - len(number) <= 3]
    # The 0 that is only dialled inside the country: +49 030 for +49 30.
    shorter = {number[:place] + number[place + 1 :] for place in (2, 3, 4) if number[place : place + 1] == "0"}
    meant = sorted(longer) + [one for one in there if one in shorter]
    return f"{beside}did you mean {' or '.join(meant[:3])}?" if meant else beside.removesuffix(": ")


def _pieces(value: object) -> Iterator[object]:
    """Yield each single number of a value, as it was written."""
    if isinstance(value, str):
        text = value.strip()
        # A list as text: brackets, and quotes around each number, which are removed below.
        inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        yield from (piece.strip() for piece in _BETWEEN.split(inner) if piece.strip())
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _pieces(each)
    elif value is not None:
        yield value


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        raise NotANumber(value, f"it is a yes or no; {_HOW_TO}, in quotes")
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _MOST_EXACT:
            raise NotANumber(
                value, f"it is a number with decimals, or has lost some of its digits; {_HOW_TO}, in quotes"
            )
        return f"{int(value)}.0"
    if isinstance(value, (int, str)):
        return str(value)
    kind = (
        "date"
        if isinstance(value, datetime.date)
        else "mapping"
        if isinstance(value, Mapping)
        else type(value).__name__
    )
    raise NotANumber(value, f"it is a {kind}; {_HOW_TO}, in quotes")


def _clean(text: str) -> str:
    """Return *text* without the characters that have no meaning."""
    if not text.isascii():
        text = text.translate(_FULLWIDTH)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = _BULLET.sub("", text.strip(_EDGES), count=1).strip(_EDGES)
    scheme = _SCHEME.match(text)
    text = text[scheme.end() :].strip(_EDGES) if scheme else text
    return "+" + text[3:] if text[:3].upper() == "%2B" else text


def _understood(text: str, written: object, from_file: bool) -> str:
    """Interpret the characters of *text* that have a meaning other than a digit's and remove them, or refuse the text."""
    if _EXPONENT.fullmatch(text):
        raise NotANumber(
            written, "it has lost its last digits in a spreadsheet or a float: format the column as text there"
        )
    if _DATE.fullmatch(text) or _is_address(text):
        raise NotANumber(written, f"it is a date or an IP address; {_HOW_TO}")
    if text.startswith(("-", "\u2212", "\u2013")):
        raise NotANumber(written, f"it begins with a minus sign; {_HOW_TO}")
    if "/" in text:
        before, _slash, after = text.rpartition("/")
        if len(_only_digits(before)) > 7 or len(_only_digits(after)) < 4:
            raise NotANumber(written, f"the part after the slash may be another number or an extension; {_HOW_TO}")
    if "." in text:
        text = _without_decimals(text, written, from_file)
    return _without_trunk(text, written) if "(" in text else text


def _without_decimals(text: str, written: object, from_file: bool) -> str:
    """Return a whole float without its ``.0``, and a dotted notation as it is."""
    match = _DECIMAL.fullmatch(text)
    if match:
        plus, whole, decimals = match.groups()
        if len(decimals) <= 2 and not decimals.strip("0"):
            if whole.endswith("000") and not from_file:
                # It may have been 1.55512e+10 in YAML, which is 15551200000.0.
                raise NotANumber(written, f"a float that ends in zeros may have lost its last digits; {_HOW_TO}")
            return plus + whole
        # Registries write numbers as +1.5551234567 (RFC 5733). Without the plus it may be a float, which loses a 0 at
        # its end.
        if plus and len(whole) <= 7 and len(decimals) >= 4:
            return text
        raise NotANumber(written, f"it has a decimal point; {_HOW_TO}")
    if _FEW_AFTER_DOT.fullmatch(text):
        raise NotANumber(written, f"the part after the last point may be decimals or an extension; {_HOW_TO}")
    return text


def _without_trunk(text: str, written: object) -> str:
    """Return ``+49 (0)30 123456`` without the 0 that is not dialled from abroad."""
    match = _TRUNK.fullmatch(text.replace("(+", "+", 1) if text.startswith("(+") else text)
    if not match:
        if re.search(r"\(\s*0", text):
            raise NotANumber(written, f"the meaning of the 0 in parentheses is not clear; {_HOW_TO}")
        return text
    code = _only_digits(match[1]).removeprefix("00")
    if not code:
        return text  # a national number, which is refused later
    if not _TRUNK_ZERO.fullmatch(code):
        raise NotANumber(written, f"it is not clear whether the 0 in parentheses belongs to the number; {_HOW_TO}")
    return f"+{code} {match[2]}{match[3]}"


def _digits(text: str, written: object) -> str:
    """Return the digits of a number, its country code first."""
    bare = _DECORATION.sub("", text)
    digits = bare[1:] if bare.startswith("+") else bare[2:] if bare.startswith("00") else bare
    if not _E164.fullmatch(digits):
        national = re.fullmatch("0[1-9][0-9]{5,}", bare)
        what = "the country code is missing" if national else "it is not complete, or more than one number"
        raise NotANumber(written, f"{what}; {_HOW_TO}", bare)
    return digits


def _refuse_octal(digits: str, written: object) -> None:
    """Refuse the octal reading that YAML makes of ``0015550000001``. It has ten digits, but a number of +1 has eleven."""
    octal = format(int(digits), "o")
    if re.fullmatch("1[0-9]{9}", digits) and re.fullmatch("1[2-7][0-7]{9}", octal):
        raise NotANumber(
            written,
            f"YAML reads a number that begins with 0 and has no quotes, such as 00{octal}, as an octal one, which is"
            f" {digits}: write '+{octal}' in quotes",
        )


def _only_digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _shown(value: object, most: int = 40) -> str:
    """Return what a user wrote, for a message: short, with invisible characters made visible, without secrets."""
    text = _LONG_WORD.sub(lambda word: MASK if looks_like_token(word[0]) else word[0], redact(str(value)[:400]))
    shown = repr(text[:most])
    return shown if len(shown) <= 2 * most else f"{shown[: 2 * most]}..."


def _is_time(digits: str) -> bool:
    """Whether digits may be a date, with or without a time, in a machine's notation."""
    for form, length in (("%Y%m%d", 8), ("%Y%m%d%H", 10), ("%Y%m%d%H%M", 12), ("%Y%m%d%H%M%S", 14)):
        if len(digits) == length and digits.startswith(("19", "20")):
            try:
                datetime.datetime.strptime(digits, form)
            except ValueError:
                continue
            return True
    return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
