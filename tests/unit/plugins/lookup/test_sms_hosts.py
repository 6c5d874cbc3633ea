# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether ``--limit`` leaves localhost, compared with Ansible's own inventory."""

from __future__ import annotations

import pathlib

import pytest
from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.voiceagent.sms.plugins.lookup.sms_hosts import hosts_for

INVENTORIES = {
    "without localhost": "[stores]\na\nb\n",
    "with localhost": "localhost\n[stores]\na\nb\n",
    "localhost in a group": "[stores]\na\nlocalhost\n[local:children]\nstores\n",
    "a group's name is like localhost": "[localities]\na\n",
}
LIMITS = (
    *("a", "stores", "local", "all", "*", "localhost", "127.0.0.1", "local*", "st*", "nobody"),
    *(
        "a:localhost",
        "a,b",
        "all:!localhost",
        "!localhost",
        "!a",
        "!stores",
        "all:&stores",
        "localhost:&stores",
        "&stores",
    ),
    *(
        "~a",
        "~local.*",
        "~st",
        "~^b$",
        "~.*",
        "!~local.*",
        "a:!~b",
        "@a",
        "@localhost",
        "@both",
        "@empty-lines",
        "a:@b",
    ),
)
FILES = {"a": "a\n", "b": "b", "localhost": "localhost\n", "both": "a\nlocalhost\n", "empty-lines": "\n  a  \n\n!b\n\n"}


@pytest.mark.parametrize("content", INVENTORIES.values(), ids=INVENTORIES)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_leaves_localhost_as_ansible_says(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, content: str, limit: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        pathlib.Path(name).write_text(text)
    pathlib.Path("hosts.ini").write_text(content)
    inventory = InventoryManager(loader=DataLoader(), sources=["hosts.ini"])
    groups = inventory.get_groups_dict()
    inventory.subset(limit)
    left = bool(inventory.get_hosts("localhost"))
    variables = {"ansible_limit": limit, "groups": groups, "phone_number": "+15550000001"}
    if left:
        assert hosts_for("numbers", variables) == hosts_for("localhost", variables) == "localhost"
    else:
        for subject in ("numbers", "localhost"):
            with pytest.raises(AnsibleLookupError, match="leaves nothing to do"):
                hosts_for(subject, variables)
    assert hosts_for("inventory", variables) == "all"
