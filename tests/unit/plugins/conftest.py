# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import pytest
from requests.adapters import HTTPAdapter
from unit.plugins.scripted import Clock, Script, Step

MODULE_UTILS = "ansible_collections.voiceagent.sms.plugins.module_utils"


@pytest.fixture(scope="session")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("tmp"))


@pytest.fixture(autouse=True)
def _nobody_s_environment(monkeypatch: pytest.MonkeyPatch, _folder: str) -> None:
    """Remove the developer's own credentials, and keep lock files out of their folders."""
    for name in list(os.environ):
        if name.startswith(("IC_", "IBMCLOUD_", "TWILIO_", "WO_")) or name in ("JOB_ID", "NETRC", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(tempfile, "tempdir", _folder)
    monkeypatch.setattr(f"{MODULE_UTILS}._ibm.mint.MEETING_PLACE", _folder, raising=False)
    monkeypatch.setattr(f"{MODULE_UTILS}._twilio.client._FAMILIES", {})


@pytest.fixture(autouse=True)
def _no_tls_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDK from loading all CAs, which took most of a test's time. Its own connections are not used."""
    monkeypatch.setattr("ibm_cloud_sdk_core.base_service.SSLHTTPAdapter", lambda **_settings: HTTPAdapter())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def play() -> Iterator[Callable[..., Script]]:
    """Return a function that creates a script; at the end, all of it must have been played."""
    scripts: list[Script] = []

    def make(*steps: Step) -> Script:
        scripts.append(Script(*steps))
        return scripts[-1]

    yield make
    for script in scripts:
        assert script.is_over(), f"never asked for: {[step.request for step in script.steps]}"
