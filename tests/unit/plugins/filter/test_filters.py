# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import inspect
import pathlib
import pkgutil

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins import filter as package
from ansible_collections.voiceagent.sms.plugins.filter import sms_next

NAMES = [module.name for module in pkgutil.iter_modules([str(pathlib.Path(package.__path__[0]))])]
PREFIX = "ansible_collections.voiceagent.sms.plugins.filter."


def test_every_step_is_documented_with_what_it_takes() -> None:
    options = yaml.safe_load(sms_next.DOCUMENTATION)["options"]
    assert options["step"]["choices"] == list(sms_next.STEPS)
    assert {name for _work, names in sms_next.STEPS.values() for name in names} == set(options) - {"_input", "step"}
    for step, (_work, names) in sms_next.STEPS.items():
        said = next(
            line for line in " ".join(options["step"]["description"]).split("V(") if line.startswith(f"{step})")
        )
        assert all(f"O({name})" in said for name in names), step


@pytest.mark.parametrize("step", sms_next.STEPS)
def test_a_step_takes_what_it_is_said_to_take(step: str) -> None:
    work_out, names = sms_next.STEPS[step]
    inspect.signature(work_out).bind({}, *names)


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_is_documented(name: str) -> None:
    module = importlib.import_module(PREFIX + name)
    assert list(module.FilterModule().filters()) == [name]
    documented = yaml.safe_load(module.DOCUMENTATION)
    assert documented["name"] == name
    assert set(documented.get("positional", "").replace(",", " ").split()) <= set(documented["options"])
    assert yaml.safe_load(module.RETURN)["_value"]
    assert f"voiceagent.sms.{name}" in module.EXAMPLES
