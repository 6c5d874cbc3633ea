# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each notation is read as one number, or refused with one helpful line. A wrong reading would connect another number."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._numbers.notation import (
    did_you_mean,
    normalize,
    normalize_all,
    number_of_host,
    read,
)

ONE = "+15551234567"
BERLIN = "+4930123456"

READINGS: list[tuple[object, str]] = [
    # The usual decoration
    ("+15551234567", ONE),
    ("15551234567", ONE),
    (15551234567, ONE),  # what an INI inventory makes of +15551234567
    ("0015551234567", ONE),
    ("1 (555) 123-4567", ONE),
    ("+1 555 123 4567", ONE),
    ("+1-555-123-4567", ONE),
    ("+1.555.123.4567", ONE),
    ("1.555.123.4567", ONE),
    ("(+1) 555 1234567", ONE),
    ("+1 (555) 1234567", ONE),
    ("+1_555_123_4567", ONE),
    ("1_555_123_4567", ONE),
    ("+1\u00b7555\u00b7123\u00b74567", ONE),
    ("15.551.234.567", ONE),  # thousands, as German spreadsheets write them
    ("15551234567.", ONE),
    ("15551234567-", ONE),
    # Slashes after an area code
    ("+1 555/123-4567", ONE),
    ("+49 30/123456", BERLIN),
    ("+49 (30) / 123456", BERLIN),
    ("1/555/123-4567", ONE),
    ("+49 33056/1234", "+49330561234"),
    # White space and invisible characters
    (" +15551234567\n", ONE),
    ("\t+15551234567\r\n", ONE),
    ("+1\u00a0555\u2011123\u20134567", ONE),  # no-break space, no-break hyphen, dash
    ("+1\u2009555\u202f123\u22124567", ONE),  # thin spaces, minus sign
    ("\u200e+15551234567", ONE),  # marks of writing direction, from web pages
    ("\u202a+15551234567\u202c", ONE),
    ("\u2066+1 555 123 4567\u2069", ONE),
    ("+1555\u200b1234567", ONE),  # zero width space
    ("\ufeff15551234567", ONE),
    ("+1555\u00ad1234567", ONE),  # soft hyphen
    # Quotes
    ("'+15551234567'", ONE),
    ('"+15551234567"', ONE),
    ("\u201c+15551234567\u201d", ONE),
    ("\u201e+15551234567\u201c", ONE),
    ("\u2018+15551234567\u2019", ONE),
    ("\u00ab +15551234567 \u00bb", ONE),
    ("`15551234567`", ONE),
    ("<+15551234567>", ONE),
    # Links
    ("tel:+15551234567", ONE),
    ("TEL: +1-555-123-4567", ONE),
    ("tel://+15551234567", ONE),
    ("sms:+15551234567", ONE),
    ("callto:15551234567", ONE),
    ("tel:%2B15551234567", ONE),
    ("%2b15551234567", ONE),
    # Keyboards of East Asia
    ("\uff0b\uff11\uff15\uff15\uff15\uff11\uff12\uff13\uff14\uff15\uff16\uff17", ONE),
    # Items of a list
    ("- +15551234567", ONE),
    ("* 15551234567", ONE),
    ("\u2022 15551234567", ONE),
    # Whole floats
    (4930123456.0, BERLIN),
    ("4930123456.0", BERLIN),
    ("4930123456.00", BERLIN),
    ("+4930123456.0", BERLIN),
    (15551234567.0, ONE),
    (1.5551234567e10, ONE),
    (49301234560.0, "+49301234560"),
    ("+1.5551234567", ONE),  # RFC 5733, registries
    ("+49.30123456", BERLIN),
    # The 0 that is dialled inside the country only
    ("+49 (0)30 123456", BERLIN),
    ("+49(0)30123456", BERLIN),
    ("0049 (0) 30 123456", BERLIN),
    ("49 (0)30 123456", BERLIN),
    ("(+49) (0)30 123456", BERLIN),
    ("+49 (030) 123456", BERLIN),
    ("+44 (0)20 7946 0958", "+442079460958"),
    ("+353 (0)1 234 5678", "+35312345678"),
    # Other lengths and countries
    ("+4930123456", BERLIN),
    ("00 49 30 123456", BERLIN),
    ("+1234567", "+1234567"),
    ("+123456789012345", "+123456789012345"),
    ("+39 06 1234567", "+39061234567"),  # Italy keeps its 0
    ("+225 07 12 34 56 78", "+2250712345678"),
    ("+33.1.23.45.67.89", "+33123456789"),
    ("+1832910849", "+1832910849"),
]

