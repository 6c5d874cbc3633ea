# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake of the collection awx.awx: modules with the same names and options that store their objects in a file."""

from __future__ import annotations

import json
import pathlib

from controller.options import LISTS, OPTIONS, REFERENCES

MODULE = """#!/usr/bin/python
DOCUMENTATION = "module: {name}"
import json, os
from ansible.module_utils.basic import AnsibleModule

KIND, OPTIONS, REFERENCES = {name!r}, json.loads({options!r}), json.loads({references!r})


def main():
    spec = {{key: {{"type": kind}} for key, kind in OPTIONS.items()}}
    for key in spec:
        if key == "inputs" and KIND == "credential":
            spec[key]["no_log"] = True
        elif "secret" in key or "credential" in key:
            spec[key]["no_log"] = False
    module = AnsibleModule(argument_spec=spec)
    path = os.environ["CONTROLLER_STATE"]
    with open(path) as file:
        state = json.load(file)
    given = {{key: value for key, value in module.params.items() if value is not None}}
    given.setdefault("name", "%s of %s" % (given.get("role"), given.get("teams")))
    if given["name"] == os.environ.get("CONTROLLER_REFUSES"):
        module.fail_json(msg="Unable to create %s %s: refused" % (KIND, given["name"]))
    nodes = given.get("workflow_nodes", [])
    named = [(key, given[key]) for key in REFERENCES if key in given and key != KIND]
    named += [("unified_job_template", node["unified_job_template"]["name"]) for node in nodes]
    for key, value in named:
        for name in value if isinstance(value, list) else [value]:
            if not any(name in state.get(kind, {{}}) for kind in REFERENCES[key]):
                module.fail_json(msg="%s %s: %s %s was not found" % (KIND, given["name"], key, name))
    objects = state.setdefault(KIND, {{}})
    before = objects.get(given["name"])
    if before is not None and before.get("organization") != given.get("organization"):
        # Some names are unique across organizations, and many objects are looked up by name alone.
        module.fail_json(msg="%s %s is of another organization" % (KIND, given["name"]))
    wanted, secrets = given.pop("state", "present"), given.pop("update_secrets", True)
    sync = given.pop("update_project", False)
    if before is not None and wanted == "exists":
        module.exit_json(changed=False, id=list(objects).index(given["name"]) + 1, name=given["name"])
    if not given.get("inputs", True):
        del given["inputs"]  # an empty one is not sent
    if before is not None and KIND == "credential" and "inputs" in given and not secrets:
        # An encrypted value equals any other, if the fields are the same. Otherwise all inputs are replaced.
        if set(before.get("inputs", {{}})) == set(given["inputs"]):
            given["inputs"] = before["inputs"]
    after = dict(before or {{}}, **given)
    if KIND == "project" and (sync or before != after):
        after["synchronized"] = not os.environ.get("CONTROLLER_CANNOT_SYNC")
    objects[given["name"]] = after
    with open(path, "w") as file:
        json.dump(state, file)
    if after.get("synchronized") is False:
        module.fail_json(msg="The project update - %s, failed" % given["name"])
    changed = before != after or (KIND == "credential" and "inputs" in given and secrets)
    module.exit_json(changed=changed, id=list(objects).index(given["name"]) + 1, name=given["name"])


if __name__ == "__main__":
    main()
"""


def write(folder: pathlib.Path, collection: str = "awx.awx") -> pathlib.Path:
    """Write the collection below *folder*, and return the file in which its modules store their arguments."""
    namespace, _dot, name = collection.partition(".")
    place = folder / "ansible_collections" / namespace / name
    (place / "plugins" / "modules").mkdir(parents=True)
    (place / "galaxy.yml").write_text(f"namespace: {namespace}\nname: {name}\nversion: 24.6.1\n")
    for module, options in OPTIONS.items():
        text = MODULE.format(
            name=module,
            options=json.dumps(options),
            references=json.dumps(REFERENCES),
        )
        (place / "plugins" / "modules" / f"{module}.py").write_text(text)
    state = folder / "state.json"
    state.write_text(json.dumps({kind: {} for kind in LISTS}))
    return state
