# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's objects against the rules of a controller (AWX 24.6.1), and against the collection."""

from __future__ import annotations

import datetime
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.lookup.sms_hosts import hosts_for
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.receiver import HOSTS
from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import IBM_CLOUD_OPTIONS, TWILIO_OPTIONS
from ansible_collections.voiceagent.sms.plugins.module_utils._role import short
from controller.objects import ROOT, objects, questions, read, required
from controller.options import LISTS, OPTIONS, REFERENCES

SPECS = yaml.safe_load((ROOT / "roles/connect_sms/meta/argument_specs.yml").read_text())["argument_specs"]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
NUMBERS = {"phone_number", "phone_numbers", "numbers_file", "connect_sms_phone_numbers", "connect_sms_numbers_file"}

# A controller refuses to change these once somebody has a credential of the type: whoever upgrades would be left with
# the old ones. They may never change; what is missing needs a new type.
FROZEN = {
    "Voice Agent SMS - IBM Cloud": {
        "ibmcloud_api_key": True,
        "iam_profile_id": False,
        "iam_endpoint": False,
        "resource_controller_endpoint": False,
    },
    "Voice Agent SMS - Twilio": {
        "account_sid": False,
        "auth_token": True,
        "api_key_sid": False,
        "api_key_secret": True,
        "subaccount_sid": False,
        "edge": False,
        "region": False,
        "api_endpoint": False,
    },
}
ACCESS = {"Voice Agent SMS - IBM Cloud": IBM_CLOUD_OPTIONS, "Voice Agent SMS - Twilio": TWILIO_OPTIONS}


HOOK = {"awx_sms_notification_url": "https://hooks.example.com/sms", "awx_sms_operators_team": "Operators"}
OBJECTS = objects(**HOOK)
NAMES = {kind: [item.get("name", item.get("role")) for item in items] for kind, items in OBJECTS.items()}
ITEMS = [
    pytest.param(kind, item, id=f"{kind} {name}")
    for kind, items in OBJECTS.items()
    for name, item in zip(NAMES[kind], items, strict=True)
]
TYPES = [pytest.param(item, id=item["name"]) for item in OBJECTS["credential_type"]]
FORMS = [*OBJECTS["job_template"], *OBJECTS["workflow_job_template"]]
SURVEYS = [pytest.param(item, id=item["name"]) for item in FORMS]
TEMPLATES = {item["name"]: item for item in OBJECTS["job_template"]}
PLAYS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / "playbooks").glob("*.yml")}


# ---- all objects ----


def test_the_tasks_pass_every_key_on() -> None:
    tasks = yaml.safe_load((ROOT / "playbooks" / "tasks" / "awx_objects.yml").read_text())
    passed = {}
    for task in tasks:
        for module in set(task) & set(LISTS):
            assert task["loop"] == f"{{{{ {LISTS[module]} }}}}"
            passed[module] = set(task[module])
    assert list(passed) == list(LISTS), "in the order in which one needs the other"
    for kind, items in OBJECTS.items():
        assert {key for item in items for key in item} == passed[kind], kind


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_keys_are_options_of_the_module(kind: str, item: dict[str, Any]) -> None:
    kinds = {"str": str, "int": (int, str), "bool": bool, "list": list, "dict": dict}
    for key, value in item.items():
        assert key in OPTIONS[kind]
        assert isinstance(value, kinds[OPTIONS[kind][key]]), key


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_what_an_object_names_exists(kind: str, item: dict[str, Any]) -> None:
    wanted = {key: value for key, value in item.items() if key in REFERENCES and key != kind}
    for key, value in wanted.items():
        known = [name for other in REFERENCES[key] for name in NAMES[other]]
        assert set(value if isinstance(value, list) else [value]) <= set(known), key
    for node in item.get("workflow_nodes", ()):
        assert node["unified_job_template"]["name"] in TEMPLATES


def test_names_are_unique_and_all_objects_belong_to_the_organization() -> None:
    for names in NAMES.values():
        assert len(names) == len(set(names))
    # What can be run shares one room of names: a schedule finds its template by name alone.
    runnable = [*NAMES["project"], *NAMES["inventory_source"], *NAMES["job_template"], *NAMES["workflow_job_template"]]
    assert len(runnable) == len(set(runnable))
    (organization,) = NAMES["organization"]
    for kind, items in OBJECTS.items():
        if kind not in ("organization", "credential_type"):
            where = "lookup_organization" if kind == "role" else "organization"
            assert {item[where] for item in items} == {organization}, kind


