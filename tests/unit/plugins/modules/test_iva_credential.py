# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from unit.plugins.running import Result, Run
from unit.plugins.scripted import Clock

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._http.transport import Transport
from ansible_collections.voiceagent.sms.plugins.modules import iva_credential
from sandbox.client import Sandbox

pytestmark = pytest.mark.usefixtures("hasty")
YEARS_AGO = "2020-01-01T00:00:00.000Z"
KEY = {"name": "twilio-sms", "region": "us-south"}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for others between a rename and what follows."""
    monkeypatch.setattr(iva_credential, "SETTLING", 0.0)


@pytest.fixture
def agent(box: Sandbox) -> dict[str, Any]:
    return box.add_instance("sms-agent", "us-south")


@pytest.fixture
def as_reader(box: Sandbox, agent: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an identity whose role does not show the keys of Writers."""
    caller = box.add_caller(service_role="Reader", platform_role="Editor")
    for name, value in caller["environment"].items():
        monkeypatch.setenv(name, value)


def keys(box: Sandbox) -> list[dict[str, Any]]:
    return [key for key in box.rows("ibm", "keys") if key["state"] != "removed"]


def test_present(run: Run, box: Sandbox, agent: dict) -> None:
    dry = run("iva_credential", **KEY, check=True)
    assert (dry["changed"], dry["api_key"], dry["api_key_source"]) == (True, None, None)
    assert (dry["credential"]["state"], dry["credential"]["guid"], dry["credential"]["readable"]) == (
        "absent",
        None,
        False,
    )

    made = run("iva_credential", **KEY)
    (key,) = keys(box)
    assert made["changed"] is True
    assert made["api_key"] == box.api_key_of(key["guid"])
    assert made["api_key_source"] == "created"
    assert made["diff"] == dry["diff"]
    assert made.writes == [{"name": "twilio-sms", "source": agent["guid"], "role": "Writer"}]
    assert "rc.get_key" not in made.operations, "the key comes from the create's own answer"
    expected = {"name": "twilio-sms", "guid": key["guid"], "id": key["crn"], "role": "Writer", "state": "active"}
    expected |= {"region": "us-south", "instance": "sms-agent", "instance_guid": agent["guid"], "readable": True}
    expected |= {"one_time": False, "service_id": key["service_id"], "created_at": key["created_at"]}
    assert made["credential"] == expected

    again = run("iva_credential", **KEY)
    assert (again["changed"], again["api_key"], again["api_key_source"]) == (False, made["api_key"], "read")
    assert again["credential"] == made["credential"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again.writes == []
    assert run("iva_credential", **KEY, check=True)["changed"] is False


def test_few_requests(run: Run, box: Sandbox, agent: dict) -> None:
    """The last one asks IAM whether the key still works."""
    box.add_key(agent["guid"], created_at=YEARS_AGO)
    looks = ["iam.token", "rc.list_instances", "rc.list_instance_keys", "iam.token"]
    assert run("iva_credential", **KEY).operations == looks
    looks[1] = "rc.get_instance"
    assert run("iva_credential", name="twilio-sms", instance=agent["guid"]).operations == looks


def test_another_role(run: Run, box: Sandbox, agent: dict) -> None:
    made = run("iva_credential", **KEY, role="Manager")
    assert made["credential"]["role"] == "Manager"
    other = run("iva_credential", **KEY, role="Writer")
    assert other.code == "wrong_role"
    assert "rotate" in other["msg"]
    assert other.writes == []


@pytest.mark.parametrize("check", [False, True])
def test_only_to_be_found(run: Run, box: Sandbox, agent: dict, check: bool) -> None:
    missing = run("iva_credential", **KEY, create=False, check=check)
    assert missing.code == "missing_credential"
    assert "twilio-sms" in missing["msg"]
    assert "sms-agent" in missing["msg"]
    assert (missing.writes, keys(box)) == ([], [])
    made = run("iva_credential", **KEY)
    found = run("iva_credential", **KEY, create=False, check=check)
    assert (found["changed"], found["api_key"], found["credential"]) == (False, made["api_key"], made["credential"])
    assert found.writes == []


def test_one_that_no_list_shows_yet_is_found(run: Run, box: Sandbox, agent: dict) -> None:
    box.settings(list_lag=1.5)
    try:
        made = run("iva_credential", **KEY)
        found = run("iva_credential", **KEY, create=False)
    finally:
        box.settings(list_lag=0.0)
    assert (found["api_key"], found.writes) == (made["api_key"], [])


@pytest.mark.parametrize("more", [{"max_age": 0}, {"state": "absent"}])
def test_what_makes_or_deletes_cannot_be_told_to_find_only(run: Run, agent: dict, more: dict[str, Any]) -> None:
    refused = run("iva_credential", **KEY, create=False, **more)
    assert refused.code == "bad_options"
    assert refused.operations == []


def test_duplicates(run: Run, box: Sandbox, agent: dict) -> None:
    for _number in range(2):
        box.add_key(agent["guid"], created_at=YEARS_AGO)
    for state in ("present", "absent"):
        result = run("iva_credential", **KEY, state=state)
        assert result.code == "duplicate_credential"
        assert all(key["guid"] in result["msg"] for key in keys(box))
        assert result.writes == []


# ---- keys that cannot be read ----


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("candidates", [[], ["REDACTED"], ["wrong-key-wrong-key-wrong-key"], ["short", ""]])
def test_an_unreadable_key(run: Run, box: Sandbox, agent: dict, candidates: list[str]) -> None:
    box.add_key(agent["guid"])
    result = run("iva_credential", **KEY, candidate_api_keys=candidates)
    assert (result["changed"], result["api_key"], result["api_key_source"]) == (False, None, None)
    assert result["credential"]["readable"] is False
    assert len(keys(box)) == 1, "never a second one"
    assert "wrong-key" not in result.text


@pytest.mark.usefixtures("as_reader")
def test_a_candidate_that_belongs_is_returned_and_the_others_are_masked(run: Run, box: Sandbox, agent: dict) -> None:
    key, other = box.add_key(agent["guid"]), box.add_key(agent["guid"], "other")
    fitting, wrong = key["api_key"]["value"], other["api_key"]["value"]
    box.change("ibm", "api_keys", fitting, name=f"auto-generated-apikey-{key['guid']}")
    for candidates in ([wrong, fitting], [fitting, wrong]):
        result = run("iva_credential", **KEY, candidate_api_keys=candidates)
        assert (result["api_key"], result["api_key_source"]) == (fitting, "candidate")
        assert result["credential"]["readable"] is True
        assert wrong not in result.text
        assert result.text.count(fitting) == 1, "as api_key, and nowhere else"


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("change", "expected"), [({"disabled": True}, None), ({"locked": True}, "candidate"), ({"deleted": True}, None)]
)
def test_a_candidate_must_be_in_use(run: Run, box: Sandbox, agent: dict, change: dict, expected: str | None) -> None:
    key = box.add_key(agent["guid"])
    value = key["api_key"]["value"]
    box.change("ibm", "api_keys", value, name=f"auto-generated-apikey-{key['guid']}", **change)
    assert run("iva_credential", **KEY, candidate_api_keys=[value])["api_key_source"] == expected


