# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phone numbers from CSV files as they come."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._numbers.files import load, read_numbers

TWO = [("+15551230001", "Support"), ("+15551230002", "")]


@pytest.mark.parametrize(
    "text",
    [
        "15551230001,Support\n15551230002,\n",
        "15551230001,Support\n15551230002",
        "number,description\n15551230001,Support\n15551230002,\n",
        "Phone number,Description (up to 64)\n15551230001,Support\n15551230002,\n",
        "Description;Number\nSupport;15551230001\n;15551230002\n",
        "id,Telephone,x,Description\n1,15551230001,,Support\n2,15551230002\n",
        "\ufeffnumber,description\r\n15551230001,Support\r\n15551230002,\r\n",
        "15551230001;Support\r15551230002;\r",
        "15551230001\tSupport\n15551230002\n",
        "sep=;\n15551230001;Support\n15551230002;\n",
        '"15551230001","Support"\n"15551230002",""\n',
        '"+1 (555) 123-0001";"Support"\n"001-555-123-0002";\n',
        "\n  \n+1 (555) 123-0001 , Support \n,\n\n 0015551230002\n\n",
        '\'+15551230001,Support\n="+15551230002",\n',
        '"=""+15551230001""",Support\n15551230002,,,\n',
    ],
)
def test_notations(text: str) -> None:
    assert read_numbers(text) == TWO


def test_descriptions_may_hold_anything() -> None:
    text = '15551230001,"Sales; ""Boston"", 2nd floor"\n15551230002,"two\nlines"\n15551230003,Größe\n'
    assert [description for _number, description in read_numbers(text)] == [
        'Sales; "Boston", 2nd floor',
        "two\nlines",
        "Größe",
    ]


def test_the_first_line_is_no_header_when_it_has_a_number_in_the_wrong_place() -> None:
    with pytest.raises(ValueError, match="line 1: 'Phone support'"):
        read_numbers("Phone support,15551230001\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no phone numbers"),
        ("number,description\n", "no phone numbers"),
        ("number\n15551230001\n\nsoon\n12\n", r"line 4: 'soon' is not a phone number.*; line 5: '12' is not"),
        ("15551230001,Support\n,Sales\n", "line 2: there is no phone number"),
        ("15551230001\n1.555123E+10\n", r"line 2: 1.555123E\+10 has lost its last digits"),
        ('15551230001,x\n15551230002,"Sup\nport\n', "line 2: not CSV"),
        ('15551230001,"two\nlines"\nsoon\n', "line 3: 'soon'"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_numbers(text)


def test_many_errors_are_counted() -> None:
    with pytest.raises(ValueError, match=r"^line 2: .*; line 11: [^;]*; and 5 more$"):
        read_numbers("number\n" + "soon\n" * 15)


def test_ten_thousand_numbers() -> None:
    numbers = [f"+1555{n:07d}" for n in range(10_000)]
    assert [number for number, _description in read_numbers("\n".join(f"{n},Line {n}" for n in numbers))] == numbers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_files_in_any_encoding(tmp_path: pathlib.Path, encoding: str) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes("number,description\r\n15551230001,Größe\r\n".encode(encoding))
    assert load(str(file)) == [("+15551230001", "Größe")]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"15551230001\nsoon\n", "line 2: 'soon'"), (b"PK\x03\x04\x14\x00", "save it as CSV"), (b"", "no phone numbers")],
)
def test_errors_name_the_file(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes(content)
    with pytest.raises(SmsError, match=message) as caught:
        load(str(file))
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SmsError, match="none.csv' cannot be read: No such file"):
        load(str(tmp_path / "none.csv"))
    with pytest.raises(SmsError, match="cannot be read: Is a directory"):
        load(str(tmp_path))
