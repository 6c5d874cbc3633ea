# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IBM Cloud in the sandbox: tokens, instances, keys, and refusals."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import requests

GRANT = "urn:ibm:params:oauth:grant-type:"
WRITER = "crn:v1:bluemix:public:iam::::serviceRole:Writer"


def exchange(box: Any, **form: str) -> requests.Response:
    return requests.post(f"{box.url}/identity/token", data=form, timeout=30)


def login(box: Any, api_key: str) -> requests.Response:
    return exchange(box, grant_type=GRANT + "apikey", apikey=api_key, response_type="cloud_iam")


def error_code(response: requests.Response) -> tuple[int, str]:
    body = response.json()
    return response.status_code, body.get("errorCode") or body["error_code"]


# --- IAM ---


def test_a_token_is_a_jwt_with_the_lifetime_that_is_set(box: Any) -> None:
    box.settings(token_lifetime=90)
    answer = login(box, box.environment["IC_API_KEY"]).json()
    _head, payload, _signature = answer["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["exp"] - claims["iat"] == 90
    assert answer["expires_in"] == 90


@pytest.mark.parametrize("changes", [{"disabled": True}, {"expires_at": "2020-01-01T00:00+0000"}, {"deleted": True}])
def test_a_dead_api_key_gets_no_token(box: Any, changes: dict[str, Any]) -> None:
    caller = box.add_caller()
    assert login(box, caller["value"]).status_code == 200
    box.change("ibm", "api_keys", caller["value"], **changes)
    assert error_code(login(box, caller["value"])) == (400, "BXNIM0415E")


def test_a_wrong_api_key_is_a_bad_request(box: Any) -> None:
    answer = login(box, "nobody")
    assert error_code(answer) == (400, "BXNIM0415E")
    assert answer.json()["context"]["requestId"]
    assert answer.headers["X-Global-Transaction-ID"]


def test_a_locked_api_key_is_only_protected_from_changes(box: Any) -> None:
    caller = box.add_caller(locked=True)
    assert login(box, caller["value"]).status_code == 200


def test_an_unknown_grant_is_refused(box: Any) -> None:
    assert exchange(box, grant_type="password").status_code == 400


@pytest.mark.parametrize("by", ["id", "crn", "name"])
def test_a_trusted_profile_is_assumed(box: Any, by: str) -> None:
    profile = box.add_profile(name="automation")
    fields = {"profile_name": "automation", "account": profile["account_id"]} if by == "name" else {}
    fields = fields or {f"profile_{by}": profile[by]}
    answer = exchange(box, grant_type=GRANT + "assume", access_token=box.token(), **fields)
    assert answer.status_code == 200
    assert box.requests(operation="iam.token")[-1]["authorized_as"] == profile["iam_id"]
    assert exchange(box, grant_type=GRANT + "assume", access_token="x", **fields).status_code == 400


def test_no_unknown_and_expired_tokens_are_unauthorized(box: Any, ibm: Any) -> None:
    assert ibm.get("/v2/resource_instances").status_code == 200
    box.expire_tokens()
    assert ibm.get("/v2/resource_instances").status_code == 401
    ibm.session.headers["Authorization"] = "Bearer x"
    assert ibm.get("/v2/resource_keys").status_code == 401
    del ibm.session.headers["Authorization"]
    assert ibm.get("/v1/apikeys/details").status_code == 401


def test_details_tell_whose_api_key_it_is(box: Any, ibm: Any, agent: Any) -> None:
    key = box.add_key(agent["guid"], api_key={"disabled": True, "locked": True, "expires_at": "2020-01-01T00:00Z"})
    ibm.session.headers["IAM-ApiKey"] = key["api_key"]["value"]
    details = ibm.get("/v1/apikeys/details").json()
    assert details["id"] == key["api_key_id"]
    assert details["iam_id"] == "iam-" + key["service_id"]
    assert (details["apikey"], details["disabled"], details["locked"]) == ("", True, True)
    assert details["expires_at"] == "2020-01-01T00:00Z"
    assert key["crn"] in details["description"]


def test_details_of_an_unknown_api_key(box: Any, ibm: Any) -> None:
    ibm.session.headers["IAM-ApiKey"] = "nobody"
    assert ibm.get("/v1/apikeys/details").status_code == 404
    box.settings(unknown_api_key_status=400)
    assert ibm.get("/v1/apikeys/details").status_code == 400
    stranger = box.add_ibm_account()["api_key"]
    ibm.session.headers["IAM-ApiKey"] = stranger["value"]
    assert ibm.get("/v1/apikeys/details").status_code == 400


# --- instances ---


def names(response: requests.Response) -> list[str]:
    return [row["name"] for row in response.json()["resources"]]


def test_instances_of_all_regions_that_are_active_or_provisioning(box: Any, ibm: Any) -> None:
    box.add_instance("a", "us-south")
    box.add_instance("b", "us-east", state="provisioning")
    box.add_instance("c", "us-east", state="pending_reclamation")
    box.add_instance("d", account_id=box.add_ibm_account()["id"])
    assert names(ibm.get("/v2/resource_instances")) == ["a", "b"]
    assert names(ibm.get("/v2/resource_instances", region_id="us-east")) == ["a", "b"]
    assert names(ibm.get("/v2/resource_instances", state="pending_reclamation")) == ["c"]
    assert names(ibm.get("/v2/resource_instances", name="b")) == ["b"]
    assert names(ibm.get("/v2/resource_instances", type="alias")) == []


def test_an_instance_by_guid_and_by_crn(box: Any, ibm: Any, agent: Any) -> None:
    by_guid = ibm.get(f"/v2/resource_instances/{agent['guid']}")
    by_crn = ibm.get("/v2/resource_instances/" + agent["crn"].replace("/", "%2F").replace(":", "%3A"))
    assert by_guid.json() == by_crn.json()
    assert by_crn.json()["crn"].split(":")[4:6] == ["voice-agent-with-watson", "us-south"]
    assert ibm.get("/v2/resource_instances/sms-agent").status_code == 404


def pages(ibm: Any, path: str, **query: Any) -> list[list[str]]:
    found = []
    answer = ibm.get(path, **query).json()
    while True:
        found.append([row["name"] for row in answer["resources"]])
        assert answer["rows_count"] == len(answer["resources"])
        if not answer["next_url"]:
            return found
        assert answer["next_url"].startswith(f"{path}?start=")
        answer = ibm.get(answer["next_url"]).json()


def test_pages(box: Any, ibm: Any) -> None:
    for name in "abcde":
        box.add_instance(name)
    assert pages(ibm, "/v2/resource_instances", limit=2) == [["a", "b"], ["c", "d"], ["e"]]
    box.settings(page_limit=3)
    assert pages(ibm, "/v2/resource_instances") == [["a", "b", "c"], ["d", "e"]]


def test_pages_may_be_short_or_empty(box: Any, ibm: Any) -> None:
    for name in "abc":
        box.add_instance(name)
    box.settings(page_holes=True)
    assert pages(ibm, "/v2/resource_instances", limit=4) == [[], ["a", "b"], [], ["c"]]


def test_start_carries_the_filters_and_ignores_others(box: Any, ibm: Any) -> None:
    for guid in ("1", "2", "3"):
        box.add_instance("same", guid=guid)
    box.add_instance("other", guid="4")
    first = ibm.get("/v2/resource_instances", name="same", limit=1).json()
    second = ibm.get(first["next_url"] + "&name=other&limit=100").json()
    assert [row["guid"] for row in second["resources"]] == ["2"]


@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"limit": "x"}, {"start": "x"}, {"updated_from": "x"}])
def test_bad_queries(ibm: Any, agent: Any, query: dict[str, Any]) -> None:
    assert ibm.get("/v2/resource_instances", **query).status_code == 400


