# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions behind the Makefile. `tests/tools/run --list` shows them. All their output is below .cache, dist and site."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import sys
import tarfile

import nox

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests"))
from tools import ansible_test, project, release

nox.needs_version = ">=2026.10.20"
nox.options.sessions = ["quick", "unit"]
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.envdir = ".cache/venv"
nox.options.allow_parallel = True

DIST = ROOT / "dist"
INSTALLED = project.CACHE / "installed"
SITE = ROOT / "site"
GUIDES = ROOT / "docs" / "guides"
DEMO = ROOT / "tests" / "tools" / "demo.sh"
TOCTREE = "\n```{{toctree}}\n:hidden:\n:caption: {}\n\n{}\n```\n"
REFERENCE = ("Reference", "reference/index\nreference/environment_variables")
# Labels of Ansible's own documentation, which the site cannot link to without the internet.
ELSEWHERE = "'(action_plugins|ansible_configuration_settings|common_return_values)'"
GROUPS = nox.project.load_toml("pyproject.toml")
MARK = "VOICEAGENT_SMS_RUN"
# Seconds that a program and its children may take to end, after an interrupt and after a SIGTERM.
PATIENCE = {"interrupt_timeout": 5, "terminate_timeout": 15}
# An ansible-core, its requirement, and the minor versions of Python 3 that it supports, the preferred one first.
CORES = {
    "newest": ("ansible-core>=2.19", (14, 13, 12, 11)),
    "2.19": ("ansible-core~=2.19.0", (11, 12, 13)),
    "2.16": ("ansible-core==2.16.0", (10, 11, 12)),
}