@pytest.mark.parametrize("answer", ["redacted", "empty", "absent"])
def test_a_one_time_key(run: Run, box: Sandbox, answer: str) -> None:
    box.settings(one_time_answer=answer)
    box.add_instance("sms-agent", "us-south", onetime_credentials=True)
    made = run("iva_credential", **KEY)
    assert made["api_key_source"] == "created"
    assert made["credential"]["one_time"] is True
    again = run("iva_credential", **KEY)
    assert (again["changed"], again["api_key"]) == (False, None)
    assert (again["credential"]["one_time"], again["credential"]["readable"]) == (True, False)
    assert len(keys(box)) == 1


def test_a_readable_key_that_is_also_a_candidate_is_not_masked(run: Run, box: Sandbox, agent: dict) -> None:
    value = box.add_key(agent["guid"])["api_key"]["value"]
    result = run("iva_credential", **KEY, candidate_api_keys=[value])
    assert (result["api_key"], result["api_key_source"]) == (value, "read")


def test_a_fresh_key_is_waited_for(run: Run, box: Sandbox, agent: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    box.settings(key_activation_delay=0.15)
    sleep = iva_credential.time.sleep
    monkeypatch.setattr(iva_credential.time, "sleep", lambda _seconds: sleep(0.05))
    waited = run("iva_credential", **KEY)
    assert waited.operations.count("iam.token") >= 3
    box.settings(key_activation_delay=1000.0)
    assert run("iva_credential", **{**KEY, "name": "other"}, wait_until_accepted=False)["api_key"]


@pytest.mark.parametrize("one_time", [False, True], ids=["readable", "one-time"])
@pytest.mark.parametrize(
    ("fault", "times", "told"),
    [
        ({"status": 500}, 8, None),
        ({"mode": "reset_after"}, 8, None),
        ({"status": 503}, None, "HTTP 503"),
        ({"status": 404}, None, "HTTP 404"),
    ],
    ids=str,
)
def test_a_new_key_outlives_an_outage_of_iam(
    run: Run,
    box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    one_time: bool,
    fault: dict[str, Any],
    times: int | None,
    told: str | None,
) -> None:
    """The credential exists by then, and the only copy of a one-time key would be gone."""
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "sleep", lambda _seconds: None)
    monkeypatch.setattr(iva_credential, "ACCEPTED_WITHIN", 30 if told is None else 1)
    box.add_instance("sms-agent", "us-south", onetime_credentials=one_time)
    with box.failing("iam.token", times=times, **fault):
        result = run("iva_credential", **KEY, iam_token=box.token())
    (key,) = keys(box)
    if told is None:
        assert result["api_key"] == box.api_key_of(key["guid"])
        return
    assert result.code == "key_not_accepted"
    assert f"'twilio-sms' ({key['guid']}) was created, but IAM did not accept its API key: " in result["msg"]
    assert told in result["msg"]
    assert ("rotate_sms_key" in result["msg"], "run again later" in result["msg"]) == (one_time, not one_time)


