# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of the tarball, and the conditions for its publication."""

from __future__ import annotations

import pathlib
import re

from tools import project

# The tarball contains what users run or read. These are the first parts of its paths.
SHIPPED = {
    "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "REUSE.toml", "SECURITY.md", "bindep.txt",
    "changelogs", "docs", "examples", "execution-environment.yml", "extensions", "meta", "playbooks", "plugins",
    "requirements.txt", "roles",
}  # fmt: skip
NO_ADDRESS = "git.example.com"
IMPORTER = """[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_DOC = True
LOCAL_IMAGE_DOCKER = False
CHECK_REQUIRED_TAGS = True
CHECK_CHANGELOG = True
"""


def strays(names: list[str]) -> list[str]:
    """Return the files of a tarball that do not belong there."""
    return sorted(
        name for name in names if name.split("/")[0] not in SHIPPED or re.search(r"(^|/)\.|\.(pyc|whl)$", name)
    )


def hindrances(root: pathlib.Path = project.ROOT) -> list[str]:
    """Return the reasons why this checkout must not be published."""
    galaxy = (root / "galaxy.yml").read_text(encoding="utf-8")
    version = re.findall(r"^version: (\S+)$", galaxy, re.MULTILINE)
    changes = (root / "changelogs" / "changelog.yaml").read_text(encoding="utf-8")
    fragments = [file.name for file in (root / "changelogs" / "fragments").glob("*.y*ml")]
    found = [f"galaxy.yml: {line}" for line in galaxy.splitlines() if NO_ADDRESS in line]
    if fragments:
        found.append(f"changelogs/fragments are not released yet: {', '.join(sorted(fragments))}")
    if not version or f"\n  {version[0]}:\n" not in changes:
        found.append("changelogs/changelog.yaml does not have the version of galaxy.yml")
    return found
