# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

"""One fact, one home: where it must be said twice, the two say the same."""

import importlib
import pathlib
import re
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.voiceagent.sms.plugins.doc_fragments import attributes, ibm_cloud, orchestrate, twilio
from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import IBM_CLOUD_OPTIONS, TWILIO_OPTIONS
from ansible_collections.voiceagent.sms.plugins.module_utils._module.orchestrate import ORCHESTRATE_OPTIONS
from ansible_collections.voiceagent.sms.plugins.module_utils._role import plan

ROOT = pathlib.Path(__file__).parents[3]
PACKAGE = "ansible_collections.voiceagent.sms.plugins"
FRAGMENTS = {
    "ibm_cloud": ibm_cloud.ModuleDocFragment,
    "orchestrate": orchestrate.ModuleDocFragment,
    "twilio": twilio.ModuleDocFragment,
}
ACCESS = {"ibm_cloud": IBM_CLOUD_OPTIONS, "orchestrate": ORCHESTRATE_OPTIONS, "twilio": TWILIO_OPTIONS}
NAMES = sorted(file.stem for file in (ROOT / "plugins" / "modules").glob("*.py"))
MODULES = {name: importlib.import_module(f"{PACKAGE}.modules.{name}") for name in NAMES}
REAL = [name for name, module in MODULES.items() if hasattr(module, "main")]
FOR_ACTIONS = [name for name in NAMES if name not in REAL]
WRITERS = [name for name in REAL if not name.endswith("_info")]


class Captured(Exception):
    """Ends a module once it has passed its argument spec."""


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a module's arguments for AnsibleModule."""
    settings: dict[str, Any] = {}

    def capture(**given: Any) -> None:
        settings.update(given)
        raise Captured

    monkeypatch.setattr(MODULES[name], "AnsibleModule", capture)
    with pytest.raises(Captured):
        MODULES[name].main()
    return settings


def documentation(name: str) -> dict[str, Any]:
    """Return a module's documentation, including its fragments."""
    own = yaml.safe_load(MODULES[name].DOCUMENTATION)
    merged: dict[str, Any] = {**own, "options": dict(own.get("options", {})), "attributes": {}}
    for fragment in own.get("extends_documentation_fragment", []):
        if fragment.startswith("voiceagent.sms."):
            module, _dot, part = fragment.removeprefix("voiceagent.sms.").partition(".")
            holder = FRAGMENTS.get(module, attributes.ModuleDocFragment)
            text = yaml.safe_load(getattr(holder, part.upper() or "DOCUMENTATION"))
            merged["options"] |= text.get("options", {})
            for attribute, values in text.get("attributes", {}).items():
                merged["attributes"].setdefault(attribute, {}).update(values)
    for attribute, values in own.get("attributes", {}).items():
        merged["attributes"].setdefault(attribute, {}).update(values)
    return merged


