# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phone numbers from all kinds of files. The error about any other file does not show its content."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import threading

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._numbers.files import (
    MAX_BYTES,
    MAX_LINES,
    load,
    read_numbers,
)

TWO = [("+15551230001", "Support"), ("+15551230002", "")]
SID = "PN0123456789abcdef0123456789abcdef"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"


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
        "sep=|\n15551230001|Support\n15551230002|\n",
        "15551230001|Support\n15551230002|\n",
        '"15551230001","Support"\n"15551230002",""\n',
        '"+1 (555) 123-0001";"Support"\n"001-555-123-0002";\n',
        "\n  \n+1 (555) 123-0001 , Support \n,\n\n 0015551230002\n\n",
        '\'+15551230001,Support\n="+15551230002",\n',
        '"=""+15551230001""",Support\n15551230002,,,\n',
        "Phone support,15551230001\n".replace("Phone support", "Support") + ",15551230002\n",
        "number,description\n15551230001.0,Support\n15551230002.0,\n",
        "# of our shop\n15551230001,Support\n# 15551230009,Closed\n15551230002,\n",
        "#Number,Description\n15551230001,Support\n15551230002,\n",
        "Numbers of ACME, Inc.\nof 2026\nNumber;Description\n15551230001;Support\n15551230002;\n",
        "Number,Description\n------,-----------\n15551230001,Support\n15551230002,\n",
        "number,description\n15551230001,Support\n15551230002,\nTotal,2\n",
        "number;description\n15551230001;Support\n15551230002;\n;\nSumme:;\n",
        "tel:+15551230001,Support\n\u200e+15551230002\u200e,\n",
        "- +15551230001,Support\n- +15551230002\n",
        '[{"number": "+15551230001", "description": "Support"}, {"number": "15551230002"}]',
        '{"number": "+15551230001", "description": "Support"}\n{"number": "15551230002"}\n',
        '{"numbers": [{"phoneNumber": 15551230001, "label": "Support"}, {"phoneNumber": 15551230002.0}]}',
    ],
)
def test_notations(text: str) -> None:
    assert read_numbers(text) == TWO


@pytest.mark.parametrize(
    "text",
    [
        # The column is chosen by what the cells are ...
        "Support,15551230001\nSales,15551230002\n",
        "Name,Number of lines,Contact\nSupport,3,15551230001\nSales,12,15551230002\n",
        "when,who,what\n2026-11-25,Support,15551230001\n2026-11-26,Sales,15551230002\n",
        "Phone support,15551230001\n4930123456,15551230002\n",  # a description may be a number
        # ... and of several by its name: a phone before a number, and never an account, a store, a label, a type.
        "Account number,Phone\n4912345678,15551230001\n4912345679,15551230002\n",
        "Store number;Store phone\n4912345678;15551230001\n4912345679;15551230002\n",
        "Kundennummer;Telefonnummer\n4912345678;15551230001\n4912345679;15551230002\n",
        "Customer No.,Number\n4912345678,15551230001\n4912345679,15551230002\n",
        "Phone Number,Mobile\n15551230001,4912345678\n15551230002,4912345679\n",
        "phone_label,phone_number\n4912345678,15551230001\n4912345679,15551230002\n",
        "Phone 1 - Type,Phone 1 - Value\nMobile,+1 555-123-0001\nWork,+1 555-123-0002\n",
        "phone number type,fax,telephone\n1,4912345678,15551230001\n1,4912345679,15551230002\n",
        "ext,cell\n1234567,15551230001\n1234568,15551230002\n",
        "MSISDN,ICCID\n15551230001,8949012345678901234\n15551230002,8949012345678901235\n",
        "E.164,order\n15551230001,4912345678\n15551230002,4912345679\n",
        # ... or by the plus, where nothing has a name.
        "4912345678,+15551230001\n4912345679,+15551230002\n",
        "Owner,Number\n4912345678,15551230001\n4912345679,15551230002\n",
        "Number of texts,Phone\n1234,+15551230001\n12,+15551230002\n",
        "+15551230001,4912345678\n+15551230002,4912345679\n",
        # Two equal columns are not ambiguous.
        "15551230001,+1 555 123 0001\n15551230002,+1 555 123 0002\n",
        "Number,Phone\n15551230001,+1 555 123 0001\n15551230002,+1 555 123 0002\n",
        "Phone Number,Friendly Name\n+15551230001,(555) 123-0001\n+15551230002,1 555 123 0002\n",
        # What twilio-cli and the API export
        f"sid\tphoneNumber\tfriendlyName\n{SID}\t+15551230001\t(555) 123-0001\n{SID}\t+15551230002\tS\n",
        f"SID                                 Phone Number\n{SID}  +15551230001\n{SID}  +15551230002\n",
        f"account_sid,friendly_name,phone_number\n{ACCOUNT},5551230001,+15551230001\n{ACCOUNT},5551230002,+15551230002\n",
        json.dumps(
            [
                {"accountSid": ACCOUNT, "friendlyName": "5551230001", "phoneNumber": "+15551230001", "beta": False},
                {"accountSid": ACCOUNT, "friendlyName": "5551230002", "phoneNumber": "+15551230002", "trunk": None},
            ],
            indent=2,
        ),
        json.dumps(
            {
                "incoming_phone_numbers": [
                    {"sid": SID, "phone_number": "+15551230001", "capabilities": {"sms": True}},
                    {"sid": SID, "phone_number": "+15551230002"},
                ],
                "page": 0,
                "next_page_uri": None,
            }
        ),
        '["+15551230001", "15551230002"]',
        "[15551230001, 15551230002]",
        "[dallas]\n15551230001\n15551230002\n",
    ],
)
def test_the_column_of_the_numbers(text: str) -> None:
    assert [number for number, _description in read_numbers(text)] == ["+15551230001", "+15551230002"]


