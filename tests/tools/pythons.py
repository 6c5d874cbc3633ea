# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine that really run."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
from typing import NamedTuple

from tools import project

OLDEST = (3, 10)
PROBE = (
    "import sys, json, ensurepip, ssl, venv; v = sys.version_info;"
    "base = getattr(sys, '_base_executable', sys.executable);"
    "print(json.dumps([v[:3], v.releaselevel, sys.implementation.name, base]))"
)


class Python(NamedTuple):
    version: tuple[int, int, int]
    path: str

    @property
    def series(self) -> tuple[int, int]:
        return self.version[:2]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def probe(path: pathlib.Path) -> Python | None:
    """What this file turns out to be when it is run; None for shims, broken links, pre-releases and other Pythons."""
    try:
        answer = subprocess.run([path, "-I", "-c", PROBE], capture_output=True, timeout=60, check=True)
        version, level, implementation, base = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if level != "final" or implementation != "cpython" or tuple(version[:2]) < OLDEST:
        return None
    return Python(tuple(version), base)


def places() -> list[pathlib.Path]:
    """Folders in which a Python may be: those of PATH, and pyenv's versions whether active or not."""
    roots = [os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv")]
    roots += [
        str(pathlib.Path(folder).parent)
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if folder.endswith("shims")
    ]
    versions = [
        found for root in dict.fromkeys(filter(None, roots)) for found in pathlib.Path(root).glob("versions/*/bin")
    ]
    return [*map(pathlib.Path, project.clean_path()), *sorted(versions)]


@functools.cache
def at_hand() -> list[Python]:
    """One Python for each minor version, the newest first."""
    files = {
        os.path.realpath(file): file
        for place in places()
        for file in [place / "python3", *sorted(place.glob("python3.[0-9]*"))]
        if file.name.removeprefix("python3").removeprefix(".").isdigit() or file.name == "python3"
    }
    best: dict[tuple[int, int], Python] = {}
    for found in filter(None, map(probe, files.values())):
        if found.series not in best or best[found.series].version < found.version:
            best[found.series] = found
    return sorted(best.values(), reverse=True)
