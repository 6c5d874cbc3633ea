# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test downloads from a host of its own.

It installs the requested pip with the pip that Python itself brings, so that only the package index is needed.
checks.py puts it where ansible-test keeps its download.
"""

from __future__ import annotations

import ensurepip
import glob
import os
import sys

if __name__ == "__main__":
    bundled = glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
    sys.path.insert(0, bundled[0])
    from pip._internal.cli.main import main

    arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    sys.exit(main(["install", "--no-input", "--upgrade", "--force-reinstall", *arguments]))
