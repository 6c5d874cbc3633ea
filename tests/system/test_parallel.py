# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs at once, on slices of one inventory, as a controller's job slices are: one credential in the end."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.client import Sandbox
from system.conftest import PHONES, Accounts, url
from system.playing import Player, Run

RUNS = 4
NUMBERS = 8
ROUNDS = 10 if os.environ.get("SMS_TESTS") == "full" else 1


@pytest.fixture
def lagging(box: Sandbox) -> Iterator[Sandbox]:
    """IBM Cloud lists a new credential late, and IAM accepts its key late."""
    box.settings(list_lag=1.5, key_activation_delay=1.0)
    yield box
    box.settings(list_lag=0.0, key_activation_delay=0.0)


@pytest.mark.parametrize("where", ["one machine", "several machines"])
@pytest.mark.parametrize("number", range(ROUNDS))
def test_slices_that_run_at_once_end_with_one_credential(
    lagging: Sandbox, accounts: Accounts, tmp_path: pathlib.Path, where: str, number: int
) -> None:
    agent = accounts.agent()
    rows = [{"account_sid": accounts.twilio["sid"], "phone_number": next(PHONES)} for _row in range(NUMBERS)]
    numbers = [row["phone_number"] for row in lagging.add_numbers(rows)]
    hosts = [f"h{place}" for place in range(NUMBERS)]
    listed = {"all": {"hosts": {host: {"phone_number": n} for host, n in zip(hosts, numbers, strict=True)}}}
    # Each run has a TMPDIR of its own. Runs on one machine meet elsewhere all the same; slices of a controller's job,
    # which JOB_ID tells of, may be on several and meet nowhere.
    env = {"JOB_ID": str(100 + number)} if where == "several machines" else {}
    players = []
    for place in range(RUNS):
        folder = tmp_path / str(place)
        folder.mkdir()
        players.append(Player(lagging, folder, {**accounts.environment, **env}))

    def one(place: int) -> Run:
        chosen = ",".join(hosts[place::RUNS])
        return players[place]("-e", "region=us-south", "--limit", chosen, inventory=listed)

    with ThreadPoolExecutor(RUNS) as pool:
        runs = list(pool.map(one, range(RUNS)))
    assert [run.code for run in runs] == [0] * RUNS, "\n".join(run.output for run in runs if run.code)
    assert {host: status for run in runs for host, status in run.status.items()} == dict.fromkeys(hosts, "changed")
    assert {accounts.sms_url(n) for n in numbers} == {url(accounts.the_api_key(agent))}
    assert all(lagging.text(n)["delivered"] for n in numbers)
