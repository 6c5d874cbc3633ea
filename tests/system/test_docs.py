# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands in the guides do what the guides say.

Each guide is run from beginning to end in one folder: blocks with a file name are written to that file, and each
``bash`` command is run unchanged. A ``text`` block after a command has lines that the output must contain. Nothing is
replaced in the text: the sandbox has the guide's phone numbers and agents, and the environment has the credentials that
it tells users to export.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from system.conftest import EAST, Accounts, url
from system.playing import Player, Run
from tools import guides

#: Commands in the guides that are not run, each with the reason.
NOT_RUN = {
    "python3 -m venv ": "the tests have an environment",
    "ansible-galaxy collection install ": "the tarball session of noxfile.py installs it",
    "ansible-doc ": "galaxy-importer reads all of it",
    "pip install ": "the environment has the packages; their floors are tested with ansible-core 2.16",
    "export IC_API_KEY=": "the sandbox's",
    "export TWILIO_ACCOUNT_SID=": "the sandbox's",
    "export TWILIO_AUTH_TOKEN=": "the sandbox's",
}
#: Guides with their own tests.
#: awx.md: test_awx_setup.py carries out its command, tests/unit/playbooks compares its blocks; test_rulebook.py, test_key_store.py.
ELSEWHERE = ("awx.md", "events.md", "key-store.md")
DEMO = "https://demo.twilio.com/welcome/sms/reply"  # what a new number has
#: Environment variables of the guides, besides the credentials.
GATEWAY_PASSWORD = "gateway-password-4711"
ASSISTANT_URI = "https://assistant.example.com/twilio/sms/d1e2f3a4?token=assistant-token-4711"
VARIABLES = {"SMS_WEBHOOK_PASSWORD": GATEWAY_PASSWORD, "ASSISTANT_WEBHOOK_URI": ASSISTANT_URI}

Judge = Callable[[], None]


# ---- what each guide finds, and what it leaves behind ----


def quick_start(accounts: Accounts) -> Judge:
    agent = accounts.agent()
    number = accounts.number(phone_number="+15551234567", sms_url=DEMO)

    def judge() -> None:
        assert accounts.sms_url(number) == url(accounts.the_api_key(agent))
        assert accounts.box.text(number)["reply"]

    return judge


def real_accounts(accounts: Accounts) -> Judge:
    only, support = accounts.agent("only-agent"), accounts.agent("support-agent", "us-east")
    accounts.agent("sales-agent", "us-east")
    first = accounts.number(phone_number="+15551234501", sms_url=DEMO)
    second = accounts.number(phone_number="+15551234502", sms_url=DEMO)

    def judge() -> None:
        assert accounts.sms_url(first) == url(accounts.the_api_key(only))
        assert accounts.sms_url(second) == url(accounts.the_api_key(support), EAST)

    return judge


def rollout(accounts: Accounts) -> Judge:
    south, east = accounts.agent(), accounts.agent("eastern", "us-east")
    numbers = [accounts.number(phone_number=f"+1555123000{place}", sms_url=DEMO) for place in range(1, 5)]
    later = [
        accounts.number(phone_number="+15551240001", sms_url=DEMO),
        accounts.number(phone_number="+15551240002", sms_url=""),
    ]

    def judge() -> None:
        dallas, washington = url(accounts.the_api_key(south)), url(accounts.the_api_key(east), EAST)
        assert [accounts.sms_url(number) for number in numbers] == [dallas, dallas, washington, washington]
        assert [accounts.sms_url(number) for number in later] == [dallas, dallas]

    return judge