project.forget_the_developer()
project.link()
os.environ.update(UV_CACHE_DIR=str(project.CACHE / "uv"), UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1")
os.environ.setdefault("UV_SYSTEM_CERTS", "true")
signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as after Ctrl-C, together with all children


# ---- environments ----


def python_for(core: str) -> str | None:
    """Return the path of a Python on this machine that supports an ansible-core."""
    return next(filter(None, (shutil.which(f"python3.{minor}") for minor in CORES[core][1])), None)


def group(*names: str) -> tuple[str, ...]:
    """Return dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(GROUPS, *names)


def build_core(session: nox.Session, core: str) -> None:
    """Build the environment that all sessions with this ansible-core share."""
    need_python(session, core)
    # The oldest ansible-core is tested with the oldest SDKs that requirements.txt allows.
    oldest = ("--resolution", "lowest-direct") if core == "2.16" else ()
    session.install(*oldest, CORES[core][0], "-r", "requirements.txt")
    session.install(*group("test", *(["quick"] if core == "newest" else [])), log=False)


def need_python(session: nox.Session, core: str) -> None:
    """Skip a session, visibly, if no Python supports its ansible-core."""
    if not python_for(core):
        wanted = ", ".join(f"3.{minor}" for minor in CORES[core][1])
        session.skip(f"!!! NOT TESTED on this machine: ansible-core {core} needs one of Python {wanted}")


class Tools:
    """Runs the programs of an environment for a session, without the developer's own settings."""

    def __init__(self, session: nox.Session, core: str | None = "newest") -> None:
        """Use the environment of an ansible-core, or with None that of the session."""
        self.session = session
        if core:
            need_python(session, core)
        shared = project.CACHE / "venv" / f"core-{core}".replace(".", "-")
        self.programs = shared / "bin" if core else pathlib.Path(session.bin)
        self.environment = project.environment(self.programs)

    def __call__(self, program: str, *arguments: object, **more: object) -> str:
        """Run a program; an error ends the session, unless *more* allows it."""
        env = {**self.environment, **more.pop("env", {})}  # type: ignore[dict-item]
        words = map(str, arguments)
        return self.session.run(str(self.programs / program), *words, env=env, external=True, **{**PATIENCE, **more})

    def beside_sandbox(self, *words: object, **more: object) -> str:
        """Run a command together with a sandbox, whose address is in the command's environment."""
        return self("python", ROOT / "tests" / "tools" / "beside_sandbox.py", *words, **more)


def for_each_core(function):
    """Turn a function into sessions: `unit` with the newest ansible-core, `unit-2.19` and `unit-2.16` with older ones."""
    for core in CORES:
        name = function.__name__ if core == "newest" else f"{function.__name__}-{core}"

        def run(session: nox.Session, core: str = core) -> None:
            function(session, core)

        run.__doc__ = function.__doc__
        nox.session(run, name=name, python=False, requires=[f"core-{core}"])


for _core in CORES:

    def _build(session: nox.Session, core: str = _core) -> None:
        build_core(session, core)

    _build.__doc__ = build_core.__doc__
    nox.session(_build, name=f"core-{_core}", python=python_for(_core), default=False)


# ---- linters ----


@nox.session(python=False, requires=["core-newest"])
def quick(session: nox.Session) -> None:
    """Run the fast linters, which need no network: ruff, mypy, yamllint."""
    tools = Tools(session)
    tools("ruff", "check", "--output-format", "concise", ".")
    tools("ruff", "format", "--check", "--output-format", "concise", ".")
    typed = ("ansible_collections.voiceagent.sms.plugins.module_utils", "controller", "sandbox", "tools")
    tools("mypy", *(word for package in typed for word in ("-p", package)))
    tools("yamllint", "--strict", ".")


@nox.session(python=python_for("newest"), requires=["tarball"])
def lint(session: nox.Session) -> None:
    """Run the slower linters: ansible-lint, also on the tarball, antsibull-docs and antsibull-changelog."""
    session.install(CORES["newest"][0], "-r", "requirements.txt", *group("lint"))
    tools = Tools(session, None)
    place = project.copy("lint")
    here = {"ANSIBLE_COLLECTIONS_PATH": str(project.CACHE / "lint")}
    with session.chdir(place):
        tools("ansible-lint", "--nocolor", "--strict", env=here)
        words = ("--plugin-docs", "--validate-collection-refs", "self", ".")
        tools("antsibull-docs", "lint-collection-docs", *words, env=here)
        tools("antsibull-changelog", "lint")
    with session.chdir(INSTALLED / project.COLLECTION):
        words = ("--nocolor", "--strict", "--offline", "--profile", "production")
        tools("ansible-lint", *words, env={"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)})


# ---- tests ----


# 2.16 also has the oldest SDKs. The sandbox, the tools and the random inputs do not depend on the core.
UNITS = {
    "newest": ("tests/unit",),
    "2.19": tuple(f"tests/unit/plugins/{folder}" for folder in ("action", "filter", "inventory", "plugin_utils")),
    "2.16": ("tests/unit/plugins",),
}


@for_each_core
def unit(session: nox.Session, core: str) -> None:
    """Run tests/unit in pytest."""
    Tools(session, core)("pytest", *UNITS[core], f"--junitxml={project.LOGS}/{session.name}.xml", *session.posargs)


def only(*names: str) -> tuple[str, ...]:
    """Return the arguments of pytest for these files of tests/system, or ``file::test`` for a test."""
    files = (name.partition("::") for name in names)
    return tuple(f"tests/system/test_{file}.py{separator}{test}" for file, separator, test in files)


# What tests our own code's way through trouble rather than ansible-core's is tested once, since it takes minutes: how the role
# reads and hands on variables, and what users meet where they are wrong, is the core's matter on each.
TROUBLE = only("fault_table", "text_watch", "kills", "leaks")
CHOSEN = {
    "newest": ("tests/system", *(f"--ignore={path}" for path in TROUBLE)),
    "2.19": only("plan_is_whole", "role", "refusals"),
    "2.16": (
        *only("plan_is_whole", "role", "refusals", "verify"),
        # The role's only rescue.
        *only(
            "beside_others::test_what_a_first_pass_changed_is_changed",
            "beside_others::test_a_rotation_that_goes_on_has_moved_its_numbers",
        ),
    ),
}


@for_each_core
def system(session: nox.Session, core: str) -> None:
    """Run tests/system: the real ansible-playbook against the sandbox."""
    words = session.posargs or CHOSEN[core]
    Tools(session, core)("pytest", f"--junitxml={project.LOGS}/{session.name}.xml", *words)


@nox.session(python=False, requires=["core-newest"])
def trouble(session: nox.Session) -> None:
    """Run the system tests that try faults, kills, runs at once and leaks by the hundred."""
    Tools(session)("pytest", f"--junitxml={project.LOGS}/{session.name}.xml", *(session.posargs or TROUBLE))


@nox.session(python=python_for("2.19"))
def rulebook(session: nox.Session) -> None:
    """Run the rulebooks of extensions/eda in the real ansible-rulebook, in a separate environment with Java."""
    try:
        session.install(CORES["newest"][0], "-r", "requirements.txt", *group("test", "rulebook"))
    except nox.command.CommandFailed:
        session.skip("!!! NOT TESTED on this machine: ansible-rulebook cannot be installed here")
    words = ("tests/system/test_rulebook.py", "-rs", f"--junitxml={project.LOGS}/{session.name}.xml")
    Tools(session, None)("pytest", *words, *session.posargs)


@nox.session(python=False, requires=["core-newest"])
def integration(session: nox.Session) -> None:
    """Run ansible-test's integration targets against the sandbox.

    Uses ansible-test's local mode. --venv would take minutes to build a second environment with the same Python, ansible-core
    and SDKs.
    """
    tools = Tools(session)
    place = project.copy("integration")
    wanted = set(session.posargs) or ansible_test.targets(place)
    with session.chdir(place):
        words = ("--config", "tests/integration/integration_config.yml", tools.programs / "ansible-test", "integration")
        tools.beside_sandbox(*words, "--color", "no", "--continue-on-error", *session.posargs)
    if missing := ansible_test.left_out(place, wanted):
        session.error(f"these targets did not run: {', '.join(sorted(missing))}")


@for_each_core
def sanity(session: nox.Session, core: str) -> None:
    """Run ansible-test sanity, after proving that it sees the files: it must find a planted fault."""
    tools = Tools(session, core)
    ansible_test.prepare(tools.programs)
    place = project.copy(session.name)
    fault = pathlib.Path("plugins", "module_utils", "planted_fault.py")
    with session.chdir(place):
        fault.write_text("this is no Python\n")
        words = ("sanity", "--color", "no")
        said = tools("ansible-test", *words, "--test", "compile", fault, silent=True, success_codes=[1])
        fault.unlink()
        if fault.name not in said:
            session.error("ansible-test sanity did not find the planted fault")
        # pylint takes most of the time, and its result does not depend on the core; nor do other Pythons' imports.
        python = pathlib.Path(python_for(core) or "").name.removeprefix("python")
        less = ("--skip-test", "pylint", "--python", python) if core != "newest" else ()
        tools("ansible-test", *words, "--junit", *(session.posargs or less))
    ran = sum(map(ansible_test.had_work, ansible_test.reports(place)))
    if ran < ansible_test.FEWEST_SANITY_TESTS and not session.posargs:
        session.error(f"only {ran} sanity tests had something to look at")


# ---- releases ----


@nox.session(python=False, requires=["core-newest"])
def tarball(session: nox.Session) -> None:
    """Build the tarball in dist/, check its contents, and install it into an empty folder."""
    tools = Tools(session)
    shutil.rmtree(DIST, ignore_errors=True)
    with session.chdir(project.copy("tarball")):
        tools("ansible-galaxy", "collection", "build", "--output-path", DIST)
    (built,) = DIST.glob("voiceagent-sms-*.tar.gz")
    with tarfile.open(built) as tar:
        if strays := release.strays(tar.getnames()):
            session.error(f"files that do not belong in the tarball: {', '.join(strays)}")
    shutil.rmtree(INSTALLED, ignore_errors=True)
    here = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)}  # otherwise it would find the checkout and install nothing
    tools("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", INSTALLED, built, env=here)


@nox.session(python=python_for("newest"), requires=["tarball"])
def importer(session: nox.Session) -> None:
    """Check the tarball like Galaxy does after an upload; ansible-lint and ansible-test have their own sessions."""
    session.install(CORES["newest"][0], *group("importer"))
    (built,) = DIST.glob("voiceagent-sms-*.tar.gz")
    config = project.CACHE / "importer.cfg"
    config.write_text(release.IMPORTER, encoding="utf-8")
    with session.chdir(session.create_tmp()):
        words = ("-m", "galaxy_importer.main", built)
        said = Tools(session, None)("python", *words, silent=True, env={"GALAXY_IMPORTER_CONFIG": str(config)})
    print(said)
    if re.search("^(ERROR|WARNING)", said, re.MULTILINE) or "Importer processing completed successfully" not in said:
        session.error("galaxy-importer found problems")


@nox.session(name="release-check", python=False, requires=["tarball", "importer"], default=False)
def release_check(session: nox.Session) -> None:
    """Run the demo and the guides with the collection installed from the tarball."""
    tools = Tools(session)
    there = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)}
    tools.beside_sandbox("bash", DEMO, env={**there, "DEMO_PLAYBOOK": "voiceagent.sms.connect_sms"})
    tools("pytest", "tests/system/test_docs.py", env=there)


