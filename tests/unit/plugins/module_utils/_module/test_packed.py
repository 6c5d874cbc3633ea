# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import from_text, to_text

ENTRIES = [{"phone_number": f"+1555{n:03d}", "msg": f"line\nof {n} +1555001 ", "before": None} for n in range(40)]


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_all_come_back_in_order(count: int) -> None:
    assert from_text(to_text(ENTRIES[:count])) == ENTRIES[:count]


@pytest.mark.parametrize("places", [(), (0,), (39,), (5, 3), (1, 2, 3), tuple(range(0, 40, 2))])
def test_some_come_back_in_the_order_of_the_text(places: tuple[int, ...]) -> None:
    wanted = {str(ENTRIES[place]["phone_number"]) for place in places}
    assert from_text(to_text(ENTRIES), wanted) == [ENTRIES[place] for place in sorted(places)]


@pytest.mark.parametrize("number", ["+155500", "555001", "+15550011", "+1999"])
def test_a_part_of_a_number_is_another_number(number: str) -> None:
    assert from_text(to_text(ENTRIES), {number}) == []
    assert from_text(to_text(ENTRIES), {number, *(f"+1777{n}" for n in range(20))}) == []