REFUSALS: list[tuple[object, str]] = [
    ("", "not complete"),
    ("+", "not complete"),
    ("00", "not complete"),
    ("+123456", "not complete"),
    ("+1234567890123456", "not complete, or more than one number"),
    ("+0155512345", "not complete"),
    ("0301234567", "the country code is missing"),
    ("(030) 1234567", "the country code is missing"),
    ("01149 30 123456", "the country code is missing"),
    (0, "not complete"),
    (12, "not complete"),
    (-15551234567, "minus sign"),
    ("-15551234567", "minus sign"),
    ("\u221215551234567", "minus sign"),
    ("+1555CALLNOW", "not complete"),
    ("++15551234567", "not complete"),
    ("1555+1234567", "not complete"),
    ("+15551234567x12", "not complete"),
    ("+15551234567 ext. 12", "extension"),
    ("+1 555 123 4567 #12", "not complete"),
    ("1555123456*", "not complete"),
    ("whatsapp:+15551234567", "not complete"),  # the address of another channel
    ("tel:+15551234567;ext=12", "not complete"),
    ("\u0661\u0665\u0665\u0665\u0661\u0662\u0663\u0664", "not complete"),  # digits, but not those of E.164
    ("1\u00b25551234567", "not complete"),
    ("\u2460\u2464\u2464\u24641234567", "not complete"),
    ("15551234567 15551234568", "more than one number"),
    ("next to +15551234567", "not complete"),
    # A slash before what may be another number or an extension
    ("+4930123456/7", "after the slash"),
    ("+4930123456/78", "after the slash"),
    ("+49 30 123456/789", "after the slash"),
    ("+1 555 123 4567/8", "after the slash"),
    ("+1 555 123 4567/4568", "after the slash"),
    ("+4930123456/4930123457", "after the slash"),
    ("+49301234/5678901", "after the slash"),
    # Decimals and exponents
    (4930123456.5, "decimals"),
    (float("nan"), "decimals"),
    (float("inf"), "decimals"),
    (1e300, "has lost some of its digits"),
    (15551200000.0, "may have lost its last digits"),  # what YAML makes of 1.55512e+10
    ("15551230000.0", "may have lost its last digits"),
    ("4930123456.5", "decimal point"),
    ("4930123456.000", "decimal point"),
    ("15551234567.25", "decimal point"),
    (1.5551234567, "decimals"),
    ("1.5551234567", "decimal point"),
    ("49.301234567", "decimal point"),  # +49.3012345670 in YAML without quotes
    ("+1 555 123 4567.0", "after the last point"),
    ("+1.555.123.4567.8", "after the last point"),
    ("+49 30 123456.78", "after the last point"),
    ("1.55512E+10", "lost its last digits"),
    ("1.5551234567e10", "lost its last digits"),
    ("1,55512E+10", "lost its last digits"),
    ("15E9", "lost its last digits"),
    # The 0 in parentheses where it may belong to the number
    ("+39 (0)6 1234567", "0 in parentheses"),
    ("+1 (0)555 123 4567", "0 in parentheses"),
    ("+225 (0)7 12 34 56 78", "0 in parentheses"),
    ("+49 30 (0) 123456", "0 in parentheses"),
    ("+49 (0)30 (0)123456", "0 in parentheses"),
    # YAML's octal numbers
    (yaml.safe_load("0015550000001"), r"such as 0015550000001, as an octal one.*write '\+15550000001'"),
    (1832910849, r"such as 0015520000001.*write '\+15520000001' in quotes"),
    # Dates and addresses
    ("2026-11-25", "date"),
    ("25.11.2026", "date"),
    ("11/25/2026", "date"),
    ("10.20.30.40", "IP address"),
    ("192.168.100.100", "IP address"),
    # Other kinds
    (None, "NoneType"),
    (True, "yes or no"),
    (["+15551234567"], "list"),
    ({"phone_number": "+15551234567"}, "mapping"),
    (b"+15551234567", "bytes"),
    (datetime.date(2026, 11, 25), "date"),
]


@pytest.mark.parametrize(("written", "number"), READINGS)
def test_each_notation_means_one_number(written: object, number: str) -> None:
    assert normalize(written) == number


@pytest.mark.parametrize(("written", "reason"), REFUSALS)
def test_what_is_no_number_is_refused_in_one_line(written: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"is not a phone number.*({reason})") as refusal:
        normalize(written)
    message = str(refusal.value)
    assert "\n" not in message
    assert len(message) < 300
    assert "+155" in message or "format the column as text" in message  # what to do next
    assert repr(str(written))[:20] in message or isinstance(written, (bytes, dict))


def test_no_list_is_short() -> None:
    assert len(READINGS) + len(REFUSALS) > 130


def test_an_error_shows_what_was_written_beside_how_it_was_read() -> None:
    with pytest.raises(ValueError, match=r"^'555-12' is not a phone number \(read as 55512\): "):
        normalize("555-12")
    with pytest.raises(ValueError, match=r"^'12' is not a phone number: "):
        normalize(12)
    with pytest.raises(ValueError, match=r"^'\\u200b12' is not a phone number \(read as 12\)"):
        normalize("\u200b12")


def test_a_message_shows_no_more_than_the_beginning_of_a_long_value() -> None:
    with pytest.raises(ValueError, match="is not a phone number") as refusal:
        normalize("x" * 1000)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "https://apikey:hunter2-hunter2@gw.example.com/x",
        "0123456789abcdef" * 2,
    ],
)
def test_a_secret_in_the_place_of_a_number_is_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="is not a phone number") as refusal:
        normalize(secret)
    assert secret[12:20] not in str(refusal.value)


