# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._numbers.notation import normalize, normalize_all


@pytest.mark.parametrize(
    "notation",
    [
        "+15551234567",
        "15551234567",
        15551234567,  # what an INI inventory makes of +15551234567
        "0015551234567",
        "1 (555) 123-4567",
        "+1 555 123 4567",
        "+1-555-123-4567",
        "+1.555.123.4567",
        "+1 555/123-4567",
        " +15551234567\n",
        "(+1) 555 1234567",
        "+1\u00a0555\u2011123\u20134567",  # no-break space, no-break hyphen, dash
    ],
)
def test_all_notations_mean_the_same_number(notation: object) -> None:
    assert normalize(notation) == "+15551234567"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+4930123456", "+4930123456"),
        ("00 49 30 123456", "+4930123456"),
        ("+1234567", "+1234567"),  # 7 digits
        ("+123456789012345", "+123456789012345"),  # 15 digits
    ],
)
def test_numbers_of_other_countries(value: str, number: str) -> None:
    assert normalize(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "+",
        "00",
        "+123456",
        "+1234567890123456",
        "+0155512345",
        "0301234567",  # national: no country code
        0,
        -15551234567000000,
        "+1555CALLNOW",
        "++15551234567",
        "+15551234567x12",
        "1555123456*",
        "\u0661\u0665\u0665\u0665\u0661\u0662\u0663\u0664",  # digits, but not those of E.164
        None,
        True,
        1.5551234567e10,
        ["+15551234567"],
    ],
)
def test_what_is_no_complete_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a phone number"):
        normalize(value)


def test_a_message_shows_no_more_than_the_beginning_of_a_long_value() -> None:
    with pytest.raises(ValueError, match="is not a phone number") as refusal:
        normalize("x" * 1000)
    assert len(str(refusal.value)) < 200


def test_many_numbers_keep_their_order_and_lose_their_repetitions() -> None:
    numbers, errors = normalize_all(["15550000002", "+1 555 000 0001", 15550000002, "nonsense", "+15550000003", "12"])
    assert numbers == ["+15550000002", "+15550000001", "+15550000003"]
    assert [error.split(" is not")[0] for error in errors] == ["'nonsense'", "'12'"]