# --- keys ---


def test_create_is_complete(box: Any, ibm: Any, agent: Any) -> None:
    key = ibm.create(name="twilio-sms", source=agent["guid"], role="Writer")
    body = key.json()
    assert key.status_code == 201
    assert (body["role"], body["parameters"]["role_crn"]) == (WRITER, WRITER)
    assert body["source_crn"] == agent["crn"]
    assert body["crn"] == f"{agent['crn'][:-2]}:resource-key:{body['guid']}"
    assert len(body["credentials"]["apikey"]) == 44
    assert body["credentials"]["iam_role_crn"] == WRITER
    assert login(box, body["credentials"]["apikey"]).status_code == 200
    assert ibm.key(body).json() == body


def test_names_are_not_unique(ibm: Any, agent: Any) -> None:
    for _unused in range(2):
        assert ibm.create(name="same", source=agent["crn"]).status_code == 201
    assert names(ibm.keys_of(agent)) == ["same", "same"]
    assert names(ibm.get("/v2/resource_keys", name="same")) == ["same", "same"]


def test_lists_of_keys_have_no_filter_by_name_in_an_instance(box: Any, ibm: Any, agent: Any) -> None:
    other = box.add_instance("other", resource_id="another")
    box.add_key(agent["guid"], "a")
    box.add_key(other["guid"], "b")
    assert names(ibm.keys_of(agent, name="zzz")) == ["a"]
    assert names(ibm.get("/v2/resource_keys", source=agent["crn"])) == ["a", "b"]
    assert names(ibm.get("/v2/resource_keys", resource_id="another")) == ["b"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": None}, 400),
        ({"name": "a/b"}, 400),
        ({"name": "x" * 181}, 400),
        ({"name": "a b-c.d_e:f"}, 201),
        ({"name": "x" * 180}, 201),
        ({"source": None}, 400),
        ({"source": "11111111-2222-3333-4444-555555555555"}, 404),
        ({"source": "sms-agent"}, 404),
        ({"role": "Wizard"}, 400),
        ({"role": "writer"}, 400),
        ({"role": "crn:v1:bluemix:public:iam::::serviceRole:Wizard"}, 400),
        ({"role": WRITER}, 201),
        ({"role": "crn:v1:bluemix:public:voice-agent::::serviceRole:Manager"}, 201),
        ({"role": None}, 201),
    ],
)
def test_what_create_accepts(ibm: Any, agent: Any, changes: dict[str, Any], status: int) -> None:
    body = {"name": "k", "source": agent["crn"], "role": "Writer", **changes}
    answer = ibm.create(**{name: value for name, value in body.items() if value is not None})
    assert answer.status_code == status
    if status != 201:
        assert answer.json()["transaction_id"] == answer.headers["X-Global-Transaction-ID"]


