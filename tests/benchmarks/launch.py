# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command and write what it used (wall time, CPU, peak memory) to a file, as JSON.

A process of its own, and a small one: on Linux a new process begins with its parent's memory as its peak, so that a
large benchmark would find none below its own size.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run the command in the arguments after the file's name."""
    began = time.monotonic()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _pid, status, usage = os.wait4(pid, 0)
    used = {
        "wall": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(sys.argv[1], "w", encoding="ascii") as file:
        json.dump(used, file)


if __name__ == "__main__":
    main()