# ---- what a variable may hold ----

TWO = ["+15551234567", "+15551234568"]


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (None, []),
        ("", []),
        ("  \n ", []),
        ([], []),
        ([None, "", " "], []),
        ("[]", []),
        (15551234567, TWO[:1]),
        (15551234567.0, TWO[:1]),
        ("15551234567", TWO[:1]),
        ("+15551234567,+15551234568", TWO),
        ("+15551234567; +15551234568;", TWO),
        ("+15551234567\n+15551234568\n", TWO),
        ("+15551234567\r\n+15551234568", TWO),
        ("+15551234567 +15551234568", TWO),
        ("+1 555 123 4567  +1 555 123 4568", TWO),
        ("+15551234567 / +15551234568", TWO),
        ("+15551234567|+15551234568", TWO),
        ("- +15551234567\n- +15551234568", TWO),
        ('["+15551234567","+15551234568"]', TWO),
        ("['+15551234567', '+15551234568']", TWO),
        ("[15551234567, 15551234568]", TWO),
        ("[+15551234567]", TWO[:1]),
        (["+15551234567", 15551234568], TWO),
        (["+15551234567,+15551234568"], TWO),
        ([["+15551234567"], ["+15551234568", "15551234567"]], TWO),
        (("+15551234567", 15551234568.0), TWO),
        ("+15551234567, +1 (555) 123-4567", TWO[:1]),
    ],
)
def test_a_variable_may_hold(value: object, numbers: list[str]) -> None:
    assert read(value)[:2] == (numbers, [])


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("15,551,234,567", 4),  # thousands
        ("4930123456,0", 1),
        ("+15551234567,12", 1),
        ({"number": "+15551234567"}, 1),
        (True, 1),
        (["+15551234567", {"x": 1}, "soon"], 2),
        ('{"a": "+15551234567"}', 1),
    ],
)
def test_a_variable_with_mistakes_has_an_error_for_each(value: object, errors: int) -> None:
    assert len(read(value).errors) == errors


def test_how_a_number_was_written_is_told_where_it_is_not_plain() -> None:
    assert read(["+15551234567", 15551234568, "555-123-4569"]).written == {"+5551234569": "'555-123-4569'"}


def test_many_numbers_keep_their_order_and_lose_their_repetitions() -> None:
    numbers, errors = normalize_all(["15550000002", "+1 555 000 0001", 15550000002, "nonsense", "+15550000003", "12"])
    assert numbers == ["+15550000002", "+15550000001", "+15550000003"]
    assert [error.split(" is not")[0] for error in errors] == ["'nonsense'", "'12'"]


# ---- hosts ----


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("+15551234567", ONE),
        ("15551234567", ONE),
        ("0015551234567", ONE),
        ("+4930123456", BERLIN),
        ("4930123456", BERLIN),
        ("+1234567", "+1234567"),
        ("201001234567", "+201001234567"),  # Cairo, and no date
        ("localhost", None),
        ("support", None),
        ("sms1.example.com", None),
        ("10.20.30.40", None),
        ("192.168.100.100", None),
        ("2001:db8::1", None),
        ("1234567", None),
        ("20261125", None),
        ("2026-11-25", None),
        ("2026112519", None),
        ("202611251930", None),
        ("20261125193000", None),
        ("1764097200", None),  # seconds since 1970
        ("1764097200000", None),
        ("123456789012", None),  # an AWS account
        ("555-123-4567", None),
        ("1-555-123-4567", None),
        ("node-15551234567", None),
        ("15551234567.example.com", None),
        ("0301234567", None),
        ("+0301234567", None),
        ("", None),
    ],
)
def test_a_host_named_by_a_bare_number_means_it(host: str, number: str | None) -> None:
    assert number_of_host(host) == number


# ---- what the account has instead ----

THERE = ["+15551234567", "+4930123456", "+15550000001"]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("555-123-4567", "'555-123-4567' was read as +5551234567: did you mean +15551234567?"),
        (5551234567, "did you mean +15551234567?"),
        ("+5551234567", "did you mean +15551234567?"),
        ("+49 030 123456", "'+49 030 123456' was read as +49030123456: did you mean +4930123456?"),
        ("30123456", "did you mean +4930123456?"),
        ("+15559999999", ""),
        ("+1 555 999 9999", "'+1 555 999 9999' was read as +15559999999"),
        ("234567 0", "'234567 0' was read as +2345670"),
    ],
)
def test_did_you_mean(written: Any, hint: str) -> None:
    number, *_none = read(written).numbers
    assert did_you_mean(number, THERE, read(written).written.get(number, "")) == hint


def test_did_you_mean_knows_yaml_s_octal_numbers() -> None:
    there = ["+33123456701"]
    number = normalize(yaml.safe_load("0033123456701"))  # 3651886529, which could be Hungarian
    assert did_you_mean(number, there).startswith("did you mean +33123456701? YAML reads 0033123456701 without quotes")
