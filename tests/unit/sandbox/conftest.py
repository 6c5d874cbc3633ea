# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sandbox for all its tests, reset before each, and plain HTTP clients for both clouds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox.client import Sandbox


class Cloud:
    """A plain client: it sends a request and returns the response."""

    def __init__(self, url: str, **session: Any) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        for name, value in session.items():
            setattr(self.session, name, value)

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=30, **more)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self("GET", path, params=query)


class Twilio(Cloud):
    """A client with an account's credentials (or others for the account in its paths)."""

    def __init__(self, url: str, account: str, user: str, password: str) -> None:
        super().__init__(url, auth=(user, password))
        self.account = account
        self.numbers = f"/2010-04-01/Accounts/{account}/IncomingPhoneNumbers"

    def fetch(self, sid: str) -> requests.Response:
        return self.get(f"{self.numbers}/{sid}.json")

    def update(self, sid: str, **form: str) -> requests.Response:
        return self("POST", f"{self.numbers}/{sid}.json", data=form)

    def list(self, **query: Any) -> requests.Response:
        return self.get(f"{self.numbers}.json", **query)


class Ibm(Cloud):
    """A client with an IAM token."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, headers={"Authorization": f"Bearer {token}"})

    def create(self, **body: Any) -> requests.Response:
        return self("POST", "/v2/resource_keys", json=body)

    def key(self, key: dict[str, Any]) -> requests.Response:
        return self.get(f"/v2/resource_keys/{quote(key['crn'], safe='')}")

    def keys_of(self, instance: dict[str, Any], **query: Any) -> requests.Response:
        return self.get(f"/v2/resource_instances/{quote(instance['crn'], safe='')}/resource_keys", **query)


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def box(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def twilio(box: Sandbox) -> Twilio:
    sid = box.environment["TWILIO_ACCOUNT_SID"]
    return Twilio(box.url, sid, sid, box.environment["TWILIO_AUTH_TOKEN"])


@pytest.fixture
def as_user(box: Sandbox) -> Any:
    """Return a function that makes a Twilio client from an account SID, a user and a password."""
    return lambda account, user, password: Twilio(box.url, account, user, password)


@pytest.fixture
def ibm(box: Sandbox) -> Ibm:
    return Ibm(box.url, box.token())


@pytest.fixture
def as_caller(box: Sandbox) -> Any:
    """Return a function that makes an IBM Cloud client for a caller with these roles."""

    def make(service_role: str, platform_role: str = "Editor") -> Ibm:
        caller = box.add_caller(service_role=service_role, platform_role=platform_role)
        return Ibm(box.url, box.token(caller["value"]))

    return make


@pytest.fixture
def agent(box: Sandbox) -> dict[str, Any]:
    return box.add_instance("sms-agent", "us-south")


@pytest.fixture
def number(box: Sandbox) -> dict[str, Any]:
    return box.add_numbers({"phone_number": "+15550100001"})[0]
