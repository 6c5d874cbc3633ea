# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image for controllers, as far as it goes without an engine for containers: ansible-builder's context of it."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from system.playing import ROOT

DEFINITION = ROOT / "execution-environment.yml"
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def builder(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = pathlib.Path(sys.executable).with_name("ansible-builder")
    words = [str(word) for word in (program, *arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_ansible_builder_accepts_it(tmp_path: pathlib.Path) -> None:
    context = tmp_path / "context"
    made = builder("create", "-f", DEFINITION, "-c", context, "--output-filename", "Containerfile")
    assert made.returncode == 0, made.stdout + made.stderr
    galaxy = yaml.safe_load((context / "_build" / "requirements.yml").read_text())
    # A controller's inventory updates find the collection only inside the image.
    assert galaxy == {"collections": [{"name": "voiceagent.sms", "version": GALAXY["version"]}]}
    assert "registry.access.redhat.com/ubi9/ubi:" in (context / "Containerfile").read_text()


def test_a_misspelt_one_is_refused(tmp_path: pathlib.Path) -> None:
    """Or the test above could not fail."""
    wrong = tmp_path / "execution-environment.yml"
    wrong.write_text(DEFINITION.read_text().replace("package_pip", "package_pipe"))
    assert builder("create", "-f", wrong, "-c", tmp_path / "context").returncode != 0


def test_the_collection_says_what_it_needs() -> None:
    found = builder("introspect", "--sanitize", ROOT / ".cache" / "link")
    assert found.returncode == 0, found.stderr
    needs = yaml.safe_load(found.stdout)
    wanted = (ROOT / "requirements.txt").read_text().split()
    assert [line.split()[0] for line in needs["python"]] == wanted
    assert needs["system"]


def test_every_version_is_pinned() -> None:
    definition = yaml.safe_load(DEFINITION.read_text())
    needs = definition["dependencies"]
    pins = [*needs["python"], *(needs[name]["package_pip"] for name in ("ansible_core", "ansible_runner"))]
    assert [pin for pin in pins if not re.fullmatch(r"[\w-]+==\d[\w.]*", pin)] == []
    assert re.fullmatch(r"\S+:\d[\w.-]*", definition["images"]["base_image"]["name"])
    admitted = {line.partition(">=")[0] for line in (ROOT / "requirements.txt").read_text().split()}
    assert {pin.partition("==")[0] for pin in needs["python"]} == admitted


@pytest.mark.parametrize("path", ["docs/guides/awx.md", "playbooks/vars/awx_objects.yml", "execution-environment.yml"])
def test_the_image_is_named_by_the_version(path: str) -> None:
    names = re.findall(r"voiceagent-sms-ee:(\S+?)[\s`\"]", (ROOT / path).read_text())
    assert names
    assert set(names) == {GALAXY["version"]}
