# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel modules against the sandbox. ``run`` searches their output for the tokens."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.running import Result, Run

from sandbox.client import Sandbox

READS = ["mcsp.token", "orchestrate.list_agents", "orchestrate.list_channels"]
READS_OF_ONE = [*READS, "orchestrate.get_channel"]
OTHER = "AC" + "0" * 32


class Scene:
    """An instance with an agent ``support_agent``."""

    def __init__(self, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.box = box
        self.instance = box.add_orchestrate(subscription="sub-1")
        for name, value in self.instance["environment"].items():
            monkeypatch.setenv(name, value)
        self.agent = box.add_orchestrate_agent()
        self.account = box.environment["TWILIO_ACCOUNT_SID"]
        self.token = box.environment["TWILIO_AUTH_TOKEN"]

    def channels(self) -> list[dict[str, Any]]:
        return self.box.rows("ibm", "channels")

    def url(self, channel: str, environment: str = "live") -> str:
        tenant, environment = f"sub-1_{self.instance['guid']}", self.agent["environments"][environment]
        place = f"agents/{self.agent['id']}/environments/{environment}/channels/twilio_sms/{channel}/events"
        return f"{self.box.url}/tenants/{tenant}/{place}"


@pytest.fixture
def scene(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(box, monkeypatch)


def ensure(run: Run, **args: Any) -> Result:
    return run("orchestrate_sms_channel", **{"agent": "support_agent", **args})


# ---- present ----


def test_a_channel_is_made_once(run: Run, scene: Scene) -> None:
    predicted = ensure(run, check=True, description="Texts")
    assert predicted["changed"] is True
    assert predicted["channel"]["id"] is None
    assert predicted["url"] is None
    made = ensure(run, description="Texts")
    (channel,) = scene.channels()
    assert made["diff"] == predicted["diff"]
    assert made["diff"]["after"] == {"name": "twilio-sms", "account_sid": scene.account, "description": "Texts"}
    assert made["changed"] is True
    assert made["channel"] == {
        "id": channel["id"],
        "name": "twilio-sms",
        "agent_id": scene.agent["id"],
        "environment": "live",
        "environment_id": scene.agent["environments"]["live"],
    }
    assert made["url"] == scene.url(channel["id"])
    assert made.operations == [*READS, "orchestrate.create_channel"]
    assert (channel["account_sid"], channel["twilio_authentication_token"]) == (scene.account, scene.token)
    again = ensure(run, description="Texts")
    assert (again["changed"], again["channel"], again["url"]) == (False, made["channel"], made["url"])
    assert again.operations == READS_OF_ONE
    assert again.warnings == []


def test_a_text_arrives_by_the_url(run: Run, scene: Scene) -> None:
    scene.box.add_numbers({"phone_number": "+15550100001", "sms_url": ensure(run)["url"]})
    assert scene.box.text("+15550100001", "hello")["reply"] == "support_agent: you wrote: hello"


def test_by_id_and_for_the_draft(run: Run, scene: Scene) -> None:
    made = ensure(run, agent=scene.agent["id"], environment="draft")
    assert made["channel"]["environment_id"] == scene.agent["environments"]["draft"]
    assert made["url"] == scene.url(made["channel"]["id"], "draft")
    assert ensure(run, environment="draft")["changed"] is False


@pytest.mark.parametrize(
    ("args", "patch"),
    [
        ({"description": "new"}, {"description": "new"}),
        ({"phone_number": "1 (555) 010-0002"}, {"phone_number": "+15550100002"}),
        ({"description": "old", "phone_number": "+1 555 010 0001"}, {}),
        ({}, {}),
    ],
)
def test_only_what_differs_is_changed(run: Run, scene: Scene, args: dict[str, Any], patch: dict[str, Any]) -> None:
    scene.box.add_channel(scene.agent, description="old", phone_number="15550100001")
    predicted = ensure(run, check=True, **args)
    changed = ensure(run, **args)
    assert predicted["diff"] == changed["diff"]
    assert changed["changed"] is predicted["changed"] is bool(patch)
    assert changed.writes == ([patch] if patch else [])
    assert ensure(run, **args)["changed"] is False


def test_the_token_is_sent_when_it_is_asked_for(run: Run, scene: Scene) -> None:
    scene.box.add_channel(scene.agent, twilio_authentication_token="the-token-of-yesterday")
    assert ensure(run).writes == []
    predicted = ensure(run, check=True, update_token=True)
    changed = ensure(run, update_token=True)
    assert changed["changed"] is True
    assert changed["diff"] == predicted["diff"]
    assert changed["diff"]["before"] != changed["diff"]["after"]
    assert changed.writes == [{"twilio_authentication_token": scene.token}]
    assert scene.channels()[0]["twilio_authentication_token"] == scene.token


def test_another_name_is_refused_or_adopted(run: Run, scene: Scene) -> None:
    channel = scene.box.add_channel(scene.agent, name="by-hand")
    refused = ensure(run)
    assert refused.code == "other_channel"
    assert "'by-hand'" in refused["msg"]
    assert refused.operations == READS
    adopted = ensure(run, adopt=True)
    assert (adopted["changed"], adopted["channel"]["name"]) == (False, "by-hand")
    assert adopted["url"] == scene.url(channel["id"])
    assert adopted.writes == []


def test_another_account_s_channel_is_refused_or_taken_over(run: Run, scene: Scene) -> None:
    scene.box.add_channel(scene.agent, account_sid=OTHER)
    refused = ensure(run)
    assert refused.code == "other_account"
    assert OTHER in refused["msg"]
    assert scene.account in refused["msg"]
    taken = ensure(run, adopt=True)
    assert taken.writes == [{"account_sid": scene.account, "twilio_authentication_token": scene.token}]
    assert ensure(run)["changed"] is False


def test_what_the_service_does_not_show_is_said(run: Run, scene: Scene) -> None:
    scene.box.add_channel(scene.agent, description="old")
    scene.box.settings(channels_show_details=False)
    result = ensure(run, description="new")
    assert result["changed"] is False
    assert result.warnings == [
        "Channel 'twilio-sms' does not show its account_sid and description, which could not be compared"
    ]


# ---- refusals, before anything is written ----


def test_an_agent_that_is_not_there(run: Run, scene: Scene) -> None:
    result = ensure(run, agent="Support_agent")
    assert result.code == "unknown_agent"
    assert "'Support_agent'" in result["msg"]
    assert result.writes == []


def test_an_agent_that_is_not_deployed(run: Run, scene: Scene) -> None:
    scene.box.add_orchestrate_agent("new", live=False)
    result = ensure(run, agent="new")
    assert result.code == "not_deployed"
    assert "deploy it" in result["msg"]
    assert ensure(run, agent="new", environment="draft")["changed"] is True


def test_two_agents_of_a_name(run: Run, scene: Scene) -> None:
    second = scene.box.add_orchestrate_agent()
    result = ensure(run)
    assert result.code == "ambiguous_agent"
    assert second["id"] in result["msg"]
    assert ensure(run, agent=second["id"])["changed"] is True


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("args", [{}, {"update_token": True}])
def test_an_api_key_of_twilio_does_not_stand_in(
    run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch, check: bool, args: dict[str, Any]
) -> None:
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    monkeypatch.setenv("TWILIO_API_KEY", "SK" + "0" * 32)
    monkeypatch.setenv("TWILIO_API_SECRET", "s" * 32)
    result = ensure(run, check=check, **args)
    assert result.code == "missing_credentials"
    assert "TWILIO_AUTH_TOKEN" in result["msg"]
    scene.box.add_channel(scene.agent)
    assert ensure(run)["changed"] is False  # nothing has to be sent


def test_the_environment_s_token_is_not_another_account_s(run: Run, scene: Scene) -> None:
    result = ensure(run, account_sid=OTHER)
    assert result.code == "missing_credentials"
    assert OTHER in result["msg"]
    assert ensure(run, account_sid=OTHER, auth_token="the-token-of-another")["changed"] is True


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "n" * 65}, "bad_name"),
    ({"name": " "}, "bad_name"),
    ({"description": "d" * 1025}, "bad_description"),
    ({"account_sid": "SK" + "0" * 32}, "bad_sid"),
    ({"account_sid": "AC12"}, "bad_sid"),
    ({"phone_number": "555"}, "bad_phone_number"),
    ({"instance_url": "https://cpd-wxo.example.com/instances/1"}, "cloud_pak"),
    ({"instance_url": "https://api.example.com"}, "bad_instance_url"),
    ({"auth_endpoint": "http://iam.example.com"}, "insecure_endpoint"),
    ({"timeout": 0}, "bad_timeout"),
]


