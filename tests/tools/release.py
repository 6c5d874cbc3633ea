# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: the tarball, and the demo from it."""

from __future__ import annotations

import pathlib
import shutil
import tarfile

from tools import checks, process, project, sandbox_server

DIST = project.ROOT / "dist"
INSTALLED = project.CACHE / "installed"
# What belongs into a user's hands, by its first path element.
SHIPPED = {
    "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "bindep.txt", "changelogs", "docs",
    "execution-environment.yml", "extensions", "meta", "playbooks", "plugins", "requirements.txt", "roles",
}  # fmt: skip
IMPORTER = """[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_DOC = True
LOCAL_IMAGE_DOCKER = False
CHECK_REQUIRED_TAGS = True
CHECK_CHANGELOG = True
"""
PLUGIN_FOLDERS = {
    "modules": "module",
    "inventory": "inventory",
    "filter": "filter",
    "lookup": "lookup",
    "test": "test",
    "callback": "callback",
}


def check_tarball(log: process.Log) -> checks.Outcome:
    """Build, look inside, install where nothing else is, and read each plugin's documentation from there."""
    step = checks.Step(log)
    with project.locked("release-copy"):
        place = project.copy("release-copy")
        shutil.rmtree(DIST, ignore_errors=True)
        built = step.run("ansible-galaxy", "collection", "build", "--force", "--output-path", DIST, cwd=place)
    tarballs = list(DIST.glob("voiceagent-sms-*.tar.gz"))
    if built.code or len(tarballs) != 1:
        return step.refuse("the collection cannot be built")
    with tarfile.open(tarballs[0]) as tar:
        names = tar.getnames()
    strange = sorted(
        name for name in names if name.split("/")[0] not in SHIPPED or "/." in name or name.endswith(".pyc")
    )
    outcome = step.refuse(f"in the tarball, but no user's: {', '.join(strange)}") if strange else checks.Outcome()

    shutil.rmtree(INSTALLED, ignore_errors=True)
    here = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)}
    words = ("collection", "install", "--offline", "--no-deps", "-p", INSTALLED, tarballs[0])
    outcome += step.check("ansible-galaxy", *words, cwd=project.HOME, **here)
    return outcome + check_documentation(step, place, here)


def check_import(log: process.Log) -> checks.Outcome:
    """What Galaxy does with an upload. ansible-lint has its own step; ansible-test, too."""
    step = checks.Step(log, "importer")
    place = project.copy("importer-copy")
    settings = place / "galaxy.yml"
    text = settings.read_text(encoding="utf-8")
    if "\nrepository:" not in text:
        log.say("galaxy.yml names no repository yet, which Galaxy requires: a made-up one stands in for it here.")
        settings.write_text(f"{text}repository: https://example.com/not-published-yet\n", encoding="utf-8")
    folder = place.parents[2]
    outcome = step.check("ansible-galaxy", "collection", "build", "--output-path", folder, cwd=place)
    if outcome.failed:
        return outcome
    (folder / "importer.cfg").write_text(IMPORTER, encoding="utf-8")
    (tarball,) = folder.glob("voiceagent-sms-*.tar.gz")
    config = {"GALAXY_IMPORTER_CONFIG": str(folder / "importer.cfg")}
    ended = step.run("python", "-m", "galaxy_importer.main", tarball, cwd=folder, **config)
    complaints = [line for line in ended.output.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if ended.code or complaints or "Importer processing completed successfully" not in ended.output:
        return step.refuse("; ".join(["galaxy-importer is not content", *complaints]))
    return outcome


def check_documentation(step: checks.Step, place: pathlib.Path, here: dict[str, str]) -> checks.Outcome:
    """ansible-doc finds all plugins and roles that the checkout has."""
    outcome = checks.Outcome()
    for folder, kind in PLUGIN_FOLDERS.items():
        # A filter or test is documented by a YAML file beside the Python file that may hold several.
        files = [file for suffix in ("yml", "yaml", "py") for file in place.glob(f"plugins/{folder}/*.{suffix}")]
        wanted = {file.stem for file in files if not file.stem.startswith("_") and documents(file)}
        for name in sorted(wanted):
            outcome += step.check(
                "ansible-doc", "--type", kind, "--json", f"voiceagent.sms.{name}", cwd=project.HOME, **here
            )
    for role in sorted(place.glob("roles/*/meta/argument_specs.yml")):
        fqcn = f"voiceagent.sms.{role.parents[1].name}"
        told = step.run("ansible-doc", "--type", "role", "--json", fqcn, cwd=project.HOME, **here)
        if told.code or fqcn not in told.output:
            outcome += step.refuse(f"ansible-doc does not know the role {fqcn}")
    return outcome


def documents(file: pathlib.Path) -> bool:
    return "DOCUMENTATION" in file.read_text(encoding="utf-8")


def demo_command(venv: pathlib.Path, box: sandbox_server.Sandbox, **more: str) -> tuple[list[str], dict[str, str]]:
    env = project.environment(venv, SANDBOX_URL=box.url, **{**box.environment, **more})
    return ["bash", str(project.ROOT / "tests" / "tools" / "demo.sh")], env


def demo(venv: pathlib.Path) -> int:
    """For people: nothing is counted."""
    with sandbox_server.running(venv, "demo") as box:
        command, env = demo_command(venv, box)
        return process.run(command, process.Log(project.LOGS / "demo.log"), env, project.ROOT, quiet=True).code


def check_demo(log: process.Log) -> checks.Outcome:
    """The same from the installed tarball, by the playbook's full name; the checkout's collection is out of sight."""
    step = checks.Step(log)
    with sandbox_server.running(step.venv, "demo") as box:
        more = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED), "DEMO_PLAYBOOK": "voiceagent.sms.connect_sms"}
        command, env = demo_command(step.venv, box, **more)
        ended = process.run(command, log, env, project.HOME)
    return checks.Outcome(passed=1) if ended.code == 0 else step.refuse("the demo failed from the installed collection")


def check_guides(log: process.Log) -> checks.Outcome:
    """What the guides tell people to type, from the installed tarball."""
    return checks.pytest(log, "tests/system", arguments=("-k", "test_docs"), ANSIBLE_COLLECTIONS_PATH=str(INSTALLED))
