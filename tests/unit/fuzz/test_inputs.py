# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Input of users and files: any text is either understood or refused with a message, and no password is shown."""

# ruff: noqa: PT017  an input that is refused is as good as one that is understood

from __future__ import annotations

import base64
import collections
import csv
import io
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.voiceagent.sms.plugins.module_utils._http import urls
from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import receiver
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import unpack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._numbers import files as numbers_file
from ansible_collections.voiceagent.sms.plugins.module_utils._numbers import notation as phone_number
from ansible_collections.voiceagent.sms.plugins.module_utils._role import backup

Tried = collections.Counter[str]
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
DIGITS = st.from_regex(E164, fullmatch=True)
DECORATED = st.lists(st.sampled_from([*"0123456789", *" ()-./+", "\u2011", "\t", "00", "+1", "x"]), max_size=24).map(
    "".join
)
ANYTHING = st.one_of(st.text(max_size=40), st.integers(), st.booleans(), st.none(), st.floats(), st.binary(max_size=9))
# Long enough that it cannot be found by chance, and nothing that could stand in the rest of the URL as well.
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Cs", "Cc", "Z")), max_size=30
).map(lambda text: f"s3cr3t{text}t3rc3s")
HOSTS = st.sampled_from(
    ["sms-south.voiceagent.cloud.ibm.com", "gateway.example.com:9443", "[::1]:8080", "127.0.0.1", "x"]
)


@given(value=st.one_of(ANYTHING, DECORATED))
def test_a_phone_number_is_one_or_is_refused(value: object, tried: Tried) -> None:
    tried["number"] += 1
    try:
        number = phone_number.normalize(value)
    except ValueError as error:
        assert str(error)
        assert len(str(error)) < 300
    else:
        assert E164.fullmatch(number)
        assert number.isascii()
        assert phone_number.normalize(number) == number
        # What may be left out: the international prefix, the decimals of a whole float, one 0 in parentheses.
        text = re.sub(r"\.0{1,2}$", "", str(value).strip())
        digits = re.sub(r"\D", "", text)
        trunk = re.sub(r"\D", "", re.sub(r"\(\s*0", "", text, count=1))
        assert number[1:] in (digits, digits.removeprefix("00"), trunk, trunk.removeprefix("00"))


MARKS = ["", " ", "-", ")", "\u2011", "\u200b", "\u00a0", "_", "\u202c"]


@given(number=DIGITS, data=st.data())
def test_decoration_makes_no_other_number(number: str, data: st.DataObject, tried: Tried) -> None:
    tried["number"] += 1
    marks = data.draw(st.lists(st.sampled_from(MARKS), min_size=16, max_size=16))
    written = "".join(digit + mark for digit, mark in zip(number[1:], marks, strict=False))
    assert phone_number.normalize("+" + written) == phone_number.normalize("00" + written) == number
    try:
        assert phone_number.normalize(written) == number
    except ValueError as error:
        assert "octal" in str(error)


@given(number=DIGITS, data=st.data())
def test_no_reading_adds_drops_or_moves_a_digit(number: str, data: st.DataObject, tried: Tried) -> None:
    """A number with characters between its digits that may have a meaning is read correctly or refused."""
    tried["number"] += 1
    marks = data.draw(
        st.lists(st.sampled_from([*MARKS, ".", "/", "(", ",", "\n", "e", "+", "\u2212"]), min_size=16, max_size=16)
    )
    for front in ("+", "", "00", "tel:+", "-"):
        written = front + "".join(digit + mark for digit, mark in zip(number[1:], marks, strict=False))
        reading = phone_number.read(written)
        if "(0" in re.sub(r"[^(0-9]", "", written) or re.search("[,\n+]", "".join(marks)):
            continue  # a 0 in parentheses may be left out, and several numbers in a text are several
        assert reading.numbers in ([number], []) or (number.startswith("+00") and not reading.errors)
        assert bool(reading.numbers) != bool(reading.errors)


