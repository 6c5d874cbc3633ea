# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._module.packed import pack_snapshot
from ansible_collections.voiceagent.sms.plugins.module_utils._role import audit, tenants
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.snapshot import Number, Snapshot

ROLE = pathlib.Path(__file__).parents[5] / "roles" / "connect_sms"
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["audit"]["options"]

# As IBM's sample has it: numbers in two notations, credentials of its own for the first, and a comma before the end.
SAMPLE = """{
  "tenants": [{
      "tenantPhoneNumber": "+12345556789",
      "description": "Tenant1, with a \\"quote\\" and ,] in it",
      "allowSessionCreateViaSMS": "true",
      "conversation": {"workspaceID": "a", "username": "u", "password": "p"},
      "webHookCredentials": {"username": "myUserName", "password": "p4ssw0rd"}
    },
    {
      "tenantPhoneNumber": "15555566666",
      "smsProvider": {"username": "u", "password": "p"},
    },
  ]
}
"""
GATEWAY = "https://gateway.example.com:9443/sms.receiver/SmsRecv"


def webhook(user: str, password: str) -> str:
    return GATEWAY.replace("//", f"//{user}:{password}@")


def test_the_sample_is_read() -> None:
    assert tenants.read_tenants(SAMPLE) == {
        "+12345556789": {
            "description": 'Tenant1, with a "quote" and ,] in it',
            "username": "myUserName",
            "password": "p4ssw0rd",
        },
        "+15555566666": {"description": "", "username": None, "password": None},
    }
    assert tenants.read_tenants('{"tenants": []}') == {}


@pytest.mark.parametrize("notation", ["+15551234567", "15551234567", "1 (555) 123-4567", 15551234567])
def test_digits_are_compared_not_notation(notation: Any) -> None:
    assert list(tenants.read_tenants(json.dumps({"tenants": [{"tenantPhoneNumber": notation}]}))) == ["+15551234567"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: not JSON"),
        ('{"tenants": [\n{"webHookCredentials": {"password": "s3cret"}', "line 2: not JSON"),
        ("[]", "no list of tenants"),
        ('{"tenants": {"a": 1}}', "no list of tenants"),
        ('{"tenants": ["s3cret"]}', "no list of tenants"),
        ('{"tenants": [{"description": "s3cret"}]}', "tenant 1: tenantPhoneNumber"),
        ('{"tenants": [{"tenantPhoneNumber": "+15551234567"}, {"tenantPhoneNumber": "555"}]}', "tenant 2: "),
        (
            '{"tenants": [{"tenantPhoneNumber": "+15551234567"}, {"tenantPhoneNumber": 15551234567}]}',
            "another tenant's",
        ),
        ("[" * 100_000, "too deep"),
    ],
)
def test_files_that_are_none(tmp_path: pathlib.Path, text: str, said: str) -> None:
    file = tmp_path / "tenantConfig.json"
    file.write_text(text)
    with pytest.raises(SmsError, match=said) as refused:
        tenants.load(str(file), lambda data: data)
    assert refused.value.code == "bad_tenants_file"
    assert str(file) in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    for path, code in ((tmp_path / "missing", "no_tenants_file"), (tmp_path, "no_tenants_file")):
        with pytest.raises(SmsError) as refused:
            tenants.load(str(path), lambda data: data)
        assert refused.value.code == code
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    with pytest.raises(SmsError, match="UTF-8") as refused:
        tenants.load(str(tmp_path / "binary"), lambda data: data)
    assert refused.value.code == "bad_tenants_file"


