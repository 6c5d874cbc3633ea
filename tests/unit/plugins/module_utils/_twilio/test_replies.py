# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.replies import (
    Registrations,
    kind_of,
    reply_verdict,
)

US = [{"country_code": "US", "enabled": True, "prefix": "+1"}, {"country_code": "CA", "enabled": False, "prefix": "+1"}]
REFUSED = SmsError("may not be read")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+12125550100", "us"),
        ("+17875550100", "us"),  # Puerto Rico
        ("+14165550100", "ca"),
        ("+12425550100", "other"),  # Bahamas
        ("+18005550100", "toll_free"),
        ("+18885550100", "toll_free"),
        ("+1800555", "other"),
        ("+4915550000001", "other"),
    ],
)
def test_kinds_of_numbers(number: str, kind: str) -> None:
    assert kind_of(number) == kind


@pytest.mark.parametrize(
    ("number", "told", "status"),
    [
        ("+12125550100", Registrations(permissions=US), "blocked"),
        ("+12125550100", Registrations(permissions=US, services=REFUSED), "unknown"),
        ("+12125550100", Registrations(permissions=REFUSED), "blocked"),  # one reason is enough
        (
            "+12125550100",
            Registrations({"PN1": {"sid": "MG1", "us_app_to_person_registered": True}}, permissions=US),
            "ok",
        ),
        ("+12125550100", Registrations({"PN1": {"sid": "MG1"}}, {"MG1": REFUSED}, permissions=US), "unknown"),
        (
            "+12125550100",
            Registrations(
                {"PN1": {"sid": "MG1", "us_app_to_person_registered": True}},
                {"MG1": [{"campaign_status": "FAILED"}]},
                permissions=US,
            ),
            "blocked",
        ),
        ("+14165550100", Registrations(permissions=US), "blocked"),
        ("+18005550100", Registrations(permissions=US, verifications={"PN1": REFUSED}), "unknown"),
        ("+18005550100", Registrations(permissions=US, verifications={"PN1": [{"status": "IN_REVIEW"}]}), "blocked"),
        ("+4915550000001", Registrations(permissions=US), "unknown"),
        ("+4915550000001", Registrations(permissions=[{"prefix": "49", "enabled": True}]), "ok"),
        (
            "+12425550100",
            Registrations(permissions=[*US, {"prefix": "+1242", "enabled": False, "country_code": "BS"}]),
            "blocked",
        ),
        (
            "+77015550100",
            Registrations(permissions=[{"prefix": "+7", "enabled": False}, {"prefix": "+7", "enabled": True}]),
            "ok",
        ),
    ],
)
def test_whether_answers_can_get_out(number: str, told: Registrations, status: str) -> None:
    found, why = reply_verdict(number, "PN1", told)
    assert found == status, why
    assert why or status == "ok"