@nox.session(python=False, requires=["release-check"], default=False)
def publish(session: nox.Session) -> None:
    """Upload the tarball to Galaxy, if it passes the checks. The token comes from ansible-galaxy's configuration."""
    if reasons := release.hindrances():
        session.error("\n".join(["This checkout must not be published:", *reasons]))
    (built,) = DIST.glob("voiceagent-sms-*.tar.gz")
    Tools(session)("ansible-galaxy", "collection", "publish", built, env={"HOME": str(pathlib.Path.home())})


@nox.session(python=python_for("newest"))
def docs(session: nox.Session) -> None:
    """Build the documentation site in site/: the guides, and the reference of the plugins and the role."""
    session.install(CORES["newest"][0], "-r", "requirements.txt", *group("docs"))
    tools = Tools(session, None)
    pages, output = SITE / "source", SITE / "html"
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(GUIDES, pages)
    (pages / "reference").mkdir(mode=0o755)
    words = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", pages / "reference")
    tools("antsibull-docs", "collection", *words, "voiceagent.sms")
    leave_out_internal_parts(pages / "reference" / "index.rst")
    # The list of the guides is also the site's menu; Sphinx reports a guide that is missing in it.
    index = (pages / "README.md").rename(pages / "index.md")
    listed = index.read_text(encoding="utf-8")
    menu = "".join(TOCTREE.format(*part) for part in (("Guides", "\n".join(guides_in(listed))), REFERENCE))
    index.write_text(listed + menu, encoding="utf-8")
    said = tools("sphinx-build", "-b", "html", "-c", "tests/site", "--keep-going", "-q", pages, output, silent=True)
    wrong = [
        line for line in said.splitlines() if re.search("WARNING:|ERROR:", line) and not re.search(ELSEWHERE, line)
    ]
    if wrong:
        session.error("\n".join(["the documentation site has errors:", *wrong]))
    print(f"The site: {output / 'index.html'}")


