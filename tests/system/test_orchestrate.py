# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""watsonx Orchestrate: connect, repeat, audit, rotate, disconnect, and all refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from system.conftest import Accounts, url
from system.playing import Player

OTHER_ACCOUNT = "AC" + "0" * 32
GATEWAY = {"connect_sms_receiver_host": "gateway.example.com:9443", "connect_sms_password": "gateway-password-4711"}
LOOKS = {"mcsp.token": 1, "orchestrate.list_agents": 1, "orchestrate.list_channels": 1}


class Scene:
    """An instance with an agent ``support_agent``, whose environment the runs get."""

    def __init__(self, accounts: Accounts, play: Player) -> None:
        self.accounts, self.box, self.play = accounts, accounts.box, play
        self.instance = self.box.add_orchestrate(account_id=accounts.ibm["id"], subscription="sub-1")
        self.environment = self.instance["environment"]
        self.agent = self.box.add_orchestrate_agent(instance_guid=self.instance["guid"])

    def run(self, *arguments: str, agent: str | None = "support_agent", **more: Any) -> Any:
        chosen = ["-e", f"orchestrate_agent={agent}"] if agent else []
        env = {**self.environment, **more.pop("env", {})}
        return self.play(*chosen, *arguments, env=env, **more)

    def channels(self) -> list[dict[str, Any]]:
        """Return the channels of this scene's instance."""
        agents = [row["id"] for row in self.box.rows("ibm", "orchestrate_agents") if self._ours(row)]
        return [row for row in self.box.rows("ibm", "channels") if row["agent_id"] in agents]

    def _ours(self, agent: dict[str, Any]) -> bool:
        return bool(agent["instance_guid"] == self.instance["guid"])

    def url(self) -> str:
        """Return the webhook of the only channel, as IBM's tool builds it."""
        (channel,) = self.channels()
        return self.url_of(channel["id"], self.agent)

    def url_of(self, channel: str, agent: dict[str, Any], environment: str = "live") -> str:
        place = f"tenants/sub-1_{self.instance['guid']}/agents/{agent['id']}/environments"
        return f"{self.box.url}/{place}/{agent['environments'][environment]}/channels/twilio_sms/{channel}/events"


@pytest.fixture
def scene(accounts: Accounts, play: Player) -> Iterator[Scene]:
    yield Scene(accounts, play)
    accounts.box.settings(channels_show_details=True)


def test_connect_again_audit_rotate_and_disconnect(scene: Scene) -> None:
    numbers = [scene.accounts.number(sms_url=""), scene.accounts.number(sms_url="https://old.example.com/sms")]
    inventory = "".join(f"host{place} phone_number={number}\n" for place, number in enumerate(numbers))

    dry = scene.run("--check", "--diff", inventory=inventory)
    assert (dry.code, set(dry.status.values()), dry.writes) == (0, {"changed"}, []), dry.output
    assert "channel 'twilio-sms' of agent 'support_agent' (live) (would be created)" in dry.stdout

    first = scene.run("--diff", inventory=inventory)
    assert (first.code, set(first.status.values())) == (0, {"changed"}), first.output
    assert [scene.accounts.sms_url(number) for number in numbers] == [scene.url()] * 2
    twice = dict.fromkeys(LOOKS, 2)  # the second time when the numbers are written: is the channel there still?
    assert {name: first.operations[name] for name in LOOKS} == twice
    assert first.operations["orchestrate.create_channel"] == 1
    assert not [name for name in first.operations if name.startswith(("iam.", "rc."))], "no service credential"
    assert "channel 'twilio-sms' of agent 'support_agent' (live) (created)" in first.stdout
    assert scene.box.text(numbers[0], "hello")["reply"] == "support_agent: you wrote: hello"

    again = scene.run(inventory=inventory)
    assert (again.code, set(again.status.values()), again.writes) == (0, {"ok"}, []), again.output
    assert {name: again.operations[name] for name in LOOKS} == LOOKS

    audit = scene.run("-e", "audit_fail_on=any", playbook="audit_sms", inventory=inventory)
    assert (audit.code, audit.writes) == (0, []), audit.output
    assert "2 connected" in audit.stdout

    rotated = scene.run(playbook="rotate_sms_key", inventory=inventory)
    assert (rotated.code, rotated.writes) == (0, []), rotated.output
    assert "has no key" in rotated.stdout
    assert not [name for name in rotated.operations if name.startswith(("orchestrate.", "iam.", "rc."))]

    half = scene.run("--limit", "host0", playbook="disconnect_sms", inventory=inventory)
    assert half.code == 0, half.output
    assert [scene.accounts.sms_url(number) for number in numbers] == ["", scene.url()]
    assert f"is kept, because its webhook is still in use by {numbers[1]}" in half.output.replace("\n", " ")

    gone = scene.run(playbook="disconnect_sms", inventory=inventory)
    assert gone.code == 0, gone.output
    assert (scene.accounts.sms_url(numbers[1]), scene.channels()) == ("", [])


