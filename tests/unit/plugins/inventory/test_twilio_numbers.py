# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin in this process, over HTTP against the sandbox."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import inventory as inventory_plugins
from ansible.plugins.doc_fragments import constructed, inventory_cache
from ansible.template import Templar

from ansible_collections.voiceagent.sms.plugins.doc_fragments.twilio import ModuleDocFragment
from ansible_collections.voiceagent.sms.plugins.inventory import twilio_numbers as plugin_module
from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import TWILIO_OPTIONS
from sandbox.client import Sandbox

PLUGIN = "voiceagent.sms.twilio_numbers"
KEY = "k" * 40
SOUTH = f"https://apikey:{KEY}@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv?to={KEY}#rc=2"


def make_plugin() -> Any:
    """Return the plugin like Ansible's loader, which does not find collections that Python has imported."""
    plugin = plugin_module.InventoryModule()
    plugin._load_name = plugin.ansible_name = PLUGIN
    plugin._redirected_names = [PLUGIN]
    return plugin


def access_options() -> dict[str, dict[str, Any]]:
    """Return the options for access, from both fragments, as Ansible merges them."""
    texts = (ModuleDocFragment.DOCUMENTATION, ModuleDocFragment.PLUGIN)
    documented, environment = (yaml.safe_load(text)["options"] for text in texts)
    return {name: {**option, **environment.get(name, {})} for name, option in documented.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    fragments = [constructed.ModuleDocFragment.DOCUMENTATION, inventory_cache.ModuleDocFragment.DOCUMENTATION]
    texts = [*fragments, plugin_module.DOCUMENTATION]
    options = {name: option for text in texts for name, option in yaml.safe_load(text)["options"].items()}
    options |= access_options()
    constants.config.initialize_plugin_configuration_definitions("inventory", PLUGIN, options)
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def box(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    server.reset()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


Hosts = dict[str, dict[str, Any]]
Read = Callable[..., Hosts]


@pytest.fixture
def read(tmp_path: pathlib.Path) -> Read:
    """Return a function that reads a configuration and returns each host's variables."""

    def reader(text: str = "", *, cache: bool = True, loader: Any = None, **options: Any) -> Hosts:
        file = tmp_path / "account.twilio_numbers.yml"
        file.write_text(text or yaml.safe_dump({"plugin": PLUGIN, **options}))
        inventory = InventoryData()
        plugin = make_plugin()
        assert plugin.verify_file(str(file))
        plugin.parse(inventory, loader or DataLoader(), str(file), cache=cache)
        if plugin.get_option("cache"):
            plugin.update_cache_if_changed()
        reader.groups = {  # type: ignore[attr-defined]
            name: sorted(host.name for host in group.hosts) for name, group in inventory.groups.items()
        }
        return {name: host.vars for name, host in inventory.hosts.items()}

    return reader


def refused(read: Read, text: str = "", **options: Any) -> str:
    """Return the message of a configuration that is refused."""
    with pytest.raises(AnsibleError) as caught:
        read(text, **options)
    assert caught.value.__cause__ is None
    return str(caught.value)


# --- pure functions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        (SOUTH, "sms-south.voiceagent.cloud.ibm.com", "https://sms-south.voiceagent.cloud.ibm.com"),
        ("http://gateway.example.com:9080/x", "gateway.example.com:9080", "http://gateway.example.com:9080"),
        ("https://Gateway.example.com:443/x", "gateway.example.com", "https://gateway.example.com"),
        ("https://[2001:db8::1]:9443/x", "[2001:db8::1]:9443", "https://[2001:db8::1]:9443"),
        ("", "", ""),
        ("no url", "", ""),
        ("ftp://example.com/", "", ""),
        ("https://example.com:port/", "", ""),
        # A password with characters that should have been encoded, so that a part of it looks like the host.
        ("https://secret/rest@example.com/", "", ""),
        ("https://secret?rest@example.com/", "", ""),
        ("https://user:12345/rest@example.com/", "", ""),
        ("https://{{secret}}/", "", ""),
    ],
)
def test_where_a_webhook_leads(url: str, host: str, origin: str) -> None:
    assert plugin_module.webhook_host(url) == (host, origin)