# ---- keys that are dead ----

DEAD: dict[str, dict[str, Any]] = {
    "deleted": {"deleted": True},
    "disabled": {"disabled": True},
    "expired": {"expires_at": YEARS_AGO},
}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("how", DEAD)
def test_a_dead_key(run: Run, box: Sandbox, agent: dict, how: str, check: bool) -> None:
    key = box.add_key(agent["guid"], created_at=YEARS_AGO, api_key=DEAD[how])
    result = run("iva_credential", **KEY, check=check)
    assert result.code == "dead_key"
    assert "rotate_sms_key" in result["msg"]
    assert f"'twilio-sms' ({key['guid']})" in result["msg"]
    assert result.writes == []
    assert not run("iva_credential", **KEY, state="absent").get("failed"), "what is deleted may be dead"


@pytest.mark.parametrize("how", DEAD)
def test_a_dead_key_is_replaced_whatever_its_age(run: Run, box: Sandbox, agent: dict, how: str) -> None:
    dead = box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z", api_key=DEAD[how])
    result = run("iva_credential", **KEY, max_age=36_500)
    assert (result["changed"], result["rotation"], result["api_key_source"]) == (True, "begun", "created")
    assert {key["name"] for key in keys(box)} == {"twilio-sms", "twilio-sms:retiring"}
    again = run("iva_credential", **KEY, max_age=36_500)
    assert (again["changed"], again["rotation"], again["api_key"]) == (False, "continued", result["api_key"])
    assert dead["guid"] != again["credential"]["guid"]


@pytest.mark.parametrize("how", ["disabled", "expired"])
def test_a_fresh_key_that_is_out_of_use_is_not_waited_for(run: Run, box: Sandbox, agent: dict, how: str) -> None:
    box.add_key(agent["guid"], api_key=DEAD[how])
    assert run("iva_credential", **KEY).code == "dead_key"


