# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the get-pip script that ansible-test downloads from its own host.

It runs in an environment without pip, and installs pip from Python's own copy and the package index. ansible_test.py puts it
where ansible-test keeps its download.
"""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    # Not ensurepip.bootstrap(), because it disables pip's settings for this process and its children.
    subprocess.check_call([sys.executable, "-m", "ensurepip"])
    wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--no-input", "--upgrade", *wanted]))
