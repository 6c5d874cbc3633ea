# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.voiceagent.sms.plugins.action import sms_plan, sms_report
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import (
    pack_snapshot,
    to_text,
)
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot
from ansible_collections.voiceagent.sms.plugins.plugin_utils.action_failed import ActionFailed

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 templates whatever it finds

    def trust_as_template(value: Any) -> Any:
        return value


ROLE = pathlib.Path(__file__).parents[4] / "roles" / "connect_sms"
ONE, TWO, THREE = "+15550000001", "+15550000002", "+15550000003"


class Manager:
    """Knows each host's variables, as Ansible's variable manager does."""

    def __init__(self, hosts: dict[str, dict[str, Any]], extra_vars: dict[str, Any] | None = None) -> None:
        self.hosts = hosts
        self.extra_vars = extra_vars or {}

    def get_vars(self, *, play: Any, host: Any, task: Any, **_play_hosts: list[str]) -> dict[str, Any]:
        return self.hosts[host]

    def get_host(self, name: str) -> str:
        return name


def action(module: Any, args: dict[str, Any], *, check_mode: bool = False, role: Any = True) -> Any:
    loader = DataLoader()
    in_role = SimpleNamespace(_role_path=str(ROLE)) if role else None
    own = {"check_mode": check_mode, "async_val": 0, "when": [], "_parent": None, "_role": in_role}
    task = SimpleNamespace(args=args, get_play=lambda: None, **own)
    task.environment = [{"IC_API_KEY": "of the modules"}]  # where credentials are is not for the plan to see then
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nonexistent"))
    return module.ActionModule(task, connection, SimpleNamespace(), loader, Templar(loader=loader), None)


Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def plan() -> Plan:
    """Return a function that plans for hosts with these variables, beside the role's defaults."""

    def run(check_mode: bool = False, **hosts: dict[str, Any]) -> dict[str, Any]:
        loaded = DataLoader().load_from_file(str(ROLE / "defaults" / "main.yml"))
        defaults = {
            name: trust_as_template(value) if isinstance(value, str) else value for name, value in loaded.items()
        }
        variables = {name: {**defaults, "inventory_hostname": name, **values} for name, values in hosts.items()}
        hostvars = SimpleNamespace(_variable_manager=Manager(variables), _inventory=Manager(variables))
        lists = ("ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all")
        task_vars = {**{name: list(hosts) for name in lists}, "hostvars": hostvars}
        return action(sms_plan, {"entry_point": "main"}, check_mode=check_mode).run(None, task_vars)

    return run


SOUTH = {"connect_sms_region": "us-south"}


def test_a_plan_of_the_hosts_own_variables(plan: Plan) -> None:
    planned = plan(
        one={**SOUTH, "phone_number": 15550000001},
        two={"connect_sms_region": "us-east", "phone_number": "+1 555 000 0002"},
        three={**SOUTH, "connect_sms_phone_numbers": [ONE, THREE]},
    )
    assert planned["errors"] == {}
    assert planned["numbers"] == {"one": [ONE], "two": [TWO], "three": [ONE, THREE]}
    assert [credential["region"] for credential in planned["credentials"]] == ["us-south", "us-east"]
    assert (planned["changed"], planned["dry_run"]) == (False, False)
    assert plan(True, one={**SOUTH, "phone_number": ONE})["dry_run"] is True


def test_templates_are_those_of_each_host(plan: Plan) -> None:
    templates = {
        "connect_sms_region": trust_as_template("{{ my_region }}"),
        "connect_sms_instance": trust_as_template("agent-{{ inventory_hostname }}"),
        "connect_sms_receiver_host": trust_as_template("{{ '' }}"),
        "connect_sms_validate_certs": trust_as_template("{{ 'no' }}"),
        "connect_sms_timeout": "7",
    }
    planned = plan(
        one={**templates, "my_region": "us-south", "phone_number": ONE},
        two={**templates, "my_region": "us-east", "phone_number": TWO},
    )
    assert planned["errors"] == {}
    named = [(credential["region"], credential["instance"]) for credential in planned["credentials"]]
    assert named == [("us-south", "agent-one"), ("us-east", "agent-two")]
    assert planned["accounts"][0]["access"] == {"validate_certs": False, "timeout": 7.0}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"connect_sms_region": trust_as_template("{{ nowhere }}")}, "connect_sms_region cannot be templated"),
        ({**SOUTH, "connect_sms_role": "Reader"}, "connect_sms_role"),
        ({**SOUTH, "connect_sms_on_override": "perhaps"}, "connect_sms_on_override"),
        ({**SOUTH, "connect_sms_timeout": "soon"}, "connect_sms_timeout"),
        ({**SOUTH, "connect_sms_concurrency": 0}, "connect_sms_concurrency must be 1 or more"),
        ({**SOUTH, "connect_sms_phone_numbers": {"a": "dictionary"}}, "connect_sms_phone_numbers"),
        ({**SOUTH, "connect_sms_numbers_file": "/nonexistent/numbers.csv"}, "numbers.csv"),
        ({}, "no region is given"),
    ],
)
def test_what_is_wrong_with_one_host_is_its_own(plan: Plan, values: dict[str, Any], said: str) -> None:
    planned = plan(bad={"phone_number": ONE, **values}, good={**SOUTH, "phone_number": TWO})
    assert set(planned["errors"]) == {"bad"}
    assert said in planned["errors"]["bad"]
    assert planned["numbers"] == {"good": [TWO]}


