# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""watsonx Orchestrate: tokens, channels, and the texts that a channel takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from twilio.request_validator import RequestValidator
from unit.sandbox.conftest import Cloud

from sandbox.client import Sandbox
from sandbox.orchestrate import signature

ACCOUNT, TOKEN = "AC" + "0" * 32, "a" * 32
BODY = {
    "name": "twilio-sms",
    "channel": "twilio_sms",
    "spec_version": "v1",
    "kind": "channel",
    "account_sid": ACCOUNT,
    "twilio_authentication_token": TOKEN,
}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class Scene:
    """An instance with an agent, and an authenticated client."""

    def __init__(self, box: Sandbox, **instance: Any) -> None:
        self.box = box
        self.instance = box.add_orchestrate(**instance)
        self.key = self.instance["environment"]["WO_API_KEY"]
        self.agent = box.add_orchestrate_agent()
        self.cloud = Cloud(box.url, headers={"Authorization": f"Bearer {self.token()}"})
        self.api = f"/instances/{self.instance['guid']}/v1/orchestrate"
        self.channels = f"{self.api}/agents/{self.agent['id']}/environments/{self.agent['environments']['live']}/channels/twilio_sms"

    def token(self, path: str = "/siusermgr/api/1.0/apikeys/token", **body: str) -> str:
        answer = Cloud(self.box.url)("POST", path, json=body or {"apikey": self.key})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def events(self, channel: str, **parts: str) -> str:
        tenant = parts.get("tenant") or f"{self.instance['subscription']}_{self.instance['guid']}"
        agent, environment = parts.get("agent") or self.agent["id"], self.agent["environments"]["live"]
        return f"{self.box.url}/tenants/{tenant}/agents/{agent}/environments/{environment}/channels/twilio_sms/{channel}/events"


@pytest.fixture
def scene(box: Sandbox) -> Scene:
    return Scene(box, subscription="sub-1")


def test_tokens_name_the_subscription(scene: Scene) -> None:
    other = scene.box.add_orchestrate(subscription="sub-2")
    assert claims(scene.token())["subscriptionId"] == "sub-1"
    assert "account" not in claims(scene.token())
    assert claims(scene.token(f"/api/2.0/services/{other['guid']}/apikeys/token"))["subscriptionId"] == "sub-2"
    for path in ("/siusermgr/api/1.0/apikeys/token", f"/api/2.0/services/{other['guid']}/apikeys/token"):
        assert scene.cloud("POST", path, json={"apikey": "wrong"}).status_code == 401
    assert scene.cloud("POST", "/api/2.0/services/none/apikeys/token", json={"apikey": scene.key}).status_code == 404


def test_only_the_instance_s_account_is_let_in(scene: Scene) -> None:
    assert Cloud(scene.box.url).get(f"{scene.api}/agents").status_code == 401
    stranger = scene.box.add_ibm_account()["api_key"]["value"]
    other = Cloud(scene.box.url, headers={"Authorization": f"Bearer {scene.box.token(stranger)}"})
    assert other.get(f"{scene.api}/agents").status_code == 403
    assert scene.cloud.get("/instances/none/v1/orchestrate/agents").status_code == 404
    assert scene.cloud.get(f"{scene.api}/skills").status_code == 404


def test_agents_are_listed_by_name(scene: Scene) -> None:
    scene.box.add_orchestrate_agent("other", live=False)
    (row,) = scene.cloud.get(f"{scene.api}/agents", names="other").json()
    assert [each["name"] for each in row["environments"]] == ["draft"]
    scene.box.settings(agents_under_a_key=True)
    assert len(scene.cloud.get(f"{scene.api}/agents").json()["agents"]) == 2


def test_a_channel_s_life(scene: Scene) -> None:
    assert scene.cloud.get(scene.channels).json() == {"channels": []}
    made = scene.cloud("POST", scene.channels, json=BODY)
    assert made.status_code == 201
    (row,) = scene.cloud.get(scene.channels).json()["channels"]
    assert set(row) == {"id", "name", "channel", "created_on"}
    assert scene.cloud("POST", scene.channels, json={**BODY, "name": "second"}).status_code == 409
    one = f"{scene.channels}/{row['id']}"
    assert scene.cloud("PATCH", one, json={"description": "Texts"}).json()["description"] == "Texts"
    assert scene.cloud.get(one).json()["twilio_authentication_token"] == TOKEN
    scene.box.settings(channels_show_tokens=False, channels_show_details=False)
    assert scene.cloud.get(one).json() == row
    assert TOKEN in scene.box.secrets()
    assert scene.cloud("DELETE", one).status_code == 204
    assert scene.cloud("DELETE", one).status_code == 404
    assert TOKEN in scene.box.secrets()


