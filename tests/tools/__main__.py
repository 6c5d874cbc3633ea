# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands behind the Makefile: `tests/tools/run COMMAND [--core VERSION] [ARGUMENTS ...]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from tools import commands, process, venvs


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/tools/run", description=__doc__)
    parser.add_argument("command", choices=sorted(commands.COMMANDS))
    parser.add_argument("--core", default="newest", help="the ansible-core to test with: newest, 2.19 or 2.16")
    options, arguments = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return commands.COMMANDS[options.command](f"core-{options.core}", tuple(arguments))
    except venvs.Unavailable as reason:
        print(f"Not possible here: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone: so do we, with all that we started
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    finally:
        process.stop_all()


if __name__ == "__main__":
    sys.exit(main())
