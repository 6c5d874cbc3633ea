# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which run of ansible-playbook a plugin is part of."""

from __future__ import annotations

import os


def run_id() -> str:
    """Return what all batches of one run have in common: ansible-playbook's process, of which this one is a fork."""
    pid = os.getppid()
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return f"{pid}-{file.read().rpartition(')')[2].split()[19]}"  # start time: process ids come again
    except (OSError, IndexError):
        return str(pid)