def specified(options: dict[str, Any], nested: str) -> dict[str, dict[str, Any]]:
    """Normalize the options of an argument spec or a documentation for comparison."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "required": option.get("required", False),
            "aliases": option.get("aliases", []),
            "options": specified(option.get(nested) or {}, nested),
        }
        for name, option in options.items()
    }


# ---- modules ----


@pytest.mark.parametrize("name", REAL)
def test_modules_take_what_they_document(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, documented = settings_of(name, monkeypatch), documentation(name)
    assert specified(settings["argument_spec"], "options") == specified(documented["options"], "suboptions")
    assert settings.get("supports_check_mode") is (documented["attributes"]["check_mode"]["support"] == "full")


@pytest.mark.parametrize("name", REAL)
def test_secrets_are_no_log(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = re.compile(r"(?i)\bsecret\b|\bAPI keys?\b|token")
    spec = settings_of(name, monkeypatch)["argument_spec"]
    for option, documented in documentation(name)["options"].items():
        text = " ".join(documented["description"]) if isinstance(documented["description"], list) else ""
        says_so = bool(re.search(r"A secret\b", text or str(documented["description"])))
        named = bool(secret.search(option.replace("_", " "))) and spec[option].get("type", "str") != "bool"
        if (says_so or named) and option != "api_key_sid":
            assert spec[option].get("no_log") is True, option


@pytest.mark.parametrize("name", FOR_ACTIONS)
def test_action_plugins_take_what_they_document(name: str) -> None:
    action = importlib.import_module(f"{PACKAGE}.action.{name}").ActionModule
    documented = documentation(name)
    assert set(documented["options"]) == action._VALID_ARGS
    once = documented["attributes"]["bypass_host_loop"]["support"] == "full"
    assert bool(getattr(action, "BYPASS_HOST_LOOP", False)) is once


def test_every_action_plugin_has_its_page() -> None:
    actions = {file.stem for file in (ROOT / "plugins" / "action").glob("*.py")}
    assert set(FOR_ACTIONS) <= actions <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_complete(name: str) -> None:
    documented = documentation(name)
    assert documented["module"] == name
    assert documented["version_added"]
    tasks = yaml.safe_load(MODULES[name].EXAMPLES) or []
    # The calls of the role's own parts are its tasks: test_the_role_calls_modules_as_they_are.
    assert any(f"voiceagent.sms.{name}" in task for task in tasks) is (name in REAL)
    for task in tasks:
        used = set(task.get(f"voiceagent.sms.{name}") or {})
        aliases = {alias for option in documented["options"].values() for alias in option.get("aliases", [])}
        assert used <= set(documented["options"]) | aliases
    assert all(value["description"] for value in yaml.safe_load(MODULES[name].RETURN).values())


SAMPLES = {"str": "text", "int": 1, "float": 1.0, "bool": True, "path": "file", "raw": "text"}


def filled(value: Any, option: dict[str, Any]) -> Any:
    """Return an argument of an example with values in place of its templates."""
    kind = option.get("type", "str")
    if isinstance(value, str) and "{{" in value:
        if kind == "list":
            return [filled(value, {**option, "type": option.get("elements", "str")})]
        return option["choices"][0] if option.get("choices") else SAMPLES[kind]
    if isinstance(value, list):
        return [filled(one, {**option, "type": option.get("elements", "str")}) for one in value]
    if isinstance(value, dict) and option.get("options"):
        return {name: filled(one, option["options"].get(name, {})) for name, one in value.items()}
    return value


def refusals(arguments: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """Return a module's error about these arguments."""
    rules = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
    validator = ArgumentSpecValidator(settings["argument_spec"], **{rule: settings.get(rule) for rule in rules})
    options = settings["argument_spec"]
    given = {name: filled(value, options.get(name, {})) for name, value in arguments.items()}
    return list(validator.validate(given).error_messages)


@pytest.mark.parametrize("name", REAL)
def test_the_modules_accept_their_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(name, monkeypatch)
    for task in yaml.safe_load(MODULES[name].EXAMPLES):
        if f"voiceagent.sms.{name}" in task:
            assert refusals(task[f"voiceagent.sms.{name}"] or {}, settings) == [], task["name"]


def test_an_example_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("twilio_sms_webhook", monkeypatch)
    assert refusals({"phone_numbers": "{{ all }}", "url": "{{ url }}"}, settings) == []
    assert refusals({"phone_numbers": ["+15551234567"], "state": "gone"}, settings)
    assert refusals({"url": "https://example.com"}, settings)
    assert refusals({"phone_number": "+15551234567", "uri": "https://example.com"}, settings)


# ---- options that get into the clouds ----


@pytest.mark.parametrize("cloud", ACCESS)
def test_the_fragment_says_what_the_options_are(cloud: str) -> None:
    documented = yaml.safe_load(FRAGMENTS[cloud].DOCUMENTATION)["options"]
    assert specified(ACCESS[cloud], "options") == specified(documented, "suboptions")


