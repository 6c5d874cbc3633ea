# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import re
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit import STATUSES
from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit_report import make_report
from ansible_collections.voiceagent.sms.plugins.plugin_utils import audit_page, run

ROLE = pathlib.Path(__file__).parents[4] / "roles" / "connect_sms"
EVIL = "</script><script>alert(1)</script>\"'POLICY"


def entry(status: str = "connected", **values: Any) -> dict[str, Any]:
    names = ("friendly_name", "account_sid", "sid", "region", "url", "fallback_url", "overridden_by", "via", "key")
    bare = {**dict.fromkeys(names), "errors": None, "changed_by": None, "host": "localhost", "msg": "said"}
    return {**bare, "phone_number": "+15550000001", "status": status, **values}


def page(*told: dict[str, Any], notes: list[str] | None = None, **facts: Any) -> str:
    options = {name: facts.pop(name) for name in ("options", "inventory") if name in facts}
    facts = {"version": "1.2.3", "agents": [], "retired": [], **facts}
    report = make_report(None, list(told), notes or [], facts, run="one", now="2026-11-25T18:02:00+00:00")
    return audit_page.as_page(report, str(ROLE), **options)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ([], "<strong>0 of 0 phone numbers</strong> reach the agent"),
        ([entry()], "<strong>1 of 1 phone number</strong> reaches the agent"),
        ([entry(), entry("elsewhere", phone_number="+15550000002")], "<strong>1 of 2 phone numbers</strong> reaches"),
        ([entry("dropped")], "<strong>0 of 1 phone number</strong> reach the agent"),
    ],
)
def test_what_it_says_first(told: list[dict[str, Any]], sentence: str) -> None:
    assert sentence in page(*told)


def test_names_of_others_do_no_harm() -> None:
    """In every place where one can be."""
    carrier = {"kind": "messaging_service", "sid": "MG1", "name": EVIL, "url": EVIL}
    key = {"credential": EVIL, "age_days": 1.0, "role": EVIL}
    errors = {"count": 1, "last_at": EVIL, "codes": {EVIL: 1}, "since_change": 1}
    names = dict.fromkeys(("friendly_name", "host", "msg", "url", "fallback_url", "region"), EVIL)
    agent = {"instance": EVIL, "instance_guid": EVIL, "instance_crn": f"a:b:c:d:{EVIL}:x", "region": EVIL}
    retired = {"name": EVIL, "guid": "g1", "age_days": 1.0, "phone_numbers": [EVIL], **agent}
    told = [entry(via=carrier, key=key, errors=errors, **names), entry("overridden", overridden_by=carrier)]
    text = page(
        *told, notes=[EVIL], agents=[agent], retired=[retired], options=["-e", f"region={EVIL}"], inventory=[EVIL]
    )
    assert re.findall(r"<script[^>]*>", text) == ['<script type="application/json" id="settings">', "<script>"]
    settings = json.loads(text.partition('id="settings">')[2].partition("</script>")[0])
    assert EVIL.partition("'")[0] in settings["inventory"]
    assert 'href="javascript' not in text


def test_the_policy_knows_the_script_and_the_style_and_nothing_else() -> None:
    text = page(entry())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]  # type: ignore[index]
    for element in ("script", "style"):
        (own,) = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"\sstyle=|\son\w+=|<link|<img|src=", text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-05T08:02:59Z", "5 Nov 2026, 08:02"),
        ("2026-11-05T08:02:59.837979455Z", "5 Nov 2026, 08:02"),
        ("2026-11-05T08:02:59+02:00", "5 Nov 2026, 06:02"),
        ("2026-11-05T08:02:59", "5 Nov 2026, 08:02"),
        ("yesterday", "yesterday"),
        (None, "None"),
    ],
)
def test_times_for_people(text: Any, told: str) -> None:
    assert audit_page.when(text) == told


def test_the_bar_shows_every_share_and_fills_its_width() -> None:
    errors = {"count": 1, "since_change": 1}
    told = [entry() for _index in range(4997)] + [entry(errors=errors), entry("dead_key"), entry("unknown")]
    pieces = audit_page.shares(told)
    assert [state for state, _start, _width in pieces] == ["dead_key", "unknown", "warned", "connected"]
    assert all(width > 9 for _state, _start, width in pieces)
    assert sum(width for _state, _start, width in pieces) == pytest.approx(1000, abs=0.1)
    assert audit_page.shares([]) == []
    assert len(audit_page.shares([entry(status) for status in STATUSES])) == len(STATUSES)


def test_the_line_of_the_past_needs_ten_audits() -> None:
    past = [{"at": f"2026-11-{day:02}T10:00:00Z", "numbers": 10, "connected": day} for day in range(1, 11)]
    assert audit_page.past(past[1:]) is None
    line = audit_page.past(past)
    assert line
    assert line["points"].split()[0] == "0.0,32.4"
    assert line["points"].split()[-1] == "240.0,0.0"
    assert audit_page.past([{**each, "numbers": 0} for each in past])


@pytest.mark.parametrize(
    ("crn", "link"),
    [
        (
            "crn:v1:bluemix:public:voice-agent:us-south:a/abc:guid::",
            "https://cloud.ibm.com/services/voice-agent/"
            "crn%3Av1%3Abluemix%3Apublic%3Avoice-agent%3Aus-south%3Aa%2Fabc%3Aguid%3A%3A?paneId=credentials",
        ),
        (None, None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_where_ibm_cloud_shows_an_instance(crn: str | None, link: str | None) -> None:
    assert audit_page.instance_link(crn) == link


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("MANIFEST.json", '{"collection_info": {"version": "1.2.3"}}', "1.2.3"),
        ("galaxy.yml", "version: 1.2.4\n", "1.2.4"),
        ("MANIFEST.json", "{", None),
        ("galaxy.yml", "- 1\n", None),
        ("galaxy.yml", "name: sms\n", None),
        ("other", "", None),
    ],
)
def test_the_version_of_the_collection(tmp_path: pathlib.Path, name: str, text: str, version: str | None) -> None:
    (tmp_path / name).write_text(text)
    assert run.collection_version(str(tmp_path / "roles" / "connect_sms")) == version
