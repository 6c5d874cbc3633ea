# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module in many Twilio accounts: which calls run at once, and what they return."""

from __future__ import annotations

import re
import resource
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.voiceagent.sms.plugins.action import sms_accounts
from ansible_collections.voiceagent.sms.plugins.module_utils._http.errors import SmsError
from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.rollout import is_interrupted, run_all
from ansible_collections.voiceagent.sms.plugins.modules import twilio_sms_webhook
from ansible_collections.voiceagent.sms.plugins.plugin_utils import progress

A, B, C = (letter * 2 + "0" * 32 for letter in ("A", "B", "C"))
SPEC = {
    "account_sid": {"type": "str"},
    "subaccount_sid": {"type": "str"},
    "auth_token": {"type": "str", "no_log": True},
    "phone_numbers": {"type": "list", "elements": "str"},
    "_role": {"type": "dict", "options": {"progress_file": {"type": "path"}}, "apply_defaults": True},
}
Manage = Callable[[Any], dict[str, Any]]


class Inner:
    """An action behind a made-up module, which runs in the task's process or not."""

    def __init__(self, task: Any, manage: Manage, *, at_home: bool) -> None:
        self._task = task
        self._manage = manage
        self._at_home = at_home

    def code(self, _task_vars: Any) -> ModuleType | None:
        module = ModuleType("made_up")
        vars(module).update(ARGUMENTS={"argument_spec": SPEC}, NEEDS={}, manage=self._manage)
        return module if self._at_home else None

    def run(self, task_vars: Any) -> dict[str, Any]:
        assert isinstance(task_vars, dict)
        return self._manage(SimpleNamespace(params=self._task.args, check_mode=self._task.check_mode))


def run(
    calls: list[dict[str, Any]],
    manage: Manage,
    *,
    at_home: bool = True,
    module: str = "twilio_sms_webhook",
    defaults: list[dict[str, Any]] | None = None,
    check_mode: bool = False,
) -> list[dict[str, Any]]:
    """Run the action, with *manage* for the module, and return its results."""
    loader = DataLoader()
    values = {"check_mode": check_mode, "diff": False, "async_val": 0, "module_defaults": defaults or []}

    def task(**more: Any) -> Any:
        made = SimpleNamespace(**values, **more)
        made.copy = lambda: SimpleNamespace(**values)
        return made

    plugin = sms_accounts.ActionModule(
        task(args={"module": module, "calls": calls}),
        SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nonexistent")),
        SimpleNamespace(),
        loader,
        Templar(loader=loader),
        None,
    )
    inner = SimpleNamespace(get=lambda _name, task, **_more: Inner(task, manage, at_home=at_home))
    plugin._shared_loader_obj = SimpleNamespace(action_loader=inner)
    result = plugin.run(task_vars={})
    assert result["changed"] is False
    assert not result.get("failed")
    assert "results" not in result, "ansible-core 2.19 shows them in spite of no_log"
    return result["accounts"]


def test_accounts_are_worked_on_at_once_and_results_keep_their_order() -> None:
    both = threading.Barrier(2, timeout=5)

    def manage(module: Any) -> dict[str, Any]:
        both.wait()
        return {"changed": True, "sid": module.params["subaccount_sid"], "invocation": {}}

    calls = [{"account_sid": A, "subaccount_sid": sid} for sid in (B, C)]
    assert run([calls[0], {}, calls[1]], manage) == [{"sid": B}, {}, {"sid": C}]


@pytest.mark.parametrize(
    ("calls", "environment"),
    [
        ([{"account_sid": A}, {"account_sid": A, "auth_token": "another"}], {}),
        ([{"account_sid": B}, {"account_sid": A, "subaccount_sid": B}], {}),
        ([{}, {"account_sid": A}], {"TWILIO_ACCOUNT_SID": A}),
        ([{"account_sid": A}, {"subaccount_sid": B}], {"TWILIO_SUBACCOUNT_SID": B}),
    ],
)
def test_calls_in_one_account_follow_one_another(
    monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]], environment: dict[str, str]
) -> None:
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_SUBACCOUNT_SID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    running = threading.Semaphore(1)

    def manage(_module: Any) -> dict[str, Any]:
        assert running.acquire(blocking=False), "another call is in the same account"
        threading.Event().wait(0.02)
        running.release()
        return {}

    results = run([{**call, "phone_numbers": "+15550000001"} for call in calls], manage)
    assert results == [{}, {}]


def test_no_more_accounts_at_once_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms_accounts, "ACCOUNTS", 3)
    places, three = threading.Semaphore(3), threading.Barrier(3, timeout=5)

    def manage(_module: Any) -> dict[str, Any]:
        assert places.acquire(blocking=False), "a fourth account at once"
        three.wait()
        places.release()
        return {"done": True}

    assert run([{"account_sid": f"AC{place:032d}"} for place in range(12)], manage) == [{"done": True}] * 12


def failing(module: Any) -> dict[str, Any]:
    sid = module.params["account_sid"]
    if sid == B:
        raise SmsError("no", code="no")
    return {"sid": sid, "token": module.params.get("auth_token")}


