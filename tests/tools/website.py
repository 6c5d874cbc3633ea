# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: the guides in docs/guides and the reference out of the plugins and the role, in one."""

from __future__ import annotations

import html.parser
import pathlib
import re
import shutil
import urllib.parse

from tools import checks, project

SITE = project.ROOT / "site"
GUIDES = project.ROOT / "docs" / "guides"
SETTINGS = project.ROOT / "tests" / "site"
# Pages of Ansible's own documentation, which a site built without the internet cannot link to.
CORE_LABELS = ("action_plugins", "ansible_configuration_settings", "common_return_values")
TOCTREE = "\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def build(log) -> checks.Outcome:
    step = checks.Step(log, "docs")
    pages, output = SITE / "source", SITE / "html"
    shutil.rmtree(SITE, ignore_errors=True)
    (pages / "reference").mkdir(parents=True, mode=0o755)
    step.env["ANSIBLE_COLLECTIONS_PATH"] = str(project.link())
    words = ("--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", pages / "reference")
    outcome = step.check("antsibull-docs", "collection", *words, "voiceagent.sms")
    if outcome.failed:
        return outcome
    shutil.copytree(GUIDES, pages, dirs_exist_ok=True)
    (pages / "README.md").unlink()
    (pages / "index.md").write_text(front_page((GUIDES / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
    ended = step.run("sphinx-build", "-b", "html", "-c", SETTINGS, "--keep-going", "-q", pages, output)
    if ended.code or not (output / "index.html").exists():
        return outcome + step.refuse("the documentation site cannot be built")
    warnings = [line for line in ended.output.splitlines() if "WARNING:" in line or "ERROR:" in line]
    wrong = [line for line in warnings if not any(f"'{label}'" in line for label in CORE_LABELS)]
    wrong += dangling(output)
    if wrong:
        return outcome + step.refuse("\n".join(["the documentation site has faults:", *wrong]))
    log.say(f"The site: {(output / 'index.html').relative_to(project.ROOT)}")
    return outcome


def front_page(text: str) -> str:
    """The list of the guides, which is also the site's menu; Sphinx complains about a guide that is not in it."""
    guides = re.findall(r"\]\(([\w.-]+)\.md\)", text)
    menu = TOCTREE.format(caption="Guides", pages="\n".join(dict.fromkeys(guides)))
    return text + menu + TOCTREE.format(caption="Reference", pages="reference/index\nreference/environment_variables")


class Page(html.parser.HTMLParser):
    """What a page links to, and what can be linked to on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.add(value)
            elif name in ("id", "name") and value:
                self.names.add(value)


def dangling(folder: pathlib.Path) -> list[str]:
    """Links inside the site that lead nowhere. Others are not followed: the internet decides nothing here."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))}
    wrong = []
    for file, page in pages.items():
        for target in sorted(page.targets):
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            path = file if not parts.path else (file.parent / urllib.parse.unquote(parts.path)).resolve()
            fragment = urllib.parse.unquote(parts.fragment)
            if not path.exists() or (fragment and path in pages and fragment not in pages[path].names):
                wrong.append(f"{file.relative_to(folder)}: {target} leads nowhere")
    return wrong