def test_broken_json_is_refused(ibm: Any) -> None:
    answer = ibm("POST", "/v2/resource_keys", data="{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("service_role", "platform_role", "role", "status"),
    [
        ("Writer", "Editor", "Manager", 403),
        ("Writer", "Editor", "Writer", 201),
        ("Manager", "Editor", "Reader", 201),
        ("None", "Editor", "Reader", 403),
        ("Manager", "Viewer", "Reader", 403),
    ],
)
def test_a_caller_gives_roles_that_it_holds(
    as_caller: Any, agent: Any, service_role: str, platform_role: str, role: str, status: int
) -> None:
    caller = as_caller(service_role, platform_role)
    assert caller.create(name="k", source=agent["crn"], role=role).status_code == status


def test_an_editor_can_create_what_it_cannot_read_back(box: Any, as_caller: Any, agent: Any) -> None:
    box.settings(editors_create_any_role=True)
    editor = as_caller("None")
    created = editor.create(name="k", source=agent["crn"], role="Writer").json()
    assert created["credentials"]["apikey"]
    assert editor.key(created).json()["credentials"] == {"REDACTED": "REDACTED"}


@pytest.mark.parametrize(
    ("service_role", "platform_role", "key_role", "expected"),
    [
        ("Writer", "Editor", "Manager", {"REDACTED": "REDACTED"}),
        ("Writer", "Administrator", "Manager", {"REDACTED": "REDACTED"}),
        ("Writer", "Editor", "crn:v1:bluemix:public:x::::customRole:Texter", {"REDACTED": "REDACTED_EXPLICIT"}),
        ("Writer", "Administrator", "crn:v1:bluemix:public:x::::customRole:Texter", None),
        ("Custom", "Editor", "Reader", {"REDACTED": "REDACTED_EXPLICIT"}),
        ("Writer", "Viewer", "Writer", None),
        ("Writer", "Viewer", None, None),
    ],
)
def test_redaction(
    box: Any,
    as_caller: Any,
    agent: Any,
    service_role: str,
    platform_role: str,
    key_role: str | None,
    expected: dict[str, str] | None,
) -> None:
    key = box.add_key(agent["guid"], role=key_role)
    caller = as_caller(service_role, platform_role)
    credentials = caller.key(key).json()["credentials"]
    assert caller.keys_of(agent).json()["resources"][0]["credentials"] == credentials
    if expected is None:
        assert credentials["apikey"] == key["api_key"]["value"]
    else:
        assert credentials == expected


