# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import pathlib
import pkgutil

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins import filter as package
from ansible_collections.voiceagent.sms.plugins.filter import sms_webhooks
from ansible_collections.voiceagent.sms.plugins.module_utils._role import steps

NAMES = [module.name for module in pkgutil.iter_modules([str(pathlib.Path(package.__path__[0]))])]
PREFIX = "ansible_collections.voiceagent.sms.plugins.filter."


def test_filters_are_the_steps_functions() -> None:
    for name, function in (
        ("sms_credential_requests", steps.credential_requests),
        ("sms_webhooks", sms_webhooks.filled),
    ):
        assert importlib.import_module(PREFIX + name).FilterModule().filters() == {name: function}


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_is_documented(name: str) -> None:
    module = importlib.import_module(PREFIX + name)
    assert list(module.FilterModule().filters()) == [name]
    documented = yaml.safe_load(module.DOCUMENTATION)
    assert documented["name"] == name
    assert set(documented.get("positional", "").replace(",", " ").split()) == set(documented["options"]) - {"_input"}
    assert yaml.safe_load(module.RETURN)["_value"]
    assert f"voiceagent.sms.{name}" in module.EXAMPLES