def test_a_second_organization_shares_no_name_with_the_first() -> None:
    # Modules look inventories, credentials, templates and notifications up by name alone; environments' names are global.
    other = objects(**HOOK, awx_sms_organization="Telephony")
    for kind, items in other.items():
        names = {item.get("name") for item in items} - {None}
        if kind not in ("credential_type", "team"):
            assert not names & set(NAMES[kind]), kind
        named = [value for item in items for key, value in item.items() if key in REFERENCES and key != kind]
        for name in (name for value in named for name in (value if isinstance(value, list) else [value])):
            assert name.endswith(("Telephony", "(Telephony)", "Operators")) or name in FROZEN, (kind, name)
    assert other["credential_type"] == OBJECTS["credential_type"], "one of the whole controller"


def test_the_organization_can_install_collections() -> None:
    (organization,) = OBJECTS["organization"]
    assert organization["galaxy_credentials"] == ["Ansible Galaxy"]


def test_nobody_is_notified_unless_somebody_says_where() -> None:
    silent = objects()
    assert silent["notification_template"] == []
    assert all(item["notification_templates_error"] == [] for item in silent["job_template"])
    (notification,) = OBJECTS["notification_template"]
    assert notification["notification_type"] == "webhook"  # twilio would be a sender of texts
    assert notification["notification_configuration"]["url"] == HOOK["awx_sms_notification_url"]


def test_the_image_is_of_this_version() -> None:
    assert read()["awx_sms_image"].rpartition(":")[2] == GALAXY["version"]


# ---- credential types ----


@pytest.mark.parametrize("item", TYPES)
def test_the_fields_never_change(item: dict[str, Any]) -> None:
    assert {field["id"]: field.get("secret", False) for field in item["inputs"]["fields"]} == FROZEN[item["name"]]


@pytest.mark.parametrize("item", TYPES)
def test_fields_are_what_a_controller_takes(item: dict[str, Any]) -> None:
    assert item["kind"] in ("cloud", "net")
    assert set(item["inputs"]) == {"fields", "required"}
    ids = [field["id"] for field in item["inputs"]["fields"]]
    assert len(ids) == len(set(ids))
    assert set(item["inputs"]["required"]) <= set(ids)
    for field in item["inputs"]["fields"]:
        assert re.fullmatch(r"[a-zA-Z_]\w*", field["id"])
        assert field["id"] != "tower"
        assert set(field) <= {"id", "type", "label", "help_text", "secret"}
        assert field["type"] == "string"  # a missing one is added, and the next load would find a difference
        assert field.get("secret") in (None, True)


@pytest.mark.parametrize("item", TYPES)
def test_injectors_set_the_variables_that_the_modules_read(item: dict[str, Any]) -> None:
    # A source of an inventory gets nothing but variables of the environment.
    assert set(item["injectors"]) == {"env"}
    env, options = item["injectors"]["env"], ACCESS[item["name"]]
    fields = {field["id"]: field.get("secret", False) for field in item["inputs"]["fields"]}
    assert sorted(env.values()) == sorted(f"{{{{ {field} }}}}" for field in fields)
    for name, template in env.items():
        assert not name.startswith("ANSIBLE_")
        option = template.strip("{} ")
        assert name in options[option]["fallback"][1], option
        assert fields[option] == bool(options[option].get("no_log")), option


SID = {"TWILIO_ACCOUNT_SID": "AC0"}
OTHERS = {"TWILIO_SUBACCOUNT_SID": "AC1", "TWILIO_EDGE": "dublin"}
PAIR = {"TWILIO_API_KEY": "SK0", "TWILIO_API_SECRET": "s"}