def test_groups_with_their_own_receivers_in_one_run(scene: Scene) -> None:
    """Several agents of one instance, a gateway and a voice agent; each channel is looked up once."""
    voice = scene.accounts.agent()
    second = scene.box.add_orchestrate_agent("sales_agent", instance_guid=scene.instance["guid"])
    numbers = [scene.accounts.number() for _count in range(6)]
    hosts = {f"host{place}": {"phone_number": number} for place, number in enumerate(numbers)}

    def group(*names: str, **variables: str) -> dict[str, Any]:
        return {"hosts": {name: hosts[name] for name in names}, "vars": variables}

    inventory = {
        "support": group("host0", "host1", connect_sms_orchestrate_agent="support_agent"),
        "sales": group("host2", connect_sms_orchestrate_agent=second["id"], connect_sms_region="us-south"),
        "draft": group(
            "host3",
            connect_sms_orchestrate_agent="sales_agent",
            connect_sms_orchestrate_environment="draft",
            connect_sms_orchestrate_channel="try",
        ),
        "gateway": group("host4", **GATEWAY),
        "dallas": group("host5", connect_sms_region="us-south"),
    }
    run = scene.run(agent=None, inventory=inventory, secrets=[GATEWAY["connect_sms_password"]])
    assert (run.code, set(run.status.values())) == (0, {"changed"}), run.output
    channels = {(each["agent_id"], each["name"]): each["id"] for each in scene.channels()}
    support = scene.url_of(channels[scene.agent["id"], "twilio-sms"], scene.agent)
    assert [scene.accounts.sms_url(number) for number in numbers] == [
        support,
        support,
        scene.url_of(channels[second["id"], "twilio-sms"], second),
        scene.url_of(channels[second["id"], "try"], second, "draft"),
        url(GATEWAY["connect_sms_password"], GATEWAY["connect_sms_receiver_host"]),
        url(scene.accounts.the_api_key(voice)),
    ]
    assert run.operations["orchestrate.list_channels"] == 6  # once more when the numbers are written
    assert run.operations["orchestrate.create_channel"] == 3


