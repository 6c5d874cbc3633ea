# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses the guides for the tests: their fenced blocks and links."""

from __future__ import annotations

import pathlib
import re
import shlex
import urllib.parse
from typing import NamedTuple

from tools import project

FOLDER = project.ROOT / "docs" / "guides"
# The documents in the tarball; the others are only in a checkout.
SHIPPED = tuple(
    project.ROOT / name for name in ("README.md", "SECURITY.md", "examples/README.md", "roles/connect_sms/README.md")
)
ALL = (
    *SHIPPED,
    *sorted(FOLDER.glob("*.md")),
    *(project.ROOT / name for name in ("CONTRIBUTING.md", "tests/README.md")),
)
_FILE = re.compile(r".*`([\w./-]+\.\w+)`[^`]*:$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block. *file* is the name in backticks at the end of the paragraph before it, if that ends with a colon."""

    language: str
    text: str
    line: int
    file: str | None

    @property
    def commands(self) -> list[str]:
        """The command lines, without those that are only a comment."""
        lines = self.text.replace("\\\n", "").splitlines()
        return [line for line in lines if shlex.split(line, comments=True)]


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        if lines[place].startswith("```"):
            end = lines.index("```", place + 1)
            body = "".join(f"{line}\n" for line in lines[place + 1 : end])
            name = _FILE.match(paragraph_before(lines, place))
            found.append(Block(lines[place][3:], body, place + 1, name[1] if name else None))
            place = end
        place += 1
    return found


def paragraph_before(lines: list[str], place: int) -> str:
    """Return the paragraph before the line at *place*, in one line."""
    before = place - 1
    while before > 0 and lines[before - 1].strip():
        before -= 1
    return " ".join(lines[before : place - 1])


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub and MyST create them."""
    headings = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dangling(file: pathlib.Path) -> list[str]:
    """Return the broken links of a Markdown file. Of links to the internet, only the form is checked."""
    wrong = []
    for target in LINK.findall(re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)):
        parts = urllib.parse.urlsplit(target)
        if parts.scheme:
            right = parts.scheme == "https" and bool(parts.netloc)
        else:
            there = file.parent / parts.path if parts.path else file
            right = there.is_file() and (
                not parts.fragment or parts.fragment in anchors(there.read_text(encoding="utf-8"))
            )
        if not right:
            wrong.append(f"{file.relative_to(project.ROOT)}: {target}")
    return wrong