ONE, OTHER, ON_CALL = "+15551234567", "+15551234568", "+15551230000"


@pytest.mark.parametrize(
    "text",
    [
        f"Description,Number\n#1 hotline,{ONE}\nSales,{OTHER}\n",
        f"Description,Number\n#1 hotline,{ONE}\n#2 hotline,{OTHER}\n",
        f"Kanal;Rufnummer\n#support;{ONE}\n#sales;{OTHER}\n",
        f"#\tNumber\n#1\t{ONE}\n#\t{OTHER}\n",
        f"#1 hotline,{ONE}\nSales,{OTHER}\n",
        f"sep=,{ONE}\nSales,{OTHER}\n",
        f'"#1, the hotline","{ONE}",\n"Sales","{OTHER}",\n',
        f"Owner,Number\n#{ON_CALL},{ONE}\nBob,{OTHER}\n",
    ],
)
def test_a_row_with_a_number_in_its_column_is_no_comment(text: str) -> None:
    assert [number for number, _description in read_numbers(text)] == [ONE, OTHER]


@pytest.mark.parametrize(
    "text",
    [
        f"# {ON_CALL}\n{ONE}\n{OTHER}\n",
        f"{ONE}\n#{ON_CALL}\n{OTHER}\n",
        f"{ONE},new\n# {ON_CALL},old store\n{OTHER},new\n",
        f"{ONE},4912345678\n# {ON_CALL},4912345679\n{OTHER},\n",  # its description has no say in the column either
        f"Description,Number\nSupport,{ONE}\n# Dallas, 2026\n#1 hotline,# {ON_CALL}\nSales,{OTHER}\n",
        f"#\n# shops\n#\n{ONE}\n#\n{OTHER}\nTotal,2\n# end\n",
    ],
)
def test_a_number_behind_the_hash_is_commented_out(text: str) -> None:
    assert [number for number, _description in read_numbers(text)] == [ONE, OTHER]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"1-555-I23-O567\n{ONE}\n", 1),
        (f"1-800-FLOWERS,hotline\n{ONE},x\n", 1),
        (f"hotline;1-800-FLOWERS\nx;{ONE}\n", 1),
        (f"+1 555 CALL NOW\n{ONE}\n", 1),
        (f"12\n{ONE}\n", 1),
        (f"# of our shop\n(800) FLOWERS\tx\n{ONE}\ty\n", 2),
        # The word "phone" makes it no header, with or without one above.
        (f"1-800-PHONE-US\n{ONE}\n", 1),
        (f"1-800-FLOWERS,Phone order line\n{ONE},a\n", 1),
        (f"Number,Description\n1-800-FLOWERS,Phone order line\n{ONE},a\n", 2),
        (f"Number,Owner\nFLOWERS,Phone orders\n{ONE},a\n", 2),
        (f'"Rufnummer";"Wer"\n"0800 BLUMEN";"Telefon"\n"{ONE}";"a"\n', 2),
        (f"Our phone numbers\nPhone,Owner\n1-800-FLOWERS,Phone orders\n{ONE},Bob\n", 3),
    ],
)
def test_a_malformed_first_number_is_no_header(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"^line {line} \(column [12]\): it is not complete"):
        read_numbers(text)


