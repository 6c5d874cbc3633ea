# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio import webhook

URL = "https://apikey:new@sms-south.example/sms.receiver/SmsRecv"
OLD = "https://apikey:old@sms-south.example/sms.receiver/SmsRecv"
OTHER = "https://u:p@elsewhere.example/x"
APPLICATION = "AP" + "0" * 32


def settings(**given: str) -> dict[str, str]:
    unset = {"url": "", "method": "POST", "fallback_url": "", "fallback_method": "POST", "application_sid": ""}
    return {**unset, **given}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"sms_url": URL, "sms_method": "GET", "sms_fallback_url": OLD, "sms_fallback_method": "POST"},
            settings(url=URL, method="GET", fallback_url=OLD),
        ),
        ({"sms_url": None, "sms_method": "POST", "sms_fallback_method": "POST"}, settings()),
        ({"sms_application_sid": APPLICATION}, settings(method="", fallback_method="", application_sid=APPLICATION)),
        ({}, settings(method="", fallback_method="")),
    ],
)
def test_none_and_empty_are_the_same(row: dict[str, Any], expected: dict[str, str]) -> None:
    assert webhook.settings_of(row) == expected


@pytest.mark.parametrize(
    ("capabilities", "able"),
    [
        ({"voice": True, "sms": True}, True),
        ({"voice": True, "sms": False, "mms": True}, False),
        ({"voice": True, "SMS": True}, True),
        ({"Voice": True, "SMS": False, "MMS": True}, False),
        ({"voice": True}, False),
        (["Voice", "SMS", "MMS"], True),
        (["voice", "sms"], True),
        (["Voice", "MMS"], False),
        ([], False),
        (None, True),  # not said: Twilio will refuse what cannot be
    ],
)
def test_receives_sms(capabilities: Any, able: bool) -> None:
    assert webhook.receives_sms({"capabilities": capabilities}) is able


# Table of (current, wanted) -> the fields of the one update.
@pytest.mark.parametrize(
    ("current", "wanted", "update"),
    [
        pytest.param(settings(), {"url": URL}, {"SmsUrl": URL}, id="fresh"),
        pytest.param(settings(url=URL), {"url": URL}, {}, id="as wanted"),
        pytest.param(settings(url=OLD), {"url": URL}, {"SmsUrl": URL}, id="only the password differs"),
        pytest.param(settings(url=URL), {"url": URL, "method": "POST"}, {}, id="method as wanted"),
        pytest.param(settings(url=URL), {"url": URL, "method": "GET"}, {"SmsMethod": "GET"}, id="method"),
        pytest.param(settings(url=URL, method="GET"), {"url": URL, "method": None}, {}, id="method not managed"),
        pytest.param(
            settings(url=URL, application_sid=APPLICATION), {"url": URL}, {"SmsApplicationSid": ""}, id="application"
        ),
        pytest.param(settings(url=URL, fallback_url=OTHER), {"url": URL}, {}, id="fallback not managed"),
        pytest.param(settings(url=URL, fallback_url=OTHER), {"url": URL, "fallback_url": None}, {}, id="fallback None"),
        pytest.param(
            settings(url=URL, fallback_url=OTHER),
            {"url": URL, "fallback_url": ""},
            {"SmsFallbackUrl": ""},
            id="fallback cleared",
        ),
        pytest.param(settings(url=URL), {"url": URL, "fallback_url": ""}, {}, id="fallback is clear already"),
        pytest.param(
            settings(url=OLD, method="GET", application_sid=APPLICATION),
            {"url": URL, "method": "POST", "fallback_url": OTHER, "fallback_method": "GET"},
            {
                "SmsUrl": URL,
                "SmsMethod": "POST",
                "SmsFallbackUrl": OTHER,
                "SmsFallbackMethod": "GET",
                "SmsApplicationSid": "",
            },
            id="all at once",
        ),
        pytest.param(settings(url=URL + "#rc=2"), {"url": URL}, {}, id="fragment stays"),
        pytest.param(settings(url=OLD + "#rc=2"), {"url": URL}, {"SmsUrl": URL + "#rc=2"}, id="fragment goes along"),
        pytest.param(settings(url=OTHER + "#rc=2"), {"url": URL}, {"SmsUrl": URL}, id="fragment of another place"),
        pytest.param(
            settings(url=URL + "#rc=2"), {"url": URL + "#rc=5"}, {"SmsUrl": URL + "#rc=5"}, id="fragment of one's own"
        ),
        pytest.param(
            settings(url=URL, fallback_url=OTHER + "#ct=500"),
            {"url": URL, "fallback_url": OTHER},
            {},
            id="fallback's fragment stays",
        ),
        pytest.param(
            settings(url=URL + "#rp=5xx,ct&rc=2"), {"url": URL + "#rc=2&rp=ct,5xx"}, {}, id="fragment's order"
        ),
        pytest.param(settings(url=URL), {"url": URL, "retries": 0}, {"SmsUrl": URL + "#rc=0"}, id="no retries"),
        pytest.param(
            settings(url=URL + "#rc=1&ct=9"), {"url": URL, "retries": 3}, {"SmsUrl": URL + "#ct=9&rc=3"}, id="retries"
        ),
        pytest.param(
            settings(url=OTHER + "#ct=9"), {"url": URL, "retries": 3}, {"SmsUrl": URL + "#rc=3"}, id="retries elsewhere"
        ),
        pytest.param(
            settings(url=URL + "#ct=9"), {"url": URL + "#rt=8", "retries": 3}, {"SmsUrl": URL + "#rt=8&rc=3"}, id="own"
        ),
        pytest.param(
            settings(url=URL + "#e=tokyo,dublin&rp=5xx,ct"),
            {"url": URL, "retry_on": ["ct", "5xx"], "edges": ["dublin", "tokyo"]},
            {},
            id="lists in another order",
        ),
        pytest.param(settings(url=URL + "#rc=2"), {"url": URL, "retry_on": [], "edges": None}, {}, id="nothing given"),
        pytest.param(
            settings(fallback_url=OTHER),
            {"url": URL, "fallback_url": OTHER, "retries": 2},
            {"SmsUrl": URL + "#rc=2"},
            id="not the fallback's",
        ),
        pytest.param(
            settings(url="https://u:p%2Dq@GW:443"), {"url": "https://u:p-q@gw/"}, {}, id="written in another way"
        ),
    ],
)
def test_connected(current: dict[str, str], wanted: dict[str, Any], update: dict[str, str]) -> None:
    after = webhook.connected(current, wanted)
    assert webhook.changes(current, after) == update
    assert webhook.changes(after, webhook.connected(after, wanted)) == {}, "a second run finds nothing to do"


