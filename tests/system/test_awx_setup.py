# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx_setup.yml with stand-ins for a controller's modules: the order, what it says, and what it hides."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from controller import modules
from controller.options import LISTS
from system.conftest import Accounts
from system.playing import ROOT, Player
from tools import guides

URL = "https://git.example.com/voiceagent-sms.git"
GIVEN = ("-e", f"awx_sms_project_url={URL}")
KEY, TOKEN = "an-api-key-that-nobody-may-see-0123456789", "an-auth-token-that-nobody-may-see-012345"


class Controller:
    """What the stand-ins were told."""

    def __init__(self, accounts: Accounts, folder: pathlib.Path, collection: str = "awx.awx") -> None:
        """Write the collection; what else leads to the clouds is of no interest here."""
        folder.mkdir()
        self._state = modules.write(folder, collection)
        paths = f"{folder}:{ROOT / '.cache' / 'link'}"
        self.environment: dict[str, str | None] = {
            **dict.fromkeys(accounts.environment),
            "ANSIBLE_COLLECTIONS_PATH": paths,
            "CONTROLLER_STATE": str(self._state),
            "IC_API_KEY": KEY,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": TOKEN,
        }

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """All objects, by kind and name."""
        found: dict[str, dict[str, Any]] = json.loads(self._state.read_text())
        return found


@pytest.fixture
def controller(accounts: Accounts, tmp_path: pathlib.Path) -> Controller:
    return Controller(accounts, tmp_path / "collections")


def test_a_second_load_is_unchanged_and_shows_no_secret(play: Player, controller: Controller) -> None:
    first = play(*GIVEN, "-vvv", playbook="awx_setup", env=controller.environment, secrets=(KEY, TOKEN))
    assert first.code == 0, first.output
    made = controller.objects
    assert all(made[kind] for kind in LISTS if kind != "notification_template"), made
    assert not made["notification_template"], "nobody said where to"
    assert made["credential"]["SMS - IBM Cloud"]["inputs"] == {"ibmcloud_api_key": KEY}
    assert set(made["credential"]["SMS - Twilio"]["inputs"]) == {"account_sid", "auth_token"}
    env = made["credential_type"]["Twilio"]["injectors"]["env"]
    assert env["TWILIO_AUTH_TOKEN"] == "{{ auth_token }}", "the controller's template, untouched"
    assert made["project"]["Voice Agent SMS"]["scm_url"] == URL
    assert made["job_template"]["SMS - connect in slices"]["job_slice_count"] == 4
    # The environment need not hold the secrets any more.
    without = {**controller.environment, "IC_API_KEY": None, "TWILIO_ACCOUNT_SID": None, "TWILIO_AUTH_TOKEN": None}
    again = play(*GIVEN, playbook="awx_setup", env=without)
    assert again.code == 0, again.output
    assert "changed" not in again.recap["localhost"], again.stdout
    assert controller.objects == made


def test_the_guide_s_command_is_right(play: Player, controller: Controller) -> None:
    text = (guides.FOLDER / "awx.md").read_text()
    commands = [command for block in guides.blocks(text) if block.language == "bash" for command in block.commands]
    (command,) = [command for command in commands if command.startswith("ansible-playbook")]
    run = play.shell(command, env=controller.environment)
    assert run.code == 0, run.output
    images = {item["image"] for item in controller.objects["execution_environment"].values()}
    assert len(images) == 1
    assert images <= set(re.findall(r"-t (\S+)", text)), "the one that the guide builds"


def test_settings_of_the_site_reach_the_objects(play: Player, accounts: Accounts, tmp_path: pathlib.Path) -> None:
    controller = Controller(accounts, tmp_path / "collections", "ansible.controller")  # Automation Platform's own
    hook = "https://hooks.example.com/sms"
    given = {"awx_sms_region": "us-east", "awx_sms_slices": 9, "awx_sms_rotation_enabled": "yes"}
    given |= {"awx_sms_notification_url": hook, "awx_sms_organization": "Telephony"}
    run = play(*GIVEN, playbook="awx_setup", env=controller.environment, variables=given)
    assert run.code == 0, run.output
    made = controller.objects
    assert list(made["organization"]) == ["Telephony"]
    (notification,) = made["notification_template"].values()
    assert notification["notification_configuration"]["url"] == hook
    for template in made["job_template"].values():
        assert template["notification_templates_error"] == [notification["name"]]
        assert [q["default"] for q in template["survey_spec"]["spec"] if q["variable"] == "region"] in ([], ["us-east"])
    assert made["job_template"]["SMS - connect in slices"]["job_slice_count"] == 9
    rotation = made["schedule"]["SMS - rotate the key when it is old"]
    assert (rotation["enabled"], rotation["extra_data"]["region"]) == (True, "us-east")


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


def test_what_is_missing_is_said(play: Player, controller: Controller) -> None:
    run = play(playbook="awx_setup", env=controller.environment)
    assert run.code == 2
    assert "awx_sms_project_url is missing" in run.failures["localhost"]
    assert not any(controller.objects.values())
    neither = play(*GIVEN, playbook="awx_setup")
    assert neither.code != 0
    assert "couldn't resolve module/action 'organization'" in neither.output