@pytest.mark.parametrize(
    ("told", "able"),
    [
        ({"voice": True, "sms": True, "mms": False}, ["sms", "voice"]),
        ({"SMS": True, "MMS": True, "voice": False}, ["mms", "sms"]),
        (["Voice", "SMS"], ["sms", "voice"]),
        (None, []),
    ],
)
def test_capabilities(told: Any, able: list[str]) -> None:
    assert plugin_module.capabilities_of({"capabilities": told}) == able


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("Thu, 30 Jul 2015 23:19:04 +0000", "2015-07-30T23:19:04Z"),
        ("Thu, 30 Jul 2015 23:19:04 +0200", "2015-07-30T21:19:04Z"),
        ("", ""),
        ("soon", ""),
    ],
)
def test_dates(told: str, date: str) -> None:
    assert plugin_module.iso_date(told) == date


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("x.twilio_numbers.yml", True),
        ("x.twilio_numbers.yaml", True),
        ("twilio_numbers.yml", True),
        ("my_twilio_numbers.yml", False),
        ("twilio_numbers.yml.bak", False),
        ("numbers.yml", False),
    ],
)
def test_files(tmp_path: pathlib.Path, name: str, ours: bool) -> None:
    (tmp_path / name).touch()
    plugin = plugin_module.InventoryModule()
    assert plugin.verify_file(str(tmp_path / name)) is ours
    assert not plugin.verify_file(str(tmp_path / "none.twilio_numbers.yml"))


def test_the_options_are_those_of_the_modules() -> None:
    options = access_options()
    assert set(options) == set(TWILIO_OPTIONS)
    for name, spec in TWILIO_OPTIONS.items():
        assert options[name]["type"] == spec["type"]
        assert options[name].get("default") == spec.get("default")
        assert [env["name"] for env in options[name].get("env", [])] == spec.get("fallback", (None, []))[1]


def test_the_examples_are_configurations(box: Sandbox, read: Read) -> None:
    box.add_numbers({"phone_number": "+15550000001", "friendly_name": "Support"})
    texts = plugin_module.EXAMPLES.split("---\n")
    assert len(texts) == 5
    for text in texts[:3]:
        assert read(text)
    assert read(texts[2])["+15550000001"]["connect_sms_instance"] == "support-agent"


# --- hosts -----------------------------------------------------------------------------------------------------------


def test_a_host_and_its_variables(box: Sandbox, read: Read) -> None:
    application = box.add_application()
    (row,) = box.add_numbers(
        {
            "phone_number": "+15550000001",
            "friendly_name": "Support",
            "sms_url": SOUTH,
            "sms_application_sid": application["sid"],
            "date_created": "Thu, 30 Jul 2015 23:19:04 +0000",
        }
    )
    hosts = read()
    variables = {name: value for name, value in hosts["+15550000001"].items() if not name.startswith("inventory_")}
    assert variables == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "phone_number": "+15550000001",
        "twilio_account_sid": box.environment["TWILIO_ACCOUNT_SID"],
        "twilio_application_sid": application["sid"],
        "twilio_capabilities": ["mms", "sms", "voice"],
        "twilio_date_created": "2015-07-30T23:19:04Z",
        "twilio_friendly_name": "Support",
        "twilio_number_sid": row["sid"],
        "twilio_origin": "twilio",
        "twilio_sms_webhook_host": "sms-south.voiceagent.cloud.ibm.com",
        "twilio_sms_webhook_origin": "https://sms-south.voiceagent.cloud.ibm.com",
    }
    assert box.operations() == ["twilio.list_numbers"]
    assert box.requests()[0]["query"] == {"PageSize": "1000"}


