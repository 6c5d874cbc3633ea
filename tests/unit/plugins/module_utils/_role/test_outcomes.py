# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two passes over an account, the second because another run retired the first one's credential, are told as one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import from_text, to_text
from ansible_collections.voiceagent.sms.plugins.module_utils._role.outcomes import both_passes

NUMBER = "+15550000001"


def told(status: str, before: str) -> dict[str, Any]:
    changed = status == "changed"
    return {"entries": to_text([{"phone_number": NUMBER, "changed": changed, "status": status, "before": before}])}


REFUSED = {"msg": "Could not read the account: HTTP 503"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(told("changed", "old"), REFUSED, REFUSED, id="the second failed"),
        pytest.param(told("changed", "old"), {}, {}, id="the second could do nothing, so the first counts for nothing"),
        pytest.param(
            {**told("changed", "old"), "diff": [1]}, {}, {"diff": [1]}, id="the same, but what it did is shown"
        ),
        pytest.param(REFUSED, told("changed", "old"), told("changed", "old"), id="the first failed"),
        pytest.param({}, {}, {}, id="neither had anything to do"),
    ],
)
def test_an_account_that_only_one_pass_could_work_on(
    first: dict[str, Any], second: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert both_passes([first], [second]) == [expected]


@pytest.mark.parametrize("status", ["changed", "unchanged"])
def test_what_the_first_pass_changed_is_changed(status: str) -> None:
    (result,) = both_passes([told("changed", "old")], [told(status, "of the first pass")])
    (entry,) = from_text(result["entries"])
    assert (entry["changed"], entry["status"], entry["before"]) == (True, "changed", "old")


def test_without_a_first_pass_the_second_counts() -> None:
    assert both_passes([], [REFUSED]) == [REFUSED]
