# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test downloads from a host of its own.

It runs in an environment that has no pip yet, and gets one from what Python itself brings and from the package index.
checks.py puts it where ansible-test keeps its download.
"""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    # Not ensurepip.bootstrap(): that switches pip's settings off for this process and all that it starts.
    subprocess.check_call([sys.executable, "-m", "ensurepip"])
    wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--no-input", "--upgrade", *wanted]))
