# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file states its licence, in its first lines or in REUSE.toml."""

from __future__ import annotations

import fnmatch
import re

import pytest

from tools import project

LINE = "SPDX-License-Identifier: GPL-3.0-or-later"
ELSEWHERE = re.findall(
    r'"([^"]+)"', re.findall(r"^path = \[(.*)\]$", (project.ROOT / "REUSE.toml").read_text(), re.MULTILINE)[0]
)
FILES = [name for name in project.git("ls-files").splitlines() if (project.ROOT / name).is_file()]


@pytest.mark.parametrize("folder", sorted({name.partition("/")[0] for name in FILES}))
def test_every_file_says_its_licence(folder: str) -> None:
    without = [
        name
        for name in FILES
        if name.partition("/")[0] == folder
        and not any(fnmatch.fnmatch(name, pattern) for pattern in ELSEWHERE)
        and LINE not in "".join((project.ROOT / name).read_text(encoding="utf-8").splitlines(keepends=True)[:6])
    ]
    assert not without, f"these need a line with {LINE!r}"
