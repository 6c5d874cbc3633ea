# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files named python are believed."""

import os
import pathlib
import sys

import pytest

from tools import pythons, venvs


def script(place: pathlib.Path, text: str) -> pathlib.Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


def fake(place: pathlib.Path, version: str, level: str = "final", name: str = "cpython") -> pathlib.Path:
    answer = f'[[{version}], "{level}", "{name}", "{place}"]'
    return script(place, f"echo '{answer}'")


def test_the_python_that_runs_this_is_found():
    found = pythons.probe(pathlib.Path(sys.executable))
    assert found is not None
    assert found.version == sys.version_info[:3]


@pytest.mark.parametrize(
    "text", ["echo 'pyenv: python3.13: command not found' >&2; exit 127", "echo hello", "exit 0", "kill -9 $$"]
)
def test_a_shim_that_only_answers_is_no_python(tmp_path, text):
    assert pythons.probe(script(tmp_path / "python3.13", text)) is None


def test_a_missing_file_is_no_python(tmp_path):
    assert pythons.probe(tmp_path / "python3.13") is None


@pytest.mark.parametrize("more", [("3, 9, 18",), ("3, 15, 0", "alpha"), ("3, 11, 9", "final", "pypy")])
def test_old_unfinished_and_other_pythons_are_passed_over(tmp_path, more):
    assert pythons.probe(fake(tmp_path / "python3", *more)) is None


def test_the_newest_comes_first_and_pyenv_counts_though_inactive(tmp_path, monkeypatch):
    fake(tmp_path / "bin" / "python3.11", "3, 11, 2")
    script(tmp_path / "pyenv" / "shims" / "python3.13", "exit 127")
    fake(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin" / "python3", "3, 13, 0")
    fake(tmp_path / "pyenv" / "versions" / "3.11.7" / "bin" / "python3", "3, 11, 7")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "pyenv" / "shims"), str(tmp_path / "bin")]))
    pythons.at_hand.cache_clear()
    try:
        assert [str(python) for python in pythons.at_hand()] == ["3.13.0", "3.11.7"]
    finally:
        pythons.at_hand.cache_clear()


def offer(monkeypatch, *series):
    found = [pythons.Python((3, minor, 0), f"/python3.{minor}") for minor in series]
    monkeypatch.setattr(pythons, "at_hand", lambda: found)


def test_an_older_core_takes_the_python_that_it_prefers(monkeypatch):
    offer(monkeypatch, 13, 12, 11, 10)
    assert venvs.choose_python(venvs.RECIPES["core-newest"]).series == (3, 13)
    assert venvs.choose_python(venvs.RECIPES["core-2.19"]).series == (3, 11)
    assert venvs.choose_python(venvs.RECIPES["core-2.16"]).series == (3, 10)


def test_an_environment_without_its_python_is_unavailable_and_says_why(monkeypatch):
    offer(monkeypatch, 14)
    with pytest.raises(venvs.Unavailable, match=r"needs one of Python 3\.10, 3\.11, 3\.12; here: 3\.14\.0"):
        venvs.choose_python(venvs.RECIPES["core-2.16"])
