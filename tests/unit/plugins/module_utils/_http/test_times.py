# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times as the clouds write them. On Python 3.10, ``datetime`` reads few of them by itself."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http import times
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import credential

SECOND = "2018-07-02T22:03:43"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{SECOND}Z", f"{SECOND}+00:00"),
        (f"{SECOND}.8Z", f"{SECOND}.800000+00:00"),
        (f"{SECOND}.83Z", f"{SECOND}.830000+00:00"),
        (f"{SECOND}.837Z", f"{SECOND}.837000+00:00"),
        (f"{SECOND}.837979Z", f"{SECOND}.837979+00:00"),
        (f"{SECOND}.8379794Z", f"{SECOND}.837979+00:00"),
        (f"{SECOND}.837979455Z", f"{SECOND}.837979+00:00"),
        (f"{SECOND}.837979455+0200", f"{SECOND}.837979+02:00"),
        (f"{SECOND}.8", f"{SECOND}.800000"),
        ("2026-01-01T00:00+0000", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01", "2026-01-01T00:00:00"),
        ("soon", None),
        ("", None),
        (None, None),
        (17, None),
    ],
)
def test_from_iso(text: Any, told: str | None) -> None:
    found = times.from_iso(text)
    assert (found and found.isoformat()) == told


@pytest.mark.parametrize("fraction", ["", ".1", ".12", ".123", ".1234567", ".123456789"])
def test_the_age_of_a_credential_is_known(fraction: str) -> None:
    """One of unknown age would be rotated in each run."""
    created = {"created_at": f"2026-01-01T00:00:00{fraction}Z"}
    assert credential.age_in_days(created, 1_767_225_600 + 86_400) == pytest.approx(1, abs=1e-4)