def test_many_numbers_are_listed_once(box: Sandbox, read: Read) -> None:
    box.add_numbers(count=1500, prefix="+1555")
    assert len(read()) == 1500
    assert box.operations() == ["twilio.list_numbers"] * 2


def test_what_twilio_says_is_no_template(box: Sandbox, read: Read, tmp_path: pathlib.Path) -> None:
    ran = tmp_path / "ran"
    evil = f"{{{{ lookup('pipe', 'touch {ran}') }}}}"
    head = f"#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ lookup('pipe', 'touch {ran}') ]]"
    box.add_numbers([{"phone_number": "+15550000001", "friendly_name": evil}, {"phone_number": "+15550000002"}])
    box.change("twilio", "numbers", "+15550000002", friendly_name=head)
    hosts = read(
        compose={"copied": "twilio_friendly_name", "longer": "'a ' ~ twilio_friendly_name"},
        keyed_groups=[{"key": "twilio_friendly_name", "prefix": "named"}],
        groups={"odd": "'lookup' in twilio_friendly_name"},
    )
    assert hosts["+15550000001"]["longer"] == f"a {evil}"
    for number, text in (("+15550000001", evil), ("+15550000002", head)):
        templar = Templar(loader=DataLoader(), variables=hosts[number])
        for name in ("twilio_friendly_name", "copied"):
            assert templar.template(hosts[number][name]) == text
    assert not ran.exists()
    interpreter = hosts["+15550000001"]["ansible_python_interpreter"]
    templar = Templar(loader=DataLoader(), variables={"ansible_playbook_python": "/this/python"})
    assert templar.template(interpreter) == "/this/python"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, "1 2 3"),
        ({"prefix": ["+1555"]}, "1 2"),
        ({"prefix": ["+1 (555)", "44"]}, "1 2 3"),
        ({"prefix": [1555]}, "1 2"),
        ({"prefix": "+44"}, "3"),
        ({"friendly_name": "^Sup"}, "1 3"),
        ({"friendly_name": "(?i)sales$"}, "2"),
        ({"capabilities": ["sms", "voice"]}, "1 3"),
        ({"capabilities": ["voice"]}, "1 3 4"),
        ({"capabilities": []}, "1 2 3 4"),
        ({"capabilities": "fax"}, ""),
        ({"prefix": ["+1555"], "friendly_name": "Support", "capabilities": ["sms"]}, "1"),
    ],
)
def test_filters(box: Sandbox, read: Read, options: dict[str, Any], found: str) -> None:
    able = {"sms": True, "voice": True}
    box.add_numbers(
        [
            {"phone_number": "+15550000001", "friendly_name": "Support", "capabilities": able},
            {"phone_number": "+15550000002", "friendly_name": "US Sales", "capabilities": {"sms": True}},
            {"phone_number": "+44700000003", "friendly_name": "Support UK", "capabilities": able},
            {"phone_number": "+33700000004", "friendly_name": "Fr", "capabilities": {"sms": False, "voice": True}},
        ]
    )
    assert " ".join(number[-1] for number in read(**options)) == found


def test_groups(box: Sandbox, read: Read) -> None:
    box.add_numbers([{"phone_number": "+15550000001", "sms_url": SOUTH}, {"phone_number": "+15550000002"}])
    hosts = read(
        strict=True,
        compose={"connect_sms_region": "'us-south' if phone_number.endswith('1') else 'us-east'"},
        groups={"idle": "not twilio_sms_webhook_host"},
        keyed_groups=[
            {"key": "twilio_sms_webhook_host", "prefix": "to", "default_value": "nobody"},
            *({"key": name, "prefix": name} for name in ("twilio_capabilities", "twilio_origin", "connect_sms_region")),
        ],
    )
    assert [host["connect_sms_region"] for host in hosts.values()] == ["us-south", "us-east"]
    both = ["+15550000001", "+15550000002"]
    expected = {
        "idle": both[1:],
        "to_sms_south_voiceagent_cloud_ibm_com": both[:1],
        "to_nobody": both[1:],
        "twilio_capabilities_sms": both,
        "twilio_origin_twilio": both,
        "connect_sms_region_us_east": both[1:],
    }
    assert expected.items() <= read.groups.items()  # type: ignore[attr-defined]