def refusals(scene: Scene) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Return by host its variables, and its expected message."""
    box, guid = scene.box, scene.instance["guid"]
    box.add_orchestrate_agent("asleep", instance_guid=guid, live=False)
    for _twice in range(2):
        box.add_orchestrate_agent("twin", instance_guid=guid)
    named = box.add_orchestrate_agent("named", instance_guid=guid)
    box.add_channel(named, name="by-hand", account_sid=scene.accounts.twilio["sid"])
    foreign = box.add_orchestrate_agent("foreign", instance_guid=guid)
    box.add_channel(foreign, account_sid=OTHER_ACCOUNT)
    stranger = box.add_ibm_account()["api_key"]["value"]
    both = ["from MCSP: HTTP 401", "MCSP v2: HTTP 401", "check api_key"]
    return {
        "unknown": ({"connect_sms_orchestrate_agent": "Support_agent"}, ["there is no agent 'Support_agent'"]),
        "asleep": ({"connect_sms_orchestrate_agent": "asleep"}, ["'asleep' has no live environment", "deploy it"]),
        "twin": ({"connect_sms_orchestrate_agent": "twin"}, ["2 agents have the name 'twin'", "give the ID"]),
        "named": ({"connect_sms_orchestrate_agent": "named"}, ["with another name: 'by-hand'"]),
        "foreign": ({"connect_sms_orchestrate_agent": "foreign"}, [f"belongs to Twilio account {OTHER_ACCOUNT}"]),
        "wrong_key": ({"connect_sms_orchestrate_api_key": "wrong-key-4711"}, both),
        "stranger": ({"connect_sms_orchestrate_api_key": stranger}, ["HTTP 403", "lacks the permission"]),
        "api_key": ({}, ["auth_token is missing", "an API key cannot replace it"]),
    }


EARLY: dict[str, tuple[dict[str, str], str]] = {
    "cpd": ({"connect_sms_orchestrate_url": "https://cpd-wxo.example.com/instances/1"}, "Cloud Pak for Data"),
    "no_instance": ({"connect_sms_orchestrate_url": "https://api.example.com/v1"}, "is not the URL of an instance"),
    "http": ({"connect_sms_orchestrate_auth_endpoint": "http://iam.example.com"}, "is plain http"),
    "receivers": (GATEWAY, "which receiver is meant?"),
    "subaccount": ({"connect_sms_twilio_subaccount_sid": OTHER_ACCOUNT}, "the subaccount's own SID and auth token"),
    "environment": ({"connect_sms_orchestrate_environment": "test"}, "must be one of: live, draft"),
}


def test_refusals(scene: Scene) -> None:
    """Each host has its own mistake. None of them writes anything, and none gets another's message."""
    expected = refusals(scene)
    hosts = {
        name: {"connect_sms_orchestrate_agent": f"{name}_agent", **variables, "phone_number": scene.accounts.number()}
        for name, (variables, _words) in expected.items()
    }
    for name in ("wrong_key", "stranger", "api_key"):
        scene.box.add_orchestrate_agent(f"{name}_agent", instance_guid=scene.instance["guid"])
    key = scene.box.add_twilio_key(account_sid=scene.accounts.twilio["sid"], kind="main")
    env = {"TWILIO_AUTH_TOKEN": None, "TWILIO_API_KEY": key["sid"], "TWILIO_API_SECRET": key["secret"]}
    run = scene.run(agent=None, inventory={"all": {"hosts": hosts}}, env=env, secrets=["wrong-key-4711"])
    assert (run.code, run.writes) == (2, []), run.output
    for name, (_variables, words) in expected.items():
        assert all(each in run.failures[name] for each in words), run.failures[name]
    assert "Could not get a token" in run.failures["wrong_key"]


def test_early_refusals(scene: Scene) -> None:
    """Mistakes that can be found without a request are reported without one."""
    hosts = {
        name: {"connect_sms_orchestrate_agent": "support_agent", **variables, "phone_number": "+15559990001"}
        for name, (variables, _words) in EARLY.items()
    }
    run = scene.run(agent=None, inventory={"all": {"hosts": hosts}}, secrets=[GATEWAY["connect_sms_password"]])
    assert (run.code, run.requests) == (2, []), run.output
    assert all(words in run.output for _variables, words in EARLY.values()), run.output
    missing = scene.run("-e", "phone_number=+15559990001", env={"WO_INSTANCE": "", "WO_API_KEY": "", "IC_API_KEY": ""})
    assert (missing.code, missing.requests) == (2, []), missing.output
    assert "WO_INSTANCE" in missing.output


def test_a_refused_create_touches_no_number(scene: Scene) -> None:
    number = scene.accounts.number(sms_url="")
    with scene.box.failing("orchestrate.create_channel", status=422, message="no room", times=None):
        run = scene.run("-e", f"phone_number={number}")
    assert run.code == 2
    assert "HTTP 422: no room" in run.output
    assert [each["operation"] for each in run.writes] == ["orchestrate.create_channel"]
    assert scene.accounts.sms_url(number) == ""


def test_no_channel_for_numbers_that_cannot_be_connected(scene: Scene) -> None:
    run = scene.run("-e", "phone_number=+15559990001")
    assert (run.code, run.writes, scene.channels()) == (2, [], []), run.output


def test_a_refused_deletion_fails_in_the_end(scene: Scene) -> None:
    number = scene.accounts.number()
    assert scene.run("-e", f"phone_number={number}").code == 0
    with scene.box.failing("orchestrate.delete_channel", status=403, message="not yours", times=None):
        run = scene.run("-e", f"phone_number={number}", playbook="disconnect_sms")
    assert run.code == 2
    assert "channel 'twilio-sms' of agent 'support_agent' (live) was not deleted" in run.output
    assert scene.accounts.sms_url(number) == "", "the number was done first"