def test_a_failed_call_fails_neither_the_task_nor_the_others() -> None:
    def broken(module: Any) -> dict[str, Any]:
        return failing(module) if module.params["account_sid"] != C else {"bug": 1 // 0}

    results = run([{"account_sid": sid} for sid in (A, B, C)], broken)
    assert results[0] == {"sid": A, "token": None}
    assert results[1] == {"msg": "no", "failure": {"code": "no", "status": None}}
    assert "crashed, which is a bug in it: ZeroDivisionError" in results[2]["msg"]


def test_an_action_that_cannot_run_its_module_fails_only_its_call() -> None:
    def process(module: Any) -> dict[str, Any]:
        if module.params["account_sid"] == B:
            raise AnsibleError("there is no such interpreter")
        return {"thread": threading.current_thread().name}

    main = threading.current_thread().name  # Ansible starts processes from there only
    results = run([{"account_sid": sid} for sid in (A, B, C)], process, at_home=False)
    assert results == [{"thread": main}, {"msg": "there is no such interpreter"}, {"thread": main}]


def test_defaults_of_the_play_fill_gaps_and_secrets_do_not_come_back() -> None:
    defaults = [{"group/voiceagent.sms.twilio": {"account_sid": A, "auth_token": "the play's token"}}]
    results = run([{"account_sid": C, "auth_token": "its own"}, {"phone_numbers": "x"}], failing, defaults=defaults)
    hidden = {"token": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}
    assert results == [{"sid": C, **hidden}, {"sid": A, **hidden}]


@pytest.mark.parametrize("at_home", [True, False])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_dry_run_is_one_for_each_account(at_home: bool, check_mode: bool) -> None:
    calls = [{"account_sid": A}, {"account_sid": B}]
    results = run(calls, lambda module: {"dry": module.check_mode}, at_home=at_home, check_mode=check_mode)
    assert results == [{"dry": check_mode}] * 2


@pytest.mark.parametrize(
    ("module", "check_mode", "shows"),
    [
        ("twilio_sms_webhook", False, True),
        ("twilio_sms_webhook", True, False),
        ("twilio_sms_webhook_info", False, False),
    ],
)
def test_progress_adds_up_over_the_accounts(
    monkeypatch: pytest.MonkeyPatch, module: str, check_mode: bool, shows: bool
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(progress, "LOOK", 0.01)
    half, told = threading.Barrier(3, timeout=60), threading.Event()
    monkeypatch.setattr(progress.display, "display", lambda line: (shown.append(line), told.set()))

    def manage(module: Any) -> dict[str, Any]:
        path = module.params["_role"]["progress_file"]
        assert bool(path) is shows
        half.wait()
        note = twilio_sms_webhook.noting(path, 700)
        for _number in range(500):
            note()
        assert not shows or told.wait(60)
        return {}

    numbers = [f"+1555{n:07d}" for n in range(700)]
    calls = [{"account_sid": sid, "phone_numbers": numbers} for sid in (A, B, C)]
    run(calls, manage, module=module, check_mode=check_mode)
    assert len(shown) == shows
    assert all(re.fullmatch("1[0-5]00 of 2100 phone numbers done", line) for line in shown)  # none has 1000 alone


def test_progress_makes_no_call_of_none() -> None:
    numbers = [f"+1555{n:07d}" for n in range(1001)]
    results = run([{"account_sid": A, "phone_numbers": numbers}, {}], lambda module: {"args": module.params})
    assert results[1] == {}


def test_an_interrupt_stops_the_work_in_all_accounts() -> None:
    begun: list[int] = []
    main, ready = threading.main_thread(), threading.Event()

    def manage(_module: Any) -> dict[str, Any]:
        def update(number: int) -> None:
            begun.append(number)
            ready.set()
            threading.Event().wait(0.02)

        run_all(range(1000), update, workers=2)
        assert is_interrupted()
        return {}

    class Interrupting(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            if threading.current_thread() is main and ready.wait(5) and not raised:
                raised.append(True)
                raise KeyboardInterrupt
            super().join(timeout)

    raised: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Thread", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            run([{"account_sid": sid} for sid in (A, B, C)], manage)
    assert 0 < len(begun) < 100


MANY, FEW = [f"+1555{n:07d}" for n in range(500)], "+15550000001,+15550000002"


@pytest.mark.parametrize(
    ("allowed", "calls", "expected"),
    [
        (1024, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": 64}], 4),
        (1024, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": "64"}, {}], 4),
        (1024, [{"webhooks": [{"phone_numbers": FEW}], "concurrency": 64}], 16),
        (256, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": 64}], 1),
        (256, [{"phone_numbers": MANY}], 8),  # a look reads eight things at once, however many numbers there are
        (64, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": 1000}], 1),
        (1_048_576, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": 64}], 16),
        (resource.RLIM_INFINITY, [{"webhooks": [{"phone_numbers": MANY}], "concurrency": 64}], 16),
    ],
)
def test_accounts_at_once_leave_room_for_other_files(
    monkeypatch: pytest.MonkeyPatch, allowed: int, calls: list[dict[str, Any]], expected: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (allowed, allowed))
    assert sms_accounts.at_once(calls) == expected