def test_every_variable_can_make_groups(box: Sandbox, read: Read) -> None:
    """Ansible refuses booleans and numbers."""
    box.add_numbers({"phone_number": "+15550000001"})
    names = [name for name in read()["+15550000001"] if name.startswith(("phone_", "twilio_"))]
    assert len(names) == 10
    keyed = [{"key": name, "prefix": "p", "default_value": "none"} for name in names]
    read(keyed_groups=keyed, strict=True)


def test_strict(box: Sandbox, read: Read) -> None:
    box.add_numbers({"phone_number": "+15550000001"})
    assert read(compose={"region": "no_such_variable"})
    assert "no_such_variable" in refused(read, compose={"region": "no_such_variable"}, strict=True)


# --- accounts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def family(box: Sandbox) -> dict[str, str]:
    """A parent account with a number, two subaccounts with one each, a suspended one and somebody else's."""
    parent = box.environment["TWILIO_ACCOUNT_SID"]
    sids = {"parent": parent}
    for name in ("first", "second", "suspended"):
        status = "suspended" if name == "suspended" else "active"
        sids[name] = box.add_twilio_account(owner_account_sid=parent, status=status)["sid"]
    sids["stranger"] = box.add_twilio_account()["sid"]
    for number, sid in enumerate(sids.values(), 1):
        box.add_numbers({"phone_number": f"+1555000000{number}", "account_sid": sid})
    return sids


def test_one_subaccount(box: Sandbox, read: Read, family: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({"subaccount_sid": family["first"]}, {}):
        hosts = read(**options)
        assert list(hosts) == ["+15550000002"]
        assert hosts["+15550000002"]["twilio_account_sid"] == family["first"]
        assert hosts["+15550000002"]["connect_sms_twilio_subaccount_sid"] == family["first"]
        monkeypatch.setenv("TWILIO_SUBACCOUNT_SID", family["first"])


def test_several_subaccounts(box: Sandbox, read: Read, family: dict[str, str]) -> None:
    hosts = read(subaccounts=[family["second"], family["first"], family["second"]])
    assert {number: host.get("connect_sms_twilio_subaccount_sid") for number, host in hosts.items()} == {
        "+15550000001": None,
        "+15550000002": family["first"],
        "+15550000003": family["second"],
    }
    assert box.operations() == ["twilio.list_numbers"] * 3


@pytest.mark.parametrize("value", ["all", ["all"]])
def test_all_subaccounts(box: Sandbox, read: Read, family: dict[str, str], value: Any) -> None:
    hosts = read(subaccounts=value)
    owners = [host["twilio_account_sid"] for host in hosts.values()]
    assert owners == [family["parent"], family["first"], family["second"]]
    assert "connect_sms_twilio_subaccount_sid" not in hosts["+15550000001"]
    assert box.operations() == ["twilio.list_accounts"] + ["twilio.list_numbers"] * 3
    tokens = {account["auth_token"] for account in box.rows("twilio", "accounts")}
    assert not [token for token in tokens if token in repr(hosts)]


def test_the_parent_s_numbers_beside_a_subaccount_of_the_environment(
    box: Sandbox, read: Read, family: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without their account, the role would assume the environment's subaccount."""
    monkeypatch.setenv("TWILIO_SUBACCOUNT_SID", family["first"])
    hosts = read(subaccounts=[family["parent"]])
    owners = {number: host["connect_sms_twilio_subaccount_sid"] for number, host in hosts.items()}
    assert owners == {"+15550000002": family["first"], "+15550000001": family["parent"]}


def test_an_account_that_fails_fails_all(box: Sandbox, read: Read, family: dict[str, str]) -> None:
    """A controller would remove the missing numbers."""
    message = refused(read, subaccounts=[family["first"], family["suspended"]])
    assert f"list the phone numbers of account {family['suspended']}" in message
    assert "20403" in message


def test_one_of_all_subaccounts_that_cannot_be_read_is_left_out_and_said(
    box: Sandbox, read: Read, family: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    said: list[str] = []
    monkeypatch.setattr(inventory_plugins.display, "warning", said.append)
    box.fault("twilio.list_numbers", times=None, status=403, code=20003, message="no\x1b[2J", match=family["first"])
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    for _run in range(2):
        hosts = read(subaccounts="all", **cache)
        assert list(hosts) == ["+15550000001", "+15550000003"]
        (warning,) = said
        assert warning.startswith(f"Left out: the numbers of subaccount {family['first']}, which cannot be read.")
        assert "20003" in warning
        assert "\x1b" not in warning
        said.clear()
    assert family["first"] in refused(read, subaccounts="all", strict=True)
    assert family["first"] in refused(read, subaccounts=[family["first"]])
    box.clear_faults()
    assert len(read(subaccounts="all", **cache)) == 3  # a list with a gap is not kept
    assert said == []


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"prefx": ["+1555"]}, "unknown options: 'prefx' (did you mean prefix?). Nothing was read"),
        (
            {"friendlyname": "x", "kompose": {}},
            "'friendlyname' (did you mean friendly_name?), 'kompose' (did you mean compose?)",
        ),
        ({"something": 1}, "unknown options: 'something'. Nothing was read"),
        ({"hosts": {"a": {}}}, "unknown options: 'hosts'"),
    ],
)
def test_unknown_options_are_refused(box: Sandbox, read: Read, option: dict[str, Any], words: str) -> None:
    assert words in refused(read, **option)
    assert box.requests() == []