@pytest.mark.parametrize(("args", "code"), WRONG)
def test_bad_input_is_refused_before_any_request(run: Run, scene: Scene, args: dict[str, Any], code: str) -> None:
    result = ensure(run, **args)
    assert result.code == code
    assert result.requests == []


@pytest.mark.parametrize(
    ("variable", "code"),
    [("WO_INSTANCE", "missing_instance"), ("TWILIO_ACCOUNT_SID", "missing_credentials")],
)
def test_what_is_missing_is_named(
    run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch, variable: str, code: str
) -> None:
    monkeypatch.setenv(variable, "")
    result = ensure(run)
    assert result.code == code
    assert variable in result["msg"]
    assert result.requests == []


def test_a_refused_key_names_both_ways(run: Run, scene: Scene) -> None:
    result = ensure(run, api_key="wrong-key-of-orchestrate")
    assert result["failure"] == {"code": "http_401", "status": 401}
    assert "from MCSP: HTTP 401" in result["msg"]
    assert "from MCSP v2: HTTP 401" in result["msg"]
    assert "wrong-key" not in result.text


def test_the_second_way_to_a_token_works(run: Run, scene: Scene) -> None:
    scene.box.fault("mcsp.token", status=404, times=None)
    assert ensure(run)["url"] == scene.url(scene.channels()[0]["id"])


