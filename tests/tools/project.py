# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are, what the tools may see of the machine, and the two shapes in which Ansible sees this checkout."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
LINK = CACHE / "link"
HOME = CACHE / "home"
LOGS = CACHE / "log"
# In the environment of all that is started for a test: whoever still carries it in the end was left behind.
MARK = "VOICEAGENT_SMS_RUN"

# A developer's own settings and credentials must decide nothing here: least of all which cloud a test talks to.
FOREIGN = (
    "ANSIBLE_",
    "TWILIO_",
    "IC_",
    "IBMCLOUD_",
    "WO_",
    "PYTEST_",
    "PYTHON",
    "VIRTUAL_ENV",
    "MYPYPATH",
    "PIP_REQUIRE_VIRTUALENV",
)


def clean_path() -> list[str]:
    """PATH without pyenv's shims: they answer for Pythons that are not active, and ansible-test believes them."""
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    return [folder for folder in folders if pathlib.Path(folder).name != "shims"]


def outer_environment() -> dict[str, str]:
    """For the installers and git: the machine's own, with its HOME, proxies and certificates."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    return {**kept, "PATH": os.pathsep.join(clean_path())}


def environment(venv: pathlib.Path, **more: str) -> dict[str, str]:
    """For everything that is tested: the tools of one environment, and nothing written outside the project's cache."""
    HOME.mkdir(parents=True, exist_ok=True)
    result = outer_environment()
    direct = [name for name in (result.get("NO_PROXY") or result.get("no_proxy") or "").split(",") if name]
    no_proxy = ",".join([*direct, "127.0.0.1", "localhost"])
    result.update(
        PATH=os.pathsep.join([str(venv / "bin"), *clean_path()]),
        HOME=str(HOME),
        XDG_CACHE_HOME=str(HOME / ".cache"),
        XDG_CONFIG_HOME=str(HOME / ".config"),
        NO_PROXY=no_proxy,
        no_proxy=no_proxy,
        ANSIBLE_HOME=str(HOME / ".ansible"),
        ANSIBLE_COLLECTIONS_PATH=str(LINK),
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_DEVEL_WARNING="false",
        PIP_CACHE_DIR=str(CACHE / "pip"),
        RUFF_CACHE_DIR=str(CACHE / "ruff"),
        PYTHONUNBUFFERED="1",
    )
    if sys.platform == "linux":
        result["LC_ALL"] = "C.UTF-8"
    return {**result, MARK: str(os.getpid()), **more}


@contextlib.contextmanager
def locked(name: str):
    """One at a time, for what two commands in the same checkout would otherwise tear apart."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another command that uses {name} ...", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def link() -> pathlib.Path:
    """The checkout itself as ansible_collections/voiceagent/sms: nothing to copy again after an edit."""
    place = LINK / "ansible_collections" / "voiceagent" / "sms"
    target = os.path.relpath(ROOT, place.parent)
    if not place.is_symlink() or os.readlink(place) != target:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    return LINK


def known_files() -> list[str]:
    """What git knows, and what it would take in: no caches, and no file that is deleted but not yet committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, env=outer_environment(), stdout=subprocess.PIPE, check=True)
    return [name for name in listed.stdout.decode().split("\0") if name and os.path.lexists(ROOT / name)]


def git_status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(
        command, cwd=ROOT, env=outer_environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def copy(name: str) -> pathlib.Path:
    """A copy of the checkout that ansible-test accepts (it refuses a link), made anew; returns the collection's folder.

    It is a git repository of its own because ansible-test asks git for the files: inside a folder that the enclosing
    checkout ignores it would find none, test nothing, and call that a success.
    """
    tree = CACHE / name
    shutil.rmtree(tree, ignore_errors=True)
    place = tree / "ansible_collections" / "voiceagent" / "sms"
    for file in known_files():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, place / file, follow_symlinks=False)
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=place, env=outer_environment(), check=True)
    return place