@given(number=DIGITS, form=st.sampled_from([float, lambda digits: f"{digits}.0", lambda digits: f"+{digits}.00", int]))
def test_floats_and_integers_are_the_number_or_refused(number: str, form: object, tried: Tried) -> None:
    tried["number"] += 1
    value = form(number[1:])  # type: ignore[operator]
    try:
        assert phone_number.normalize(value) == number
    except ValueError as error:
        assert re.search("may have lost|octal", str(error))


@given(number=DIGITS)
def test_a_host_s_name_is_the_number_that_it_is_or_none(number: str, tried: Tried) -> None:
    tried["number"] += 1
    assert phone_number.number_of_host(number) == number
    assert phone_number.number_of_host(number[1:]) in (number, None)
    assert phone_number.number_of_host(f"{number[1:]}.example.com") is None


@given(text=st.text(max_size=200))
def test_any_text_as_a_url(text: str, tried: Tried) -> None:
    tried["url"] += 1
    urls.place(text)
    urls.password_of(text)
    urls.fragment_of(text)
    urls.redact_url(text)
    urls.redact(text)
    receiver.is_api_key(text)
    assert urls.same_url(text, text)
    for check in (
        urls.check_url,
        lambda value: receiver.host_for("us-south", value),
        receiver.host_for,
    ):
        try:
            check(text)
        except ValueError as error:
            assert str(error)


@given(
    secret=SECRETS,
    host=HOSTS,
    scheme=st.sampled_from(["https", "http", "HTTPS", "ftp"]),
    user=st.sampled_from(["apikey", "", "a%40b"]),
    path=st.sampled_from(["/sms.receiver/SmsRecv", "", "/", "/a@b", "?x=1", "#rc=2"]),
    written=st.sampled_from(["plain", "quoted", "twice", "lower"]),
)
def test_no_password_comes_out(
    secret: str, host: str, scheme: str, user: str, path: str, written: str, tried: Tried
) -> None:
    tried["url"] += 1
    once = quote(secret, safe="")
    inside = {"plain": secret, "quoted": once, "twice": quote(once, safe=""), "lower": once.lower()}[written]
    if written == "lower":
        assume(once.lower() != secret)
    url = f"{scheme}://{user}:{inside}@{host}{path}"
    _is_hidden(secret, inside, urls.redact_url(url), url)
    for refuse in (urls.check_url, lambda value: receiver.host_for(None, value)):
        try:
            refuse(url)
        except ValueError as error:
            _is_hidden(secret, inside, str(error), url)
    # In the middle of a provider's message, in a form body, in a query of another URL.
    if not re.search(r"[\"'<>\s]", inside):
        for text in (f"not valid: {url}, sorry", quote(url, safe=""), quote(quote(url, safe=""), safe="")):
            _is_hidden(secret, inside, urls.redact(text), text)
    # Anybody who knows the secret would find it anywhere.
    for text in (inside, f"x{inside}y", quote(inside, safe="")):
        assert secret not in urls.redact(text, (secret,))
    assert secret not in urls.redact(f"{secret} {once}", (secret,))
    assert once not in urls.redact(f"{secret} {once}", (secret,))


def _is_hidden(secret: str, inside: str, shown: str, of: str) -> None:
    for form in (secret, inside, quote(inside, safe=""), base64.b64encode(secret.encode()).decode()):
        assert form not in shown, f"{of!r} is shown as {shown!r}"


@given(password=st.text(max_size=60), username=st.text(max_size=20))
def test_a_built_url_gives_its_password_back(password: str, username: str, tried: Tried) -> None:
    tried["url"] += 1
    try:
        url = receiver.build_url("sms-south.voiceagent.cloud.ibm.com", password, username)
    except ValueError as error:
        assert len(password) < 8 or password not in str(error)
    else:
        assert urls.password_of(url) == password
        assert urls.place(url) == ("https", "sms-south.voiceagent.cloud.ibm.com", 443, receiver.PATH)
        assert f":{password}@" not in urls.redact_url(url)


