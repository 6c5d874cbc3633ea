# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides match the source, and their links work."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

from tools import guides, project, release

SOURCES = [file for name in ("modules", "module_utils", "plugin_utils", "action", "inventory", "filter")
           for file in sorted((project.ROOT / "plugins" / name).rglob("*.py"))]  # fmt: skip
TROUBLESHOOTING = (guides.FOLDER / "troubleshooting.md").read_text(encoding="utf-8")


def constants(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def codes_in(source: str) -> Iterator[str]:
    """The failure codes that a program names: ``code="..."`` in a call, an assignment or a default, and in a ``failure``."""
    for node in ast.walk(ast.parse(source)):
        named = (isinstance(node, ast.keyword) and node.arg == "code") or (
            isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["code"]
        )
        if named and isinstance(node.value, (ast.Constant, ast.IfExp)):
            branches = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            yield from {code for branch in branches for code in constants(branch)}
        elif isinstance(node, ast.arguments):
            for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                if argument.arg == "code" and default is not None:
                    yield from constants(default)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code" and isinstance(value, ast.Constant):
                    yield str(value.value)


def table(heading: str) -> list[str]:
    """The first cells of the tables in a section."""
    section = TROUBLESHOOTING.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    cells = re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)
    return [code for cell in cells if cell not in ("code", "---", "the run says") for code in cell.split(", ")]


def test_the_search_for_codes_finds_them() -> None:
    source = 'raise E("x", code="one")\nresult(failure={"code": "two", "status": None})\n'
    source += 'E(code="three" if a == "no" else "four")\ndef f(*, code: str = "five"): ...\nE(code=f"http_{status}")\n'
    source += 'code = "six" if a else "seven"\nother = "eight"\n'
    assert set(codes_in(source)) == {"one", "two", "three", "four", "five", "six", "seven"}


def test_every_own_code_is_in_the_troubleshooting_guide_and_no_other() -> None:
    own = {code for file in SOURCES for code in codes_in(file.read_text(encoding="utf-8"))}
    assert len(own) > 30
    listed = table("Codes of this collection")
    assert len(listed) == len(set(listed))
    assert set(listed) == own


def test_providers_codes_that_the_source_knows_are_in_the_guide() -> None:
    from ansible_collections.voiceagent.sms.plugins.module_utils._twilio.client import UNAUTHORIZED_CODES

    assert set(UNAUTHORIZED_CODES) <= set(table("Codes of Twilio, when the run fails"))
    assert any(code.startswith("BXNIM") for code in table("Codes of IBM Cloud"))


@pytest.mark.parametrize("file", guides.ALL, ids=lambda file: str(file.relative_to(project.ROOT)))
def test_links_lead_somewhere(file: pathlib.Path) -> None:
    assert guides.dangling(file) == []


@pytest.mark.parametrize("file", [*guides.SHIPPED, *guides.FOLDER.glob("*.md")], ids=lambda file: file.name)
def test_what_is_in_the_tarball_links_to_nothing_that_is_not(file: pathlib.Path) -> None:
    targets = guides.LINK.findall(file.read_text(encoding="utf-8"))
    paths = [(file.parent / target.partition("#")[0]).resolve() for target in targets if ":" not in target]
    names = [str(path.relative_to(project.ROOT)) for path in paths]
    assert release.strays(names) == []


def test_links_that_lead_nowhere_are_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# Two words, and more\n")
    page = tmp_path / "page.md"
    page.write_text("[a](other.md#two-words-and-more) [b](other.md#three) [c](none.md) [d](http://x.example)\n")
    assert guides.dangling(page) == ["page.md: other.md#three", "page.md: none.md", "page.md: http://x.example"]


def test_blocks_know_their_files() -> None:
    text = "First, save\nthis as `hosts.ini` (the ending matters):\n\n```ini\na\n```\n\n```bash\n# no command\nls \\\n -l # x\n```\n"
    first, second = guides.blocks(text)
    assert first == guides.Block("ini", "a\n", 4, "hosts.ini")
    assert (second.file, second.commands) == (None, ["ls  -l # x"])


def test_every_guide_is_in_the_list() -> None:
    listed = set(re.findall(r"\]\(([\w.-]+\.md)\)", (guides.FOLDER / "README.md").read_text(encoding="utf-8")))
    assert listed == {file.name for file in guides.FOLDER.glob("*.md")} - {"README.md"}


def test_the_quick_starts_are_the_same_but_for_their_language() -> None:
    english, spanish = (
        [
            (block.language, re.sub(r" *#.*", "", block.text))
            for block in guides.blocks(file.read_text(encoding="utf-8"))
        ]
        for file in (guides.FOLDER / "quick-start.md", guides.FOLDER / "quick-start.es.md")
    )
    assert english == spanish


def test_the_reference_names_every_short_variable_and_every_environment_variable() -> None:
    from ansible_collections.voiceagent.sms.plugins.module_utils._module.options import (
        IBM_CLOUD_OPTIONS,
        TWILIO_OPTIONS,
    )
    from ansible_collections.voiceagent.sms.plugins.module_utils._role.short import KNOWN

    page = (project.ROOT / "docs" / "docsite" / "rst" / "getting_started.rst").read_text(encoding="utf-8")
    assert sorted(name for name in KNOWN if f"``{name}``" not in page) == []
    role = (project.ROOT / "roles" / "connect_sms" / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    wanted = [
        name
        for spec in (IBM_CLOUD_OPTIONS, TWILIO_OPTIONS)
        for option in spec.values()
        for name in option.get("fallback", [0, []])[1]
    ]
    assert len(wanted) > 10
    assert [name for name in wanted if f"E({name})" not in role] == []


@pytest.mark.parametrize(
    "file", sorted((project.ROOT / "plugins").glob("*/sms_*.py")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_internal_parts_say_so(file: pathlib.Path) -> None:
    said = re.findall(r"^short_description: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(text.startswith("(Internal part of the role connect_sms)") for text in said)
