# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both clouds on loopback, for tests: IBM Cloud, Twilio and the agent's SMS receiver behind one port.

The sandbox keeps state, refuses what the clouds refuse, pages its lists and fails on request. Tests inspect it through
its control API (``/_sandbox/...``), so that they do not depend on the code that they test.

    PYTHONPATH=tests python -m sandbox --seed demo --env-file sandbox.env

:mod:`sandbox.client` starts and drives it from tests.
"""

from __future__ import annotations