CELLS = st.one_of(
    DIGITS, DECORATED, st.text(max_size=20), st.sampled_from(["number", "description", '"', "sep=;", "1,5E+10"])
)


@given(
    rows=st.lists(st.lists(CELLS, max_size=4), max_size=8),
    mark=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_csv_is_read_or_refused(rows: list[list[str]], mark: str, end: str, tried: Tried) -> None:
    tried["csv"] += 1
    _read_csv(end.join(mark.join(cells) for cells in rows))


#: Cells beside a number, in any language, and malformed numbers; none is a number itself.
BESIDE = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Nd")), max_size=12),
    st.sampled_from(
        ["#1 hotline", "#", "# note", "Phone order line", "number", "Total", "1-800-FLOWERS", "sep=,", "---", "2026"]
    ),
)
#: Headers with the column of the numbers, which is ``None`` where there is none.
NAMES = st.sampled_from(
    [
        None,
        ("number", "description"),
        ("Rufnummer", "Kanal"),
        ("numer", "opis"),
        ("\u756a\u53f7", "\u540d\u524d"),
        ("Phone Number", "#"),
    ]
)


@given(
    lines=st.lists(st.tuples(DIGITS | BESIDE, BESIDE), min_size=1, max_size=8),
    names=NAMES,
    first=st.booleans(),
    trailing=st.sampled_from([(), ("",), ("x",)]),
    mark=st.sampled_from([",", ";", "\t", "|"]),
)
def test_no_number_of_a_list_vanishes(
    lines: list[tuple[str, str]],
    names: tuple[str, str] | None,
    first: bool,
    trailing: tuple[str, ...],
    mark: str,
    tried: Tried,
) -> None:
    """Whatever stands beside and above the numbers, each line with one is in the result, or there is an error."""
    tried["csv"] += 1
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark)
    for number, beside in [names, *lines] if names else lines:
        writer.writerow([*((number, beside) if first else (beside, number)), *trailing])
    try:
        found = [number for number, _description in numbers_file.read_numbers(text.getvalue())]
    except ValueError as error:
        assert str(error)
    else:
        assert found == [number for number, _beside in lines if E164.fullmatch(number)]


@given(
    lines=st.lists(st.tuples(DIGITS, DIGITS), min_size=1, max_size=6),
    names=st.tuples(*[st.sampled_from(["number", "transfer_phone", "Mobile", "Rufnummer", "line", "telefon", ""])] * 2),
    as_json=st.booleans(),
)
def test_two_columns_of_numbers_are_refused(
    lines: list[tuple[str, str]], names: tuple[str, str], as_json: bool, tried: Tried
) -> None:
    tried["csv"] += 1
    assume(names[0] != names[1] and any(one != other for one, other in lines))
    text = "\n".join(",".join(row) for row in [names, *lines])
    if as_json:
        text = json.dumps([dict(zip(names, line, strict=True)) for line in lines])
    with pytest.raises(ValueError, match=r"^(columns|fields) 1 and 2 have phone numbers"):
        numbers_file.read_numbers(text)


@given(text=st.text(max_size=300))
def test_any_text_as_csv(text: str, tried: Tried) -> None:
    tried["csv"] += 1
    _read_csv(text)


def _read_csv(text: str) -> None:
    try:
        numbers = numbers_file.read_numbers(text)
    except ValueError as error:
        assert str(error)
    else:
        assert numbers
        assert all(E164.fullmatch(number) for number, _description in numbers)
        digits = re.sub(r"\D", "", text)
        assert all(number[1:] in digits or number[1:4] in digits for number, _description in numbers)


@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass"))
    )
)
def test_any_file_as_csv(content: bytes, tried: Tried, tmp_path_factory: pytest.TempPathFactory) -> None:
    tried["csv"] += 1
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_bytes(content)
    try:
        numbers_file.load(str(path))
    except SmsError as error:
        assert str(path) in str(error)


