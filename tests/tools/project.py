# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths, the tools' environment, and the link and copies through which Ansible finds this checkout."""

from __future__ import annotations

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
COLLECTION = pathlib.Path("ansible_collections", "voiceagent", "sms")

# A developer's own settings and credentials must have no effect, above all on the cloud that a test talks to.
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
    "PIP_REQUIRE_",
)


def clean_path(path: str, home: pathlib.Path) -> str:
    """Return PATH with all of pyenv's Pythons, but without pyenv's shims, which also exist for inactive Pythons."""
    folders = [pathlib.Path(folder) for folder in path.split(os.pathsep) if folder]
    shims = [folder for folder in folders if folder.name == "shims"]
    roots = [pathlib.Path(os.environ.get("PYENV_ROOT") or home / ".pyenv"), *(folder.parent for folder in shims)]
    found = {python: None for root in roots for python in sorted(root.glob("versions/3.1[0-9]*/bin"), reverse=True)}
    return os.pathsep.join(map(str, [*(folder for folder in folders if folder not in shims), *found]))


def forget_the_developer() -> None:
    """Remove the developer's own settings from the environment of this process and its children."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ["PATH"] = clean_path(os.environ.get("PATH", os.defpath), pathlib.Path.home())


def environment(programs: pathlib.Path) -> dict[str, str]:
    """Return the environment for a program under test: its tools, loopback without a proxy, and a HOME below .cache."""
    HOME.mkdir(parents=True, exist_ok=True)
    direct = filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1", "localhost"])
    no_proxy = ",".join(direct)
    return {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT / "tests"),
        "HOME": str(HOME),
        "XDG_CACHE_HOME": str(HOME / ".cache"),
        "XDG_CONFIG_HOME": str(HOME / ".config"),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "ANSIBLE_HOME": str(HOME / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(LINK),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEVEL_WARNING": "false",
        "PIP_CACHE_DIR": str(CACHE / "pip"),
        "RUFF_CACHE_DIR": str(CACHE / "ruff"),
        "PYTHONUNBUFFERED": "1",
        **({"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {}),
    }


def link() -> None:
    """Link the checkout as ansible_collections/voiceagent/sms, so that nothing has to be copied after an edit."""
    place = LINK / COLLECTION
    target = os.path.relpath(ROOT, place.parent)
    if not place.is_symlink() or os.readlink(place) != target:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)


def git(*arguments: str, cwd: pathlib.Path = ROOT) -> str:
    """Run git and return what it prints."""
    return subprocess.run(["git", *arguments], cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout


def copy(name: str) -> pathlib.Path:
    """Copy the checkout to where ansible-test accepts it (it refuses a link); return the collection's folder.

    The copy is its own git repository, because ansible-test asks git for the files. In a folder that the checkout ignores it
    would find none, test nothing, and succeed.
    """
    shutil.rmtree(CACHE / name, ignore_errors=True)
    place = CACHE / name / COLLECTION
    for file in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if file and os.path.lexists(ROOT / file):  # git also lists files that are deleted but not committed
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, place / file, follow_symlinks=False)
    git("init", "-q", cwd=place)
    git("add", "-A", cwd=place)
    return place


def left_over(mark: str) -> list[str]:
    """Return the running programs with this text in their environment (only on Linux)."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark.encode() in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes().split(bytes(1))
                found.append(" ".join([folder.name, *(word.decode(errors="replace") for word in words)]))
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue
    return found
