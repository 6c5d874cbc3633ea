# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import os
import pathlib
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._role import backup, whole_file
from ansible_collections.voiceagent.sms.plugins.module_utils._role.backup import Recorder

ACCOUNT = "AC" + "0" * 32
FOLDERS = ["plain", "with [glob] characters", "a*b?c", "[!x]", "{a,b}", "ünï cödé"]


def settings(url: str) -> dict[str, str]:
    names = ("url", "method", "fallback_url", "fallback_method", "application_sid")
    return {**dict.fromkeys(names, ""), "url": url, "method": "POST"}


def change(before: str, after: str) -> dict[str, Any]:
    return {"before": settings(before), "after": settings(after)}


def recorder(folder: pathlib.Path, run: str = "7-1", at: float = 1_800_000_000.0) -> Recorder:
    folder.mkdir(exist_ok=True)
    return Recorder(str(folder), run, encrypt=None, decrypt=lambda data: data, clock=lambda: at)


def records(folder: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_batches_of_a_run_share_one_record(tmp_path: pathlib.Path, name: str) -> None:
    folder = tmp_path / name
    for place in range(3):
        one = recorder(folder)
        changes = {
            ACCOUNT: {f"+1555000000{place}": change("old", "new"), "+15550000009": change(f"old {place}", "new")}
        }
        one.reserve(changes, "main")
        path = one.write(changes, "main")
    (record,) = records(folder)
    assert os.path.exists(path)
    assert len(record["accounts"][ACCOUNT]) == 4
    assert record["accounts"][ACCOUNT]["+15550000009"]["before"]["url"] == "old 0", "as it was before the run"
    assert backup.read_record(path, lambda data: data) == record
    assert (folder.stat().st_mode & 0o077, os.stat(path).st_mode & 0o777) == (folder.stat().st_mode & 0o077, 0o600)


@pytest.mark.parametrize("name", FOLDERS)
def test_two_runs_in_one_second_have_a_record_each(tmp_path: pathlib.Path, name: str) -> None:
    folder = tmp_path / name
    for run in ("7-1", "8-1", "7-12"):
        recorder(folder, run).write({ACCOUNT: {"+15550000001": change(run, "new")}}, "main")
    urls = {record["accounts"][ACCOUNT]["+15550000001"]["before"]["url"] for record in records(folder)}
    assert urls == {"7-1", "8-1", "7-12"}


def test_a_disk_that_is_full_is_known_before_anything_is_changed(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    def full(path: str, size: int) -> None:
        pathlib.Path(path).write_bytes(b"")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup, "fill", full)
    one = recorder(tmp_path)
    with pytest.raises(SmsError, match="No space left on device.*nothing was changed"):
        one.reserve({ACCOUNT: {"+15550000001": change("old", "new")}}, "main")
    assert list(tmp_path.iterdir()) == []


def test_the_record_needs_no_more_room_than_was_taken(tmp_path: pathlib.Path) -> None:
    """The record is written to the same file, with a key that is longer than its placeholder."""
    one = recorder(tmp_path)
    numbers = [f"+1555000{place:04d}" for place in range(200)]
    one.reserve({ACCOUNT: dict.fromkeys(numbers, change("", "https://apikey:KEY-TO-BE-CREATED@host/"))}, "main")
    (room,) = tmp_path.iterdir()
    taken, node = room.stat().st_size, room.stat().st_ino
    path = one.write({ACCOUNT: dict.fromkeys(numbers, change("", f"https://apikey:{'k' * 200}@host/"))}, "main")
    assert os.stat(path).st_size <= taken
    assert os.stat(path).st_ino == node
    assert [file.name for file in tmp_path.iterdir()] == [os.path.basename(path)]


def test_room_that_is_not_needed_is_given_back(tmp_path: pathlib.Path) -> None:
    one = recorder(tmp_path)
    one.reserve({ACCOUNT: {"+15550000001": change("old", "new")}}, "main")
    one.release()
    one.release()
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_written_leaves_the_earlier_one(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    one = recorder(tmp_path)
    path = one.write({ACCOUNT: {"+15550000001": change("old", "new")}}, "main")
    before = pathlib.Path(path).read_bytes()

    def broken(_handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(whole_file.os, "fsync", broken)
    with pytest.raises(SmsError, match="no webhook was changed"):
        one.write({ACCOUNT: {"+15550000002": change("old", "new")}}, "main")
    assert pathlib.Path(path).read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [os.path.basename(path)]
    with pytest.raises(SmsError, match="no webhook was changed"):
        recorder(tmp_path, "a restore, for which no room is taken").write({ACCOUNT: {}}, "restore")
    assert [file.name for file in tmp_path.iterdir()] == [os.path.basename(path)], "nothing that looks like a record"


def test_the_record_of_a_restore_beside_the_one_that_it_put_back(tmp_path: pathlib.Path) -> None:
    """Several records in any order restore the settings before the first, from those after the last."""
    first = recorder(tmp_path, "7-1", 1.0).write({ACCOUNT: {"+15550000001": change("old", "new")}}, "main")
    second = recorder(tmp_path, "8-1", 2.0).write({ACCOUNT: {"+15550000001": change("new", "old")}}, "restore")
    for paths in ([first, second], [second, first]):
        record = backup.read_all(paths, lambda data: data)
        (found,) = record["accounts"][ACCOUNT].values()
        assert (found["before"]["url"], found["after"]["url"]) == ("old", "old")
