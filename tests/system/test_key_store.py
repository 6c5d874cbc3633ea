# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipes of the guide about storing keys, unchanged, with fake modules that write to a file."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from system.conftest import Accounts, url
from system.playing import ROOT, Player
from tools import guides

#: The modules in the recipes, each with its documented options.
STAND_INS = {
    "community.hashi_vault.vault_kv2_write": ("engine_mount_point", "path", "data"),
    "community.aws.secretsmanager_secret": ("name", "secret", "region"),
    "awx.awx.credential": ("name", "organization", "credential_type", "inputs", "update_secrets"),
}
MODULE = """
import json, os
from ansible.module_utils.basic import AnsibleModule
secret = ("data", "secret", "inputs")
module = AnsibleModule({{name: {{"type": "raw", "no_log": name in secret}} for name in {options!r}}})
if os.path.exists(os.environ["STORE"] + ".closed"):
    module.fail_json(msg="the store is closed: " + json.dumps(module.params))
with open(os.environ["STORE"], "a") as store:
    store.write(json.dumps({{"module": {name!r}, **module.params}}) + "\\n")
module.exit_json(changed=True)
"""


class Store:
    """The recipes of the guide, and their stored keys, outside of the search for leaks."""

    def __init__(self, play: Player) -> None:
        self.play = play
        self.file = play.folder / "stored"
        for name, options in STAND_INS.items():
            path = play.folder.joinpath(
                "collections", "ansible_collections", *name.split(".")[:2], "plugins", "modules"
            )
            path.mkdir(parents=True)
            (path / f"{name.rpartition('.')[2]}.py").write_text(MODULE.format(options=options, name=name))
        for block in guides.blocks((guides.FOLDER / "key-store.md").read_text(encoding="utf-8")):
            if block.file:
                file = play.here / block.file
                file.parent.mkdir(exist_ok=True)
                file.write_text(block.text)

    @property
    def stored(self) -> list[dict[str, Any]]:
        """Return what was stored, in order."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def close(self) -> None:
        """Let the store refuse everything, with an error message that contains the key."""
        pathlib.Path(f"{self.file}.closed").touch()

    def run(self, *arguments: str, variables: Mapping[str, Any] | None = None, **more: Any) -> Any:
        collections = f"{self.play.folder / 'collections'}:{ROOT / '.cache' / 'link'}"
        env = {"STORE": str(self.file), "ANSIBLE_COLLECTIONS_PATH": collections}
        tasks = {"connect_sms_store_key_tasks": "store/all.yml", **(variables or {})}
        return self.play("-e", "region=us-south", *arguments, env=env, variables=tasks, **more)


@pytest.fixture
def store(play: Player) -> Store:
    return Store(play)


def test_the_recipes_keep_the_key_before_any_number(store: Store, accounts: Accounts) -> None:
    """Two hosts share a credential, whose key is stored once; again there is nothing to store; rotation stores the next."""
    agent = accounts.agent("sms-agent")
    numbers = [accounts.number(sms_url=""), accounts.number(sms_url="")]
    inventory = "".join(f"host{place} phone_number={number}\n" for place, number in enumerate(numbers))

    dry = store.run("--check", inventory=inventory)
    assert (dry.code, store.stored) == (0, []), dry.output

    run = store.run("-vv", inventory=inventory)
    assert (run.code, set(run.status.values())) == (0, {"changed"}), run.output
    key = accounts.the_api_key(agent)
    assert {accounts.sms_url(number) for number in numbers} == {url(key)}
    place = "sms/us-south/sms-agent/twilio-sms"
    assert store.stored == [
        {"module": "community.hashi_vault.vault_kv2_write", "engine_mount_point": "secret", "path": place, "data": {"api_key": key}},
        {"module": "community.aws.secretsmanager_secret", "name": place, "secret": key, "region": "us-east-1"},
        {
            "module": "awx.awx.credential",
            "name": "SMS key of sms-agent in us-south",
            "organization": "Default",
            "credential_type": "SMS key",
            "inputs": {"api_key": key},
            "update_secrets": True,
        },
    ]  # fmt: skip

    again = store.run(inventory=inventory)
    assert (again.code, again.writes, len(store.stored)) == (0, [], 3), again.output

    rotated = store.run(playbook="rotate_sms_key", inventory=inventory)
    assert rotated.code == 0, rotated.output
    assert [row["data"]["api_key"] for row in store.stored[3:4]] == [accounts.the_api_key(agent)] != [key]


def test_a_failing_store_leaves_every_number_untouched(store: Store, accounts: Accounts) -> None:
    """All numbers are left alone, also those that do not need the key."""
    agent = accounts.agent("sms-agent")
    numbers = [accounts.number(sms_url=""), accounts.number(sms_url="")]
    hosts: dict[str, Any] = {"dallas": {"phone_number": numbers[0]}}
    hosts["other"] = {"phone_number": numbers[1], "connect_sms_receiver_url": "https://texts.example.com/sms"}
    store.close()
    run = store.run("-vv", inventory={"all": {"hosts": hosts}})
    assert (run.code, run.status) == (2, {"dallas": "failed", "other": "failed"}), run.output
    assert [accounts.sms_url(number) for number in numbers] == ["", ""]
    (key,) = accounts.keys(agent)
    assert f"service credential 'twilio-sms' ({key['guid']}) on sms-agent is kept" in run.failures["dallas"]
    assert "store/all.yml" in run.failures["dallas"]
    assert "task 'Store the key in HashiCorp Vault' failed" in run.failures["dallas"]
    assert [each["operation"] for each in run.writes] == ["rc.create_key"]

    ensured = store.run("-e", "connect_sms_credential_name=another", playbook="ensure_sms_credential")
    assert ensured.code == 2
    assert "The new service credential 'another'" in ensured.output


@pytest.mark.parametrize(("text", "why"), [(None, "cannot be read"), ("a: b\n", "is not a list of tasks")])
def test_tasks_that_are_none_are_refused_first(store: Store, accounts: Accounts, text: str | None, why: str) -> None:
    file = store.play.here / "none.yml"
    if text:
        file.write_text(text)
    given = {"connect_sms_store_key_tasks": str(file)}
    run = store.run("-e", f"phone_number={accounts.number()}", variables=given)
    assert (run.code, run.requests) == (2, []), run.output
    assert why in run.output