@pytest.mark.parametrize(
    ("answer", "expected"), [("redacted", {"REDACTED": "REDACTED"}), ("empty", {}), ("absent", None)]
)
def test_one_time_keys(box: Any, ibm: Any, answer: str, expected: dict[str, str] | None) -> None:
    box.settings(one_time_answer=answer)
    instance = box.add_instance("once", onetime_credentials=True)
    created = ibm.create(name="k", source=instance["guid"], role="Writer").json()
    assert created["onetime_credentials"] is True
    assert created["credentials"]["apikey"]
    box.change("ibm", "instances", instance["guid"], onetime_credentials=False)
    read = ibm.key(created).json()
    assert read["onetime_credentials"] is True, "the setting is frozen on the key"
    assert "apikey" not in read["credentials"]
    assert expected is None or read["credentials"] == expected
    assert ibm.create(name="k2", source=instance["guid"]).json()["onetime_credentials"] is False


def test_delete_is_soft(box: Any, ibm: Any, agent: Any) -> None:
    key = ibm.create(name="k", source=agent["guid"], role="Writer").json()
    path = f"/v2/resource_keys/{key['guid']}"
    assert ibm("DELETE", path).status_code == 204
    gone = ibm.key(key)
    assert (gone.status_code, gone.json()["state"]) == (200, "removed")
    assert gone.json()["deleted_at"]
    assert ibm("DELETE", path).status_code == 410
    assert names(ibm.keys_of(agent)) == []
    assert login(box, key["credentials"]["apikey"]).status_code == 400
    box.settings(list_removed=True)
    assert names(ibm.keys_of(agent)) == ["k"]


def test_rename_changes_the_name_only(ibm: Any, agent: Any) -> None:
    key = ibm.create(name="old", source=agent["guid"], role="Writer").json()
    path = f"/v2/resource_keys/{key['guid']}"
    renamed = ibm("PATCH", path, json={"name": "new", "role": "Manager"})
    assert renamed.status_code == 200
    assert (renamed.json()["name"], renamed.json()["role"]) == ("new", WRITER)
    for name in ("a/b", "x" * 181, "", None):
        assert ibm("PATCH", path, json={"name": name}).status_code == 400


def test_list_lag_hides_a_new_key_from_lists_and_get(box: Any, ibm: Any, agent: Any) -> None:
    box.settings(list_lag=0.25)
    key = ibm.create(name="k", source=agent["guid"]).json()
    assert names(ibm.keys_of(agent)) == []
    assert error_code(ibm.key(key)) == (404, "RC-DatabaseErrorResponse")
    time.sleep(0.26)
    assert names(ibm.keys_of(agent)) == ["k"]
    assert ibm.key(key).status_code == 200


def test_activation_delay_keeps_a_new_api_key_out(box: Any, ibm: Any, agent: Any) -> None:
    box.settings(key_activation_delay=0.25)
    value = ibm.create(name="k", source=agent["guid"], role="Writer").json()["credentials"]["apikey"]
    assert login(box, value).status_code == 400
    time.sleep(0.26)
    assert login(box, value).status_code == 200


def test_an_alias_and_an_existing_service_id_as_parameters(box: Any, ibm: Any) -> None:
    instance = box.add_instance("cf", alias=True)
    service_id = "crn:v1:bluemix:public:iam-identity::a/1::serviceid:ServiceId-1"
    key = ibm.create(name="k", source=instance["alias_crn"], parameters={"serviceid_crn": service_id, "x": 1}).json()
    assert key["source_crn"] == instance["alias_crn"]
    assert key["resource_alias_url"]
    assert key["credentials"]["iam_serviceid_crn"].endswith("serviceid:ServiceId-1")
    assert key["parameters"]["x"] == 1


def test_keys_of_another_account_are_not_found(box: Any, ibm: Any) -> None:
    instance = box.add_instance("theirs", account_id=box.add_ibm_account()["id"])
    key = box.add_key(instance["guid"])
    assert ibm.key(key).status_code == 404
    assert ibm("DELETE", f"/v2/resource_keys/{key['guid']}").status_code == 404
    assert ibm.create(name="k", source=instance["crn"]).status_code == 404


def test_the_name_of_the_api_key_and_its_id_are_not_certain(box: Any, ibm: Any, agent: Any) -> None:
    box.settings(api_key_names="generated", api_key_id_in_credentials=False)
    key = ibm.create(name="k", source=agent["guid"]).json()
    assert key["credentials"]["iam_apikey_name"] == f"auto-generated-apikey-{key['guid']}"
    assert "iam_apikey_id" not in key["credentials"]
