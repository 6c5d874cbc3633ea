# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command together with its own sandbox: beside_sandbox.py [--config FILE] COMMAND ...

The sandbox's address is in the command's environment. FILE gets the same as YAML, for ansible-test, which does not pass on
the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

from sandbox.client import Sandbox

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", type=pathlib.Path)
parser.add_argument("command", nargs=argparse.REMAINDER)
options = parser.parse_args()
with Sandbox.start("demo") as box:
    if options.config:
        options.config.write_text(
            json.dumps({"sandbox_url": box.url, **box.environment}, indent=2)
        )  # JSON is YAML, too
    environment = {**os.environ, **box.environment, "SANDBOX_URL": box.url}
    sys.exit(subprocess.run(options.command, env=environment, check=False).returncode)
