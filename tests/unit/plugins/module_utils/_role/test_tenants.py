# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._role import tenants

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
    assert tenants.read(SAMPLE) == {
        "+12345556789": {
            "description": 'Tenant1, with a "quote" and ,] in it',
            "username": "myUserName",
            "password": "p4ssw0rd",
        },
        "+15555566666": {"description": "", "username": None, "password": None},
    }
    assert tenants.read('{"tenants": []}') == {}


@pytest.mark.parametrize("notation", ["+15551234567", "15551234567", "1 (555) 123-4567", 15551234567])
def test_digits_are_compared_not_notation(notation: Any) -> None:
    assert list(tenants.read(json.dumps({"tenants": [{"tenantPhoneNumber": notation}]}))) == ["+15551234567"]


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
    said = tenants.refusal(number, url, tenants.read(SAMPLE), password)
    assert (said and said[0]) == status
    assert "p4ssw0rd" not in str(said)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "account AC1 has no such number"),
        ("", "leads elsewhere"),
        ("https://elsewhere.example.com/sms", "leads elsewhere"),
        (webhook("a", "b"), None),
    ],
)
def test_a_tenant_whose_number_is_not_asked_for(url: str | None, words: str | None) -> None:
    tenant = tenants.read(SAMPLE)["+12345556789"]
    said = tenants.idle("+12345556789", url, [GATEWAY], tenant, "AC1")
    if words is None:
        assert said is None
    else:
        assert said is not None
        assert said[0] == "tenant_without_number"
        assert words in said[1]
        assert "Tenant1" in said[1]


def test_the_statuses_are_described() -> None:
    assert set(tenants.STATUSES) == {"no_tenant", "wrong_password", "tenant_without_number"}
