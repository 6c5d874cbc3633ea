# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads phone numbers from files: exports of the Voice Agent dashboard, twilio-cli, Twilio's API and spreadsheets.

The user may have given the wrong file, with secrets in it. So messages never contain anything from the file, only line
numbers, column numbers, and known words from a column's name.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from .._http.errors import SmsError, join
from .notation import NotANumber, normalize, read

DELIMITERS = ",;\t|"
MAX_BYTES = 32 * 1024 * 1024
MAX_LINES = 200_000  # an instance has at most 150 agents with 1000 numbers each
MAX_LINE = 100_000  # characters of a line
MAX_FIELDS = 500
SAMPLE = 200  # lines that determine the delimiter
DECIDING = 2000  # rows that determine the column
_TITLES = 10  # lines above the header

# The beginnings of files that are not text, or not a list.
_KINDS = (
    (b"PK\x03\x04", "it is a spreadsheet or an archive: save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is a spreadsheet in an old format: save it as CSV"),
    (b"%PDF", "it is a PDF: save the list as CSV"),
    (b"\x1f\x8b", "it is compressed with gzip: unpack it first (gunzip)"),
    (b"BZh", "it is compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "it is compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"),
    (b"{\\rtf", "it is a text document (RTF): save the list as CSV"),
    (b"BEGIN:VCARD", "it contains vCard contacts: export them as CSV"),
    (b"-----BEGIN", "it contains a key or a certificate, not phone numbers"),
    (b"<", "it is HTML or XML: save the list as CSV"),
)
_VAULT = b"$ANSIBLE_VAULT;"
NEEDS_PASSWORD = "it is encrypted with Ansible Vault: give its vault password (--vault-id or --ask-vault-pass)"

_PHONE = re.compile(r"phone|mobile|msisdn|\be ?164\b|\btel|\bcell|handy|rufnummer|telef|t[eé]l[eé]ph", re.I)
_NUMBER = re.compile(r"\bnumber|nummer|n[uú]mero|num[eé]ro|\bnum\b|\bnumer\b|\bdid\b", re.I)
_NEVER = re.compile(
    r"\bsid\b|\btype|\btyp\b|label|\bname|descri|comment|\bnote|\bid\b|\bdate|status|capabilit|\bfax|\bzip|postal|\bext\b"
    r"|extension|country|\burl\b|webhook|\bcode\b",
    re.I,
)
# Words before "number" for things other than phones: "store number", but not "store phone".
_OF_OTHERS = re.compile(
    r"store|account|customer|client|order|invoice|serial|employee|\bpart\b|\bitem\b|ticket|case|contract|line of"
    r"|kunde|konto|filial|artikel|rechnung|vertrag|cuenta|tienda|pedido|compte|magasin|commande",
    re.I,
)
_DESCRIPTION = re.compile(r"descri|comment|name|label|note|beschreib", re.I)
_TOTAL = re.compile(r"(?i)(?:grand |sub)?totals?:?|summe:?|gesamt:?|sum:?|count:?|anzahl:?")
_E164 = re.compile(r"\+?[1-9][0-9]{6,14}")
_EXACT = re.compile(r"phone ?number")
# A phone number, perhaps without its country code, or rounded by a spreadsheet.
_ALMOST = re.compile(r"(?:[\s()+./-]*\d){7,}[\s()+./-]*|\d[.,]\d+[eE]\+\d+")
_SEP = re.compile(r"(?i)sep=.?")
_LONG_DIGITS = re.compile(r"[0-9]{5}")
_HINT = re.compile(r"\be\.? ?164\b|(?<=[^\W\d_] )\([^()]*[^\W\d_][^()]*\)", re.I)  # "Number (7 to 15 digits)"
_RULE = re.compile(r"[-=+|:\s]*[-=]{3}[-=+|:\s]*")  # the line that some tools draw below the header
_SID_LINE = re.compile(r"[A-Z]{2}[0-9a-f]{32}  ")  # columns of twilio-cli, which are as wide as their widest cell


class Row(NamedTuple):
    """A line that is not blank, or an object of a JSON list: its place and its cells."""

    place: str
    cells: list[str]


def read_numbers(text: str) -> list[tuple[str, str]]:
    """Return the phone numbers in a text, each in E.164 and with its description (``""`` for none).

    The text is CSV with any usual delimiter, or JSON. The column is chosen by its cells, and by the header if several
    columns are possible. If the header leaves it open as well, the text is refused.

    :raises ValueError: with a message that names the lines without a phone number, or if there are none at all; it
        contains nothing from the text
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines: split it")
    records = _json_rows(text)
    if records is not None:
        return _numbers_in(records[0], [Row("", records[1])])
    long = next((place for place, line in enumerate(text.split("\n"), 1) if len(line) > MAX_LINE), None)
    if long:
        raise ValueError(f"line {long} has more than {MAX_LINE} characters: it is not a list of phone numbers")
    header, rows = _without_header(list(_rows(text)))
    return _numbers_in(rows, header)


def load(path: str, decrypt: Callable[[bytes], bytes] | None = None) -> list[tuple[str, str]]:
    """Return the phone numbers in the file at *path* (``~`` works), as :func:`read_numbers` does.

    :param decrypt: decrypts the content of a vault-encrypted file, if there is a vault password
    :raises SmsError: if the file cannot be read, or is not a list; the message names file and line, and contains nothing
        from the file
    """
    try:
        content = _content(os.path.expanduser(path))
        if content.lstrip().startswith(_VAULT):
            content = _decrypted(content, decrypt)
        return read_numbers(_decode(content))
    except OSError as error:
        raise SmsError(f"numbers_file '{path}' cannot be read: {error.strerror}", code="no_numbers_file") from None
    except ValueError as error:
        raise SmsError(f"numbers_file '{path}': {error}", code="bad_numbers_file") from None


def _content(path: str) -> bytes:
    """Return a file's bytes."""
    with open(path, "rb", opener=_open_file) as file:
        return file.read(MAX_BYTES + 1)


def _open_file(path: str, flags: int) -> int:
    """Open a regular file: a pipe could block the run, and a device might never end."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    status = os.fstat(handle)
    problem = None
    if stat.S_ISDIR(status.st_mode):
        problem = "it is a directory: give a file"
    elif not stat.S_ISREG(status.st_mode):
        problem = "it is a pipe or a device: save the list as a file"
    elif status.st_size > MAX_BYTES:
        problem = f"it is larger than {MAX_BYTES // 1024 // 1024} MiB: split it"
    if problem:
        os.close(handle)
        raise ValueError(problem)
    return handle


def _decrypted(content: bytes, decrypt: Callable[[bytes], bytes] | None) -> bytes:
    if decrypt is None:
        raise ValueError(NEEDS_PASSWORD)
    try:
        return decrypt(content)
    except SmsError:
        raise ValueError(NEEDS_PASSWORD) from None


def _decode(content: bytes) -> str:
    for begin, answer in _KINDS:
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(begin):
            raise ValueError(answer)
    text = _text(content)
    if "\0" in text or sum(char < " " and char not in "\t\n\r\f\v\x1a" for char in text[:4096]) > 0:
        raise ValueError("it is not a text file: save the list as CSV")
    return text.rstrip("\x1a")


def _text(content: bytes) -> str:
    """Return a file's text. Spreadsheets write UTF-16, with or without a byte order mark."""
    try:
        if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
            return content.decode("utf-32")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if content[:64] and len(content) % 2 == 0 and not any(content[offset:64:2]):
                return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("its encoding is not clear: save it as UTF-8") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # a wrong letter in a description does no harm


# ---- rows ----


def _rows(text: str) -> Iterator[Row]:
    """Yield the lines that are not blank."""
    delimiter = _delimiter(text)
    if not delimiter:
        for place, content in enumerate(text.split("\n"), 1):
            if content.strip():
                yield Row(f"line {place}", re.split(r"\s{2,}", content.strip()))
        return
    line = 1
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            # "sep=;" tells a spreadsheet the delimiter.
            if any(cells) and not (line == 1 and _SEP.fullmatch(cells[0]) and not any(cells[1:])):
                yield Row(f"line {line}", cells)
            line = reader.line_num + 1
    except csv.Error:
        raise ValueError(f"line {line}: not CSV (a quote is not closed, or is in the wrong place)") from None


def _delimiter(text: str) -> str:
    """Return the delimiter with which most lines have a number; of several, the one that comes first.

    ``""`` for columns of spaces.
    """
    told = re.match(r"(?i)\s*\"?sep=(.)", text)
    if told and told[1] in DELIMITERS:
        return told[1]
    sample = "\n".join(text.split("\n", SAMPLE)[:SAMPLE])
    present = sorted((mark for mark in DELIMITERS if mark in sample), key=sample.index)
    if not present:
        return "" if any(_SID_LINE.match(line) for line in sample.split("\n")) else ","
    return max(present, key=lambda mark: _lines_with_number(sample, mark))  # the first of the best


def _lines_with_number(sample: str, delimiter: str) -> int:
    try:
        rows = list(csv.reader(io.StringIO(sample), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return -1
    return sum(any(_is_number(cell) for cell in row) for row in rows)


def _without_header(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Split rows into the header, if there is one, and the others.

    A header is a row in which no cell is a number or was meant to be one. There may be titles above it if it names the
    numbers.
    """
    leading = 0
    while leading < len(rows) and not any(_may_be_number(cell) for cell in rows[leading].cells):
        leading += 1
    named = [place for place in range(min(leading, _TITLES)) if any(_names_numbers(cell) for cell in rows[place].cells)]
    if named:
        # A title may speak of numbers too, but has fewer names. Of equal rows the first is the header, because the others
        # may be malformed: "1-800-FLOWERS,Phone order line".
        place = max(named, key=lambda place: _names_in(rows[place]))
        above = []
    else:
        # "#" alone names a column.
        plain = (
            place for place in range(leading) if rows[place].cells[0] == "#" or not _begins_as_comment(rows[place])
        )
        place = next(plain, leading)
        above = rows[:place]
        if place == leading:
            return [], rows
    below = [row for row in rows[place + 1 :] if not _RULE.fullmatch(" ".join(row.cells))]
    return [rows[place]], above + below


def _names_in(row: Row) -> tuple[int, int]:
    """Return how many cells of a row are known as names of columns, and how many are not empty."""
    return sum(_rank(cell) != 0 for cell in row.cells), sum(map(bool, row.cells))


def _names_numbers(cell: str) -> bool:
    return _rank(cell) > 0 and _is_name(cell)


def _is_name(cell: str) -> bool:
    """Whether a cell of a header can be a column's name, rather than a malformed number: ``1-555-I23-O567``."""
    words = _HINT.sub("", cell)
    return not _meant_as_number(words) and not (any(map(str.isdigit, words)) and not any(map(str.isalpha, words)))


def _begins_as_comment(row: Row) -> bool:
    """Whether a line begins with ``#``. It may still have a number and such a description: ``#1 hotline,+15551234567``."""
    return row.cells[0].startswith("#") and not _is_entry(row)


def _is_comment(row: Row, column: int) -> bool:
    """Whether a row is a comment: none is that has a number in the *column* of the numbers, and none that was meant to.

    A number behind the ``#`` itself is commented out.
    """
    cell = _cell(row, column)
    return _begins_as_comment(row) and (cell.startswith("#") or not _meant_as_number(cell))


def _may_be_comment(row: Row) -> bool:
    """Whether a row is a comment for some column. Such rows have no say in which column that is."""
    if not _begins_as_comment(row):
        return False
    return _is_number(row.cells[0].lstrip("# ")) or not any(_meant_as_number(cell) for cell in row.cells[1:])


# ---- JSON ----


def _json_rows(text: str) -> tuple[list[Row], list[str]] | None:
    """Return the records of a JSON list and the names of their fields, or ``None`` if the text is not JSON."""
    begin = text.lstrip()[:1]
    if begin not in ("[", "{"):
        return None
    data = _parsed(text)
    if data is None:
        if begin == "[":
            return None  # "[title]" may be a title above a list
        raise ValueError("it begins like JSON, but is invalid or truncated")
    if isinstance(data, dict):
        if data.get("next_page_uri") or (isinstance(data.get("meta"), dict) and data["meta"].get("next_page_url")):
            raise ValueError("it is one page of a longer list: export all of it (PageSize=1000)")
        lists = [value for value in data.values() if isinstance(value, list) and value]
        data = lists[0] if len(lists) == 1 else [data]
    names: dict[str, None] = {}
    for record in data:
        names.update(dict.fromkeys(record if isinstance(record, dict) else ("number",)))
        if len(names) > MAX_FIELDS:
            raise ValueError(
                f"its entries have more than {MAX_FIELDS} different fields: it is not a list of phone numbers"
            )
    return [Row(f"entry {place}", _cells(record, names)) for place, record in enumerate(data, 1)], list(names)


def _parsed(text: str) -> Any:
    """Parse a JSON text, or one JSON object per line; numbers stay strings."""
    as_text: dict[str, Any] = {"parse_float": str, "parse_int": str}
    try:
        return json.loads(text, **as_text)
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line, **as_text) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return None


def _cells(record: Any, names: Iterable[str]) -> list[str]:
    fields = record if isinstance(record, dict) else {"number": record}
    return [str(fields[name]) if isinstance(fields.get(name), str) else "" for name in names]


# ---- columns ----


def _numbers_in(rows: list[Row], header: list[Row]) -> list[tuple[str, str]]:
    """Return numbers and descriptions of all rows.

    :raises ValueError: with the rows that have no number
    """
    names = header[0].cells if header else []
    rows = _without_total(rows)
    column = _column([row for row in rows if not _may_be_comment(row)], names)
    if header and header[0].place and not _is_name(_cell(header[0], column)):
        rows = header + rows  # an error like any other
    rows = [row for row in rows if not _is_comment(row, column)]
    description = next(
        (place for place, name in enumerate(names) if place != column and _DESCRIPTION.search(name)), None
    )
    if description is None:
        description = 1 - column if column < 2 else column + 1
    numbers: list[tuple[str, str]] = []
    wrong: dict[str, list[str]] = {}
    for row in rows:
        try:
            numbers.append((_number(_cell(row, column)), _cell(row, description)))
        except ValueError as error:
            wrong.setdefault(str(error), []).append(row.place)
    if wrong:
        where = "" if _is_entry(rows[0]) else f" (column {column + 1})"
        raise ValueError(join([f"{join(places, ', ')}{where}: {reason}" for reason, places in wrong.items()], "; "))
    if not numbers:
        raise ValueError("there are no phone numbers in it")
    return numbers


def _is_entry(row: Row) -> bool:
    """Whether a row is of a JSON list, which has neither comments nor a header line."""
    return row.place.startswith("entry")


def _without_total(rows: list[Row]) -> list[Row]:
    """Return rows without a total below them, or refuse a total that looks like a phone number."""
    last = next((row for row in reversed(rows) if not _begins_as_comment(row)), None)
    if not last or not any(_TOTAL.fullmatch(cell) for cell in last.cells[:2]):
        return rows
    if any(_meant_as_number(cell) for cell in last.cells):
        raise ValueError(f"{last.place} looks like a total: remove it")
    return [row for row in rows if row is not last]


def _column(rows: list[Row], names: list[str]) -> int:
    """Return the column of the phone numbers: the one whose name speaks of numbers, or else the one with most of them.

    :raises ValueError: if several columns are possible, or the only one has a name for something else
    """
    every, rows = rows, rows[:DECIDING]
    width = max((len(row.cells) for row in rows), default=1)
    ranks = [_rank(names[place]) if place < len(names) else 0 for place in range(width)]
    counts = [sum(_is_number(_cell(row, place)) for row in rows) for place in range(width)]
    plus = [place for place in range(width) if rows and all(_is_whole_number(_cell(row, place)) for row in rows)]
    # A named column counts even if its numbers are malformed: the numbers beside it are not the ones that are meant.
    named = [
        place
        for place in range(width)
        if ranks[place] > 0 and (counts[place] or any(_ALMOST.fullmatch(_cell(row, place)) for row in rows))
    ]
    filled = [place for place in range(width) if counts[place]]
    good = [place for place in filled if ranks[place] >= 0]
    if named:
        chosen = _exactly_named(named, names) or named + [place for place in plus if ranks[place] == 0]
    elif good:
        most = [place for place in good if counts[place] == max(counts[place] for place in good)]
        chosen = [place for place in most if place in plus] or most
    elif filled:
        raise ValueError(
            f"column {filled[0] + 1} has numbers, but its name is not that of phone numbers: name it 'phone number'"
        )
    else:
        return next((place for place in range(width) if ranks[place] > 0), 0)
    if any(_differ(every, chosen[0], place) for place in chosen[1:]):
        kind, where = ("fields", "") if _is_entry(every[0]) else ("columns", " in a header line")
        columns = join([str(place + 1) for place in sorted(chosen)], " and ")
        raise ValueError(
            f"{kind} {columns} have phone numbers: name one of them 'phone number' and any other 'note'{where}"
        )
    return chosen[0]


def _exactly_named(named: list[int], names: list[str]) -> list[int]:
    """Return the column ``phone number`` (twilio-cli's name, and the one that messages advise), if there is one.

    Beside it, ``number`` (the dashboard's name) is as good.
    """
    words = {place: _words(names[place]).strip().casefold() for place in named}
    if not any(_EXACT.fullmatch(name) for name in words.values()):
        return []
    return [place for place, name in words.items() if _EXACT.fullmatch(name) or name == "number"]


def _words(name: str) -> str:
    """Return a column's name with a space between its words: ``phoneNumber`` and ``phone_number`` are alike."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-#.]+", " ", name[:200])


def _rank(name: str) -> int:
    """Return how well a column's name fits: 2 for a phone, 1 for a number, 0 if unclear, -1 for something else."""
    words = _words(name)
    if _NEVER.search(words):
        return -1
    if _PHONE.search(words):
        return 2
    if _OF_OTHERS.search(words):
        return -1
    return 1 if _NUMBER.search(words) else 0


def _differ(rows: list[Row], one: int, other: int) -> bool:
    return any(_number_or_none(_cell(row, one)) != _number_or_none(_cell(row, other)) for row in rows)


def _cell(row: Row, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""


# ---- cells ----


@lru_cache(maxsize=4096)  # each cell is parsed twice: to choose the column, and to read it
def _number_or_none(cell: str) -> str | None:
    if sum(map(str.isdigit, cell)) < 7:  # most cells of a long list
        return None
    try:
        return _number(cell)
    except ValueError:
        return None


def _number(cell: str) -> str:
    """Return the number in a cell.

    :raises ValueError: with a message that contains nothing from the cell
    """
    if _E164.fullmatch(cell):
        return "+" + cell.removeprefix("+")  # most numbers of a long list
    # Spreadsheets write a number as text with an apostrophe before it, or as the formula ="+15551234567".
    value = cell.removeprefix("=").strip("'\"")
    if not value:
        raise ValueError("there is no phone number")
    try:
        return normalize(value, from_file=True)
    except NotANumber as error:
        several = len(read(value).numbers)
        raise ValueError(f"{several} phone numbers; give each a line" if several > 1 else error.reason) from None


def _is_number(cell: str) -> bool:
    return _number_or_none(cell) is not None


def _may_be_number(cell: str) -> bool:
    """Whether a cell is a number, or was meant to be one: a line with such a cell is not a header."""
    if _is_number(cell):
        return True
    digits = sum(char.isdigit() for char in cell)
    letters = any(char.isalpha() for char in cell)
    return digits >= 3 and (not letters or bool(_LONG_DIGITS.search(cell)) or "e+" in cell.lower())


def _meant_as_number(cell: str) -> bool:
    """Whether a cell is a phone number, or a malformed one (``1-800-FLOWERS``), rather than a count, a year or a name."""
    if _is_number(cell):
        return True
    digits = sum(char.isdigit() for char in cell)
    return digits >= (3 if any(char.isalpha() for char in cell) else 7)


def _is_whole_number(cell: str) -> bool:
    """Whether a cell is a number that begins as an international one, so that it is no other kind of number."""
    return _is_number(cell) and cell.lstrip("='\"( ").startswith(("+", "00"))
