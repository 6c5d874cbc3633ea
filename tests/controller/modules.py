# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake of the collection awx.awx: modules with the same names and options that store their objects in a file."""

from __future__ import annotations

import json
import pathlib

from controller import stand_in
from controller.options import LISTS, OPTIONS, REFERENCES

SOURCE = pathlib.Path(stand_in.__file__).read_text()
#: The part of a plugin that comes after the source, for a module and for an action, which takes no process.
PARTS = {
    "modules": """
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec=argument_spec(KIND, OPTIONS))
    try:
        module.exit_json(**ensure(KIND, REFERENCES, module.params))
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))


if __name__ == "__main__":
    main()
""",
    "action": """
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _result, params = self.validate_argument_spec(argument_spec(KIND, OPTIONS))
        try:
            return ensure(KIND, REFERENCES, params)
        except Refusal as refusal:
            raise AnsibleActionFail(str(refusal))
""",
}


def write(folder: pathlib.Path, collection: str = "awx.awx", *, with_actions: bool = True) -> pathlib.Path:
    """Write the collection below *folder*, and return the file in which its modules store their arguments.

    :param with_actions: whether actions do what the modules do, only faster
    """
    namespace, _dot, name = collection.partition(".")
    place = folder / "ansible_collections" / namespace / name
    for kind, part in PARTS.items():
        if kind == "action" and not with_actions:
            continue
        (place / "plugins" / kind).mkdir(parents=True)
        for module, options in OPTIONS.items():
            constants = f"KIND, OPTIONS, REFERENCES = {module!r}, {options!r}, {REFERENCES!r}\n"
            text = f'#!/usr/bin/python\nDOCUMENTATION = "module: {module}"\n{SOURCE}\n{constants}{part}'
            text = text.replace("from __future__ import annotations\n", "", 1)
            (place / "plugins" / kind / f"{module}.py").write_text(text)
    (place / "galaxy.yml").write_text(f"namespace: {namespace}\nname: {name}\nversion: 24.6.1\n")
    state = folder / "state.json"
    state.write_text(json.dumps({kind: {} for kind in LISTS}))
    return state