@pytest.mark.parametrize("value", ["everything", "AC123", ["all", "ACx/../.."], [12], [["all"]]])
def test_subaccounts_that_are_none(box: Sandbox, read: Read, value: Any) -> None:
    assert "subaccounts must be 'all' or SIDs" in refused(read, subaccounts=value)
    assert box.requests() == []


# --- credentials and errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["nothing", "empty", "half"])
def test_missing_credentials(box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET"):
        monkeypatch.setenv(name, "") if given == "empty" else monkeypatch.delenv(name, raising=False)
    if given == "half":
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
        monkeypatch.setenv("TWILIO_API_KEY", "SK" + "0" * 32)
    message = refused(read)
    for word in ("account_sid", "auth_token", "api_key_secret", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        assert word in message
    assert box.requests() == []


def test_an_empty_variable_is_not_set(box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller sets the variable of every field of a credential."""
    box.add_numbers({"phone_number": "+15550000001"})
    for name in ("TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_SUBACCOUNT_SID", "TWILIO_EDGE", "TWILIO_REGION"):
        monkeypatch.setenv(name, "")
    assert read()
    key = box.add_twilio_key()
    monkeypatch.setenv("TWILIO_API_KEY", key["sid"])
    monkeypatch.setenv("TWILIO_API_SECRET", key["secret"])
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "")
    assert read()


def test_a_standard_key_cannot_list_subaccounts(box: Sandbox, read: Read, family: dict[str, str]) -> None:
    key = box.add_twilio_key(kind="standard")
    options = {"auth_token": "", "api_key_sid": key["sid"], "api_key_secret": key["secret"], "subaccounts": "all"}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TWILIO_AUTH_TOKEN")
        message = refused(read, **options)
        named = refused(read, **{**options, "subaccounts": [family["first"]]})
    assert "a standard API key cannot do that" in message
    assert f"has no access to its subaccount {family['first']}" in named
    assert key["secret"] not in message


def test_credentials_in_the_file(box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    box.add_numbers({"phone_number": "+15550000001"})
    sid, token = (box.environment[name] for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"))
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong" * 8)
    monkeypatch.setenv("ELSEWHERE", token)
    assert read(account_sid=sid, auth_token=token)
    assert read(account_sid=sid, auth_token="{{ lookup('env', 'ELSEWHERE') }}")
    message = refused(read, auth_token="{{ no_such_variable }}")
    assert "auth_token cannot be templated" in message


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 401}, ["list the phone numbers of account AC", "HTTP 401 (20003)", "auth_token"]),
        ({"status": 403, "code": 70051}, ["70051", "check account_sid"]),
        ({"status": 200, "mode": "answer", "body": "html"}, ["Could not list the phone numbers"]),
    ],
)
def test_refusals(
    box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], words: list[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    box.fault("twilio.list_numbers", times=None, **fault)
    message = refused(read)
    assert not [word for word in words if word not in message]
    assert not [secret for secret in box.secrets() if secret in message]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_endpoint": "http://127.0.0.1:9"}, "could not be reached"),
        ({"api_endpoint": "http://example.com"}, "is plain http"),
        ({"account_sid": "AC/../x"}, "account_sid must be AC"),
        ({"prefix": ["+1555", "x"]}, "prefix is not the beginning of a phone number such as '+1555': +x"),
        ({"friendly_name": "(x"}, "friendly_name is not a regular expression"),
        ({"capabilities": ["fly"]}, "fly"),
        ({"auth_token": ["s3cr3t-value"]}, "auth_token must be a string"),
        ({"api_key_secret": {"is": "s3cr3t-value"}}, "api_key_secret must be a string"),
    ],
)
def test_mistakes(
    box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    message = refused(read, **options)
    assert words in message
    assert "s3cr3t" not in message
    assert box.requests() == []


def test_without_the_sdk(box: Sandbox, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "TWILIO_IMPORT_ERROR", "Traceback ...")
    message = refused(read)
    assert "package twilio cannot be imported" in message
    assert "pip install twilio" in message
    assert "Traceback" not in message


# --- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(read: Read, tmp_path: pathlib.Path) -> Read:
    folder = tmp_path / "cache"

    def reader(**options: Any) -> Hosts:
        settings = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(folder)}
        use = options.pop("use", True)
        return read(yaml.safe_dump({"plugin": PLUGIN, **settings, **options}), cache=use)

    return reader


def test_the_cache(box: Sandbox, cached: Read, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "{{ lookup('pipe', 'false') }}"
    box.add_numbers({"phone_number": "+15550000001", "sms_url": SOUTH, "friendly_name": evil})
    box.add_numbers({"phone_number": "+15550000002"})
    first = cached()
    assert box.operations() == ["twilio.list_numbers"]
    assert cached() == first
    assert Templar(loader=DataLoader()).template(cached()["+15550000001"]["twilio_friendly_name"]) == evil
    # The cache is unfiltered, and reading it needs nothing but the account.
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    assert list(cached(prefix=["+15550000002"])) == ["+15550000002"]
    assert len(box.requests()) == 1
    text = "".join(file.read_text() for file in (tmp_path / "cache").rglob("*") if file.is_file())
    assert "sms-south" in text
    assert not [secret for secret in [KEY, "SmsRecv", *box.secrets()] if secret in text]
    assert json.loads(text)


def test_the_cache_is_renewed_on_demand(box: Sandbox, cached: Read) -> None:
    cached()
    box.add_numbers({"phone_number": "+15550000001"})
    assert not cached()
    assert cached(use=False)
    assert cached()
    assert len(box.requests()) == 2


def test_the_cache_of_another_account_is_not_used(
    box: Sandbox, cached: Read, family: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(cached()) == ["+15550000001"]
    assert len(cached(subaccounts="all")) == 3
    monkeypatch.setenv("TWILIO_SUBACCOUNT_SID", family["first"])
    assert list(cached()) == ["+15550000002"]
    stranger = next(row for row in box.rows("twilio", "accounts") if row["sid"] == family["stranger"])
    monkeypatch.delenv("TWILIO_SUBACCOUNT_SID")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", stranger["sid"])
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", stranger["auth_token"])
    assert list(cached()) == ["+15550000005"]