def test_a_file_is_decrypted(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tenantConfig.json"
    file.write_bytes(b"encrypted")
    assert "+12345556789" in tenants.load(str(file), {b"encrypted": b"\xef\xbb\xbf" + SAMPLE.encode()}.__getitem__)


@pytest.mark.parametrize(
    ("number", "url", "password", "status"),
    [
        ("+12345556789", webhook("myUserName", "p4ssw0rd"), None, None),
        ("+12345556789", webhook("myUserName", "p4ssw0rd"), "the-gateway-s", None),
        ("+12345556789", webhook("myUserName", "other"), None, "wrong_password"),
        ("+12345556789", webhook("other", "p4ssw0rd"), None, "wrong_password"),
        ("+12345556789", GATEWAY, None, "wrong_password"),
        ("+15555566666", webhook("twilio", "any"), None, None),  # the gateway's own password is not known
        ("+15555566666", webhook("twilio", "right"), "right", None),
        ("+15555566666", webhook("twilio", "wrong"), "right", "wrong_password"),
        ("+19999999999", webhook("myUserName", "p4ssw0rd"), None, "no_tenant"),
    ],
)
def test_whether_the_gateway_takes_the_texts(number: str, url: str, password: str | None, status: str | None) -> None:
    said = tenants.refusal(number, url, tenants.read_tenants(SAMPLE), password)
    assert (said and said[0]) == status
    assert "p4ssw0rd" not in str(said)


def test_the_statuses_are_described() -> None:
    assert set(tenants.STATUSES) == {"no_tenant", "wrong_password", "tenant_without_number"}


# ---- the join with an audit ----

ONE, TWO = "+12345556789", "+15555566666"  # a tenant with credentials of its own, and one without


def audited(*asked: str, **urls: str) -> dict[str, tuple[str, str]]:
    """Return status and host by number, of an audit of numbers *asked* for, in an account with the webhooks of *urls*."""
    values = dict.fromkeys(OPTIONS) | {name: option.get("default") for name, option in OPTIONS.items()}
    values |= {
        "connect_sms_receiver_host": "gateway.example.com:9443",
        "connect_sms_tenants_file": tenants.read_tenants(SAMPLE),
    }
    hosts = {f"host{number[-4:]}": {**values, "connect_sms_phone_numbers": [number]} for number in asked}
    hosts = hosts or {"localhost": {**values, "connect_sms_phone_numbers": []}}
    plan = audit.audit_plan(hosts)
    rows = {f"+{digits.removeprefix('n')}": Number("PN1", settings(url)) for digits, url in urls.items()}
    looked = [{"snapshot": pack_snapshot(Snapshot("AC1", rows, overrides={}))}]
    assert [request["api_keys"] for request in audit.key_requests(plan, looked)] == [[]], "no password goes to IAM"
    told, _notes, failures = audit.verdicts(plan, looked, [{"api_keys": []}])
    assert failures == {}
    assert "p4ssw0rd" not in str(told)
    for name, numbers in plan["numbers"].items():
        assert [
            entry
            for entry in told
            if entry["host"] == name and name != "localhost" and entry["phone_number"] not in numbers
        ] == []
    return {entry["phone_number"]: (entry["status"], entry["host"]) for entry in told}  # fmt: skip


def settings(url: str) -> dict[str, str]:
    return {"url": url, "method": "POST", "fallback_url": "", "fallback_method": "", "application_sid": ""}


RIGHT, WRONG, LONG = webhook("myUserName", "p4ssw0rd"), webhook("myUserName", "other"), webhook("twilio", "K" * 44)


def test_an_audit_of_the_whole_account_tells_all_three() -> None:
    found = audited(n12345556789=WRONG, n19999999999=RIGHT)
    assert {number: status for number, (status, _host) in found.items()} == {
        ONE: "wrong_password",
        TWO: "tenant_without_number",
        "+19999999999": "no_tenant",
    }


def test_numbers_that_fit_are_connected() -> None:
    found = audited(n12345556789=RIGHT, n15555566666=LONG)
    assert {number: status for number, (status, _host) in found.items()} == {ONE: "connected", TWO: "connected"}


def test_tenants_of_numbers_that_are_not_asked_for() -> None:
    """In an inventory of some numbers, other numbers that lead to the gateway are ignored; others are reported once."""
    assert audited(ONE, n12345556789=RIGHT, n15555566666=LONG) == {ONE: ("connected", "host6789")}
    assert audited(ONE, n12345556789=RIGHT, n15555566666="https://other.example.com") == {
        ONE: ("connected", "host6789"),
        TWO: ("tenant_without_number", "host6789"),
    }
    found = audited(ONE, "+19999999999", n12345556789=RIGHT, n19999999999="")
    assert found[TWO] == ("tenant_without_number", "host6789")
    assert found["+19999999999"] == ("not_connected", "host9999")


def test_a_file_without_a_gateway_is_refused() -> None:
    values = dict.fromkeys(OPTIONS) | {name: option.get("default") for name, option in OPTIONS.items()}
    plan = audit.audit_plan({"one": {**values, "connect_sms_phone_numbers": [ONE], "connect_sms_tenants_file": {}}})
    assert "needs connect_sms_receiver_host" in plan["errors"]["one"]
