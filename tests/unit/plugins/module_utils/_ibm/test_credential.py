# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm import credential
from ansible_collections.voiceagent.sms.plugins.module_utils._ibm.credential import Wanted

ROLE = "crn:v1:bluemix:public:iam::::serviceRole:"
KEY_CRN = "crn:v1:bluemix:public:voiceagent:us-south:a/acc:inst:resource-key:k1"
API_KEY = "A" * 44


def instance(number: int, name: str = "agent", region: str = "us-south", service: str = "voiceagent") -> dict[str, Any]:
    guid = f"0000000{number}-0000-4000-8000-000000000000"
    crn = f"crn:v1:bluemix:public:{service}:{region}:a/acc:{guid}::"
    return {"name": name, "guid": guid, "crn": crn, "id": crn, "region_id": region}


SOUTH = instance(1)
EAST = instance(2, region="us-east")
SOUTH_TOO = instance(3, name="support", service="voice-agent-with-watson")
DATABASE = instance(4, name="db", service="cloudantnosqldb")
UNPLACED = {**SOUTH, "region_id": None}
ALL = [SOUTH, EAST, SOUTH_TOO, DATABASE]


@pytest.mark.parametrize(
    ("instances", "wanted", "region", "chosen"),
    [
        pytest.param([SOUTH, EAST, DATABASE], None, "us-south", SOUTH, id="the only agent of a region"),
        pytest.param([SOUTH], None, None, SOUTH, id="the only agent at all"),
        pytest.param(ALL, "support", None, SOUTH_TOO, id="by name"),
        pytest.param(ALL, "support", "us-south", SOUTH_TOO, id="by name and region"),
        pytest.param(ALL, "agent", "us-east", EAST, id="a name in two regions"),
        pytest.param(ALL, SOUTH["guid"], None, SOUTH, id="by GUID"),
        pytest.param(ALL, EAST["crn"], "us-east", EAST, id="by CRN"),
        pytest.param(ALL, "db", "us-south", DATABASE, id="what is named need not be an agent"),
        pytest.param(
            [{**SOUTH, "region_id": None}], None, "us-south", {**SOUTH, "region_id": None}, id="region in CRN"
        ),
    ],
)
def test_choose_instance(instances: list, wanted: str | None, region: str | None, chosen: dict) -> None:
    assert credential.choose_instance(instances, instance=wanted, region=region) == chosen


@pytest.mark.parametrize(
    ("instances", "wanted", "region", "code", "named"),
    [
        pytest.param([], None, "us-south", "unknown_instance", [], id="nothing there"),
        pytest.param([DATABASE], None, "us-south", "unknown_instance", [DATABASE], id="no agent"),
        pytest.param([SOUTH], None, "us-east", "instance_in_other_region", [SOUTH], id="agent elsewhere"),
        pytest.param(ALL, None, "us-south", "ambiguous_instance", [SOUTH, SOUTH_TOO], id="two agents"),
        pytest.param(ALL, "agent", None, "ambiguous_instance", [SOUTH, EAST], id="two of a name"),
        pytest.param(ALL, "support", "us-east", "instance_in_other_region", [SOUTH_TOO], id="name elsewhere"),
        pytest.param(ALL, "agen", None, "unknown_instance", ALL, id="part of a name"),
        pytest.param([], "agent", None, "unknown_instance", [], id="unknown name"),
    ],
)
def test_choose_instance_refuses(
    instances: list, wanted: str | None, region: str | None, code: str, named: list[dict]
) -> None:
    with pytest.raises(SmsError) as refusal:
        credential.choose_instance(instances, instance=wanted, region=region)
    assert refusal.value.code == code
    assert [i["guid"] for i in ALL if i["guid"] in str(refusal.value)] == [i["guid"] for i in named]


def test_choose_instance_by_other_service_names() -> None:
    assert credential.choose_instance(ALL, instance=None, region=None, service_names=["cloudantnosqldb"]) == DATABASE


def test_a_long_list_of_instances_is_cut() -> None:
    with pytest.raises(SmsError, match="and 30 more"):
        credential.choose_instance([instance(1)] * 40, instance=None, region=None)


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ({"role": ROLE + "Writer"}, "Writer"),
        ({"role": "Manager"}, "Manager"),
        ({"parameters": {"role_crn": ROLE + "Manager"}}, "Manager"),
        ({"credentials": {"iam_role_crn": ROLE + "Reader"}}, "Reader"),
        ({"role": ROLE + "Writer", "credentials": {"iam_role_crn": ROLE + "Reader"}}, "Writer"),
        ({"role": None, "parameters": None, "credentials": {"REDACTED": "REDACTED"}}, ""),
        ({}, ""),
    ],
)
def test_role_of(key: dict, role: str) -> None:
    assert credential.role_of(key) == role


