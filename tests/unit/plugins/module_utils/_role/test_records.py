# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of previous settings: where they may be written, and several of them as one."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._role import backup

ACCOUNT, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
ONE, TWO, THREE = "+15550000001", "+15550000002", "+15550000003"


def settings(url: str) -> dict[str, str]:
    return {"url": url, "method": "POST", "fallback_url": "", "fallback_method": "POST", "application_sid": ""}


def change(before: str, after: str) -> dict[str, Any]:
    return {"before": settings(before), "after": settings(after)}


def written(path: pathlib.Path, created_at: str, accounts: dict[str, Any]) -> str:
    record = {"format": 1, "created_at": created_at, "entry_point": "main", "accounts": accounts}
    path.write_text(json.dumps(record))
    return str(path)


def test_several_records_undo_all_that_was_done(tmp_path: pathlib.Path) -> None:
    young = written(
        tmp_path / "b", "2026-11-25T12:00:00+00:00", {ACCOUNT: {ONE: change("two", "three"), TWO: change("a", "b")}}
    )
    old = written(
        tmp_path / "a",
        "2026-11-24T12:00:00+00:00",
        {ACCOUNT: {ONE: change("one", "two")}, OTHER: {THREE: change("x", "y")}},
    )
    for order in ([young, old], [old, young]):
        record = backup.read_all(order, lambda data: data)
        assert record["accounts"] == {
            ACCOUNT: {ONE: change("one", "three"), TWO: change("a", "b")},
            OTHER: {THREE: change("x", "y")},
        }
    (tmp_path / "wrong").write_text("{}")
    with pytest.raises(SmsError, match="wrong' is not a backup"):
        backup.read_all([old, str(tmp_path / "wrong")], lambda data: data)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("/a/b.json", ["/a/b.json"]),
        ("/a/b.json\n", ["/a/b.json"]),
        ("/a/b.json\r\n /a/c d,e.json \n\n/a/b.json", ["/a/b.json", "/a/c d,e.json"]),
        (["/a/b.json", None, ""], ["/a/b.json"]),
        ("b.json", [os.path.abspath("b.json")]),
        ("~/b.json", [os.path.expanduser("~/b.json")]),
    ],
)
def test_the_files_that_are_meant(value: Any, paths: list[str]) -> None:
    assert backup.paths_of(value) == paths


def test_a_folder_is_made_where_it_stays(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "kept"
    with pytest.raises(SmsError, match="would disappear with it"):
        backup.check_folder(str(folder), in_container=True)
    assert not folder.exists()
    backup.check_folder(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    backup.check_folder(str(folder), in_container=True)