#: Lines of files that are none of phone numbers, and of some that are. Each has something that no message may hold.
SECRET_LINES = st.one_of(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=("Cc", "Z")), min_size=6, max_size=30
    ),
    st.from_regex(r"[A-Za-z]{3,8}:[$*x!]{1,3}[A-Za-z0-9./]{8,20}:[0-9]{5}:0:99999:7:::", fullmatch=True),
    st.from_regex(r"[A-Z_]{4,12}=[A-Za-z0-9+/]{16,40}", fullmatch=True),
    st.from_regex(r"[0-9]{3,6}[A-Za-z0-9]{6,12}[,;\t|][0-9]{16,20}", fullmatch=True),
    st.from_regex(r'\{"[a-z]{2,8}": ?"[A-Za-z0-9]{8,20}"\}?', fullmatch=True),
    st.from_regex(r'[0-9]{12,14},"[a-z]{6,9}', fullmatch=True),
)


@given(
    lines=st.lists(SECRET_LINES, min_size=1, max_size=6),
    header=st.sampled_from(["", "number,description\n", "[\n", "$ANSIBLE_VAULT;1.1;AES256\n", '"']),
)
def test_no_output_holds_a_line_of_a_refused_file(
    lines: list[str], header: str, tried: Tried, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tried["csv"] += 1
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_bytes((header + "\n".join(lines)).encode("utf-8", "surrogatepass"))
    try:
        numbers_file.load(str(path))
    except SmsError as error:
        message = str(error).replace(str(path), "")
        assert "\n" not in message
        for line in lines:
            for piece in [line.strip(), *re.findall(r"[^\s,;:|={}\"]{6,}", line)]:
                assert len(piece) < 6 or piece not in message


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["format", "accounts", "numbers", "before", "after", "AC1", "+15551234567", "url", "sid", "settings"]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)
FIELDS = ("url", "method", "fallback_url", "fallback_method", "application_sid")
SETTINGS = st.one_of(
    JSON, st.fixed_dictionaries({name: st.one_of(st.text(max_size=5), JSON) for name in FIELDS}), st.just(list(FIELDS))
)
RECORDS = st.fixed_dictionaries(
    {
        "format": st.sampled_from([1, True, "1", 2]),
        "accounts": st.dictionaries(
            st.text(max_size=6),
            st.dictionaries(
                st.one_of(DIGITS, st.text(max_size=5)),
                st.one_of(JSON, st.fixed_dictionaries({"before": SETTINGS, "after": SETTINGS})),
                max_size=2,
            ),
            max_size=2,
        ),
    }
)


@given(record=st.one_of(JSON, RECORDS), junk=st.sampled_from([b"", b"\xff", b"}", b"[" * 100_000]))
def test_any_file_as_a_backup(
    record: object, junk: bytes, tried: Tried, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Anything that is read as a backup is valid, so its users need no further checks."""
    tried["backup"] += 1
    path = tmp_path_factory.getbasetemp() / "backup.json"
    path.write_bytes(json.dumps(record).encode() + junk)
    try:
        read = backup.read_record(str(path), lambda data: data)
    except SmsError as error:
        assert str(path) in str(error)
        return
    for account, numbers in read["accounts"].items():
        assert account.startswith("AC")
        for number, change in numbers.items():
            assert E164.fullmatch(number)
            for settings in (change["before"], change["after"]):
                assert set(settings) == set(FIELDS)
                assert all(isinstance(value, str) for value in settings.values())


@given(data=JSON, junk=st.sampled_from(["", "}", "[" * 100_000]))
def test_any_text_as_a_snapshot(data: object, junk: str, tried: Tried) -> None:
    tried["snapshot"] += 1
    try:
        unpack_snapshot(json.dumps(data) + junk)
    except SmsError as error:
        assert "snapshot" in str(error)