def receivers(accounts: Accounts) -> Judge:
    agents = {region: accounts.agent(f"agent-{region}", region) for region in ("us-south", "us-east", "eu-de")}
    numbers = [accounts.number(phone_number=f"+1555122000{place}", sms_url=DEMO) for place in range(1, 10)]
    orchestrate = accounts.box.add_orchestrate(account_id=accounts.ibm["id"])
    accounts.box.add_orchestrate_agent("support_agent", instance_guid=orchestrate["guid"])
    accounts.environment.update(orchestrate["environment"])

    def judge() -> None:
        keys = {region: accounts.the_api_key(agent) for region, agent in agents.items()}
        frankfurt = [url(keys["eu-de"], f"sms-fra{name}.voiceagent.cloud.ibm.com") for name in ("04", "05")]
        south, east = url(keys["us-south"]), url(keys["us-east"], EAST)
        gateway = url(GATEWAY_PASSWORD, "gateway.example.com:9443", "twilio")
        wanted = [south, east, *frankfurt, south, gateway, ASSISTANT_URI]
        assert [accounts.sms_url(number) for number in numbers[:7]] == wanted
        assert accounts.box.text(numbers[7])["reply"] == "support_agent: you wrote: hello"
        assert accounts.sms_url(numbers[8]) == "https://texts.example.com/twilio/inbound"
        assert accounts.box.number(numbers[4])["sms_fallback_url"] == east

    return judge


def rotation(accounts: Accounts) -> Judge:
    agent = accounts.agent()
    old = accounts.box.add_key(agent["guid"])
    moved = accounts.connected(old, phone_number="+15551210001")
    kept = accounts.number(phone_number="+15551210002", sms_url=DEMO)

    def judge() -> None:
        assert accounts.sms_url(moved) == ""
        assert accounts.sms_url(kept) == DEMO
        assert accounts.keys(agent) == []  # rotated, and then deleted because nothing used it any more

    return judge


def services(accounts: Accounts) -> Judge:
    agent = accounts.agent()
    numbers = [accounts.number(phone_number=f"+1555128000{place}", sms_url=DEMO) for place in (1, 2)]
    accounts.box.add_service(account_sid=accounts.twilio["sid"], friendly_name="campaign", pool=numbers)

    def judge() -> None:
        wanted = url(accounts.the_api_key(agent)) + "#rc=3&rp=ct,5xx"
        assert [accounts.sms_url(number) for number in numbers] == [wanted] * 2
        assert [accounts.box.text(number)["handled_by"] for number in numbers] == ["number"] * 2

    return judge


def audit(accounts: Accounts) -> Judge:
    agent = accounts.agent()
    accounts.connected(accounts.box.add_key(agent["guid"]), phone_number="+15551250001")
    dead = accounts.box.add_key(agent["guid"], "another")
    accounts.connected(dead, phone_number="+15551250002")
    accounts.box.remove("ibm", "keys", dead["guid"])
    accounts.number(phone_number="+15551250003", sms_url="https://other.example.com/sms")
    accounts.box.change("twilio", "numbers", accounts.number(phone_number="+15551250004", sms_url=DEMO), sms_url="")

    return lambda: None


def verify(accounts: Accounts) -> Judge:
    key = accounts.box.add_key(accounts.agent()["guid"])
    numbers = [accounts.connected(key, phone_number=f"+1555126000{place}") for place in (1, 2)]
    accounts.number(phone_number="+15551260009")

    def judge() -> None:
        texts = [text for text in accounts.box.texts() if text["accepted"] and text["to"] in numbers]
        assert sorted(text["to"] for text in texts) == numbers, "a text each, and no more"

    return judge


def console(accounts: Accounts) -> Judge:
    agent = accounts.agent("support-agent")
    numbers = [accounts.number(phone_number=f"+155512700{place:02d}", sms_url="") for place in range(1, 21)]

    def judge() -> None:
        keys = [accounts.box.api_key_of(key["guid"]) for key in accounts.keys(agent)]
        assert {accounts.sms_url(number) for number in numbers} == {"", *map(url, keys)}
        assert len(keys) == 2

    return judge


SCENES: dict[str, Callable[[Accounts], Judge]] = {
    "audit.md": audit,
    "console.md": console,
    "quick-start.md": quick_start,
    "real-accounts.md": real_accounts,
    "receivers.md": receivers,
    "rollout.md": rollout,
    "rotation.md": rotation,
    "verify.md": verify,
    "services.md": services,
}


# ---- carrying out ----