def test_a_key_that_somebody_else_has_just_made_is_waited_for(
    run: Run, box: Sandbox, agent: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = iva_credential.time.sleep
    monkeypatch.setattr(iva_credential.time, "sleep", lambda _seconds: sleep(0.05))
    made = box.add_key(agent["guid"], api_key={"active_at": iva_credential.time.time() + 0.3})
    assert run("iva_credential", **KEY)["api_key"] == made["api_key"]["value"]


@pytest.mark.parametrize("ahead", [5.0, 5000.0])
def test_a_clock_that_differs_lets_nobody_wait_for_ever(ahead: float, clock: Clock, monkeypatch: Any) -> None:
    """IBM's clock is ahead, and this machine's is set back while it waits."""
    cloud = SimpleNamespace(accepts=lambda _key: False, key=lambda _guid: None, api_key_details=lambda _key: {})
    begun = clock()
    made = datetime.fromtimestamp(begun + ahead, timezone.utc).isoformat()
    monkeypatch.setattr(iva_credential, "time", SimpleNamespace(time=lambda: begun, monotonic=clock, sleep=clock.sleep))
    key = {"guid": "G", "name": "twilio-sms", "created_at": made}
    with pytest.raises(SmsError, match="is dead"):
        iva_credential.check_alive(cloud, key, "k" * 44, iva_credential.FRESH)  # type: ignore[arg-type]
    assert clock() - begun <= iva_credential.FRESH + 1


def test_a_list_that_is_late_is_not_a_dead_key(
    run: Run, box: Sandbox, agent: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still shows a deleted credential, and not its successor."""
    sleep = iva_credential.time.sleep
    monkeypatch.setattr(iva_credential.time, "sleep", lambda _seconds: sleep(0.1))
    old = box.add_key(agent["guid"], created_at=YEARS_AGO)
    box.settings(stale_lists=1.0)
    box.remove("ibm", "keys", old["guid"])
    new = box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z", visible_at=iva_credential.time.time() + 0.5)
    result = run("iva_credential", **KEY)
    assert (result["credential"]["guid"], result["api_key"]) == (new["guid"], new["api_key"]["value"])
    assert result.writes == []


@pytest.mark.parametrize("state", ["pending_reclamation", "inactive", "failed", "provisioning", "removed"])
@pytest.mark.parametrize("check", [False, True])
def test_an_instance_that_answers_nobody(run: Run, box: Sandbox, state: str, check: bool) -> None:
    agent = box.add_instance("sms-agent", "us-south", state=state)
    result = run("iva_credential", name="twilio-sms", instance=agent["guid"], check=check)
    assert result.code == "instance_not_active"
    assert f"'{state}'" in result["msg"]
    assert result.writes == []
    by_region = run("iva_credential", **KEY, check=check)
    assert by_region.code in ("instance_not_active", "unknown_instance")
    assert by_region.writes == []


# ---- absent ----


def test_absent(run: Run, box: Sandbox, agent: dict) -> None:
    box.add_key(agent["guid"])
    box.add_key(agent["guid"], "other")
    dry = run("iva_credential", **KEY, state="absent", check=True)
    assert dry["changed"] is True
    assert len(keys(box)) == 2
    gone = run("iva_credential", **KEY, state="absent")
    assert (gone["changed"], gone["api_key"], gone["credential"]["state"]) == (True, None, "absent")
    assert gone["diff"] == dry["diff"]
    assert [key["name"] for key in keys(box)] == ["other"]
    again = run("iva_credential", **KEY, state="absent")
    assert (again["changed"], again.writes) == (False, [])


def test_what_is_in_use_is_kept(run: Run, box: Sandbox, agent: dict) -> None:
    key = box.add_key(agent["guid"])
    used = key["api_key"]["value"]
    kept = run("iva_credential", **KEY, state="absent", keys_in_use=["another-key-of-somebody-else", used])
    assert (kept["changed"], kept.writes) == (False, [])
    assert [entry["guid"] for entry in kept["kept"]] == [key["guid"]]
    assert used not in kept.text
    assert run("iva_credential", **KEY, state="absent", keys_in_use=["another-key-of-somebody-else"])["changed"] is True


def test_the_steps_of_deleting(run: Run, box: Sandbox, agent: dict) -> None:
    key = box.add_key(agent["guid"])
    used = [key["api_key"]["value"]]
    assert run("iva_credential", **KEY, state="retiring", keys_in_use=used).writes == []
    dry = run("iva_credential", **KEY, state="retiring", check=True)
    retired = run("iva_credential", **KEY, state="retiring")
    assert (retired["changed"], retired["kept"], retired["diff"]) == (True, [], dry["diff"])
    assert [row["name"] for row in keys(box)] == ["twilio-sms:retiring"]
    assert run("iva_credential", **KEY, state="retiring")["changed"] is False

    last = {"state": "absent", "retired": True, "reinstate": True}
    back = run("iva_credential", **KEY, **last, keys_in_use=used)
    assert [(entry["name"], entry["guid"]) for entry in back["kept"]] == [("twilio-sms", key["guid"])]
    assert [row["name"] for row in keys(box)] == ["twilio-sms"]
    run("iva_credential", **KEY, state="retiring")
    another = run("iva_credential", **KEY)
    kept = run("iva_credential", **KEY, **last, keys_in_use=used)
    assert [entry["name"] for entry in kept["kept"]] == ["twilio-sms:retiring"], "its name is another one's by now"
    assert run("iva_credential", **KEY, **last)["changed"] is True
    assert [row["guid"] for row in keys(box)] == [another["credential"]["guid"]]


def test_a_credential_that_was_replaced_meanwhile_does_not_get_its_name_back(
    run: Run, box: Sandbox, agent: dict
) -> None:
    """While this run searched for holders, another one found no credential with the name and created one."""
    kept = box.add_key(agent["guid"], "twilio-sms:retiring", created_at=YEARS_AGO)
    with box.meanwhile("rc.update_key", lambda: box.add_key(agent["guid"]), seconds=1):
        last = {"state": "absent", "retired": True, "reinstate": True, "keys_in_use": [kept["api_key"]["value"]]}
        result = run("iva_credential", **KEY, **last)
    assert [entry["name"] for entry in result["kept"]] == ["twilio-sms:retiring"]
    assert sorted(row["name"] for row in keys(box)) == ["twilio-sms", "twilio-sms:retiring"]


@pytest.mark.parametrize(("status", "code"), [(403, "RC-Forbidden"), (409, "RC-Conflict"), (500, "RC-Error")])
def test_a_refused_deletion_fails_after_all_others(
    run: Run, box: Sandbox, agent: dict, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "sleep", lambda _seconds: None)
    refused, other = box.add_key(agent["guid"]), box.add_key(agent["guid"], "twilio-sms:retiring")
    with box.failing("rc.delete_key", status=status, code=code, times=None, match=refused["guid"]):
        result = run("iva_credential", **KEY, state="absent")
    assert result["failure"] == {"code": code, "status": status, "not_deleted": [refused["guid"]]}
    assert f"'twilio-sms' ({refused['guid']})" in result["msg"]
    assert [key["guid"] for key in keys(box)] == [refused["guid"]]
    assert other["guid"] not in result["msg"]


# ---- rotation ----


@pytest.mark.parametrize("how", [{"max_age": 0}, {"state": "retiring"}], ids=["rotate", "retire"])
def test_a_rename_is_over_when_the_list_shows_it(run: Run, box: Sandbox, agent: dict, how: dict[str, Any]) -> None:
    """Only then does the caller search for holders: a run that has written numbers may look at the list afterwards."""
    old = box.add_key(agent["guid"], created_at=YEARS_AGO)
    box.settings(stale_lists=1.5)
    result = run("iva_credential", **KEY, **how)
    assert result["changed"] is True
    listed = run("iva_credential_info", **KEY | {"name": "twilio-sms:retiring"})
    assert [row["guid"] for row in listed["credentials"]] == [old["guid"]]


def test_rotation(run: Run, box: Sandbox, agent: dict) -> None:
    old = box.add_key(agent["guid"], created_at=YEARS_AGO)
    assert run("iva_credential", **KEY, max_age=36_500)["rotation_due"] is False
    dry = run("iva_credential", **KEY, max_age=90, check=True)
    assert (dry["changed"], dry["rotation_due"]) == (True, True)
    new = run("iva_credential", **KEY, max_age=90)
    assert (new["changed"], new["rotation_due"], new["api_key_source"]) == (True, True, "created")
    assert new["diff"] == dry["diff"]
    names = {key["guid"]: key["name"] for key in keys(box)}
    assert names == {old["guid"]: "twilio-sms:retiring", new["credential"]["guid"]: "twilio-sms"}

    unfinished = run("iva_credential", **KEY, max_age=90)
    assert (unfinished["changed"], unfinished["rotation_due"], unfinished["api_key"]) == (False, True, new["api_key"])

    in_use = [old["api_key"]["value"]]
    kept = run("iva_credential", **KEY, state="absent", retired=True, keys_in_use=in_use)
    assert (kept["changed"], [entry["guid"] for entry in kept["kept"]]) == (False, [old["guid"]])
    gone = run("iva_credential", **KEY, state="absent", retired=True, keys_in_use=[new["api_key"]])
    assert gone["changed"] is True
    assert [key["guid"] for key in keys(box)] == [new["credential"]["guid"]]
    done = run("iva_credential", **KEY, max_age=90)
    assert (done["changed"], done["rotation_due"]) == (False, False)


@pytest.mark.parametrize(("max_age", "rotation"), [(0, "begun"), (90, "not_due")])
def test_a_credential_of_the_future_is_new(run: Run, box: Sandbox, agent: dict, max_age: float, rotation: str) -> None:
    """This machine's clock is behind IBM's. A leaked key is replaced at once, all the same."""
    box.add_key(agent["guid"], created_at="2100-01-01T00:00:00Z")
    assert run("iva_credential", **KEY, max_age=max_age)["rotation"] == rotation


def test_what_is_retired_does_not_pile_up(run: Run, box: Sandbox, agent: dict) -> None:
    box.add_key(agent["guid"], "twilio-sms:retiring", created_at=YEARS_AGO)
    box.add_key(agent["guid"], created_at="2026-01-01T00:00:00Z")
    names = ["twilio-sms", "twilio-sms:retiring"]
    for max_age, rotation in ((0, "continued"), (90, "overdue"), (36_500, "continued")):
        result = run("iva_credential", **KEY, max_age=max_age)
        assert (result["changed"], result["rotation"], result.writes) == (False, rotation, [])
    other = run("iva_credential", **KEY, role="Manager", max_age=0)
    assert other.code == "retired_credential"
    assert "'twilio-sms:retiring'" in other["msg"]
    assert sorted(key["name"] for key in keys(box)) == names


@pytest.mark.parametrize("before", [[], [YEARS_AGO]], ids=["none before", "one before"])
def test_a_run_does_not_replace_what_it_made(run: Run, box: Sandbox, agent: dict, before: list[str]) -> None:
    for created_at in before:
        box.add_key(agent["guid"], created_at=created_at)
    first = run("iva_credential", **KEY, max_age=0, run_id="run 1")
    run("iva_credential", **KEY, state="absent", retired=True)
    second = run("iva_credential", **KEY, max_age=0, run_id="run 1")
    assert (second["changed"], second["rotation"], second["rotation_due"]) == (False, "begun", True)
    assert second["api_key"] == first["api_key"]
    assert run("iva_credential", **KEY, max_age=0, run_id="run 2")["rotation"] == "begun"


def test_what_another_run_has_rotated_meanwhile(run: Run, box: Sandbox, agent: dict) -> None:
    """The list still shows the old credential, which is gone when it should be renamed."""
    old = box.add_key(agent["guid"], created_at=YEARS_AGO)
    box.settings(stale_lists=30.0)
    box.remove("ibm", "keys", old["guid"])
    result = run("iva_credential", **KEY, max_age=0)
    assert (result["rotation"], result["api_key_source"]) == ("begun", "created")
    assert [key["guid"] for key in keys(box)] == [result["credential"]["guid"]]


def test_of_two_machines_that_create_at_once_the_later_one_yields(run: Run, box: Sandbox, agent: dict) -> None:
    """Its numbers still hold its own key, so the key works until they have moved."""
    made = run("iva_credential", **KEY, run_id="run 1", return_iam_token=False)
    older = box.add_key(agent["guid"], created_at=YEARS_AGO)
    again = run("iva_credential", **KEY, run_id="run 1")
    assert (again["api_key"], again["api_key_source"]) == (older["api_key"]["value"], "read")
    names = {key["guid"]: key["name"] for key in keys(box)}
    assert names == {older["guid"]: "twilio-sms", made["credential"]["guid"]: "twilio-sms:retiring"}
    another = box.add_key(agent["guid"], "twilio-sms:retiring")
    last = {"state": "absent", "retired": True, "guid": made["credential"]["guid"]}
    assert run("iva_credential", **KEY, **last)["changed"] is True
    assert {key["guid"] for key in keys(box)} == {older["guid"], another["guid"]}


# ---- which instance ----


@pytest.fixture
def instances(box: Sandbox) -> dict[str, dict[str, Any]]:
    made = [
        box.add_instance("agent", "us-south", service_name="voiceagent"),
        box.add_instance("agent", "us-east"),
        box.add_instance("support", "us-east", service_name="voice-agent"),
        box.add_instance("db", "eu-de", service_name="cloudantnosqldb"),
        box.add_instance("gone", "eu-de", state="removed"),
    ]
    return {f"{instance['name']} {instance['region_id']}": instance for instance in made}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"region": "us-south"}, "agent us-south"),
        ({"instance": "support"}, "support us-east"),
        ({"instance": "agent", "region": "us-east"}, "agent us-east"),
        ({"instance": "GUID agent us-east"}, "agent us-east"),
        ({"instance": "CRN agent us-east", "region": "us-east"}, "agent us-east"),
        ({"region": "eu-de", "service_names": ["cloudantnosqldb"]}, "db eu-de"),
        ({"region": "us-south", "instance": ""}, "agent us-south"),
    ],
)
def test_the_instance_that_is_meant(run: Run, instances: dict, options: dict[str, Any], chosen: str) -> None:
    kind, _space, name = str(options.get("instance")).partition(" ")
    if kind in ("GUID", "CRN"):
        options = {**options, "instance": instances[name][kind.lower()]}
    result = run("iva_credential", name="twilio-sms", check=True, **options)
    assert result["credential"]["instance_guid"] == instances[chosen]["guid"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "missing_instance"),
        ({"instance": "", "region": ""}, "missing_instance"),
        ({"region": "us-east"}, "ambiguous_instance"),
        ({"region": "eu-de"}, "instance_in_other_region"),
        ({"instance": "agent"}, "ambiguous_instance"),
        ({"instance": "nobody"}, "unknown_instance"),
        ({"instance": "gone"}, "unknown_instance"),
        ({"instance": "support", "region": "us-south"}, "instance_in_other_region"),
        ({"instance": "00000000-0000-4000-8000-000000000000"}, "unknown_instance"),
    ],
)
@pytest.mark.usefixtures("instances")
def test_no_instance_or_several(run: Run, options: dict[str, Any], code: str) -> None:
    result = run("iva_credential", name="twilio-sms", **options)
    assert result.code == code
    assert result.writes == []


# ---- failures ----


def failure(result: Result) -> tuple[Any, Any]:
    return result["failure"]["code"], result["failure"]["status"]


def test_missing_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IC_API_KEY", "")
    result = run("iva_credential", **KEY)
    assert failure(result) == ("missing_credentials", None)
    assert "IC_API_KEY" in result["msg"]
    assert result.requests == []


def test_an_impossible_name_is_refused_before_any_request(run: Run) -> None:
    result = run("iva_credential", **{**KEY, "name": "a/b"})
    assert (result.code, result.requests) == ("bad_name", [])


def test_a_wrong_api_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IC_API_KEY", "wrong-key-wrong-key-wrong-key")
    result = run("iva_credential", **KEY)
    assert failure(result) == ("BXNIM0415E", 400)
    assert "check ibmcloud_api_key" in result["msg"]
    assert "wrong-key" not in result.text


@pytest.mark.usefixtures("agent")
def test_somebody_who_may_not(run: Run, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = box.add_caller(service_role="Reader", platform_role="Viewer")
    monkeypatch.setenv("IC_API_KEY", viewer["value"])
    result = run("iva_credential", **KEY)
    assert failure(result) == ("RC-Forbidden", 403)
    assert keys(box) == []


@pytest.mark.usefixtures("agent")
def test_a_cloud_that_says_no(run: Run, box: Sandbox) -> None:
    box.fault("rc.create_key", status=422, code="BXNIM0151E", message="too many; see https://apikey:hidden@gw/")
    result = run("iva_credential", **KEY)
    assert failure(result) == ("BXNIM0151E", 422)
    assert "Could not create service credential 'twilio-sms'" in result["msg"]
    assert "hidden" not in result.text


@pytest.mark.usefixtures("agent")
def test_options_win_over_the_environment(run: Run, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    key = box.environment["IC_API_KEY"]
    monkeypatch.setenv("IC_API_KEY", "wrong-key-wrong-key-wrong-key")
    monkeypatch.setenv("IC_IAM_TOKEN", "wrong")
    monkeypatch.setenv("IBMCLOUD_IAM_API_ENDPOINT", "https://nowhere.invalid")
    result = run("iva_credential", **KEY, ibmcloud_api_key=key, iam_endpoint=box.url + "/")
    assert result["changed"] is True


@pytest.mark.usefixtures("agent")
def test_ways_to_get_in(run: Run, box: Sandbox) -> None:
    profile = box.add_profile()
    assumed = run("iva_credential", **KEY, iam_profile_id=profile["id"])
    (create,) = [request for request in assumed.requests if request["write"]]
    assert create["authorized_as"] == profile["iam_id"]
    ready = run("iva_credential", **KEY, iam_token=box.token(), candidate_api_keys=[assumed["api_key"]])
    assert ready.operations == ["rc.list_instances", "rc.list_instance_keys", "iam.token"]  # the last for its key
    assert ready["api_key"] == assumed["api_key"]


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("given", ["option", "option with Bearer", "environment", None])
def test_only_a_token_that_was_requested_is_returned(
    run: Run, box: Sandbox, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible would mask a given one, and the caller has it already."""
    token = box.token()
    if given == "environment":
        monkeypatch.delenv("IC_API_KEY")
        monkeypatch.setenv("IC_IAM_TOKEN", token)
    option = {"option": {"iam_token": token}, "option with Bearer": {"iam_token": f"Bearer {token}"}}.get(
        str(given), {}
    )
    result = run("iva_credential", **KEY, **option, return_iam_token=True)
    assert not result.get("failed"), result
    assert ("iam_token" in result) is (given is None)
    assert token not in result.text


def test_whose_the_keys_of_shared_webhooks_are(run: Run, box: Sandbox, agent: dict) -> None:
    """Keys of this or another credential of the instance, dead keys and non-keys are not foreign; unknown ones are."""
    own = box.add_key(agent["guid"])["api_key"]["value"]
    beside = box.add_key(agent["guid"], "beside")["api_key"]["value"]
    dead = box.add_key(agent["guid"], "dead", api_key={"disabled": True})["api_key"]["value"]
    elsewhere = box.add_key(box.add_instance("other", "us-south")["guid"])["api_key"]["value"]
    asked = [own, elsewhere, beside, dead, "nobody-s-key-nobody-s-key-nobody-s-key-44444", "short"]
    result = run("iva_credential", name="twilio-sms", instance="sms-agent", other_api_keys=asked)
    assert (result["foreign"], result["dead"]) == ([1], [3, 4])
    assert (result["api_key"], result.writes) == (own, []), "the key in use is not masked"
    assert elsewhere not in result.text
    usual = run("iva_credential", name="twilio-sms", instance="sms-agent", other_api_keys=[own])
    plain = run("iva_credential", name="twilio-sms", instance="sms-agent")
    assert (usual["foreign"], usual.operations) == ([], plain.operations), "the right key costs no request"
    with box.failing("iam.api_key_details", status=403, times=None):
        unsure = run("iva_credential", name="twilio-sms", instance="sms-agent", other_api_keys=[beside, elsewhere])
    assert (unsure["foreign"], unsure["dead"]) == ([1], [1])