@pytest.mark.parametrize(
    "header",
    [
        "number,description",
        "E.164,Owner",
        "Number (7 to 15 digits),Owner",
        "Phone 1 - Value,Name",
        "Ligne;Site 2026",  # the year is not in the numbers' column
        "\u756a\u53f7\t\u8aac\u660e",
        "Our phone numbers\nPhone,Owner",
        "Phone numbers of ACME, Dallas\nas of 2026\nNumber,Description",
        "# Shops, Dallas\nLinie,Wer",
    ],
)
def test_headers_and_titles(header: str) -> None:
    mark = next(mark for mark in "\t;," if mark in header)
    assert read_numbers(f"{header}\n{ONE}{mark}a\n{OTHER}{mark}b\n") == [(ONE, "a"), (OTHER, "b")]


TWO_COLUMNS = (
    r"^columns 1 and {} have phone numbers: name one of them 'phone number' and any other 'note' in a header line$"
)


@pytest.mark.parametrize(
    "header",
    [
        "number,transfer_phone",
        "transfer_phone,number",
        "Number,Mobile",
        "Rufnummer;Telefon",
        "Business Phone\tMobile Phone",
        "number,phone_number",
        "Phone Number,phoneNumber",
        "line,transfer_phone",
        "numer,telefon",
        "from,to",
        "",
    ],
)
@pytest.mark.parametrize(
    "rows",
    [[(ONE, ON_CALL), (OTHER, ON_CALL)], [(ON_CALL, ONE), (ON_CALL, OTHER)]],
)
def test_two_columns_of_numbers_are_refused(header: str, rows: list[tuple[str, str]]) -> None:
    mark = next((mark for mark in "\t;," if mark in header), ",")
    with pytest.raises(ValueError, match=TWO_COLUMNS.format(2)):
        read_numbers("\n".join([header, *(mark.join(row) for row in rows)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # However many numbers a column has.
        (f"number,transfer_phone\n{ONE},\n{OTHER},{ON_CALL}\n", TWO_COLUMNS.format(2)),
        (f"number,name,transfer_phone\n{ONE},x,{ON_CALL}\n,y,{ON_CALL}\n", TWO_COLUMNS.format(3)),
        (f"number,transfer_phone\n030 1234567,{ON_CALL}\n030 1234568,{ON_CALL}\n", TWO_COLUMNS.format(2)),
        (f"number,x\n030 1234567,{ON_CALL}\n1.55E+10,{ON_CALL}\n", TWO_COLUMNS.format(2)),
        (f"number,x\n030 1234567,{ON_CALL[1:]}\n030 1234568,x\n", r"^line 2, line 3 \(column 1\): the country code"),
        # Without a plus it takes the names, in any language.
        (f"numer,telefon\n{ONE[1:]},{ON_CALL[1:]}\n", TWO_COLUMNS.format(2)),
        (f"номер;телефон\n{ONE[1:]};{ON_CALL[1:]}\n", TWO_COLUMNS.format(2)),
        (f"番号\t転送先電話\n{ONE[1:]}\t{ON_CALL[1:]}\n", TWO_COLUMNS.format(2)),
        (f"DID,Transfer phone\n{ONE[1:]},{ON_CALL[1:]}\n", TWO_COLUMNS.format(2)),
        (f"{ONE},{OTHER},{ON_CALL}\n", "^columns 1 and 2 and 3 have phone numbers"),
        (
            json.dumps([{"number": ONE, "transferPhone": ON_CALL}, {"number": OTHER, "transferPhone": ON_CALL}]),
            "^fields 1",
        ),
        (
            json.dumps([{"number": ONE}, {"transfer_phone": ON_CALL, "number": OTHER}]),
            "^fields 1 and 2 have .* 'note'$",
        ),
        (f'{{"id": "x", "mobile": "{ON_CALL}", "number": "{ONE}"}}\n', "^fields 2 and 3 have phone numbers"),
    ],
)
def test_numbers_of_two_kinds_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_numbers(text)


@pytest.mark.parametrize(
    "header", ["phone number,note", "Phone Number;note", "phoneNumber\tnote", "phone_number,mobile"]
)
def test_the_advice_of_the_refusal_helps(header: str) -> None:
    mark = next(mark for mark in "\t;," if mark in header)
    text = f"{header}\n{ONE}{mark}{ON_CALL}\n{OTHER}{mark}{ON_CALL}\n"
    assert read_numbers(text) == [(ONE, ON_CALL), (OTHER, ON_CALL)]


def test_descriptions_may_hold_anything() -> None:
    text = '15551230001,"Sales; ""Boston"", 2nd floor"\n15551230002,"two\nlines"\n15551230003,Größe\n'
    assert [description for _number, description in read_numbers(text)] == [
        'Sales; "Boston", 2nd floor',
        "two\nlines",
        "Größe",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no phone numbers"),
        ("number,description\n", "no phone numbers"),
        ("[]", "no phone numbers"),
        ("number\n15551230001\n\nsoon\n12\n", r"^line 4, line 5 \(column 1\): it is not complete"),
        ("15551230001,Support\n,Sales\n", r"line 2 \(column 1\): there is no phone number"),
        ("15551230001\n1.555123E+10\n", r"line 2 \(column 1\): it has lost its last digits"),
        ("number\n1.55512E+10\n", r"line 2 \(column 1\): it has lost its last digits"),
        ('15551230001,x\n15551230002,"Sup\nport\n', "line 2: not CSV"),
        ('15551230001,"two\nlines"\nsoon\n', r"line 3 \(column 1\): it is not complete"),
        ("number\n030 1234567\n", r"line 2 \(column 1\): the country code is missing"),
        ("number\n4930123456.5\n", r"line 2 \(column 1\): it has a decimal point"),
        ("number\n+15551230001 / +15551230002\n", r"line 2 \(column 1\): 2 phone numbers; give each a line"),
        (
            "555-123\n15551230001\n",
            r"line 1 \(column 1\): it is not complete",
        ),  # no header: it was meant to be a number
        ("title\nheader\n15551230001\n", r"line 2 \(column 1\)"),
        ("number,x\n15551230001,1\nTotal,15551230002\n", "line 3 looks like a total: remove it"),
        ("15551230001,x\n1-800-FLOWERS,Total\n", "line 2 looks like a total: remove it"),
        ("Description,Number\nx,15551230001\n#1 hotline,1-800-FLOWERS\n", r"line 3 \(column 2\): it is not complete"),
        ('[{"number": "# +15551230001"}, {"number": "15551230002"}]', "^entry 1: it is not complete"),
        ("15551230001,15551230003\n15551230002,15551230004\n", "columns 1 and 2 have phone numbers: name one"),
        ("Business Phone,Mobile Phone\n15551230001,15551230002\n", "columns 1 and 2 have phone numbers: name one"),
        ("Account number\n4912345678\n", "column 1 has numbers, but its name is not that of phone numbers"),
        ("friendly_name,x\n5551230001,y\n", "column 1 has numbers, but its name"),
        (f"sid\n{SID}\n", "no phone numbers|line 2"),
        ('{"numbers": ["+1555', "it begins like JSON, but is invalid or truncated"),
        ('[{"number": "+15551230001"}, {"number": "12"}]', "^entry 2: it is not complete"),
        ('[{"number": "+15551230001"}, {"name": "x"}]', "^entry 2: there is no phone number"),
        ('[{"number": 1.5551230001e10}]', "^entry 1: it has lost its last digits"),
        (
            '{"incoming_phone_numbers": [{"phone_number": "+15551230001"}], "next_page_uri": "/x"}',
            "one page of a longer",
        ),
        ("[" * 100_001, "line 1 has more than"),
        ("x" * 200_000, "line 1 has more than 100000 characters"),
        ("15551230001\n" * (MAX_LINES + 2), "it has more than 200000 lines: split it"),
        (json.dumps([{str(n): "x"} for n in range(600)]), "more than 500 different fields"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        read_numbers(text)
    assert "\n" not in str(refusal.value)
    assert not any(piece in str(refusal.value) for piece in ("soon", "Sales", "1555123000", "4912"))


def test_many_errors_are_counted() -> None:
    with pytest.raises(ValueError, match=r"^line 2, line 3, .*line 11, and 5 more \(column 1\): it is not complete"):
        read_numbers("number\n" + "soon\n" * 15)


def test_ten_thousand_numbers() -> None:
    numbers = [f"+1555{n:07d}" for n in range(10_000)]
    assert [number for number, _description in read_numbers("\n".join(f"{n},Line {n}" for n in numbers))] == numbers


# ---- files ----


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_files_in_any_encoding(tmp_path: pathlib.Path, encoding: str) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes("number,description\r\n15551230001,Größe\r\n".encode(encoding))
    assert load(str(file)) == [("+15551230001", "Größe")]


SHADOW = b"root:$6$rounds=5000$hunter2hunter2:19000:0:99999:7:::\nbin:*:18000:0:99999:7:::\n"
TOKEN = b"ghp_16C7e42F292c6912E7710c838347Ae178B4a\n"
VAULT = b"$ANSIBLE_VAULT;1.1;AES256\n66386439653236336462626566653063336164663966303231363934653561363964363833313662\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no phone numbers"),
        (b"15551230001\nsoon\n", "line 2"),
        (b"PK\x03\x04\x14\x00", "it is a spreadsheet or an archive: save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "spreadsheet in an old format: save it as CSV"),
        (b"%PDF-1.7\n", "it is a PDF"),
        (gzip.compress(b"15551230001\n"), r"compressed with gzip: unpack it first \(gunzip\)"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (b"\xfd7zXZ\x00", "compressed with xz"),
        (b"{\\rtf1\\ansi", "text document"),
        (b"BEGIN:VCARD\nTEL:+15551230001\nEND:VCARD\n", "export them as CSV"),
        (b"<!DOCTYPE html><html>", "it is HTML or XML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "it is HTML or XML"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2hunter2\n", "a key or a certificate"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "not a text file"),
        (b"\x00\x01\x02\x03" * 20, "not a text file"),
        (b"\xff\xfe1\x005\x005", "its encoding is not clear: save it as UTF-8"),
        (VAULT, r"encrypted with Ansible Vault: give its vault password \(--vault-id or --ask-vault-pass\)"),
        (SHADOW, "line 1, line 2"),
        (TOKEN, "no phone numbers|line 1"),
        (b"API_KEY=" + TOKEN + b"OTHER=" + TOKEN, "line 1"),
    ],
)
def test_a_refused_file_is_named_and_not_shown(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes(content)
    with pytest.raises(SmsError, match=message) as caught:
        load(str(file))
    text = str(caught.value)
    assert text.startswith(f"numbers_file '{file}': ")
    assert "\n" not in text
    text = text.replace(str(file), "")
    assert not any(secret in text for secret in ("root", "hunter2", "ghp_", "API_KEY", "soon", "66386439"))


def test_a_vault_encrypted_file_is_read_with_its_password(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_bytes(VAULT)
    assert load(str(file), lambda data: b"15551230001\n" if data == VAULT else data) == [("+15551230001", "")]

    def wrong(_data: bytes) -> bytes:
        raise SmsError("The backup is encrypted", code="bad_backup")

    with pytest.raises(SmsError, match="give its vault password") as caught:
        load(str(file), wrong)
    assert caught.value.code == "bad_numbers_file"


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SmsError, match="none.csv' cannot be read: No such file"):
        load(str(tmp_path / "none.csv"))
    with pytest.raises(SmsError, match="it is a directory: give a file"):
        load(str(tmp_path))


def test_a_pipe_keeps_nobody_waiting(tmp_path: pathlib.Path) -> None:
    pipe = tmp_path / "numbers.csv"
    os.mkfifo(pipe)
    caught: list[str] = []

    def attempt() -> None:
        try:
            load(str(pipe))
        except SmsError as error:
            caught.append(str(error))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(10)
    assert "it is a pipe or a device: save the list as a file" in caught[0]
    with pytest.raises(SmsError, match="pipe or a device"):
        load("/dev/zero")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "numbers.csv"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_BYTES * 40)
    with pytest.raises(SmsError, match="it is larger than 32 MiB: split it"):
        load(str(file))


def test_a_tilde_is_the_home_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "numbers.csv").write_text("15551230001\n")
    assert load("~/numbers.csv") == [("+15551230001", "")]