def squeezed(text: str) -> str:
    """Normalize white space, so that column widths do not matter."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def is_run(command: str) -> bool:
    return not command.startswith(tuple(NOT_RUN))


def carry_out(text: str, play: Player) -> list[Run]:
    """Write the files of a guide, run its commands, and compare their output with the guide."""
    runs: list[Run] = []
    for block in guides.blocks(text):
        where = f"line {block.line}"
        if block.file:
            file = play.here / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
        elif block.language == "bash":
            for command in filter(is_run, block.commands):
                run = play.shell(command, env=VARIABLES, kept="backups")
                assert run.code == 0, f"{where}: {command}\n{run.output}"
                runs.append(run)
        elif block.language == "text":
            printed = squeezed(runs[-1].stdout)
            missing = [line for line in squeezed(block.text).splitlines() if line not in printed]
            assert not missing, f"{where}: not printed: {missing}\n{runs[-1].stdout}"
        else:
            pytest.fail(f"{where}: a block that is neither a file, a command nor what a command prints")
    return runs


@pytest.mark.parametrize("name", SCENES)
def test_the_guide_is_right(name: str, play: Player, accounts: Accounts) -> None:
    judge = SCENES[name](accounts)
    assert carry_out((guides.FOLDER / name).read_text(encoding="utf-8"), play)
    judge()


def test_every_guide_with_commands_is_carried_out() -> None:
    """The Spanish quick start has the same blocks as the English one: tests/unit/tools/test_guides.py."""
    commanding = {
        file.name
        for file in guides.FOLDER.glob("*.md")
        if any(block.language != "text" or block.file for block in guides.blocks(file.read_text(encoding="utf-8")))
    }
    left_out = commanding - {"quick-start.es.md", *ELSEWHERE} - set(SCENES)
    assert not left_out, f"needs a scene, a function here that makes what the guide finds: {left_out}"


def test_the_readme_is_right(play: Player, accounts: Accounts) -> None:
    """Its commands are those of the quick start; its inventory is tested here."""
    quick = {line for block in named("quick-start.md") for line in block.commands}
    blocks = guides.blocks((guides.FOLDER.parents[1] / "README.md").read_text(encoding="utf-8"))
    commands = [line for block in blocks if block.language == "bash" for line in block.commands]
    assert [line for line in commands if is_run(line) and line not in quick] == []
    assert [line for line in commands if is_run(line)]

    (inventory,) = [block.text for block in blocks if block.language == "ini"]
    agent = accounts.agent()
    numbers = [accounts.number(phone_number=number) for number in ("+15551234568", "+15557654321")]
    run = play(inventory=inventory)
    assert (run.code, set(run.status.values())) == (0, {"changed"}), run.output
    assert {accounts.sms_url(number) for number in numbers} == {url(accounts.the_api_key(agent))}


def test_the_role_s_readme_is_right(play: Player, accounts: Accounts) -> None:
    agent, number = accounts.agent(), accounts.number()
    readme = (guides.FOLDER.parents[1] / "roles" / "connect_sms" / "README.md").read_text(encoding="utf-8")
    (playbook,) = [block.text for block in guides.blocks(readme) if block.language == "yaml"]
    run = play(playbook=playbook, inventory=f"one phone_number={number}\n")
    assert (run.code, run.status) == (0, {"one": "changed"}), run.output
    assert accounts.sms_url(number) == url(accounts.the_api_key(agent))


def named(name: str) -> list[guides.Block]:
    return guides.blocks((guides.FOLDER / name).read_text(encoding="utf-8"))


def test_a_guide_that_is_wrong_is_found(play: Player, accounts: Accounts) -> None:
    with pytest.raises(AssertionError, match="line 1: false"):
        carry_out("```bash\nfalse\n```\n", play)
    with pytest.raises(AssertionError, match="not printed: .'c'"):
        carry_out("```bash\nprintf 'a  b'\n```\n\n```text\na b\nc\n```\n", play)
    with pytest.raises(pytest.fail.Exception, match="neither a file"):
        carry_out("```yaml\na: b\n```\n", play)
