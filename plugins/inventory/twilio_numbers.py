# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: twilio_numbers
short_description: Inventory of the phone numbers of a Twilio account
version_added: 1.0.0
description:
  - Creates a host for every phone number of a Twilio account that can receive texts. The host's name is the number in E.164
    (C(+15551234567)). Use it to run the playbooks of this collection on all numbers of an account, or on a group.
  - The configuration file must be named C(twilio_numbers.yml), or its name must end with C(.twilio_numbers.yml). The extension
    C(.yaml) works, too.
  - Lists each account once, 1000 numbers in each request. Changes nothing.
  - Ansible does not connect to the hosts. They get C(ansible_connection=local) and Ansible's own Python, which has the SDK.
author:
  - voiceagent.sms authors (@voiceagent-sms)
seealso:
  - module: voiceagent.sms.twilio_sms_webhook_info
extends_documentation_fragment:
  - voiceagent.sms.twilio
  - voiceagent.sms.twilio.plugin
  - constructed
  - inventory_cache
options:
  plugin:
    description: Marks the file as a configuration of this plugin.
    type: str
    required: true
    choices: [voiceagent.sms.twilio_numbers]
  subaccounts:
    description:
      - SIDs of subaccounts whose phone numbers are added to those of O(account_sid) (or of O(subaccount_sid), if it is given).
        V(all) adds every active subaccount of O(account_sid).
      - An API key only has access to its own account, so subaccounts need the auth token of O(account_sid).
      - With V(all), a subaccount that cannot be read is left out with a warning, unless O(strict=true). A subaccount that is given by
        its SID must be readable.
    type: list
    elements: str
    default: []
  prefix:
    description: Only include phone numbers that begin with one of these, such as V(+1555). By default all.
    type: list
    elements: str
    default: []
  friendly_name:
    description: Only include phone numbers whose friendly name at Twilio contains a match of this regular expression.
    type: str
  capabilities:
    description: Only include phone numbers that have all of these capabilities. An empty list includes all numbers.
    type: list
    elements: str
    choices: [sms, mms, voice, fax]
    default: [sms]