@pytest.mark.parametrize("cloud", ACCESS)
def test_the_fragment_names_the_environment_s_variables(cloud: str) -> None:
    documented = yaml.safe_load(FRAGMENTS[cloud].DOCUMENTATION)["options"]
    for name, option in ACCESS[cloud].items():
        text = " ".join(documented[name]["description"]) if isinstance(documented[name]["description"], list) else ""
        assert re.findall(r"E\((\w+)\)", text) == list(option.get("fallback", (None, []))[1]), name


@pytest.mark.parametrize("cloud", [name for name, fragment in FRAGMENTS.items() if hasattr(fragment, "PLUGIN")])
def test_plugins_document_the_same_environment(cloud: str) -> None:
    for name, option in yaml.safe_load(FRAGMENTS[cloud].PLUGIN)["options"].items():
        variables = [entry["name"] for entry in option.get("env", [])]
        assert variables == list(ACCESS[cloud][name].get("fallback", (None, []))[1]), name


def test_action_groups_are_those_of_the_modules() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    said: dict[str, list[str]] = {}
    for name in NAMES:
        for group in documentation(name)["attributes"].get("action_group", {}).get("membership", []):
            said.setdefault(group.removeprefix("voiceagent.sms."), []).append(name)
    assert {group: sorted(members) for group, members in groups.items()} == said
    for group, members in said.items():
        assert all(set(ACCESS[group]) <= set(documentation(name)["options"]) for name in members)


# ---- the role ----

ROLE = ROOT / "roles" / "connect_sms"
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
TASKS = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((ROLE / "tasks").glob("*.yml"))}
PARTS = {
    f"parts/{file.stem}": yaml.safe_load(file.read_text()) for file in sorted((ROLE / "tasks/parts").glob("*.yml"))
}
DOCUMENTED = {name: option for spec in SPECS.values() for name, option in spec.get("options", {}).items()}
VARIABLE = re.compile(r"(?<![\w.])connect_sms_[a-z_]+[a-z](?![\w/.-]*\.(?:yml|json))")
SOURCES = [
    *(ROLE / "tasks").rglob("*.yml"),
    *(ROOT / "plugins" / "action").glob("*.py"),
    *(ROOT / "plugins" / "module_utils" / "_role" / f"{name}.py" for name in ("audit", "plan", "short")),
]
USED = {name for file in SOURCES for name in VARIABLE.findall(file.read_text())}
USED |= {*plan.IBM_VARIABLES.values(), *plan.TWILIO_VARIABLES.values()}


