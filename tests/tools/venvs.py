# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments below .cache/venv: which exist, for which Python, and when one must be built anew."""

from __future__ import annotations

import ast
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
from typing import NamedTuple

from tools import project, pythons

REQUIREMENTS = project.ROOT / "tests" / "tools" / "requirements"
RUNTIME = project.ROOT / "requirements.txt"
VENVS = project.CACHE / "venv"


class Unavailable(Exception):
    """No Python here can carry this environment."""


class Recipe(NamedTuple):
    files: tuple[pathlib.Path, ...]
    # Minor versions of Python 3, the one to prefer first; empty: the newest at hand.
    minors: tuple[int, ...] = ()
    # With the oldest SDKs that requirements.txt admits instead of the newest.
    floors: bool = False


def _files(*names: str) -> tuple[pathlib.Path, ...]:
    return tuple(REQUIREMENTS / f"{name}.txt" for name in names)


RECIPES = {
    "core-newest": Recipe((*_files("core-newest", "test", "quick"), RUNTIME)),
    "core-2.19": Recipe((*_files("core-2.19", "test"), RUNTIME), (11, 12, 13)),
    "core-2.16": Recipe((*_files("core-2.16", "test"), RUNTIME), (10, 11, 12), floors=True),
    "lint": Recipe((*_files("core-newest", "lint"), RUNTIME)),
    "importer": Recipe(_files("core-newest", "importer")),
    "docs": Recipe((*_files("core-newest", "docs"), RUNTIME)),
}


def choose_python(recipe: Recipe) -> pythons.Python:
    found = pythons.at_hand()
    if not recipe.minors:
        if not found:
            raise Unavailable("no Python with venv and ensurepip runs here")
        return found[0]
    by_minor = {python.series[1]: python for python in found}
    for minor in recipe.minors:
        if minor in by_minor:
            return by_minor[minor]
    wanted = ", ".join(f"3.{minor}" for minor in recipe.minors)
    raise Unavailable(f"needs one of Python {wanted}; here: {', '.join(map(str, found)) or 'none'}")


def _stamp(recipe: Recipe, python: pythons.Python) -> str:
    digest = hashlib.sha256(f"{project.ROOT}\n{python.path}\n{python}\n{recipe.floors}\n".encode())
    for file in (*_files("boot"), *recipe.files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def pip_settings(pip: list[str]) -> dict[str, str]:
    """What pip's files and PIP_* variables say, for the two that do not read them: uv, and pip inside ansible-test."""
    listed = subprocess.run(
        [*pip, "config", "list"], env=project.outer_environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    found = {}
    for line in listed.stdout.splitlines():
        key, _equals, value = line.partition("=")
        if key.startswith(("global.", ":env:.")):
            found[key.rpartition(".")[2]] = ast.literal_eval(value)
    return found


class Installer:
    """uv where it can be had (it is many times faster), pip otherwise."""

    def __init__(self) -> None:
        boot = project.CACHE / "boot"
        self.python = boot / "bin" / "python"
        self._uv = boot / "bin" / "uv"
        self._env = {
            **project.outer_environment(),
            "PIP_CACHE_DIR": str(project.CACHE / "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        recipe = Recipe(())
        newest = choose_python(recipe)
        stamp, wanted = boot / "stamp", _stamp(recipe, newest)
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Setting up the installer on Python {newest} ...", flush=True)
            shutil.rmtree(boot, ignore_errors=True)
            self._run([newest.path, "-m", "venv", boot])
            try:
                self._run([self.python, "-m", "pip", "install", "-q", "-r", *_files("boot")])
            except subprocess.CalledProcessError:
                print("uv cannot be installed here: using pip, which takes a few minutes more.", flush=True)
            stamp.write_text(wanted)
        self.pip = [str(self.python), "-m", "pip"]
        if self._uv.exists():
            self._env.update(self._uv_environment())

    def _run(self, command: list) -> None:
        subprocess.run([str(word) for word in command], env=self._env, check=True)

    def _uv_environment(self) -> dict[str, str]:
        """uv takes the machine's certificates, and the package index that pip was told to use."""
        index = pip_settings(self.pip).get("index-url")
        defaults = {"UV_SYSTEM_CERTS": "true", **({"UV_DEFAULT_INDEX": index} if index else {})}
        own = {"UV_CACHE_DIR": str(project.CACHE / "uv"), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        return {**{key: value for key, value in defaults.items() if key not in os.environ}, **own}

    def build(self, place: pathlib.Path, python: pythons.Python, arguments: list) -> None:
        shutil.rmtree(place, ignore_errors=True)
        if self._uv.exists():
            self._run([self._uv, "venv", "-q", "--python", python.path, place])
            self._run([self._uv, "pip", "install", "-q", "--python", place / "bin" / "python", *arguments])
        else:
            self._run([python.path, "-m", "venv", place])
            self._run([place / "bin" / "python", "-m", "pip", "install", "-q", *arguments])


def _floors() -> pathlib.Path:
    file = project.CACHE / "floors.txt"
    file.write_text(re.sub(r">=", "==", RUNTIME.read_text()))
    return file


def describe(place: pathlib.Path) -> str:
    code = "import sys, ansible; print(f'ansible-core {ansible.__version__} on Python {sys.version.split()[0]}')"
    told = subprocess.run([place / "bin" / "python", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.strip()


def ensure(name: str) -> pathlib.Path:
    """The environment of that name, built when it is missing or when what it is made of has changed."""
    recipe = RECIPES[name]
    python = choose_python(recipe)
    place = VENVS / name
    stamp, wanted = place / "stamp", _stamp(recipe, python)
    with project.locked("environments"):
        project.link()
        if stamp.exists() and stamp.read_text() == wanted:
            return place
        installer = Installer()
        print(f"Setting up {place.relative_to(project.ROOT)} on Python {python} ...", flush=True)
        arguments = [word for file in recipe.files for word in ("-r", file)]
        installer.build(place, python, [*arguments, *(["-c", _floors()] if recipe.floors else [])])
        print(f"  {describe(place)}", flush=True)
        stamp.write_text(wanted)
    return place