def test_numbers_of_a_file_join_the_others(plan: Plan, tmp_path: pathlib.Path) -> None:
    (tmp_path / "numbers.csv").write_text("15550000002,second\n15550000003,third\n")
    file = {"connect_sms_numbers_file": str(tmp_path / "numbers.csv")}
    assert plan(one={**SOUTH, **file, "phone_number": ONE})["numbers"] == {"one": [ONE, TWO, THREE]}
    assert plan(one={**SOUTH, **file})["numbers"] == {"one": [TWO, THREE]}


def test_numbers_as_inventories_hold_them(plan: Plan, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "numbers.csv").write_text("15550000003\n")
    hosts = {
        "float": {"phone_number": 15550000001.0},
        "list": {"connect_sms_phone_numbers": [15550000001, "+15550000002 +15550000003"]},
        "text": {"connect_sms_phone_numbers": f'["{ONE}","{TWO}"]'},
        "home": {"connect_sms_numbers_file": "~/numbers.csv"},
        "15550000002": {},
    }
    planned = plan(**{name: {**SOUTH, **values} for name, values in hosts.items()})
    assert planned["errors"] == {}
    assert planned["numbers"] == {
        "float": [ONE],
        "list": [ONE, TWO, THREE],
        "text": [ONE, TWO],
        "home": [THREE],
        "15550000002": [TWO],
    }


@pytest.mark.parametrize("host", ["10.20.30.40", "20261125", "202611251930", "localhost.example.com", "1764097200"])
def test_a_host_whose_name_only_looks_like_a_number_has_none(plan: Plan, host: str) -> None:
    planned = plan(**{host: SOUTH, "good": {**SOUTH, "phone_number": ONE}})
    assert planned["errors"] == {host: f"host {host} has no phone_number"}


def test_the_plan_needs_the_role() -> None:
    refused = action(sms_plan, {}, role=None).run(None, {"ansible_play_batch": []})
    assert "only works inside the role voiceagent.sms.connect_sms" in refused["refusal"]


def test_the_plan_is_made_once_for_the_batch() -> None:
    assert sms_plan.ActionModule.BYPASS_HOST_LOOP is True
    assert not getattr(sms_report.ActionModule, "BYPASS_HOST_LOOP", False), "every host has a report of its own"


# ---- sms_report ----


STEPS = {"plan": "p", "look": "l", "credentials": "c", "backup": "b", "webhooks": "w"}


def reported(plan: Plan, done: dict[str, Any], **more: Any) -> dict[str, Any]:
    planned = plan(one={**SOUTH, "phone_number": ONE}, two={**SOUTH, "phone_number": TWO}, three={})
    settings = dict.fromkeys(("url", "method", "fallback_url", "fallback_method", "application_sid"), "")
    snapshot = pack_snapshot(Snapshot("AC1", {number: Number("PN", settings) for number in (ONE, TWO)}))
    named = {"state": "active", "name": "twilio-sms", "instance": "agent"}
    found = {"api_key": "k" * 44, "credential": named, "changed": False}
    steps = {"p": planned, "l": {"results": [{"snapshot": snapshot}]}, "c": {"results": [found]}, "w": done}
    try:
        return {"failed": False, **action(sms_report, {**STEPS, **more}).run(None, steps)}
    except ActionFailed as error:
        return {**error.result, "failed": True}


def entry(number: str, status: str) -> dict[str, Any]:
    return {"phone_number": number, "status": status, "changed": status == "changed", "msg": status}


def test_a_report(plan: Plan) -> None:
    done = {"results": [{"entries": to_text([entry(ONE, "changed"), entry(TWO, "failed")])}]}
    one, two, three = (reported(plan, done, host=host) for host in ("one", "two", "three"))
    assert (one["changed"], one["failed"], one["msg"]) == (True, False, f"{ONE}: changed")
    assert (two["changed"], two["failed"], two["msg"]) == (False, True, f"{TWO}: failed")
    assert (three["changed"], three["failed"]) == (False, True)
    assert "no region" in three["msg"]
    whole = reported(plan, done)
    assert (whole["changed"], whole["failed"], [one["phone_number"] for one in whole["numbers"]]) == (True, True, [TWO])


def test_a_report_of_a_run_that_came_to_no_update(plan: Plan) -> None:
    skipped = reported(plan, {"results": [{"skipped": True}]}, host="one")
    assert (skipped["failed"], skipped["changed"]) == (True, False)
    assert ONE in skipped["msg"]
    assert "k" * 44 not in str(skipped)