@pytest.mark.parametrize(
    ("role", "wanted", "fits"),
    [
        ("Writer", "Writer", True),
        ("writer", "Writer", True),
        (None, "Writer", True),  # not said
        ("Manager", "Writer", False),
        ("Reader", "Manager", False),
    ],
)
def test_check_role(role: str | None, wanted: str, fits: bool) -> None:
    key = {"guid": "k1", "role": role and ROLE + role}
    if fits:
        credential.check_role(key, Wanted("twilio-sms", wanted))
        return
    with pytest.raises(SmsError, match=f"has role {role}, not {wanted}.*rotate") as refusal:
        credential.check_role(key, Wanted("twilio-sms", wanted))
    assert refusal.value.code == "wrong_role"


@pytest.mark.parametrize("name", ["twilio-sms", "a", "A b.c:d_e-9", "x" * 180])
def test_check_name(name: str) -> None:
    credential.check_name(name)


@pytest.mark.parametrize("name", ["", " ", "x" * 181, "a/b", "a'b", "a\nb", "a@b"])
def test_check_name_refuses(name: str) -> None:
    with pytest.raises(SmsError, match="is not allowed") as refusal:
        credential.check_name(name)
    assert refusal.value.code == "bad_name"


def test_named_is_exact_oldest_first_and_without_removed_ones() -> None:
    def key(guid: str, created: str | None, **more: Any) -> dict[str, Any]:
        return {"guid": guid, "name": "twilio-sms", "created_at": created, "state": "active", **more}

    keys = [
        key("c", "2026-03-01T00:00:00Z"),
        key("removed", "2026-01-01T00:00:00Z", state="removed"),
        key("b", "2026-02-01T00:00:00Z"),
        key("other", "2026-01-01T00:00:00Z", name="twilio-sms-2"),
        key("case", "2026-01-01T00:00:00Z", name="Twilio-SMS"),
        key("a", "2026-02-01T00:00:00Z"),
    ]
    assert [k["guid"] for k in credential.named(keys, "twilio-sms")] == ["a", "b", "c"]
    assert [k["guid"] for k in credential.named(reversed(keys), "twilio-sms")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("credentials", "api_key"),
    [
        ({"apikey": API_KEY}, API_KEY),
        ({"apikey": "REDACTED"}, None),
        ({"apikey": "REDACTED_EXPLICIT"}, None),
        ({"REDACTED": "REDACTED"}, None),
        ({"apikey": None}, None),
        ({"apikey": ""}, None),
        ({}, None),
        (None, None),
        ("REDACTED", None),
    ],
)
def test_api_key_of(credentials: Any, api_key: str | None) -> None:
    assert credential.api_key_of({"credentials": credentials}) == api_key


SERVICE_ID = "crn:v1:bluemix:public:iam-identity::a/acc::serviceid:ServiceId-1"
KEY = {"guid": "k1", "crn": KEY_CRN}
GENERATED = {"name": "auto-generated-apikey-k1", "iam_id": "iam-ServiceId-9"}


@pytest.mark.parametrize(
    ("details", "key", "does"),
    [
        pytest.param({"id": "ApiKey-1"}, {"credentials": {"iam_apikey_id": "ApiKey-1"}}, True, id="id"),
        pytest.param({"id": "ApiKey-2"}, {"credentials": {"iam_apikey_id": "ApiKey-1"}}, False, id="other id"),
        pytest.param(
            {"id": "ApiKey-2", "iam_id": "iam-ServiceId-1"},
            {"credentials": {"iam_apikey_id": "ApiKey-1", "iam_serviceid_crn": SERVICE_ID}},
            False,
            id="another key of its service ID",
        ),
        pytest.param(
            {"iam_id": "iam-ServiceId-1"}, {"credentials": {"iam_serviceid_crn": SERVICE_ID}}, True, id="service ID"
        ),
        pytest.param(
            {"iam_id": "iam-ServiceId-1"}, {"parameters": {"serviceid_crn": SERVICE_ID}}, True, id="given service ID"
        ),
        pytest.param(
            {"iam_id": "IBMid-1", "name": "auto-generated-apikey-k1"},
            {**KEY, "credentials": {"iam_serviceid_crn": SERVICE_ID}},
            False,
            id="a name that only looks right",
        ),
        pytest.param(GENERATED, {**KEY, "credentials": {"REDACTED": "REDACTED"}}, True, id="name"),
        pytest.param(
            {"description": f"Auto-generated for key {KEY_CRN}"},
            {**KEY, "credentials": {}},
            True,
            id="description",
        ),
        pytest.param({"name": "mine"}, {**KEY, "credentials": {}}, False, id="other name"),
        pytest.param({"name": "auto-generated-apikey-"}, {}, False, id="nothing known"),
        pytest.param({}, KEY, False, id="IAM says nothing"),
    ],
)
def test_belongs(details: dict, key: dict, does: bool) -> None:
    assert credential.belongs(details, key) is does


