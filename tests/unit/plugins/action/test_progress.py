# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.voiceagent.sms.plugins.action import twilio_sms_webhook as action
from ansible_collections.voiceagent.sms.plugins.modules import twilio_sms_webhook as module
from ansible_collections.voiceagent.sms.plugins.plugin_utils import progress

MANY = ",".join(f"+1555{n:07d}" for n in range(3500))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown."""
    shown: list[str] = []
    monkeypatch.setattr(progress.display, "display", shown.append)
    monkeypatch.setattr(progress, "LOOK", 0.01)
    return shown


def run(monkeypatch: pytest.MonkeyPatch, work: Any, args: dict[str, Any], **task: Any) -> Any:
    """Run the action, with *work* for the module: it gets the task's arguments."""
    monkeypatch.setattr(action.ActionModule.__base__, "run", lambda self, _tmp, _vars: work(self._task.args))
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._task = SimpleNamespace(**{"args": args, "check_mode": False, "async_val": 0, **task})
    return plugin.run()


def test_progress_is_shown_while_the_module_works(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    def work(args: dict[str, Any]) -> dict[str, Any]:
        note, deadline = module.noting(args["_role"]["progress_file"], 3500), time.monotonic() + 60
        for count in range(1, 3501):
            note()
            while count // 1000 > len(lines) and time.monotonic() < deadline:
                time.sleep(0.01)
        assert args["webhooks"] == [{"phone_numbers": MANY}]
        assert args["_role"]["snapshot"] == "text"
        return {"file": args["_role"]["progress_file"]}

    result = run(monkeypatch, work, {"webhooks": [{"phone_numbers": MANY}], "_role": {"snapshot": "text"}})
    assert lines == [f"{count} of 3500 phone numbers done" for count in (1000, 2000, 3000)]
    assert not pathlib.Path(result["file"]).exists()
    assert not [thread for thread in threading.enumerate() if "watch" in thread.name]  # it has ended with the module


def test_nothing_is_left_behind_when_the_module_breaks(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    files = []

    def work(args: dict[str, Any]) -> None:
        files.append(pathlib.Path(args["_role"]["progress_file"]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, work, {"phone_numbers": MANY})
    assert not files[0].exists()
    assert lines == []


@pytest.mark.parametrize(
    ("args", "task"),
    [
        ({"phone_numbers": MANY}, {"check_mode": True}),
        ({"phone_numbers": MANY}, {"async_val": 60}),
        ({"phone_numbers": MANY.split(",")[:1000]}, {}),
        ({"phone_number": "+15550000001"}, {}),
        ({"webhooks": [{"phone_numbers": ""}], "_role": {"restore": "text"}}, {}),
        ({"webhooks": "{{ nothing that was templated }}"}, {}),
    ],
)
def test_few_numbers_need_no_progress(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], args: dict[str, Any], task: dict[str, Any]
) -> None:
    assert run(monkeypatch, dict, args, **task) == args


def test_a_file_that_is_not_there_is_no_matter(tmp_path: pathlib.Path) -> None:
    for path in (str(tmp_path / "elsewhere"), None):
        note = module.noting(path, 200)
        for _number in range(200):
            note()
    assert list(tmp_path.iterdir()) == []