notes:
  - "The following notes list the variables of a host. A value that is not set is an empty string."
  - C(phone_number), in E.164; C(twilio_number_sid); C(twilio_account_sid), of the account or subaccount that owns it.
  - C(twilio_friendly_name); C(twilio_capabilities), a list such as V([mms, sms, voice]); C(twilio_origin), V(twilio) or
    V(hosted); C(twilio_date_created), such as V(2026-01-31T12:00:00Z).
  - C(twilio_sms_webhook_host), the host that its texts go to now, such as V(sms-south.voiceagent.cloud.ibm.com), with the port if
    it is not the default one; C(twilio_sms_webhook_origin), the same with the scheme; C(twilio_application_sid), the
    TwiML application that takes its texts instead.
  - A number of a subaccount also has C(connect_sms_twilio_subaccount_sid), so that the role
    P(voiceagent.sms.connect_sms#role) can work on it with the credentials of the parent account.
  - None of this is secret, and nothing else is cached. User, password, path and query of the webhook are left out.
  - Values from Twilio are never treated as templates.
  - Playbooks do not see credentials in the configuration file. If both need them, set them in the environment.
  - An unknown key in the configuration file is an error, so that a misspelt filter does not add a whole account.
  - Cached data of another account, or of other subaccounts, is not used.
"""

EXAMPLES = r"""
# fmt: code
# All numbers that can receive texts. Credentials are in TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.
plugin: voiceagent.sms.twilio_numbers

---
# The numbers of an account and of all its subaccounts, in groups by subaccount and by where their texts go now.
plugin: voiceagent.sms.twilio_numbers
subaccounts: all
keyed_groups:
  - key: twilio_account_sid
    prefix: account
  - key: twilio_sms_webhook_host
    prefix: texts_to
    default_value: nobody

---
# Numbers named "Support ..." go to one agent, others to another: compose sets variables of the role for each number.
plugin: voiceagent.sms.twilio_numbers
prefix: ["+1"]
friendly_name: ^(Support|Sales)\b
compose:
  connect_sms_region: "'us-south' if twilio_friendly_name is match('Support') else 'us-east'"
  connect_sms_instance: "'support-agent' if twilio_friendly_name is match('Support') else 'sales-agent'"
groups:
  support: twilio_friendly_name is match('Support')

---
# Numbers for texts and voice, cached for an hour.
plugin: voiceagent.sms.twilio_numbers
capabilities: [sms, voice]
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/twilio_numbers
cache_timeout: 3600

---
# Credentials from elsewhere.
plugin: voiceagent.sms.twilio_numbers
account_sid: AC0123456789abcdef0123456789abcdef
auth_token: "{{ lookup('ansible.builtin.file', '~/.twilio_token') }}"
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils._http.errors import ApiError, SmsError, join
from ..module_utils._http.transport import Transport
from ..module_utils._http.urls import place, printable
from ..module_utils._module.access import twilio_numbers
from ..module_utils._module.options import TWILIO_OPTIONS, given, misspelt
from ..module_utils._twilio.client import TWILIO_IMPORT_ERROR, TwilioNumbers

try:  # ansible-core 2.19 and later template only what is marked as trusted
    from ansible.template import trust_as_template

    wrap_var = None
except ImportError:  # older ones template all that is not marked as unsafe
    from ansible.utils.unsafe_proxy import wrap_var

    def trust_as_template(value: str) -> str:
        return value


SECRETS = tuple(name for name, option in TWILIO_OPTIONS.items() if option.get("no_log"))
FILE_NAME = re.compile(r"(?:.*\.)?twilio_numbers\.ya?ml")
E164 = re.compile(r"\+[0-9]{3,15}")
ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
PORTS = {"http": 80, "https": 443}
TEMPLATE_MARKS = re.compile(r"[{}]|#jinja2:")


def as_data(value: str) -> str:
    """Return text from Twilio so that it is never templated, whatever it contains.

    Text that cannot be a template is not marked as unsafe: ``ansible-inventory --list`` writes marked text as a
    dictionary, and a controller shows that.
    """
    if not TEMPLATE_MARKS.search(value):
        return trust_as_template(value)
    return wrap_var(value) if wrap_var else value


def facts_of(row: Mapping[str, Any], account_sid: str) -> dict[str, Any]:
    """Return the variables of a number, which are also cached: none of them is a secret.

    :param row: the number as Twilio describes it
    :param account_sid: SID of its account
    """
    host, origin = webhook_host(str(row.get("sms_url") or ""))
    return {
        "phone_number": row["phone_number"],
        "twilio_number_sid": row["sid"],
        "twilio_account_sid": account_sid,
        "twilio_friendly_name": str(row.get("friendly_name") or ""),
        "twilio_capabilities": capabilities_of(row),
        "twilio_sms_webhook_host": host,
        "twilio_sms_webhook_origin": origin,
        "twilio_application_sid": str(row.get("sms_application_sid") or ""),
        "twilio_origin": str(row.get("origin") or ""),
        "twilio_date_created": iso_date(str(row.get("date_created") or "")),
    }


def webhook_host(url: str) -> tuple[str, str]:
    """Return a webhook's ``host[:port]``, and the same with its scheme; both are empty if there is none or it is unclear.

    An ``@`` after the host may mean that an unescaped password has spilled into the rest of the URL.
    """
    where = place(url)
    if where is None or url.count("@") != urlsplit(url).netloc.count("@"):
        return "", ""
    scheme, name, port, _path = where
    if scheme not in PORTS or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", name):
        return "", ""
    host = f"[{name}]" if ":" in name else name
    host += "" if port == PORTS[scheme] else f":{port}"
    return host, f"{scheme}://{host}"


def capabilities_of(row: Mapping[str, Any]) -> list[str]:
    """Return a number's capabilities in lower case. Twilio returns a mapping, in some places a list."""
    told = row.get("capabilities")
    able = [name for name in told if told[name]] if isinstance(told, dict) else told if isinstance(told, list) else []
    return sorted(str(name).lower() for name in able)


def iso_date(text: str) -> str:
    """Return a date such as ``Thu, 30 Jul 2015 23:19:04 +0000`` as ``2015-07-30T23:19:04Z``, which can be sorted."""
    try:
        return parsedate_to_datetime(text).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError, OverflowError):
        return ""


