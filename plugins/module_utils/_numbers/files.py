# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phone numbers from a CSV file, as the Voice Agent dashboard exports them: number, description.

People edit such files, with spreadsheets too, so a header line, semicolons or tabs, blank lines and the marks of
other systems (BOM, CRLF) are taken as they come.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from .._http.errors import SmsError, join
from .notation import normalize

DELIMITERS = ",;\t"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")  # what a spreadsheet makes of a long number
_DIGITS = re.compile(r"\d.*\d.*\d")  # no header has as many: "Description (up to 64)"
_NUMBER_HEADER = re.compile(r"(?i)number|phone|\btel")
_DESCRIPTION_HEADER = re.compile(r"(?i)descri|comment|name")


def read_numbers(text: str) -> list[tuple[str, str]]:
    """Return the phone numbers in a CSV text, each in E.164 and with its description (``""`` for none).

    The number is in the first column and the description in the second, unless a header line says otherwise.

    :raises ValueError: with a message that names the lines without a phone number, or when there are none at all
    """
    numbers: list[tuple[str, str]] = []
    errors: list[str] = []
    number, description = 0, 1
    rows = list(_rows(text))
    if rows and not any(_DIGITS.search(cell) for cell in rows[0][1]):
        _line, header = rows.pop(0)
        number = _place(_NUMBER_HEADER, header, 0)
        description = _place(_DESCRIPTION_HEADER, header, 1 - number if number < 2 else number + 1)
    for line, cells in rows:
        try:
            numbers.append((_number(_cell(cells, number)), _cell(cells, description)))
        except ValueError as error:
            errors.append(f"line {line}: {error}")
    if errors:
        raise ValueError(join(errors, "; "))
    if not numbers:
        raise ValueError("there are no phone numbers in it")
    return numbers


def load(path: str) -> list[tuple[str, str]]:
    """Return the phone numbers in the CSV file at *path*, as :func:`read_numbers` does.

    :raises SmsError: when the file cannot be read, or not as CSV; the message names file and line
    """
    try:
        with open(path, "rb") as file:
            return read_numbers(_decode(file.read()))
    except OSError as error:
        raise SmsError(f"numbers_file '{path}' cannot be read: {error.strerror}", code="no_numbers_file") from None
    except ValueError as error:
        raise SmsError(f"numbers_file '{path}': {error}", code="bad_numbers_file") from None


def _decode(content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        raise ValueError("it is a spreadsheet: save it as CSV")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # an umlaut in a description is no reason to refuse the numbers


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank, each as its number and its cells."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text), skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not (line == 1 and cells[0].lower() == "sep="):  # how a spreadsheet is told the delimiter
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {line}: not CSV ({error})") from None


def _delimiter(text: str) -> str:
    """Return the delimiter that comes first, outside of quotes."""
    bare = _QUOTED.sub("", text)
    return min((mark for mark in DELIMITERS if mark in bare), key=bare.index, default=DELIMITERS[0])


def _place(header: re.Pattern, cells: list[str], default: int) -> int:
    return next((place for place, cell in enumerate(cells) if header.search(cell)), default)


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _number(cell: str) -> str:
    # Spreadsheets keep a number as text by an apostrophe before it, or as the formula ="+15551234567".
    value = cell.removeprefix("=").strip("'\"")
    if not value:
        raise ValueError("there is no phone number")
    if _SCIENTIFIC.fullmatch(value):
        raise ValueError(f"{value} has lost its last digits in a spreadsheet: format the column as text there")
    return normalize(value)