@pytest.mark.parametrize(
    ("current", "wanted", "update"),
    [
        pytest.param(settings(url=URL), {}, {"SmsUrl": ""}, id="whatever it is"),
        pytest.param(settings(url=URL, fallback_url=OTHER), {}, {"SmsUrl": "", "SmsFallbackUrl": ""}, id="both"),
        pytest.param(settings(), {}, {}, id="clear already"),
        pytest.param(settings(url=OLD), {"url": URL}, {"SmsUrl": ""}, id="same place, another password"),
        pytest.param(settings(url=OLD + "#rc=2"), {"url": URL}, {"SmsUrl": ""}, id="same place, a fragment"),
        pytest.param(settings(url=OTHER), {"url": URL}, {}, id="another place"),
        pytest.param(settings(url=URL.replace("https", "http")), {"url": URL}, {}, id="another scheme"),
        pytest.param(settings(url=URL, fallback_url=OTHER), {"url": URL}, {"SmsUrl": ""}, id="not their fallback"),
        pytest.param(
            settings(url=OTHER, fallback_url=OLD), {"url": URL}, {"SmsFallbackUrl": ""}, id="ours as the fallback"
        ),
        pytest.param(
            settings(url=URL, fallback_url=OTHER),
            {"url": URL, "fallback_url": OTHER},
            {"SmsUrl": "", "SmsFallbackUrl": ""},
            id="both named",
        ),
        pytest.param(settings(), {"url": URL}, {}, id="nothing there"),
        pytest.param(
            settings(url=URL, application_sid=APPLICATION), {"url": URL}, {"SmsUrl": ""}, id="application stays"
        ),
    ],
)
def test_disconnected(current: dict[str, str], wanted: dict[str, Any], update: dict[str, str]) -> None:
    after = webhook.disconnected(current, wanted)
    assert webhook.changes(current, after) == update
    assert webhook.changes(after, webhook.disconnected(after, wanted)) == {}


