# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx_setup.yml with fake modules of a controller: the order, its messages, and what it hides."""

from __future__ import annotations

import http.server
import json
import pathlib
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from controller import modules
from controller.options import LISTS, OPTIONS
from system.conftest import Accounts
from system.playing import ROOT, Player
from tools import guides

URL = "https://git.example.com/voiceagent-sms.git"
GIVEN = ("-e", f"awx_sms_project_url={URL}")
KEY, TOKEN = "an-api-key-that-nobody-may-see-0123456789", "an-auth-token-that-nobody-may-see-012345"


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    """A server that answers; the fake modules never call it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Controller:
    """The arguments of the fake modules."""

    def __init__(
        self,
        accounts: Accounts,
        folder: pathlib.Path,
        door: str,
        collection: str = "awx.awx",
        *,
        with_actions: bool = True,
    ) -> None:
        """Write the collection; what else leads to the clouds is of no interest here."""
        folder.mkdir()
        self._state = modules.write(folder, collection, with_actions=with_actions)
        paths = f"{folder}:{ROOT / '.cache' / 'link'}"
        self.environment: dict[str, str | None] = {
            **dict.fromkeys(accounts.environment),
            "ANSIBLE_COLLECTIONS_PATH": paths,
            "CONTROLLER_STATE": str(self._state),
            "CONTROLLER_HOST": door,
            "IC_API_KEY": KEY,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": TOKEN,
        }

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """All objects, by kind and name."""
        found: dict[str, dict[str, Any]] = json.loads(self._state.read_text())
        return found

    def store(self, objects: dict[str, dict[str, Any]]) -> None:
        """Change them without the playbook."""
        self._state.write_text(json.dumps(objects))


@pytest.fixture
def controller(accounts: Accounts, tmp_path: pathlib.Path, door: str) -> Controller:
    return Controller(accounts, tmp_path / "collections", door)


def test_a_second_load_is_unchanged_and_shows_no_secret(
    play: Player, accounts: Accounts, tmp_path: pathlib.Path, door: str
) -> None:
    controller = Controller(accounts, tmp_path / "collections", door, with_actions=False)
    first = play(*GIVEN, "-vvv", playbook="awx_setup", env=controller.environment, secrets=(KEY, TOKEN))
    assert first.code == 0, first.output
    made = controller.objects
    unwanted = {"notification_template", "team", "role"}
    assert all(made[kind] for kind in set(LISTS) - unwanted), made
    assert not any(made[kind] for kind in unwanted), "nobody said to whom"
    assert made["credential"]["SMS - IBM Cloud"]["inputs"] == {"ibmcloud_api_key": KEY}
    assert set(made["credential"]["SMS - Twilio"]["inputs"]) == {"account_sid", "auth_token"}
    env = made["credential_type"]["Voice Agent SMS - Twilio"]["injectors"]["env"]
    assert env["TWILIO_AUTH_TOKEN"] == "{{ auth_token }}", "the controller's template, untouched"
    assert made["project"]["Voice Agent SMS"]["scm_url"] == URL
    assert made["job_template"]["SMS - connect in slices"]["job_slice_count"] == 4
    again = play(*GIVEN, playbook="awx_setup", env=controller.environment, secrets=(KEY, TOKEN))
    assert again.code == 0, again.output
    assert "changed" not in again.recap["localhost"], again.stdout
    assert controller.objects == made
    # It reports what it has not done, and how to do it.
    assert "SMS - Twilio exists already and keeps its secrets." in again.stdout
    assert "account_sid, auth_token" in again.stdout


STORED = {"account_sid": "AC1", "auth_token": "stored", "api_key_sid": "SK1", "api_key_secret": "stored as well"}


NOTHING = {"IC_API_KEY": None, "TWILIO_ACCOUNT_SID": None, "TWILIO_AUTH_TOKEN": None}
A_PART = {"IC_API_KEY": None, "TWILIO_AUTH_TOKEN": None, "IBMCLOUD_IAM_PROFILE_ID": "Profile-1"}


def only(*kinds: str) -> dict[str, Any]:
    """Return variables that leave out all other objects, because each takes a process."""
    return {name: [] for kind, name in LISTS.items() if kind not in kinds}


def by_roles(*kinds: str) -> str:
    """Return a play that loads objects as the roles of infra.aap_configuration 3.0.0 do: an empty option is not given."""
    tasks = [
        {
            f"ansible.controller.{kind}": {
                option: f"{{{{ item.{option} | default(omit{'' if of_type == 'bool' else ', true'}) }}}}"
                for option, of_type in OPTIONS[kind].items()
            },
            "loop": f"{{{{ {LISTS[kind]} }}}}",
            "no_log": True,
        }
        for kind in kinds
    ]
    data = str(ROOT / "playbooks" / "vars" / "awx_objects.yml")
    return yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars_files": [data], "tasks": tasks}])


@pytest.mark.parametrize(
    "collection", ["awx.awx", "ansible.controller"], ids=["by playbook", "by infra.aap_configuration"]
)
def test_a_rerun_deletes_no_stored_secret(
    play: Player, accounts: Accounts, tmp_path: pathlib.Path, door: str, collection: str
) -> None:
    controller = Controller(accounts, tmp_path / "collections", door, collection)
    kinds = ("organization", "credential_type", "credential")
    how = {"playbook": "awx_setup"} if collection == "awx.awx" else {"playbook": by_roles(*kinds)}

    def load(environment: dict[str, str | None]) -> str:
        changes = {**controller.environment, **environment}
        run = play(*GIVEN, **how, env=changes, variables=only(*kinds), secrets=(KEY, TOKEN))
        assert run.code == 0, run.output
        return run.stdout

    load({})
    # Somebody has completed the credentials in the web UI meanwhile.
    stored = controller.objects
    stored["credential"]["SMS - Twilio"]["inputs"] = STORED
    stored["credential"]["SMS - IBM Cloud"]["inputs"]["iam_profile_id"] = "Profile-2"
    controller.store(stored)
    for environment in (NOTHING, A_PART, {}):
        said = load({**environment})
        assert controller.objects == stored, environment
        if collection == "awx.awx":
            assert ("keeps its secrets" in said) == (not environment)


def test_secrets_are_replaced_where_that_is_asked_for(play: Player, controller: Controller) -> None:
    few = only("organization", "execution_environment", "credential_type", "credential", "project")
    empty = {**controller.environment, "IC_API_KEY": None, "TWILIO_ACCOUNT_SID": None, "CONTROLLER_CANNOT_SYNC": "1"}
    first = play(*GIVEN, playbook="awx_setup", env=empty, variables=few, secrets=(TOKEN,))
    assert first.code == 2
    assert "Voice Agent SMS, failed" in first.stdout, "the project's synchronization"
    assert "inputs" not in controller.objects["credential"]["SMS - Twilio"], "a token without its account"
    # A failed task is repeated, and the secrets that were missing before are sent.
    few["awx_sms_replace_secrets"] = "yes"
    again = play(*GIVEN, playbook="awx_setup", env=controller.environment, variables=few, secrets=(KEY, TOKEN))
    assert again.code == 0, again.output
    made = controller.objects
    assert made["project"]["Voice Agent SMS"]["synchronized"] is True
    assert made["credential"]["SMS - IBM Cloud"]["inputs"] == {"ibmcloud_api_key": KEY}
    assert set(made["credential"]["SMS - Twilio"]["inputs"]) == {"account_sid", "auth_token"}


def test_the_guide_s_command_is_right(play: Player, controller: Controller) -> None:
    text = (guides.FOLDER / "awx.md").read_text()
    commands = [command for block in guides.blocks(text) if block.language == "bash" for command in block.commands]
    (command,) = [command for command in commands if command.startswith("ansible-playbook")]
    few = json.dumps(only("organization", "execution_environment", "credential_type", "credential", "project"))
    run = play.shell(f"{command} -e '{few}'", env=controller.environment)
    assert run.code == 0, run.output
    images = {item["image"] for item in controller.objects["execution_environment"].values()}
    assert len(images) == 1
    assert images <= set(re.findall(r"-t (\S+)", text)), "the one that the guide builds"


def test_settings_of_the_site_reach_the_objects(
    play: Player, accounts: Accounts, tmp_path: pathlib.Path, door: str
) -> None:
    controller = Controller(accounts, tmp_path / "collections", door, "ansible.controller")  # Automation Platform's own
    few = only("organization", "execution_environment", "credential_type", "credential", "project", "inventory")
    first = play(*GIVEN, playbook="awx_setup", env=controller.environment, variables=few, secrets=(KEY, TOKEN))
    assert first.code == 0, first.output
    theirs = controller.objects
    hook = "https://hooks.example.com/sms"
    given = {"awx_sms_region": "us-east", "awx_sms_slices": 9, "awx_sms_rotation_enabled": "yes"}
    given |= {
        "awx_sms_notification_url": hook,
        "awx_sms_organization": "Telephony",
        "awx_sms_operators_team": "Operators",
    }
    run = play(*GIVEN, playbook="awx_setup", env=controller.environment, variables=given)
    assert run.code == 0, run.output
    made = controller.objects
    # A second organization leaves what the first has as it was.
    for kind, items in theirs.items():
        assert {name: made[kind][name] for name in items} == items
    ours = {kind: {name: item for name, item in made[kind].items() if name not in theirs[kind]} for kind in made}
    assert list(ours["organization"]) == ["Telephony"]
    assert not ours["credential_type"]
    (notification,) = ours["notification_template"].values()
    assert notification["notification_configuration"]["url"] == hook
    for template in ours["job_template"].values():
        assert template["notification_templates_error"] == [notification["name"]]
        assert [q["default"] for q in template["survey_spec"]["spec"] if q["variable"] == "region"] in ([], ["us-east"])
    assert ours["job_template"]["SMS - connect in slices (Telephony)"]["job_slice_count"] == 9
    rotation = ours["schedule"]["SMS - rotate the key when it is old (Telephony)"]
    assert (rotation["enabled"], rotation["extra_data"]["region"]) == (True, "us-east")
    assert sorted(role["role"] for role in ours["role"].values()) == ["execute", "read"]


@pytest.mark.parametrize(
    ("refused", "kinds"),
    [
        pytest.param("SMS - Twilio", 4, id="a credential, whose task hides what it says"),
        pytest.param("SMS - audit", 9, id="a job template"),
    ],
)
def test_the_first_error_ends_it(play: Player, controller: Controller, refused: str, kinds: int) -> None:
    env = {**controller.environment, "CONTROLLER_REFUSES": refused}
    run = play(*GIVEN, playbook="awx_setup", env=env, secrets=(KEY, TOKEN))
    assert run.code == 2
    assert f"{refused}: refused" in run.stdout
    assert [kind for kind in list(LISTS)[kinds:] if controller.objects[kind]] == []


@pytest.mark.parametrize(
    ("changes", "variables", "said"),
    [
        pytest.param({}, {"awx_sms_project_url": ""}, "awx_sms_project_url is missing", id="the project"),
        pytest.param({"CONTROLLER_HOST": ""}, {}, "set CONTROLLER_HOST", id="the controller"),
        pytest.param(
            {"CONTROLLER_HOST": "http://127.0.0.1:9"}, {}, "http://127.0.0.1:9 cannot be reached", id="nobody there"
        ),
        pytest.param(
            {},
            {"awx_sms_region": "eu-de", "awx_sms_rotation_enabled": True},
            "needs the receiver's host",
            id="the receiver",
        ),
        pytest.param(
            {"ANSIBLE_COLLECTIONS_PATH": None}, {}, "Neither ansible.controller nor awx.awx", id="the modules"
        ),
    ],
)
def test_what_is_missing_is_said(
    play: Player, controller: Controller, changes: dict[str, str | None], variables: dict[str, Any], said: str
) -> None:
    given = {"awx_sms_project_url": URL, **variables}
    run = play(playbook="awx_setup", env={**controller.environment, **changes}, variables=given)
    assert run.code == 2
    assert said in " ".join([*run.failures.values(), run.stdout]).replace("\n", " ")
    assert not any(controller.objects.values())