class NumberFilter:
    """Which numbers become hosts.

    :raises SmsError: for an option that cannot be understood
    """

    def __init__(self, prefix: list[Any], friendly_name: str | None, capabilities: list[str]):
        # YAML reads +1555 as an integer, and Ansible does not convert the elements of a list.
        self._prefixes = tuple("+" + re.sub(r"[\s().+-]", "", str(text)) for text in prefix)
        bad = [text for text in self._prefixes if not re.fullmatch(r"\+[0-9]{1,15}", text)]
        if bad:
            raise SmsError(f"prefix is not the beginning of a phone number such as '+1555': {join(bad, ', ')}")
        try:
            self._friendly_name = re.compile(friendly_name or "")
        except re.error as error:
            raise SmsError(f"friendly_name is not a regular expression: {error}") from None
        self._capabilities = set(capabilities)

    def __call__(self, facts: Mapping[str, Any]) -> bool:
        return bool(
            (not self._prefixes or facts["phone_number"].startswith(self._prefixes))
            and self._friendly_name.search(facts["twilio_friendly_name"])
            and self._capabilities <= set(facts["twilio_capabilities"])
        )


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "voiceagent.sms.twilio_numbers"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and bool(FILE_NAME.fullmatch(os.path.basename(path)))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        self._left_out: list[str] = []
        failure, facts = "", []
        try:
            self._check_keys(config)
            wanted = NumberFilter(*(self.get_option(name) for name in ("prefix", "friendly_name", "capabilities")))
            facts = [one for one in self._facts(path, cache) if wanted(one)]
        except SmsError as error:
            failure = str(error)
        # Raised outside the except block, because Ansible would add a traceback there.
        if failure:
            raise AnsibleParserError(failure)
        for one in facts:
            self._add(one)

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        # Ansible's own message about a wrong type shows the value.
        wrong = [name for name in SECRETS if isinstance((direct or {}).get(name), (list, dict, tuple))]
        if wrong:
            raise AnsibleParserError(f"{wrong[0]} must be a string")
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)

    def _check_keys(self, config: Mapping[str, Any]) -> None:
        """Refuse unknown keys: a misspelt filter would add a whole account."""
        known = set(self._options)
        unknown = [str(name) for name in config if name not in known]
        if unknown:
            meant = misspelt(unknown, known)
            named = [
                f"'{printable(name)[:40]}'" + (f" (did you mean {meant[name]}?)" if name in meant else "")
                for name in unknown
            ]
            raise SmsError(
                f"unknown options: {join(named, ', ')}. Nothing was read; see ansible-doc -t inventory {self.NAME}"
            )

    def _facts(self, path: str, cache: bool) -> list[dict[str, Any]]:
        """Return the variables of all numbers, before any filter, from the cache if possible."""
        params = {name: self._option(name) for name in TWILIO_OPTIONS}
        subaccounts = self._subaccounts()
        if not self.get_option("cache"):
            return self._ask(params, subaccounts)
        # The cache's own key is the path, but the same file lists other numbers for another account.
        names = ("account_sid", "subaccount_sid", "api_endpoint", "region")
        asked = [*(given(params, name, TWILIO_OPTIONS) for name in names), sorted(subaccounts)]
        key = self.get_cache_key(path)
        if cache:
            try:
                cached = self._cache[key]
            except KeyError:
                cached = None
            if isinstance(cached, dict) and cached.get("asked") == asked:
                return cached["numbers"]
        facts = self._ask(params, subaccounts)
        if not self._left_out:
            self._cache[key] = {"asked": asked, "numbers": facts}
        return facts

    def _option(self, name: str) -> Any:
        """Return an option of :data:`TWILIO_OPTIONS`, templated."""
        value, problem = self.get_option(name), ""
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                value = self.templar.template(value)
            except AnsibleError as error:
                problem = f"{name} cannot be templated: {error.message}"
            if problem:
                raise SmsError(problem)
            value = value if value is None or "default" in TWILIO_OPTIONS[name] else str(value)
        return value

    def _subaccounts(self) -> list[str]:
        subaccounts = list(dict.fromkeys(str(sid) for sid in self.get_option("subaccounts")))
        wrong = [sid for sid in subaccounts if sid != "all" and not ACCOUNT_SID.fullmatch(sid)]
        if wrong:
            raise SmsError(f"subaccounts must be 'all' or SIDs (AC and 32 hexadecimal digits), not {join(wrong, ', ')}")
        return subaccounts

    def _ask(self, params: Mapping[str, Any], subaccounts: list[str]) -> list[dict[str, Any]]:
        """Return the variables of all numbers as Twilio has them now."""
        if TWILIO_IMPORT_ERROR:
            raise SmsError(
                f"the Python package twilio cannot be imported by the Python that runs Ansible ({sys.executable}):"
                f" install it with: {sys.executable} -m pip install twilio"
            )
        transport = Transport(timeout=params["timeout"], validate_certs=params["validate_certs"])
        own = twilio_numbers(params, transport)
        found = dict.fromkeys(self._all_subaccounts(own) if "all" in subaccounts else subaccounts)
        facts = self._numbers_of(own, own)
        for sid in [sid for sid in found if sid != own.account_sid]:
            try:
                facts += self._numbers_of(twilio_numbers({**params, "subaccount_sid": sid}, transport), own)
            except ApiError as error:
                if "all" not in subaccounts or self.get_option("strict"):
                    raise
                self._left_out.append(sid)
                self.display.warning(f"Left out: the numbers of subaccount {sid}, which cannot be read. {error}")
        return facts

    @staticmethod
    def _numbers_of(client: TwilioNumbers, own: TwilioNumbers) -> list[dict[str, Any]]:
        """Return the variables of one account's numbers."""
        sid = client.account_sid
        # If the environment names a subaccount, the parent's numbers must not be taken for that subaccount's.
        of_subaccount = sid != client.owner_sid or sid != own.account_sid
        more = {"connect_sms_twilio_subaccount_sid": sid} if of_subaccount else {}
        return [{**facts_of(row, sid), **more} for row in client.list()]

    def _all_subaccounts(self, own: TwilioNumbers) -> Sequence[str]:
        try:
            return own.subaccounts()
        except ApiError as error:
            if error.status in (401, 403):
                hint = "; a standard API key cannot do that: use auth_token"
                raise SmsError(f"{error}{hint}", code=error.code, status=error.status) from None
            raise

    def _add(self, facts: Mapping[str, Any]) -> None:
        """Add a number as a host, with its variables and groups."""
        host = facts["phone_number"]
        if not E164.fullmatch(host):
            self.display.warning(f"Left out: phone number {facts['twilio_number_sid']} is not in E.164")
            return
        inventory: Any = self.inventory
        inventory.add_host(host)
        for name, value in facts.items():
            data = [as_data(item) for item in value] if isinstance(value, list) else as_data(value)
            inventory.set_variable(host, name, data)
        inventory.set_variable(host, "ansible_connection", trust_as_template("local"))
        # An interpreter that Ansible discovers often lacks the SDKs.
        interpreter = trust_as_template("{{ ansible_playbook_python }}")
        inventory.set_variable(host, "ansible_python_interpreter", interpreter)
        strict = self.get_option("strict")
        variables = inventory.get_host(host).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        for name, value in inventory.get_host(host).get_vars().items():
            if name in self.get_option("compose") and isinstance(value, str) and not TEMPLATE_MARKS.search(value):
                inventory.set_variable(host, name, as_data(value))
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)