@pytest.mark.parametrize("state", [webhook.connected, webhook.disconnected])
def test_what_is_there_is_not_changed_in_place(state: Any) -> None:
    current = settings(url=OLD, application_sid=APPLICATION)
    before = dict(current)
    state(current, {"url": URL})
    assert current == before


def test_shown_has_no_password() -> None:
    assert webhook.shown(settings(url=URL, fallback_url=OTHER, application_sid=APPLICATION)) == settings(
        url="https://apikey:***@sms-south.example/sms.receiver/SmsRecv",
        fallback_url="https://u:***@elsewhere.example/x",
        application_sid=APPLICATION,
    )


@pytest.mark.parametrize(
    ("before", "after", "only_there"),
    [
        (settings(url=OLD), settings(url=URL), {"url password"}),
        (settings(fallback_url=OLD), settings(fallback_url=URL), {"fallback_url password"}),
        (settings(url=OLD, method="GET"), settings(url=URL), {"url password", "method"}),
        (settings(url=OTHER), settings(url=URL), {"url"}),
        (settings(), settings(url=URL), {"url"}),
        (settings(url=URL), settings(url=URL), set()),
    ],
)
def test_diff_of(before: dict[str, str], after: dict[str, str], only_there: set[str]) -> None:
    diff = webhook.diff_of(webhook.diff_header("+15551234567"), before, after)
    assert diff["before_header"] == diff["after_header"] == webhook.diff_header("+15551234567")
    assert "+15551234567" in diff["before_header"]
    old, new = diff["before"], diff["after"]
    assert {name for name in {*old, *new} if old.get(name) != new.get(name)} == only_there
    assert "old" not in str(diff)
    assert "new" not in str(diff)


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (settings(), False),
        (settings(url="https://demo.twilio.com/welcome/sms/reply"), False),
        (settings(url=URL), True),
        (settings(application_sid=APPLICATION), True),
        (settings(fallback_url=URL), False),
    ],
)
def test_in_service(current: dict[str, str], expected: bool) -> None:
    assert webhook.in_service(current) is expected


@pytest.mark.parametrize("name", webhook.URLS)
def test_check_wanted(name: str) -> None:
    webhook.check_wanted({"url": URL, "fallback_url": None, name: URL})
    webhook.check_wanted({"url": URL, "fallback_url": ""})
    with pytest.raises(SmsError, match="is not an absolute http or https URL") as refusal:
        webhook.check_wanted({"url": URL, name: "ftp://u:hidden@gateway/"})
    assert refusal.value.code == "bad_url"
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("sent", "row", "not_done"),
    [
        ({"SmsUrl": URL}, {"sms_url": URL}, []),
        ({"SmsUrl": "https://u:p%2Dq@GW:443"}, {"sms_url": "https://u:p-q@gw/"}, []),
        ({"SmsUrl": URL + "#rc=2&rp=5xx"}, {"sms_url": URL + "#rp=5xx&rc=2"}, []),
        ({"SmsUrl": "", "SmsApplicationSid": ""}, {"sms_url": None, "sms_application_sid": ""}, []),
        ({"SmsMethod": "POST"}, {"sms_method": "post"}, []),
        ({"UseInboundWebhookOnNumber": "true"}, {"use_inbound_webhook_on_number": True}, []),
        ({"SmsUrl": URL}, {"sms_url": OLD}, ["SmsUrl"]),
        ({"SmsUrl": URL + "#rc=2"}, {"sms_url": URL}, ["SmsUrl"]),
        ({"SmsUrl": URL, "SmsMethod": "GET"}, {"sms_url": URL, "sms_method": "POST"}, ["SmsMethod"]),
        ({"SmsApplicationSid": ""}, {"sms_application_sid": APPLICATION}, ["SmsApplicationSid"]),
        ({"SmsUrl": URL}, {}, ["SmsUrl"]),
        (
            {"UseInboundWebhookOnNumber": "true"},
            {"use_inbound_webhook_on_number": False},
            ["UseInboundWebhookOnNumber"],
        ),
        ({"InboundRequestUrl": ""}, {"inbound_request_url": None}, []),
    ],
)
def test_unheeded(sent: dict[str, str], row: dict[str, Any], not_done: list[str]) -> None:
    assert webhook.unheeded(sent, row) == not_done
