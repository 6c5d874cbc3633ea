# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inbound texts: the webhook that gets them, and the receivers' authentication."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

PHONE = "+15550100001"
SOUTH = "sms-south.voiceagent.cloud.ibm.com"
EAST = "sms-east.voiceagent.cloud.ibm.com"


def webhook(key: Any, host: str = SOUTH, user: str = "apikey") -> str:
    password = key if isinstance(key, str) else key["api_key"]["value"]
    return f"https://{user}:{password}@{host}/sms.receiver/SmsRecv"


@pytest.fixture
def connected(box: Any, agent: Any) -> Any:
    """A number that is connected to the agent."""
    key = box.add_key(agent["guid"])
    return box.add_numbers({"phone_number": PHONE, "sms_url": webhook(key)})[0]


def connect(box: Any, url: str, **values: Any) -> None:
    box.change("twilio", "numbers", PHONE, sms_url=url, **values)


def test_a_text_reaches_the_agent(box: Any, connected: Any) -> None:
    outcome = box.text(PHONE, "How are you?")
    assert (outcome["delivered"], outcome["handled_by"], outcome["status"]) == (True, "number", 200)
    assert outcome["reply"] == "sms-agent: you wrote: How are you?"
    assert [(attempt["status"], attempt["with_credentials"]) for attempt in outcome["attempts"]] == [
        (401, False),
        (200, True),
    ]
    assert outcome["attempts"][0]["url"] == f"https://apikey:***@{SOUTH}/sms.receiver/SmsRecv"
    text = box.texts()[-1]
    assert (text["to"], text["body"], text["region"], text["instance"]) == (
        PHONE,
        "How are you?",
        "us-south",
        "sms-agent",
    )
    assert box.summary()["texts"] == {"accepted": 1, "refused": 0, "challenged": 1}
    assert box.operations() == ["receiver.text", "receiver.text"]
    assert box.writes() == []


def test_the_fragment_stays_home_and_get_works(box: Any, connected: Any) -> None:
    connect(box, connected["sms_url"] + "#rc=2", sms_method="GET")
    outcome = box.text(PHONE, "a&b <c>")
    assert outcome["reply"] == "sms-agent: you wrote: a&b <c>"
    assert "#" not in outcome["attempts"][0]["url"]
    assert {request["method"] for request in box.requests(operation="receiver.text")} == {"GET"}


@pytest.mark.parametrize(
    ("role", "changes", "host", "statuses"),
    [
        ("Manager", {}, SOUTH, [401, 200]),
        ("Reader", {}, SOUTH, [401, 403]),
        ("Writer", {"disabled": True}, SOUTH, [401, 401]),
        ("Writer", {"deleted": True}, SOUTH, [401, 401]),
        ("Writer", {"expires_at": "2020-01-01T00:00Z"}, SOUTH, [401, 401]),
        ("Writer", {"active_at": 9e9}, SOUTH, [401, 401]),
        ("Writer", {"locked": True}, SOUTH, [401, 200]),
        ("Writer", {}, EAST, [401, 401]),
    ],
)
def test_whom_the_receiver_lets_in(
    box: Any, connected: Any, role: str, changes: dict[str, Any], host: str, statuses: list[int]
) -> None:
    connect(box, webhook(box.add_key("sms-agent", role=role, api_key=changes), host))
    outcome = box.text(PHONE)
    assert [attempt["status"] for attempt in outcome["attempts"]] == statuses
    assert outcome["delivered"] is (statuses[-1] == 200)


def test_other_users_and_services_are_refused(box: Any, connected: Any) -> None:
    connect(box, webhook(box.add_key("sms-agent"), user="somebody"))
    assert box.text(PHONE)["status"] == 401
    box.add_instance("database", service_name="cloudantnosqldb")
    connect(box, webhook(box.add_key("database")))
    assert box.text(PHONE)["status"] == 401


def test_a_removed_key_is_refused_and_a_failure_is_alerted(box: Any, twilio: Any, connected: Any) -> None:
    box.remove("ibm", "keys", box.rows("ibm", "keys")[0]["guid"])
    outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["status"], outcome["error"]) == (False, 401, 11200)
    alert = twilio.get("/v1/Alerts").json()["alerts"][0]
    assert (alert["error_code"], alert["request_url"]) == ("11200", connected["sms_url"])