def test_a_ready_token_of_iam_works(run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = scene.instance["environment"]["WO_API_KEY"]
    monkeypatch.delenv("WO_API_KEY")
    monkeypatch.delenv("IC_API_KEY")
    result = ensure(run, iam_token=scene.box.token(caller))
    account = scene.box.rows("ibm", "accounts")[0]["id"]
    assert f"/tenants/{account}_{scene.instance['guid']}/" in result["url"]


@pytest.mark.parametrize("status", [403, 409, 422, 500])
def test_a_refused_create_is_told(run: Run, scene: Scene, status: int) -> None:
    scene.box.fault("orchestrate.create_channel", status=status, message="no room", times=None)
    result = ensure(run)
    assert f"Could not create SMS channel 'twilio-sms': HTTP {status}: no room" in result["msg"]
    assert scene.channels() == []


@pytest.mark.parametrize("mode", ["reset_after", "answer_after"])
def test_a_lost_answer_makes_no_second_channel(run: Run, scene: Scene, mode: str) -> None:
    scene.box.fault("orchestrate.create_channel", mode=mode, status=503)
    made = ensure(run)
    assert made["channel"]["id"] == scene.channels()[0]["id"]
    assert made.operations.count("orchestrate.create_channel") == 1


# ---- absent ----


def test_a_channel_is_deleted_only_when_asked(run: Run, scene: Scene) -> None:
    scene.box.add_channel(scene.agent)
    predicted = ensure(run, check=True, state="absent")
    gone = ensure(run, state="absent")
    assert (gone["changed"], gone["diff"]) == (True, predicted["diff"])
    assert gone["diff"]["after"] == {}
    assert (gone["url"], gone["channel"]["id"]) == (None, None)
    assert scene.channels() == []
    assert ensure(run, state="absent")["changed"] is False


def test_nothing_to_delete(run: Run, scene: Scene) -> None:
    scene.box.add_orchestrate_agent("new", live=False)
    scene.box.add_channel(scene.agent, name="by-hand")
    for agent in ("support_agent", "new", "nobody"):
        result = ensure(run, state="absent", agent=agent)
        assert result["changed"] is False
        assert result.writes == []


def test_another_account_s_channel_is_not_deleted(run: Run, scene: Scene) -> None:
    scene.box.add_channel(scene.agent, account_sid=OTHER)
    assert ensure(run, state="absent").code == "other_account"
    assert ensure(run, state="absent", account_sid=OTHER)["changed"] is True


# ---- the read-only partner ----


def test_channels_are_listed(run: Run, scene: Scene) -> None:
    live = scene.box.add_channel(scene.agent, description="Texts")
    draft = scene.box.add_channel(scene.agent, name="try", environment="draft")
    result = run("orchestrate_sms_channel_info", agent="support_agent")
    assert result["changed"] is False
    assert result.writes == []
    assert [each["id"] for each in result["channels"]] == [live["id"], draft["id"]]
    assert result["channels"][0] == {
        "id": live["id"],
        "name": "twilio-sms",
        "agent_id": scene.agent["id"],
        "environment": "live",
        "environment_id": scene.agent["environments"]["live"],
        "account_sid": scene.account,
        "description": "Texts",
        "phone_number": None,
        "created_on": live["created_on"],
        "url": scene.url(live["id"]),
    }
    only = run("orchestrate_sms_channel_info", agent=scene.agent["id"], environment="draft")
    assert [each["name"] for each in only["channels"]] == ["try"]
    assert run("orchestrate_sms_channel_info", agent="support_agent", name="none")["channels"] == []
    assert run("orchestrate_sms_channel_info", agent="nobody")["channels"] == []


def test_wrong_options_stop_the_modules(run: Run, scene: Scene) -> None:
    for module in ("orchestrate_sms_channel", "orchestrate_sms_channel_info"):
        assert "missing required arguments: agent" in run(module)["msg"]
        assert "value of environment must be one of: live, draft" in run(module, agent="a", environment="test")["msg"]
