# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unit.plugins.running import Run

from sandbox.client import Sandbox

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_credentials_by_their_guids(run: Run, box: Sandbox) -> None:
    """Works whatever the lists show: this is how a run finds out what others have done meanwhile."""
    agent = box.add_instance("sms-agent", "us-south")
    box.settings(stale_lists=60.0)
    live, gone = box.add_key(agent["guid"]), box.add_key(agent["guid"])
    renamed = box.add_key(agent["guid"], "twilio-sms:retiring")
    box.remove("ibm", "keys", gone["guid"])
    guids = [gone["guid"], UNKNOWN, live["guid"], renamed["guid"]]
    result = run("iva_credential_info", guids=guids)
    assert result.operations == ["iam.token", *["rc.get_key"] * 4]
    rows = result["credentials"]
    assert [row["guid"] for row in rows] == guids
    assert [row["state"] for row in rows] == ["removed", "absent", "active", "active"]
    assert [row["name"] for row in rows] == ["twilio-sms", "", "twilio-sms", "twilio-sms:retiring"]
    shown = {"region": "us-south", "instance": None, "instance_guid": agent["guid"], "role": "Writer", "readable": True}
    assert {name: rows[2][name] for name in shown} == shown
    assert rows[1]["readable"] is False


def test_whether_a_credential_is_the_first_of_its_name(run: Run, box: Sandbox) -> None:
    """Asked after a create: the list shows what the credential has become, and whether there is an older one."""
    agent = box.add_instance("sms-agent", "us-south")
    first, second = (box.add_key(agent["guid"], created_at=f"2026-01-0{day}T00:00:00Z") for day in (1, 2))
    result = run("iva_credential_info", guids=[second["guid"], first["guid"]], instance=agent["guid"])
    assert [row["first"] for row in result["credentials"]] == [False, True]
    assert result.operations == ["iam.token", "rc.list_instance_keys"]
    box.remove("ibm", "keys", first["guid"])
    alone = run("iva_credential_info", guids=[second["guid"]], instance=agent["guid"], iam_token=box.token())
    assert [row["first"] for row in alone["credentials"]] == [True]
    assert alone.operations == ["rc.list_instance_keys"]
    box.change("ibm", "keys", second["guid"], name="twilio-sms:retiring")
    retired = run("iva_credential_info", guids=[second["guid"]], instance=agent["guid"], iam_token=box.token())
    assert [(row["name"], row["first"]) for row in retired["credentials"]] == [("twilio-sms:retiring", True)]
    assert retired.operations == ["rc.list_instance_keys"]


def test_a_credential_that_the_list_does_not_show_is_read_by_its_guid(run: Run, box: Sandbox) -> None:
    agent = box.add_instance("sms-agent", "us-south")
    box.settings(list_lag=60.0)
    late = run("iva_credential", name="twilio-sms", region="us-south")["credential"]
    result = run("iva_credential_info", guids=[late["guid"]], instance=agent["guid"])
    assert [(row["guid"], row["state"]) for row in result["credentials"]] == [(late["guid"], "absent")]
    assert result.operations == ["iam.token", "rc.list_instance_keys", "rc.get_key"]


def test_guids_go_with_nothing_that_lists(run: Run) -> None:
    for more in ({"name": "twilio-sms"}, {"region": "us-south"}):
        result = run("iva_credential_info", guids=[UNKNOWN], **more)
        assert (result.code, result.requests) == ("bad_options", [])
