# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sandbox for all tests. Each test has its own accounts, so that tests do not affect each other."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.client import Sandbox
from system.counts import summary
from system.playing import Player

SOUTH = "sms-south.voiceagent.cloud.ibm.com"
EAST = "sms-east.voiceagent.cloud.ibm.com"
PHONES = (f"+1555{number:07d}" for number in itertools.count(2000001))


class Accounts:
    """An IBM Cloud account and a Twilio account for one test."""

    def __init__(self, box: Sandbox) -> None:
        """Make them."""
        self.box = box
        self.ibm = box.add_ibm_account()
        self.twilio = box.add_twilio_account()
        #: The variables that lead there.
        self.environment: dict[str, str] = {**self.ibm["environment"], **self.twilio["environment"]}
        # The receivers' names lead into the sandbox, not onto the internet.
        self.environment |= {name: box.environment[name] for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE")}

    def agent(self, name: str = "sms-agent", region: str = "us-south", **values: Any) -> dict[str, Any]:
        """Add an agent's instance."""
        return self.box.add_instance(name, region, account_id=self.ibm["id"], **values)

    def number(self, **values: Any) -> str:
        """Add a phone number and return it."""
        wanted = {"account_sid": self.twilio["sid"], "phone_number": next(PHONES), **values}
        return str(self.box.add_numbers(wanted)[0]["phone_number"])

    def connected(self, key: dict[str, Any], host: str = SOUTH, **values: Any) -> str:
        """Add a phone number that is connected with this service credential, and return it."""
        return self.number(sms_url=url(key["api_key"]["value"], host), **values)

    def keys(self, instance: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the service credentials of an instance that are not removed."""
        rows = self.box.rows("ibm", "keys")
        return [row for row in rows if row["instance_guid"] == instance["guid"] and row["state"] == "active"]

    def the_api_key(self, instance: dict[str, Any]) -> str:
        """Return the API key of the only service credential of an instance."""
        (key,) = self.keys(instance)
        return self.box.api_key_of(key["guid"])

    def sms_url(self, phone_number: str) -> str:
        """Return where a number's texts go."""
        return str(self.box.number(phone_number)["sms_url"])


def url(api_key: str, host: str = SOUTH, username: str = "apikey") -> str:
    """Return a receiver's URL."""
    return f"https://{username}:{api_key}@{host}/sms.receiver/SmsRecv"


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def accounts(box: Sandbox) -> Iterator[Accounts]:
    yield Accounts(box)
    box.clear_faults()


@pytest.fixture
def play(box: Sandbox, accounts: Accounts, tmp_path: pathlib.Path) -> Player:
    return Player(box, tmp_path, accounts.environment)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in summary():
        terminalreporter.write_line(line)
