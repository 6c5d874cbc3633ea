# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.voiceagent.sms.plugins.module_utils._role import second_look

PLAN = {"credentials": [{"label": "first"}, {"label": "second"}]}
REFUSED = {"failed": True, "msg": "iam_endpoint is plain http"}
FOUND = {"credential": {"name": "twilio-sms", "guid": "G"}}


def test_what_was_never_to_be_had_is_not_looked_for() -> None:
    there = {"credentials": [{"guid": "G", "name": "twilio-sms", "state": "active"}]}
    assert second_look.unsettled(PLAN, [REFUSED, FOUND], [REFUSED, there]) == []


def test_what_is_not_known_any_more_is_told() -> None:
    (told,) = second_look.unsettled(PLAN, [REFUSED, FOUND], [REFUSED, {"msg": "HTTP 503"}])
    assert "second is there still: HTTP 503" in told
