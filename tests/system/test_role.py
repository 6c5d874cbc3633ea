# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the modules in playbooks of the user's own."""

from __future__ import annotations

import json

import pytest

from system.conftest import Accounts, url
from system.playing import Player

ROLE = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Connect a number
      ansible.builtin.include_role:
        name: voiceagent.sms.connect_sms
      vars:
        connect_sms_region: us-south
        connect_sms_phone_numbers: ["{{ phone_number }}"]
"""
MODULES = """
- hosts: localhost
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Find the key
      voiceagent.sms.iva_credential:
        name: twilio-sms
        region: us-south
      register: sms
      no_log: true
    - name: Connect the number
      voiceagent.sms.twilio_sms_webhook:
        phone_number: "{{ phone_number }}"
        url: "{{ sms.api_key | voiceagent.sms.receiver_url('us-south') }}"
"""


def test_modules_one_by_one_do_what_the_role_does(play: Player, accounts: Accounts) -> None:
    agent = accounts.agent()
    number = accounts.number()
    words = ("-e", f"phone_number={number}", "--diff", "-vvv")
    run = play(*words, playbook=MODULES)
    assert run.code == 0, run.output
    assert accounts.sms_url(number) == url(accounts.the_api_key(agent))
    assert accounts.box.text(number)["delivered"]
    again = play(*words, playbook=ROLE)
    assert (again.code, again.writes) == (0, [])


CONDITIONS = {
    "include": """
    - ansible.builtin.include_role: {name: voiceagent.sms.connect_sms, tasks_from: disconnect}
      when: out_of_service | default(false)
""",
    "import": """
    - ansible.builtin.import_role: {name: voiceagent.sms.connect_sms, tasks_from: disconnect}
      when: [out_of_service is defined, out_of_service]
""",
    "block around it": """
    - when: inventory_hostname != "b"
      block:
        - ansible.builtin.include_role: {name: voiceagent.sms.connect_sms, tasks_from: disconnect}
          when: phone_number is not none
          loop: [1]
""",
    "loop": """
    - ansible.builtin.include_role: {name: voiceagent.sms.connect_sms, tasks_from: disconnect}
      when: inventory_hostname in names
      loop: [[a, c]]
      loop_control: {loop_var: names}
""",
}


@pytest.mark.parametrize("how", CONDITIONS)
def test_a_condition_on_the_role_keeps_hosts_out(play: Player, accounts: Accounts, how: str) -> None:
    agent = accounts.agent()
    key = accounts.box.add_key(agent["guid"])
    numbers = {name: accounts.connected(key) for name in ("a", "b", "c")}
    hosts = {name: {"phone_number": number} for name, number in numbers.items()}
    for name in ("a", "c"):
        hosts[name]["out_of_service"] = True
    inventory = {"all": {"hosts": hosts, "vars": {"connect_sms_region": "us-south"}}}
    run = play(playbook=f"- hosts: all\n  gather_facts: false\n  tasks:{CONDITIONS[how]}", inventory=inventory)
    assert run.code == 0, run.output
    left = [name for name, number in numbers.items() if accounts.sms_url(number)]
    assert left == ["b"], run.output
    assert accounts.keys(agent)


def test_module_defaults_of_the_groups_reach_the_role(play: Player, accounts: Accounts) -> None:
    accounts.agent()
    number, given = accounts.number(), accounts.environment
    defaults = {
        "group/voiceagent.sms.ibm_cloud": {
            "ibmcloud_api_key": given["IC_API_KEY"],
            "iam_endpoint": given["IBMCLOUD_IAM_API_ENDPOINT"],
            "resource_controller_endpoint": given["IBMCLOUD_RESOURCE_CONTROLLER_API_ENDPOINT"],
        },
        "group/voiceagent.sms.twilio": {
            "account_sid": given["TWILIO_ACCOUNT_SID"],
            "auth_token": given["TWILIO_AUTH_TOKEN"],
            "api_endpoint": given["TWILIO_API_ENDPOINT"],
        },
    }
    playbook = ROLE.replace("  tasks:", f"  module_defaults: {json.dumps(defaults)}\n  tasks:")
    run = play("-e", f"phone_number={number}", playbook=playbook, env=dict.fromkeys(given))
    assert run.code == 0, run.output
    assert accounts.box.text(number)["delivered"]
