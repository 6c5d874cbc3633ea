# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import jwt
import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import to_text
from ansible_collections.voiceagent.sms.plugins.module_utils._role import second_look

PLAN = {"credentials": [{"label": "first"}, {"label": "second"}]}
REFUSED = {"failed": True, "msg": "iam_endpoint is plain http"}
FOUND = {"credential": {"name": "twilio-sms", "guid": "G"}}


def test_what_was_never_to_be_had_is_not_looked_for() -> None:
    there = {"credentials": [{"guid": "G", "name": "twilio-sms", "state": "active"}]}
    assert second_look.gone(PLAN, [REFUSED, FOUND], [REFUSED, there]) == []
    assert second_look.unknown(PLAN, [REFUSED, FOUND], [REFUSED, there]) == []


def test_what_is_not_known_any_more_is_told() -> None:
    (told,) = second_look.unknown(PLAN, [REFUSED, FOUND], [REFUSED, {"msg": "HTTP 503"}])
    assert "second is there still: HTTP 503" in told


def test_the_second_time_all_numbers_count_that_did_not_fail() -> None:
    """They were switched in the first pass, and nothing is left to change."""
    entries = [
        {"phone_number": "+15550000001", "changed": False, "status": "unchanged"},
        {"phone_number": "+15550000002", "changed": False, "status": "failed"},
    ]
    groups = [{"phone_numbers": f"+1555000000{place}", "credentials": [place - 1]} for place in (1, 2)]
    access: dict = {"access": {}}
    plan = {"dry_run": False, "accounts": [{"webhooks": groups}], "credentials": [access, access]}
    found = [FOUND, {"credential": {"name": "twilio-sms", "guid": "H"}}]
    done = [{"entries": to_text(entries)}]
    looks = [[one["guids"] for one in second_look.second_looks(plan, found, done, again=a)] for a in (False, True)]
    assert looks == [[[], []], [["G"], []]]


@pytest.mark.parametrize(
    ("deleted", "told"),
    [
        ([{"kept": [], "changed": True}], None),
        ([], "it is not known what still uses its key"),
        ([{"kept": [{"guid": "G"}]}], "something still uses its key"),
        (
            [{"kept": [], "failure": {"not_deleted": ["G"]}, "msg": "HTTP 403 (RC-Forbidden)."}],
            "HTTP 403 (RC-Forbidden)",
        ),
        ([{"msg": "HTTP 500"}], "HTTP 500"),
    ],
)
def test_a_duplicate_that_is_not_deleted_is_told(deleted: list[dict], told: str | None) -> None:
    """Results of a task with failed_when: false, in which ``failed`` is false."""
    texts = second_look.left_over({"credentials": [{"label": "first", "guid": "G"}]}, deleted)
    assert [text.partition("was not deleted: ")[2].partition(". Run")[0] for text in texts] == ([told] if told else [])
    assert second_look.left_over({}, []) == []


@pytest.mark.parametrize(
    ("left", "used"),
    [
        (3000, True),
        (60, False),
        (-5, False),
        ("not-a-jwt", True),
        ("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", False),
        ("Bearer ********", False),
    ],
)
def test_a_token_that_is_about_to_end_or_masked_is_not_used_again(left: int | str, used: bool) -> None:
    token = left if isinstance(left, str) else jwt.encode({"exp": int(time.time()) + left}, "x" * 32, "HS256")
    groups = [{"phone_numbers": "+15550000001", "credentials": [0]}]
    plan = {"dry_run": False, "accounts": [{"webhooks": groups}], "credentials": [{"access": {"iam_endpoint": "I"}}]}
    done = [{"entries": to_text([{"phone_number": "+15550000001", "changed": True, "status": "changed"}])}]
    (look,) = second_look.second_looks(plan, [{**FOUND, "iam_token": token}], done)
    assert look["access"] == {"iam_endpoint": "I", **({"iam_token": token} if used else {})}