@pytest.mark.parametrize(
    ("environment", "ibm", "twilio"),
    [
        pytest.param({}, set(), set(), id="nothing"),
        pytest.param({**SID, **OTHERS}, set(), set(), id="no secret"),
        pytest.param({"IBMCLOUD_IAM_PROFILE_ID": "p", "IBMCLOUD_IAM_API_ENDPOINT": "e"}, set(), set(), id="no API key"),
        pytest.param({"TWILIO_AUTH_TOKEN": "t"}, set(), set(), id="a secret without the account"),
        pytest.param({**SID, "TWILIO_API_KEY": "SK0"}, set(), set(), id="half a pair"),
        pytest.param({**SID, "TWILIO_API_SECRET": "s"}, set(), set(), id="the other half"),
        pytest.param({"IBMCLOUD_API_KEY": "k"}, {"ibmcloud_api_key"}, set(), id="IBM Cloud alone"),
        pytest.param({**SID, "TWILIO_AUTH_TOKEN": "t"}, set(), {"account_sid", "auth_token"}, id="Twilio's token"),
        pytest.param(
            {**SID, **PAIR, **OTHERS, "IC_API_KEY": "k", "IBMCLOUD_IAM_PROFILE_ID": "p"},
            {"ibmcloud_api_key", "iam_profile_id"},
            {"account_sid", "api_key_sid", "api_key_secret", "subaccount_sid", "edge"},
            id="both in full",
        ),
        pytest.param(
            {**SID, "TWILIO_AUTH_TOKEN": "t", "TWILIO_API_KEY": "SK0"},
            set(),
            {"account_sid", "auth_token"},
            id="a token, and half a pair",
        ),
    ],
)
def test_inputs_are_given_with_their_secret_or_not_at_all(
    environment: dict[str, str], ibm: set[str], twilio: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (name for spec in ACCESS.values() for o in spec.values() for name in o.get("fallback", (0, []))[1]):
        monkeypatch.delenv(variable, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for item, given in zip(objects()["credential"], (ibm, twilio), strict=True):
        assert set(item["inputs"]) == given <= set(FROZEN[item["credential_type"]])
        assert all(item["inputs"].values())
        # A controller replaces inputs as a whole, and deletes secrets that are not among them.
        assert (item["state"], item["update_secrets"]) == ("exists", False)
    replaced = objects(awx_sms_replace_secrets="true")["credential"]
    assert {(item["state"], item["update_secrets"]) for item in replaced} == {("present", True)}
    assert [set(item["inputs"]) for item in replaced] == [ibm, twilio]


# ---- job templates ----


def entry_point(playbook: str) -> str:
    """Return the role's entry point that a playbook runs."""
    (play,) = PLAYS[pathlib.Path(playbook).name]
    (task,) = play["tasks"]
    return str(task["ansible.builtin.import_role"].get("tasks_from", "main"))


def readable(playbook: str) -> set[str]:
    """Return the extra variables that a playbook reads."""
    options = set(SPECS[entry_point(playbook)]["options"])
    named = {short.SHORT[name] for name in options & set(short.SHORT)}
    numbers = {*short.NUMBERS} if "connect_sms_phone_numbers" in options else set()
    own = set(re.findall(r"\w+", str(PLAYS[pathlib.Path(playbook).name])))
    return options | named | numbers | {short.DRY_RUN} | own


@pytest.mark.parametrize("item", OBJECTS["job_template"], ids=TEMPLATES)
def test_templates_run_playbooks_of_the_project(item: dict[str, Any]) -> None:
    path = ROOT / item["playbook"]
    assert path.is_file()
    assert re.search(r"^\s*?-?\s*?hosts:", path.read_text(), re.MULTILINE), "or the controller does not list it"
    assert item["credentials"], item
    types = [c["credential_type"] for c in OBJECTS["credential"] if c["name"] in item["credentials"]]
    assert len(types) == len(set(types)), "one of a type"
    assert set(item.get("extra_vars", {})) <= set(SPECS[entry_point(item["playbook"])]["options"])


@pytest.mark.parametrize("item", OBJECTS["job_template"], ids=TEMPLATES)
def test_forms_ask_what_the_playbook_reads(item: dict[str, Any]) -> None:
    assert set(questions(item)) <= readable(item["playbook"])


def test_every_playbook_has_its_template() -> None:
    own = {path.name for path in (ROOT / "playbooks").glob("*.yml")} - {"awx_setup.yml"}
    assert {pathlib.Path(item["playbook"]).name for item in TEMPLATES.values()} == own


def test_slices_only_work_on_their_numbers_and_create_nothing() -> None:
    sliced = [item for item in TEMPLATES.values() if int(item.get("job_slice_count", 1)) > 1]
    assert [item["name"] for item in sliced] == ["SMS - connect in slices"]
    for item in sliced:
        assert entry_point(item["playbook"]) == "main", "a rotation in slices would replace the others' keys"
        assert item["extra_vars"]["connect_sms_create_credential"] is False
        assert not NUMBERS & (set(questions(item)) | set(item["extra_vars"])), "each slice would do all of them"
        # Slices are cut before a limit is applied, and one that it leaves empty is a failed job.
        assert item["ask_limit_on_launch"] is False
        for play in PLAYS[pathlib.Path(item["playbook"]).name]:
            given = {name: question.get("default") for name, question in questions(item).items()}
            variables = {**given, **item["extra_vars"], "groups": {"all": ["+15550100001"]}}
            assert play["hosts"] == "{{ lookup('voiceagent.sms.sms_hosts', 'numbers') }}"
            assert hosts_for("numbers", variables) == "all"


def test_the_inventory_source_is_the_project_s() -> None:
    (source,) = OBJECTS["inventory_source"]
    config = yaml.safe_load((ROOT / source["source_path"]).read_text())
    assert config["plugin"] == "voiceagent.sms.twilio_numbers"
    assert {item["credential_type"] for item in OBJECTS["credential"] if item["name"] == source["credential"]} == {
        "Voice Agent SMS - Twilio"
    }
    (project,) = OBJECTS["project"]
    assert project["scm_type"] == "git", "a manual project cannot be a source"
    smart = next(item for item in OBJECTS["inventory"] if item["kind"] == "smart")
    group = smart["host_filter"].partition("groups__name=")[2]
    keyed = config["keyed_groups"][0]
    assert group == f"{keyed['prefix']}_{keyed['default_value']}"


# ---- surveys ----


@pytest.mark.parametrize("item", SURVEYS)
def test_surveys_are_what_a_controller_takes(item: dict[str, Any]) -> None:
    assert item["survey_enabled"] is True
    assert set(item["survey_spec"]) == {"name", "description", "spec"}
    spec = item["survey_spec"]["spec"]
    assert len({question["variable"] for question in spec}) == len(spec)
    kinds = {"text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"}
    for question in spec:
        assert {"type", "question_name", "variable", "required"} <= set(question)
        assert set(question) <= {
            *("type", "question_name", "question_description", "variable", "required", "default", "choices"),
            *("min", "max"),
        }
        assert question["type"] in kinds
        assert isinstance(question["required"], bool)
        assert all(isinstance(question[bound], int) for bound in ("min", "max") if bound in question)
        if question["type"] == "multiplechoice":
            assert all(isinstance(choice, str) for choice in question["choices"]), "no without quotes is no text"
            assert question["default"] in question["choices"]
        elif question["type"] == "integer":
            assert question["min"] <= question["default"] <= question["max"]
        elif "default" in question:
            assert question["min"] <= len(question["default"]) <= question["max"]


# The playbooks' short variables that no form asks for.
NOT_ASKED = {
    "phone_number": "phone_numbers takes one as well",
    "numbers_file": "a job's container has no file of the user's",
    "create_credential": "the templates decide it: in slices and for repairs it is false",
    "audit_dir": "what it writes is lost with the job's container",
}


def test_every_short_variable_is_asked_for_somewhere() -> None:
    asked = {name for form in FORMS for name in questions(form)}
    assert short.KNOWN - asked == set(NOT_ASKED)


def test_forms_that_can_repair_can_also_allow_what_a_repair_needs() -> None:
    for form in FORMS:
        asked = set(questions(form))
        more = {"connect_sms_repair_shared_services", "connect_sms_release_conversations"}
        assert more <= asked or "connect_sms_on_override" not in asked, form["name"]


def test_choices_are_those_of_the_role() -> None:
    asked = questions(TEMPLATES["SMS - connect"])
    assert asked["region"]["choices"] == list(HOSTS)
    assert asked["connect_sms_credential_name"]["default"] == "twilio-sms"


# ---- workflows and schedules ----


def nodes() -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Yield each node with its workflow and its template."""
    for workflow in OBJECTS["workflow_job_template"]:
        for node in workflow["workflow_nodes"]:
            yield workflow, node, TEMPLATES[node["unified_job_template"]["name"]]


def test_the_credential_comes_before_the_slices_and_the_audit_last() -> None:
    (workflow,) = OBJECTS["workflow_job_template"]
    after = {
        node["identifier"]: [follower["identifier"] for follower in node["related"]["success_nodes"]]
        for node in workflow["workflow_nodes"]
    }
    assert after == {"credential": ["connect"], "connect": ["audit"], "audit": []}
    templates = {node["identifier"]: template for _workflow, node, template in nodes()}
    assert [entry_point(templates[name]["playbook"]) for name in after] == ["credential", "main", "audit"]
    # A failure that has a follower would count as dealt with, and the workflow as a success.
    for node in workflow["workflow_nodes"]:
        assert set(node["related"]) == {"success_nodes", "failure_nodes", "always_nodes", "credentials"}
        assert not node["related"]["failure_nodes"]
        assert not node["related"]["always_nodes"]


def test_a_workflow_with_slices_asks_for_no_limit() -> None:
    for workflow, _node, template in nodes():
        if int(template.get("job_slice_count", 1)) > 1:
            assert workflow["ask_limit_on_launch"] is False


def test_operators_can_read_what_they_launch() -> None:
    allowed = {item["role"]: {*item.get("workflows", ()), *item["job_templates"]} for item in OBJECTS["role"]}
    for workflow, node, _template in nodes():
        if workflow["name"] in allowed["execute"]:
            assert node["unified_job_template"]["name"] in allowed["execute"] | allowed["read"]
    assert not {"SMS - rotate key", "SMS - disconnect", "SMS - restore"} & set.union(*allowed.values())


def test_every_node_gets_its_answers() -> None:
    asked_somewhere: dict[str, set[str]] = {}
    for workflow, node, template in nodes():
        answers = required(workflow) | set(node.get("extra_data", {}))
        assert required(template) <= answers, node["identifier"]
        assert set(node.get("extra_data", {})) <= set(questions(template))
        asked_somewhere.setdefault(workflow["name"], set()).update(questions(template))
    for workflow in OBJECTS["workflow_job_template"]:
        assert set(questions(workflow)) <= asked_somewhere[workflow["name"]], "or an answer would be dropped"


def test_nothing_secret_passes_between_nodes() -> None:
    words = ("set_stats", "cacheable")
    files = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").rglob("*.yml")]
    assert len(files) > 10
    assert not [(file, word) for file in files for word in words if word in file.read_text()]
    for workflow, node, template in nodes():
        secret = {name for name, option in SPECS["main"]["options"].items() if option.get("no_log")}
        assert not secret & {*questions(workflow), *questions(template), *node.get("extra_data", {})}


@pytest.mark.parametrize("item", OBJECTS["schedule"], ids=NAMES["schedule"])
def test_schedules_give_every_answer(item: dict[str, Any]) -> None:
    template = TEMPLATES[item["unified_job_template"]]
    asked, given = questions(template), item["extra_data"]
    assert required(template) <= set(given) <= set(asked)
    for name, value in given.items():
        question = asked[name]
        assert isinstance(value, int if question["type"] == "integer" else str)
        if question["type"] == "multiplechoice":
            assert value in question["choices"]
        if question["type"] == "integer":
            assert question["min"] <= value <= question["max"]


@pytest.mark.parametrize("item", OBJECTS["schedule"], ids=NAMES["schedule"])
def test_rules_are_what_a_controller_takes(item: dict[str, Any]) -> None:
    found = re.fullmatch(r"DTSTART(?:;TZID=[\w/+-]+:(\d{8}T\d{6})|:(\d{8}T\d{6})Z) RRULE:(\S+)", item["rrule"])
    assert found, item["rrule"]
    assert datetime.datetime.strptime(found[1] or found[2], "%Y%m%dT%H%M%S")
    rule = dict(part.split("=") for part in found[3].split(";"))
    assert rule["FREQ"] in ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")
    assert int(rule["INTERVAL"]) >= 1
    assert not {"COUNT", "UNTIL"} <= set(rule)
    assert int(rule.get("COUNT", 1)) <= 999
    assert not re.search(r"\d", rule.get("BYDAY", ""))
    assert not {"BYYEARDAY", "BYWEEKNO", "BYEASTER"} & set(rule)


def test_a_rotation_starts_by_itself_only_where_it_was_asked_for() -> None:
    def rotation(**site: Any) -> dict[str, Any]:
        return next(item for item in objects(**site)["schedule"] if item["unified_job_template"] == "SMS - rotate key")

    assert rotation()["enabled"] is False
    assert rotation(awx_sms_rotation_enabled="true")["enabled"] is True
    assert rotation()["extra_data"]["max_age"] > 31, "or each month would replace the key"
    site = {
        "awx_sms_region": "eu-de",
        "awx_sms_instance": "frankfurt",
        "awx_sms_receiver_host": "sms-fra04.example.com",
    }
    given = rotation(**site)["extra_data"]
    assert [given[name] for name in ("region", "instance", "connect_sms_receiver_host")] == list(site.values())
    forms = [questions(item) for item in objects(**site)["job_template"]]
    proposed = {
        form[name]["default"]
        for form in forms
        for name in ("region", "instance", "connect_sms_receiver_host")
        if name in form
    }
    assert proposed == set(site.values())


# ---- the guide ----


def test_the_guide_s_blocks_are_the_types() -> None:
    guide = (ROOT / "docs" / "guides" / "awx.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)]
    for item in OBJECTS["credential_type"]:
        assert item["inputs"] in blocks, item["name"]
        assert item["injectors"] in blocks, item["name"]
        assert item["name"] in guide
    for names in (NAMES["job_template"], NAMES["workflow_job_template"], NAMES["schedule"]):
        assert not [name for name in names if name not in guide]