def flat(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tasks including those of their blocks and rescues."""
    inside = [[*task["block"], *task.get("rescue", ())] if "block" in task else None for task in tasks]
    return [
        each for task, inner in zip(tasks, inside, strict=True) for each in ([task] if inner is None else flat(inner))
    ]


CALLS = [
    pytest.param(name.rpartition(".")[2], task, id=f"{file}: {task['name']}")
    for file, tasks in [*TASKS.items(), *PARTS.items()]
    for task in flat(tasks)
    for name in task
    if name.startswith("voiceagent.sms.")
]


def test_entry_points_have_their_tasks() -> None:
    assert set(SPECS) == set(TASKS)
    imported = {
        task["ansible.builtin.import_tasks"].removesuffix(".yml")
        for tasks in [*TASKS.values(), *PARTS.values()]
        for task in flat(tasks)
        if "ansible.builtin.import_tasks" in task
    }
    assert set(PARTS) == imported


def test_every_variable_of_the_role_is_documented() -> None:
    assert USED - set(DOCUMENTED) == set()
    assert set(DEFAULTS) - set(DOCUMENTED) == set()


def test_every_documented_variable_is_used() -> None:
    assert set(DOCUMENTED) - USED == set()


@pytest.mark.parametrize("entry_point", SPECS)
def test_defaults_are_those_that_are_documented(entry_point: str) -> None:
    for name, option in SPECS[entry_point].get("options", {}).items():
        value = DEFAULTS.get(name)
        if isinstance(value, str) and "{{" in value:
            assert "default" not in option, f"{name}: a template is described in words"
        else:
            assert option.get("default") == value, name


@pytest.mark.parametrize("entry_point", SPECS)
def test_the_role_s_options_are_the_modules(entry_point: str) -> None:
    options = SPECS[entry_point].get("options", {})
    for variables, spec in ((plan.IBM_VARIABLES, IBM_CLOUD_OPTIONS), (plan.TWILIO_VARIABLES, TWILIO_OPTIONS)):
        for name, variable in variables.items():
            assert options[variable].get("type") == spec[name]["type"], variable
            assert bool(options[variable].get("no_log")) is bool(spec[name].get("no_log")), variable
            assert "default" not in options[variable], f"{variable}: the module has it"
    for name, option in options.items():
        assert option.get("description"), name
        assert option.get("type"), name
        secret = re.search("password|_api_key$|api_key_secret|token|receiver_url", name)
        assert bool(option.get("no_log")) is bool(secret), name


@pytest.mark.parametrize(("module", "task"), CALLS)
def test_the_role_calls_modules_as_they_are(module: str, task: dict[str, Any]) -> None:
    arguments = set(task[f"voiceagent.sms.{module}"])
    options = documentation(module)["options"]
    assert arguments <= set(options)
    if module == "sms_accounts" and task["voiceagent.sms.sms_accounts"]["module"] in WRITERS:
        assert task["check_mode"] == "{{ __connect_sms_plan.dry_run }}"
    if module.startswith("sms_"):  # most show no secrets
        assert bool(task.get("no_log")) is (module in ("sms_plan", "sms_accounts"))
        return
    assert task["no_log"] is True
    # A host's own credentials, endpoints and time limits reach the module as defaults, so that the play's own fill gaps.
    (item,) = re.findall(r"\w+", task["loop_control"]["loop_var"])
    assert item.startswith("__connect_sms_"), "the caller may loop over the role with item"
    assert task["module_defaults"] == {f"voiceagent.sms.{module}": f"{{{{ {item}.access }}}}"}
    (access,) = (set(access) for access in ACCESS.values() if set(access) <= set(options))
    assert not arguments & access
    assert task["run_once"] is True
    if module in WRITERS:
        assert task["check_mode"] == "{{ __connect_sms_plan.dry_run }}"


@pytest.mark.parametrize(("module", "task"), CALLS)
def test_results_that_hold_secrets_look_like_a_loop_s_only_if_they_are(module: str, task: dict[str, Any]) -> None:
    """ansible-core 2.19 shows ``results`` in spite of no_log, unless each of them says no_log itself, as a loop's do."""
    if task.get("no_log") and "loop" not in task:
        assert "results" not in yaml.safe_load(MODULES[module].RETURN)


@pytest.mark.parametrize("part", [*TASKS, *PARTS])
def test_tasks_read_only_what_the_plan_and_the_steps_before_hold(part: str) -> None:
    text = yaml.safe_dump((TASKS | PARTS)[part])
    assert set(VARIABLE.findall(text)) == set(), "a value that Jinja reads under run_once is the first host's"
    assert not re.search(r"(?<![\w.])item\b", text)


@pytest.mark.parametrize("entry_point", SPECS)
def test_every_entry_point_runs_on_the_controller_and_lets_no_options_lie_in_files(entry_point: str) -> None:
    (block,) = TASKS[entry_point]
    assert block["vars"]["__connect_sms_entry_point"] == entry_point
    assert block["vars"]["ansible_pipelining"] is True
    assert block["vars"]["ansible_connection"] == "local"
    assert block["vars"]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
    assert (block["become"], block["vars"]["ansible_become"]) == (False, False)
