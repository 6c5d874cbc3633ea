# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import (
    ApiError,
    SmsError,
    TransportError,
    join,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "1"),
        (10, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        (11, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, and 1 more"),
        (1000, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, and 990 more"),
    ],
)
def test_join_names_ten(count: int, text: str) -> None:
    assert join([str(number) for number in range(1, count + 1)], ", ") == text


def test_an_error_says_what_it_kept_from_being_done_and_stays_what_it_is() -> None:
    error = TransportError("nobody answered", code="timeout", maybe_done=True)
    assert error.during("list the numbers") is error
    assert str(error) == "Could not list the numbers: nobody answered"
    assert (error.code, error.maybe_done) == ("timeout", True)


def test_facts() -> None:
    assert ApiError("no", code="20003", status=401).facts() == {"code": "20003", "status": 401}
    assert SmsError("no").facts() == {"code": "error", "status": None}
    assert isinstance(TransportError("no", code="broken", maybe_done=False), SmsError)