def test_without_credentials_in_the_url_there_is_one_attempt(box: Any, connected: Any) -> None:
    connect(box, f"https://{SOUTH}/sms.receiver/SmsRecv")
    assert [attempt["status"] for attempt in box.text(PHONE)["attempts"]] == [401]


def test_hosts_outside_are_never_called(box: Any, connected: Any) -> None:
    connect(box, "https://demo.twilio.com/welcome/sms/reply")
    outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["status"], outcome["error"]) == (False, None, 11210)
    box.settings(receivers={EAST: None})
    connect(box, webhook("x", EAST))
    assert box.text(PHONE)["error"] == 11210


def test_the_fallback(box: Any, agent: Any, connected: Any) -> None:
    box.add_instance("sms-agent-east", "us-east")
    east = webhook(box.add_key("sms-agent-east"), EAST)
    connect(box, connected["sms_url"], sms_fallback_url=east)
    assert box.text(PHONE)["handled_by"] == "number"
    box.fault("receiver.text", status=500)
    outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["handled_by"], outcome["reply"]) == (
        True,
        "fallback",
        "sms-agent-east: you wrote: hello",
    )
    assert [attempt["status"] for attempt in outcome["attempts"]] == [500, 401, 200]
    assert box.requests(operation="receiver.text")[-1]["fields"]["ErrorCode"] == "11200"
    with box.failing("receiver.text", times=None, mode="reset_before"):
        outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["handled_by"], outcome["error"]) == (False, "fallback", 11205)


def test_an_application_comes_first(box: Any, connected: Any) -> None:
    application = box.add_application(sms_url=connected["sms_url"])
    connect(box, "https://nowhere.example/", sms_application_sid=application["sid"])
    box.add_service(pool=[PHONE])
    box.add_address(PHONE)
    assert box.text(PHONE)["handled_by"] == "application"


def test_a_messaging_service_comes_second(box: Any, connected: Any) -> None:
    box.add_address(PHONE)
    service = box.add_service(pool=[PHONE])
    outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["handled_by"], outcome["attempts"]) == (False, "dropped", [])
    assert box.rows("twilio", "alerts") == []
    box.change("twilio", "services", service["sid"], inbound_request_url=connected["sms_url"])
    assert box.text(PHONE)["handled_by"] == "messaging_service"
    box.change("twilio", "services", service["sid"], use_inbound_webhook_on_number=True)
    assert box.text(PHONE)["handled_by"] == "conversation"


def test_a_conversation_comes_third(box: Any, connected: Any) -> None:
    address = box.add_address(PHONE)
    assert box.text(PHONE) == {
        "delivered": True,
        "handled_by": "conversation",
        "status": None,
        "attempts": [],
        "reply": None,
        "error": None,
    }
    box.change("twilio", "addresses", address["sid"], auto_creation_enabled=False)
    assert box.text(PHONE)["handled_by"] == "number"


def test_what_is_dropped(box: Any, connected: Any) -> None:
    connect(box, "")
    assert box.text(PHONE)["handled_by"] == "dropped"
    connect(box, connected["sms_url"], capabilities={"voice": True, "sms": False})
    assert box.text(PHONE)["handled_by"] == "dropped"
    with pytest.raises(Exception, match="no number"):
        box.text("+15559999999")


def test_a_self_hosted_gateway(box: Any, connected: Any) -> None:
    box.settings(receivers={"gateway.example.com:9443": {"username": "gw", "password": "p@ss"}})
    connect(box, "https://gw:p%40ss@gateway.example.com:9443/sms.receiver/SmsRecv")
    outcome = box.text(PHONE)
    assert (outcome["delivered"], outcome["reply"]) == (True, "sms-gateway: you wrote: hello")
    assert "p@ss" in box.secrets()
    connect(box, "https://gw:wrong@gateway.example.com:9443/sms.receiver/SmsRecv")
    assert box.text(PHONE)["status"] == 401


@pytest.fixture
def own_receiver() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<Response><Message>mine</Message></Response>")

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_loopback_is_called_directly(box: Any, connected: Any, own_receiver: str) -> None:
    connect(box, own_receiver)
    assert box.text(PHONE)["reply"] == "mine"
    own = box.url.replace("http://", "").join(("http://", "/sms.receiver/SmsRecv"))
    key = box.rows("ibm", "api_keys")[-1]["value"]
    connect(box, own.replace("://", f"://apikey:{key}@"))
    assert box.text(PHONE)["reply"] == "sms-agent: you wrote: hello"