def leave_out_internal_parts(index: pathlib.Path) -> None:
    """Remove the internal plugins (sms_*) from the list of the collection's plugins and from the site."""
    text = re.sub(
        r"^(\* :ansplugin:`sms_.*|    sms_\w+_(module|filter|lookup))\n",
        "",
        index.read_text(encoding="utf-8"),
        flags=re.M,
    )
    parts = re.split(r"(?=^\.\. _\w+_plugins_in_voiceagent\.sms:$)", text, flags=re.M)
    index.write_text("".join(part for part in parts if part is parts[0] or "\n* :ansplugin:" in part), encoding="utf-8")
    for page in index.parent.glob("sms_*.rst"):
        page.unlink()


def guides_in(text: str) -> list[str]:
    """Return the guides that a page links to, in its order."""
    return list(dict.fromkeys(re.findall(r"\]\(([\w.-]+)\.md\)", text)))


# ---- interactive ----


@nox.session(python=False, requires=["core-newest"], default=False)
def demo(session: nox.Session) -> None:
    """Connect three numbers of a made-up account, run again to show that nothing changes, and send a text."""
    Tools(session).beside_sandbox("bash", DEMO, log=False)


@nox.session(python=False, requires=["core-newest"], default=False)
def sandbox(session: nox.Session) -> None:
    """Run the sandbox in the foreground until Ctrl-C. It prints a file to source, with the variables for the sandbox."""
    variables = project.CACHE / "sandbox.env"
    print(f"In another shell: . {variables}   (Ctrl-C here ends the sandbox)", flush=True)
    Tools(session)("python", "-m", "sandbox", "--env-file", variables, "--seed", "demo", *session.posargs, log=False)


@nox.session(python=False, requires=["core-newest"], default=False)
def bench(session: nox.Session) -> None:
    """Measure the time and the requests of a rollout."""
    Tools(session)("python", "tests/benchmarks/run.py", *session.posargs)


# ---- many sessions at once ----

# The longest first, so that no long session runs alone at the end.
TEST = ("system", "sanity", "trouble", "quick", "unit", "rulebook", "integration")
SLOWER = ("system-2.16", "system-2.19", "unit-2.16", "unit-2.19", "sanity-2.16", "importer", "docs", "lint")


def together(session: nox.Session, names: tuple[str, ...]) -> tuple[int, int]:
    """Run sessions on two cores without mixing their output; return how many tests passed and failed."""
    shutil.rmtree(project.LOGS, ignore_errors=True)
    project.LOGS.mkdir(parents=True)
    report = project.LOGS / "report.json"
    words = ("-m", "nox", "--parallel", "2", "--no-error-on-missing-interpreters", "--report", str(report), "--session")
    env = {MARK: str(os.getpid())}
    # The exit code does not matter: the report has the results.
    session.run(sys.executable, *words, *names, env=env, external=True, success_codes=range(256), **PATIENCE)
    return ansible_test.totals(report)


def conclude(session: nox.Session, passed: int, failed: int) -> None:
    """Print the summary line that machines read."""
    print(f"\n{passed} passed, {failed} failed", flush=True)
    if failed:
        session.error("see above")


@nox.session(python=False, default=False)
def test(session: nox.Session) -> None:
    """Run everything that a change has to pass."""
    conclude(session, *together(session, TEST))


@nox.session(python=False, default=False)
def ci(session: nox.Session) -> None:
    """Run everything: `test`, the slower linters, the older cores, and the tarball as a user installs it."""
    before = project.git("status", "--porcelain")
    passed, failed = together(session, (*TEST, *SLOWER))
    untidy = sorted(set(before.splitlines()) ^ set(project.git("status", "--porcelain").splitlines()))
    untidy += project.left_over(f"{MARK}={os.getpid()}\0")
    if untidy:
        print("The run changed files or left processes behind:", *untidy, sep="\n")
    conclude(session, passed, failed + bool(untidy))
