# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same inputs in every run, and a count of them at its end."""

from __future__ import annotations

import collections
import os
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

#: How many inputs there are for each test, and with SMS_TESTS=full.
settings.register_profile(
    "fuzz",
    max_examples=3000 if os.environ.get("SMS_TESTS") == "full" else 200,
    phases=(Phase.explicit, Phase.generate),  # a failure is shown as it was found: to make it smaller takes minutes
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("fuzz")

TRIED: collections.Counter[str] = collections.Counter()


@pytest.fixture(autouse=True)
def _nobody_s_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("IC_", "IBMCLOUD_", "TWILIO_", "WO_")) or name in ("JOB_ID", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))


@pytest.fixture
def tried() -> collections.Counter[str]:
    """Where a test counts its inputs."""
    return TRIED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if TRIED:
        terminalreporter.write_line(f"inputs tried: {TRIED.total()}")