@pytest.mark.parametrize(
    ("details", "is_it"),
    [
        ({}, True),
        ({"disabled": False}, True),
        ({"disabled": True}, False),
        ({"locked": True}, True),
        ({"expires_at": "2026-01-01T00:00+0000"}, False),
        ({"expires_at": "2100-01-01T00:00+0000"}, True),
    ],
)
def test_usable(details: dict, is_it: bool) -> None:
    assert credential.usable(details, 1_800_000_000) is is_it


@pytest.mark.parametrize("state", ["active", None, "", "pending_reclamation", "inactive", "removed", "provisioning"])
def test_an_instance_must_be_active(state: str | None) -> None:
    instance = {"name": "sms-agent", "guid": "i1", "region_id": "us-south", "state": state}
    if state in ("active", None, ""):
        credential.check_active(instance)
        return
    with pytest.raises(SmsError, match=f"'sms-agent' \\(i1, us-south\\) is not active but '{state}'") as refused:
        credential.check_active(instance)
    assert refused.value.code == "instance_not_active"


@pytest.mark.parametrize(
    ("key", "is_it"),
    [
        ({"name": "twilio-sms", "state": "active"}, True),
        ({"name": "twilio-sms:retiring", "state": "active"}, False),
        ({"name": "twilio-sms", "state": "removed"}, False),
        (None, False),
    ],
)
def test_is_named(key: dict | None, is_it: bool) -> None:
    assert credential.is_named(key, "twilio-sms") is is_it


def test_describe_one_that_exists() -> None:
    key = {
        "guid": "k1",
        "id": KEY_CRN,
        "crn": KEY_CRN,
        "name": "twilio-sms",
        "role": ROLE + "Manager",
        "state": "active",
        "created_at": "2026-01-01T00:00:00Z",
        "onetime_credentials": True,
        "credentials": {"apikey": API_KEY, "iam_serviceid_crn": SERVICE_ID},
    }
    described = credential.describe(key, SOUTH, Wanted("twilio-sms"), readable=True)
    assert described == {
        "name": "twilio-sms",
        "guid": "k1",
        "id": KEY_CRN,
        "role": "Manager",
        "state": "active",
        "region": "us-south",
        "instance": "agent",
        "instance_guid": SOUTH["guid"],
        "service_id": "ServiceId-1",
        "created_at": "2026-01-01T00:00:00Z",
        "one_time": True,
        "readable": True,
    }
    assert API_KEY not in str(described)


def test_describe_one_that_does_not_exist_has_the_same_keys() -> None:
    described = credential.describe(None, SOUTH, Wanted("twilio-sms", "Manager"), readable=False)
    assert set(described) == set(credential.describe({"guid": "k"}, SOUTH, Wanted("x"), readable=True))
    known = {name: value for name, value in described.items() if value is not None}
    assert known == {
        "name": "twilio-sms",
        "role": "Manager",
        "state": "absent",
        "region": "us-south",
        "instance": "agent",
        "instance_guid": SOUTH["guid"],
        "one_time": False,
        "readable": False,
    }


def test_duplicates_are_listed() -> None:
    keys: list[Any] = [{"guid": "k1", "created_at": "2026-01-01"}, {"guid": "k2", "created_at": "2026-01-02"}]
    error = credential.duplicates(keys, Wanted("twilio-sms"))
    assert error.code == "duplicate_credential"
    assert "k1 (created 2026-01-01), k2 (created 2026-01-02)" in str(error)


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (None, "IAM does not know it"),
        ({"disabled": True, "locked": True}, "it is disabled"),
        ({"expires_at": "2020-01-01T00:00+0000"}, "it expired at 2020-01-01T00:00+0000"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "it expired at 2020-01-01T00:00:00Z"),
        ({"expires_at": "2100-01-01T00:00+0000"}, "IAM refuses it"),
        ({"expires_at": "soon"}, "IAM refuses it"),
        ({"locked": True}, "IAM refuses it"),
    ],
)
def test_why_a_key_is_refused(details: dict[str, Any] | None, reason: str) -> None:
    assert credential.why_refused(details, 1_700_000_000) == reason