@pytest.mark.parametrize(
    ("playbook", "words", "code", "said"),
    [
        ("audit_sms", (), 0, "1 not_connected"),
        ("verify_sms", (), 2, "no webhook is set"),
        ("disconnect_sms", (), 0, "1 unchanged"),
        ("connect_sms", ("--check",), 2, "auth_token is missing"),  # as the run that would create it
    ],
)
def test_to_look_for_a_channel_needs_no_auth_token(
    scene: Scene, playbook: str, words: tuple[str, ...], code: int, said: str
) -> None:
    number = scene.accounts.number(sms_url="")
    key = scene.box.add_twilio_key(account_sid=scene.accounts.twilio["sid"], kind="main")
    env = {"TWILIO_AUTH_TOKEN": None, "TWILIO_API_KEY": key["sid"], "TWILIO_API_SECRET": key["secret"]}
    run = scene.run("-e", f"phone_number={number}", *words, playbook=playbook, env=env)
    assert (run.code, run.writes) == (code, []), run.output
    assert said in run.output
    assert ("auth_token is missing" in run.output) is (playbook == "connect_sms")


def test_one_channel_for_two_accounts_is_refused(scene: Scene) -> None:
    other = scene.box.add_twilio_account()
    one, two = scene.accounts.number(), scene.accounts.number(account_sid=other["sid"])
    own = {"connect_sms_twilio_account_sid": other["sid"], "connect_sms_twilio_auth_token": other["auth_token"]}
    run = scene.run(inventory={"all": {"hosts": {"a": {"phone_number": one}, "b": {"phone_number": two, **own}}}})
    assert run.code == 2
    assert run.status == {"a": "changed", "b": "failed"}, run.output
    assert "a channel serves one account" in run.failures["b"]


OWN_PLAY = """
- hosts: all
  gather_facts: false
  module_defaults:
    group/voiceagent.sms.orchestrate:
      instance_url: "{{ own.WO_INSTANCE }}"
      api_key: "{{ own.WO_API_KEY }}"
      auth_endpoint: "{{ own.WO_AUTH_ENDPOINT }}"
    group/voiceagent.sms.twilio:
      account_sid: "{{ own.TWILIO_ACCOUNT_SID }}"
      auth_token: "{{ own.TWILIO_AUTH_TOKEN }}"
  roles:
    - voiceagent.sms.connect_sms
"""


def test_defaults_of_a_play_reach_the_channel(scene: Scene) -> None:
    number = scene.accounts.number(sms_url="")
    own = {**scene.environment, **scene.accounts.environment}
    names = ("WO_INSTANCE", "WO_API_KEY", "WO_AUTH_ENDPOINT", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "IC_API_KEY")
    inventory = {"all": {"hosts": {"one": {"phone_number": number}}}}
    given = {"connect_sms_orchestrate_agent": "support_agent", "own": own}
    for switch, status in (("yes", "changed"), ("no", "ok")):  # in the task's own process, and as a process
        variables = {**given, "voiceagent_sms_import_modules": switch}
        run = scene.play(playbook=OWN_PLAY, inventory=inventory, variables=variables, env=dict.fromkeys(names))
        assert (run.code, run.status) == (0, {"one": status}), run.output
    assert scene.box.text(number)["reply"]


def test_verify_proves_that_the_agent_answers(scene: Scene) -> None:
    number, sender = scene.accounts.number(sms_url=""), scene.accounts.number(sms_url="")
    assert scene.run("-e", f"phone_number={number}").code == 0
    run = scene.run("-e", f"phone_number={number}", playbook="verify_sms")
    assert run.code == 0, run.output
    run = scene.run("-e", f"phone_number={number}", "-e", f"verify_from={sender}", playbook="verify_sms")
    assert run.code == 0, run.output
    assert "answered" in run.stdout


def test_a_channel_that_another_run_deletes_meanwhile(scene: Scene) -> None:
    """Whoever deletes it may have looked for numbers before they were its own: connected again; and from the other side."""
    accounts = scene.accounts
    number, late = accounts.number(sms_url=""), accounts.number(sms_url="")
    words = ("-e", f"phone_number={number}")
    with scene.box.meanwhile(
        "twilio.update_number", lambda: scene.box.remove("ibm", "channels", scene.channels()[0]["id"])
    ):
        run = scene.run(*words)
    assert run.code == 0, run.output
    assert "was deleted by another run while numbers were connected" in run.output
    assert accounts.sms_url(number) == scene.url()
    assert scene.box.text(number)["delivered"]

    gone = scene.url()
    with scene.box.meanwhile(
        "orchestrate.delete_channel", lambda: scene.box.change("twilio", "numbers", late, sms_url=gone)
    ):
        disconnected = scene.run(*words, playbook="disconnect_sms")
    assert disconnected.code != 0
    assert f"was deleted while another run connected {late}: run connect_sms" in disconnected.output