WRONG = [
    {"tenant_id": "t"},
    {"channel_id": "c"},
    {"created_by": "me"},
    {"account_sid": "SK" + "0" * 32},
    {"name": "n" * 65},
    {"name": ""},
    {"description": "d" * 1025},
    {"channel": "twilio_whatsapp"},
    {"twilio_authentication_token": ""},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_what_is_unknown_or_malformed_is_refused(scene: Scene, change: dict[str, str]) -> None:
    assert scene.cloud("POST", scene.channels, json={**BODY, **change}).status_code == 422
    channel = scene.box.add_channel(scene.agent)
    assert scene.cloud("PATCH", f"{scene.channels}/{channel['id']}", json=change).status_code == 422


@pytest.mark.parametrize("name", BODY)
def test_what_is_missing_is_refused(scene: Scene, name: str) -> None:
    body = {key: value for key, value in BODY.items() if key != name}
    assert scene.cloud("POST", scene.channels, json=body).status_code == 422


def test_other_places_are_not_found(scene: Scene) -> None:
    other = scene.box.add_orchestrate_agent("other", live=False)
    here = scene.agent["environments"]["live"]
    assert (
        scene.cloud.get(f"{scene.api}/agents/{other['id']}/environments/{here}/channels/twilio_sms").status_code == 404
    )
    assert scene.cloud.get(f"{scene.api}/agents/none/environments/{here}/channels/twilio_sms").status_code == 404


def test_signatures_are_twilio_s() -> None:
    message = {"To": "+15550100001", "Body": "héllo & more", "AccountSid": ACCOUNT}
    url = "https://channels.example.com/tenants/t/events?a=b"
    assert signature(TOKEN, url, message) == RequestValidator(TOKEN).compute_signature(url, message)
    assert signature(TOKEN, url, {}) == RequestValidator(TOKEN).compute_signature(url, {})


def test_a_text_arrives_at_its_channel(scene: Scene) -> None:
    channel = scene.box.add_channel(scene.agent)
    scene.box.add_numbers({"phone_number": "+15550100001", "sms_url": scene.events(channel["id"])})
    answer = scene.box.text("+15550100001", "hello there")
    assert answer["reply"] == "support_agent: you wrote: hello there"
    assert scene.box.texts()[-1]["accepted"] is True
    assert scene.box.summary()["texts"] == {"accepted": 1, "refused": 0, "challenged": 0}


def refusals(scene: Scene) -> dict[str, tuple[str, int]]:
    channel = scene.box.add_channel(scene.agent)["id"]
    other = scene.box.add_orchestrate_agent("other")
    stale = scene.box.add_channel(other, twilio_authentication_token="of-yesterday-000")["id"]
    foreign = scene.box.add_orchestrate_agent("third")
    theirs = scene.box.add_channel(foreign, account_sid=ACCOUNT)["id"]
    environments = {each["id"]: each["environments"]["live"] for each in (other, foreign)}

    def elsewhere(channel: str, agent: dict[str, Any]) -> str:
        url = scene.events(channel, agent=agent["id"])
        return url.replace(scene.agent["environments"]["live"], environments[agent["id"]])

    return {
        "no such channel": (scene.events("none"), 404),
        "another agent's channel": (scene.events(stale), 404),
        "a tenant without its subscription": (scene.events(channel, tenant=scene.instance["guid"]), 404),
        "a token that was replaced": (elsewhere(stale, other), 403),
        "another account's channel": (elsewhere(theirs, foreign), 403),
    }


@pytest.mark.parametrize(
    "name",
    [
        "no such channel",
        "another agent's channel",
        "a tenant without its subscription",
        "a token that was replaced",
        "another account's channel",
    ],
)
def test_texts_that_a_channel_refuses(scene: Scene, name: str) -> None:
    url, status = refusals(scene)[name]
    scene.box.add_numbers({"phone_number": "+15550100001", "sms_url": url})
    answer = scene.box.text("+15550100001")
    assert (answer["delivered"], answer["status"], answer["error"]) == (False, status, 11200)
    assert scene.box.texts()[-1]["accepted"] is False


def test_a_text_without_twilio_s_signature_is_refused(scene: Scene) -> None:
    channel = scene.box.add_channel(scene.agent)
    message = {"AccountSid": channel["account_sid"], "Body": "hello"}
    path = scene.events(channel["id"]).removeprefix(scene.box.url)
    assert Cloud(scene.box.url)("POST", path, data=message).status_code == 403
    signed = signature(channel["twilio_authentication_token"], scene.box.url + path, message)
    headers = {"X-Twilio-Signature": signed}
    assert Cloud(scene.box.url)("POST", path, data=message, headers=headers).status_code == 200
    assert Cloud(scene.box.url)("POST", path, data={**message, "Body": "no"}, headers=headers).status_code == 403
