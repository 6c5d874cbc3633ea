# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: sms_hosts
short_description: (Internal part of the role connect_sms) Return the hosts that a playbook of this collection works on
version_added: 1.1.0
author:
  - voiceagent.sms authors (@voiceagent-sms)
description:
  - Returns the hosts of the inventory, or V(localhost) if there is no inventory or if extra variables give the phone numbers.
  - If a run would have nothing to do, this fails, so that the run does not appear successful. This is the case if a given inventory
    has no hosts, and if O(ignore:--limit) leaves no host.
options:
  _terms:
    description:
      - What the playbook works on. V(numbers), phone numbers of hosts or from extra variables; V(inventory), hosts, whatever
        numbers are given; V(localhost), something that does not belong to a host.
    type: list
    elements: str
    required: true
seealso:
  - plugin: voiceagent.sms.twilio_numbers
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Connect phone numbers, with the role in a playbook of your own
  hosts: "{{ lookup('voiceagent.sms.sms_hosts', 'numbers') }}"
  gather_facts: false
  roles:
    - voiceagent.sms.connect_sms
"""

RETURN = r"""
_raw:
  description: V(all) or V(localhost).
  type: list
  elements: str
"""

import pathlib
import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.lookup import LookupBase

from ..module_utils._role.short import NUMBERS, is_given

LOCALHOST = ("localhost", "127.0.0.1", "::1")
DEFAULT_SOURCE = "/etc/ansible/hosts"  # Ansible reads this if no inventory is given


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        return [hosts_for(term, variables or {}) for term in terms]


def hosts_for(subject: str, variables: Mapping[str, Any]) -> str:
    """Return the pattern of a play's hosts.

    :param subject: ``numbers``, ``inventory`` or ``localhost``
    :param variables: the variables known before the play's own ones: extra variables and Ansible's
    """
    named = subject == "numbers" and any(is_given(variables.get(name)) for name in (*NUMBERS, "numbers_file"))
    if subject != "localhost" and not named:
        if variables.get("groups", {}).get("all"):
            return "all"
        given = [str(source) for source in variables.get("ansible_inventory_sources") or ()]
        if set(given) - {DEFAULT_SOURCE}:
            raise AnsibleLookupError(
                f"the inventory {', '.join(given)} has no hosts, or could not be read (see the warnings above): there is"
                " nothing to do. Run without -i to work on the numbers of extra variables"
            )
    limit = variables.get("ansible_limit")
    if limit and not _keeps_localhost(str(limit), variables.get("groups", {})):
        what = "the phone numbers are given as extra variables" if named else "this playbook works"
        raise AnsibleLookupError(f"--limit {limit} leaves nothing to do: {what} on localhost. Run without --limit")
    return "localhost"


def _keeps_localhost(limit: str, groups: Mapping[str, list[str]]) -> bool:
    """Whether ``--limit`` leaves localhost.

    The implicit localhost is in no group, not even ``all``. The inventory itself is not available here: Ansible reads a
    play's hosts before it gives plugins access to the inventory.
    """
    explicit = "localhost" in groups.get("all", ())

    def matches(pattern: str) -> bool:
        if pattern in LOCALHOST or not explicit:
            return pattern in LOCALHOST
        own = re.compile(pattern[1:] if pattern[0] == "~" else translate(pattern))
        return any(own.match(name) for name in ("localhost", *groups) if "localhost" in groups.get(name, ["localhost"]))

    patterns = list(_patterns_of(limit))
    wanted = [pattern for pattern in patterns if pattern[0] not in "!&"]
    if not all(matches(pattern[1:]) is (pattern[0] == "&") for pattern in patterns if pattern[0] in "!&"):
        return False
    return any(map(matches, wanted)) if wanted else explicit


def _patterns_of(limit: str) -> Iterator[str]:
    """Yield the patterns of ``--limit``, also those in files (``@FILE``), as Ansible reads them."""
    for pattern in split_host_pattern(limit):
        if pattern[0] == "@":
            yield from filter(None, map(str.strip, pathlib.Path(pattern[1:]).read_text().split("\n")))
        else:
            yield pattern
