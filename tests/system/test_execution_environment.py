# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image for controllers, as far as it can be tested without a container engine: ansible-builder's context."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from system.playing import ROOT

DEFINITION = ROOT / "execution-environment.yml"
NEEDED = re.findall(r"^[^#\s].*$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def run(name: str, *arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    program = pathlib.Path(sys.executable).with_name(name)
    words = [str(word) for word in (program, *arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)  # type: ignore[call-overload]


def test_the_image_gets_the_collection_from_the_tarball(tmp_path: pathlib.Path) -> None:
    """The context, and the installation that the image's build runs with it."""
    here = tmp_path / DEFINITION.name
    here.write_text(DEFINITION.read_text())
    built = run("ansible-galaxy", "collection", "build", "--output-path", tmp_path / "dist", cwd=ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    made = run(
        "ansible-builder", "create", "-f", here, "-c", tmp_path / "context", "--output-filename", "Containerfile"
    )
    assert (made.returncode, "No matches" in made.stdout + made.stderr) == (0, False), made.stdout + made.stderr
    assert "registry.access.redhat.com/ubi9/ubi:" in (tmp_path / "context" / "Containerfile").read_text()

    words = ("collection", "install", "--offline", "-r", "requirements.yml", "-p", tmp_path / "collections")
    # If the checkout were on the collections path, nothing would be installed.
    nowhere = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "nowhere")}
    installed = run("ansible-galaxy", *words, cwd=tmp_path / "context" / "_build", env=nowhere)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    manifest = tmp_path / "collections" / "ansible_collections" / "voiceagent" / "sms" / "MANIFEST.json"
    # A controller's inventory updates find the collection only inside the image.
    assert json.loads(manifest.read_text())["collection_info"]["version"] == GALAXY["version"]


def test_a_misspelt_one_is_refused(tmp_path: pathlib.Path) -> None:
    """Proves that the test above can fail."""
    wrong = tmp_path / "execution-environment.yml"
    wrong.write_text(DEFINITION.read_text().replace("package_pip", "package_pipe"))
    assert run("ansible-builder", "create", "-f", wrong, "-c", tmp_path / "context").returncode != 0


def test_the_collection_says_what_it_needs() -> None:
    found = run("ansible-builder", "introspect", "--sanitize", ROOT / ".cache" / "link")
    assert found.returncode == 0, found.stderr
    needs = yaml.safe_load(found.stdout)
    assert [line.split()[0] for line in needs["python"]] == NEEDED
    assert needs["system"]


def test_every_version_is_pinned() -> None:
    definition = yaml.safe_load(DEFINITION.read_text())
    needs = definition["dependencies"]
    pins = [*needs["python"], *(needs[name]["package_pip"] for name in ("ansible_core", "ansible_runner"))]
    assert [pin for pin in pins if not re.fullmatch(r"[\w-]+==\d[\w.]*", pin)] == []
    assert re.fullmatch(r"\S+:\d[\w.-]*", definition["images"]["base_image"]["name"])
    admitted = {line.partition(">=")[0] for line in NEEDED}
    assert {pin.partition("==")[0] for pin in needs["python"]} == admitted


@pytest.mark.parametrize("path", ["docs/guides/awx.md", "playbooks/vars/awx_objects.yml", "execution-environment.yml"])
def test_the_image_is_named_by_the_version(path: str) -> None:
    names = re.findall(r"voiceagent-sms-ee:(\S+?)[\s`\"]", (ROOT / path).read_text())
    assert names
    assert set(names) == {GALAXY["version"]}
