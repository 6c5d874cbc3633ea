# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's page in a real browser, with 5000 numbers on two screen sizes and 96 in print."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit import STATUSES
from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit_report import as_csv, make_report
from ansible_collections.voiceagent.sms.plugins.plugin_utils.audit_page import FIRST, as_page
from system.playing import ROOT

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
COUNT, SOME, FEW = 5000, 300, 96
SHARE = -(-COUNT // len(STATUSES))  # how many have the first status
WEBHOOK = "https://apikey:***@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv"
FLOW = "https://webhooks.twilio.com/v1/Accounts/AC0123456789abcdef0123456789abcdef/Flows/FW0123456789abcdef"
CRN = "crn:v1:bluemix:public:voice-agent-with-watson:us-south:a/abc:guid::"
#: The folder for screenshots of the pages.
PICTURES = os.environ.get("SMS_PICTURES")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")


def errors_of(index: int) -> int:
    """Return a number's count of errors."""
    return index // 5 % 3


def entry(index: int, status: str, *, hosts: bool) -> dict[str, Any]:
    """Return a verdict with all possible fields."""
    count = errors_of(index)
    key = {
        "credential": "twilio-sms" if index % 7 else None,
        "guid": "g1",
        "age_days": index % 400 + 0.2,
        "role": "Writer",
    }
    carrier = {"kind": "messaging_service", "sid": f"MG{index:032x}", "name": "Support <i>", "url": WEBHOOK}
    return {
        "phone_number": f"+1555{index:07d}",
        "friendly_name": f"Line {index} <b>&amp;",
        "host": f"store-{index}" if hosts else "localhost",
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "sid": None if status == "not_in_account" else f"PN{index:032x}",
        "region": "us-south",
        "url": {"elsewhere": FLOW, "not_connected": "", "not_in_account": ""}.get(status, WEBHOOK),
        "fallback_url": WEBHOOK if index % 11 == 0 else "",
        "overridden_by": carrier if status == "overridden" else None,
        "via": carrier if status == "connected" and index % 5 == 0 else None,
        "key": key if status in ("connected", "dead_key") else None,
        "errors": {
            "count": count,
            "last_at": "2026-11-20T10:00:00Z" if count else None,
            "codes": {"11200": count} if count else {},
            "since_change": count // 2,
        },
        "changed_by": None,
        "status": status,
        "msg": STATUSES[status] + (', "as it\'s said"' if index % 13 == 0 else ""),
    }


def report(count: int, *, hosts: bool = True) -> dict[str, Any]:
    """Return an audit with this count of numbers, of every status in turn, and a previous one."""
    kinds = itertools.cycle(STATUSES)
    told = [entry(index, status, hosts=hosts) for index, status in zip(range(count), kinds, strict=False)]
    told.sort(key=lambda each: list(STATUSES).index(each["status"]))
    was = [
        {**each, "status": "elsewhere"} if place % 17 == 0 else each for place, each in enumerate(told) if place % 23
    ]
    gone = {"phone_number": "+15559999999", "status": "connected"}
    past = [{"at": f"2026-11-{day:02}T10:00:00+00:00", "numbers": FEW, "connected": 40 + day} for day in range(1, 20)]
    before = {"generated_at": "2026-11-20T10:00:00+00:00", "run": "one", "numbers": [*was, gone], "history": past}
    instance = {"instance": "sms-agent", "instance_guid": "guid", "instance_crn": CRN, "region": "us-south"}
    retired = {
        "name": "twilio-sms:retiring",
        "guid": "g9",
        "age_days": 12.3,
        **instance,
        "phone_numbers": ["+15550000008"],
    }
    facts = {"version": "1.2.3", "agents": [instance], "retired": [retired]}
    return make_report(before, told, ["a note"], facts, run="two", now="2026-11-22T10:00:00+00:00")


def page_of(told: dict[str, Any], options: list[str] | None = None) -> str:
    return as_page(told, str(ROOT / "roles" / "connect_sms"), options=options, inventory=["hosts.yml"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a folder with pages of many numbers, of some, and of a few that are not hosts of an inventory."""
    path = tmp_path_factory.mktemp("page")
    for name, count in (("many", COUNT), ("some", SOME), ("few", FEW), ("tiny", 2 * len(STATUSES))):
        (path / f"{name}.html").write_text(page_of(report(count)))
    (path / "bare.html").write_text(page_of(report(FEW, hosts=False), ["-e", "region=us-south"]))
    return path


class Opened:
    """Opens pages and collects their errors."""

    def __init__(self, browser: Any, folder: pathlib.Path) -> None:
        self._browser, self._folder = browser, folder
        self.faults: list[str] = []
        self._contexts: list[Any] = []

    def __call__(self, name: str, width: int = 1280, scheme: str = "light", tail: str = "", **options: Any) -> Any:
        size = {"width": width, "height": 844}
        self._contexts.append(self._browser.new_context(viewport=size, color_scheme=scheme, **options))
        opened = self._contexts[-1].new_page()
        address = (self._folder / f"{name}.html").as_uri()
        opened.on("pageerror", lambda error: self.faults.append(str(error)))
        opened.on("console", lambda message: self.faults.append(message.text))
        opened.on("request", lambda asked: self._note(asked.url, address))
        opened.set_default_timeout(20_000)
        opened.goto(address + tail)
        return opened

    def _note(self, asked: str, address: str) -> None:
        if asked.partition("#")[0] != address and not asked.startswith("blob:"):
            self.faults.append(asked)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def opened(browser: Any, folder: pathlib.Path) -> Iterator[Opened]:
    expect.set_options(timeout=20_000)
    opener = Opened(browser, folder)
    yield opener
    opener.close()
    assert not opener.faults


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, opened: Opened) -> Iterator[Any]:
    width, scheme = request.param
    many = opened("many", width, scheme)
    yield many
    if PICTURES:
        many.screenshot(path=pathlib.Path(PICTURES) / f"audit-{width}.png")


def rows(page: Any) -> int:
    """Return how many numbers are visible."""
    return int(page.locator("tbody:first-of-type tr").count())


def test_it_shows_filters_and_sorts(page: Any, folder: pathlib.Path) -> None:
    assert (folder / "many.html").stat().st_size <= 3_000_000
    told = page.locator("#shown")
    assert rows(page) == FIRST
    assert page.locator("h1").inner_text() == "SMS audit"
    facts = page.locator(".facts").inner_text()
    assert [
        word for word in ("AC0123456789abcdef", "sms-agent", "us-south", "1.2.3", "22 Nov 2026") if word not in facts
    ] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
    page.locator("button[data-show=dead_key]").click()
    expect(told).to_have_text(f"{SHARE} of {COUNT} numbers")
    assert rows(page) == FIRST
    page.locator("#more").click()
    expect(page.locator("tbody:first-of-type tr")).to_have_count(SHARE)
    page.locator("button[data-show=errors]").click()
    expect(told).to_have_text(f"{len([index for index in range(COUNT) if errors_of(index)])} of {COUNT} numbers")
    page.locator("button[data-show='']").click()
    page.locator("#find").fill("line 4321 ")
    expect(told).to_have_text(f"1 of {COUNT} numbers")
    row = page.locator("tbody:first-of-type tr")
    assert "Line 4321 <b>&amp;" in row.inner_text()
    assert (
        row.locator("a").first.get_attribute("href").endswith(f"/phone-numbers/manage/incoming/PN{4321:032x}/configure")
    )
    page.locator("#find").fill("")
    expect(told).to_have_text("")
    number = page.locator("th button", has_text="Number")
    number.click()
    first = page.locator("tbody tr td:first-child").first
    expect(first).to_contain_text("+15550000000")
    number.click()
    expect(first).to_contain_text("+15550004999")
    assert number.locator("xpath=..").get_attribute("aria-sort") == "descending"


def test_it_is_used_by_keyboard_alone(page: Any) -> None:
    def focused() -> str:
        return str(page.evaluate("document.activeElement.textContent || document.activeElement.id").strip())

    def to(text: str) -> None:
        for _press in range(40):
            page.keyboard.press("Tab")
            if focused().endswith(text):
                return
        raise AssertionError(f"nothing leads to {text}")

    to("all")
    page.keyboard.press("Tab")
    assert focused().endswith("dead key")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.locator("#shown")).to_have_text(f"{SHARE} of {COUNT} numbers")
    to("Copy the command")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Copied")
    to("find")
    page.keyboard.type("store-8 ")
    expect(page.locator("#shown")).not_to_have_text(f"{SHARE} of {COUNT} numbers")
    to("Number")
    page.keyboard.press("Space")
    assert page.locator("th[aria-sort=ascending]").inner_text().strip() == "Number"


def test_it_finds_numbers_in_any_notation_and_keeps_the_filter_in_the_address(opened: Opened) -> None:
    few = opened("few")
    dead = sum(each["status"] == "dead_key" for each in report(FEW)["numbers"])
    for text, count in (
        ("(555) 000-0042", 1),
        ("+1 (555) 000-0042", 1),
        ("1 555.000.0042", 1),
        ("001555 0000042", 1),
        ("5550000042", 1),
        ("store-42", 1),
        ("(555) 000-0042 line", 1),
        ("(555) 000-0042 nowhere", 0),
        ("(555) 000-9942", 0),
        ("dead_key", dead),
        ("dead key", dead),
        ("DEAD_KEY 11200", sum(errors_of(index) > 0 for index in range(0, FEW, len(STATUSES)))),
        (
            "twilio-sms",
            len([index for index in range(FEW) if index % 7 and index % len(STATUSES) in (0, len(STATUSES) - 1)]),
        ),
    ):
        few.locator("#find").fill(text)
        few.wait_for_timeout(150)
        expect(few.locator("#shown")).to_have_text(f"{count} of {FEW} numbers")
    few.locator("#find").fill("11200")
    few.locator("button[data-show=dead_key]").click()
    few.locator("th button", has_text="Errors").click()
    address = few.evaluate("location.hash")
    assert address == "#show=dead_key&find=11200&sort=errors"
    again = opened("few", tail=address)
    assert again.locator("[data-show=dead_key]").get_attribute("aria-pressed") == "true"
    assert again.locator("tbody").first.inner_text() == few.locator("tbody").first.inner_text()
    again.evaluate("location.hash = '#show=%3Cscript%3E&sort=nothing&find='")
    expect(again.locator("#shown")).to_have_text("")
    for name in ("changed", "new"):
        few.evaluate(f"location.hash = '#show={name}'")
        told = report(FEW)["since"][name]
        expect(few.locator("#shown")).to_have_text(f"{len(told)} of {FEW} numbers")
    assert "+15559999999" in few.locator("[aria-labelledby=since]").inner_text()


def test_a_command_for_the_numbers_that_are_to_be_seen_and_csv(opened: Opened, folder: pathlib.Path) -> None:
    few = opened("few", permissions=["clipboard-read", "clipboard-write"])
    told = report(FEW)["numbers"]
    assert few.locator("#todo").get_attribute("open") is None
    for status in STATUSES:
        few.locator(f"button[data-show={status}]").click()
        names = ",".join(each["host"] for each in told if each["status"] == status)
        command = few.locator("#todo pre:visible").inner_text()
        assert re.fullmatch(rf"ansible-playbook -i hosts.yml voiceagent\.sms\.\w+ --limit {names}( .*)?", command), (
            command
        )
    last = len(STATUSES) - 1  # the first number of the status that was chosen last
    few.locator("#find").fill(f"+1555{last:07d}")
    expect(few.locator("#todo pre:visible")).to_have_text(re.compile(f"--limit store-{last}$"))
    few.locator("#todo [data-copy]:visible").click()
    assert few.evaluate("navigator.clipboard.readText()") == few.locator("#todo pre:visible").inner_text()

    bare = opened("bare")
    bare.locator("button[data-show=elsewhere]").click()
    numbers = ",".join(each["phone_number"] for each in told if each["status"] == "elsewhere")
    command = "ansible-playbook voiceagent.sms.connect_sms -e region=us-south -e phone_numbers="
    assert bare.locator("#todo pre:visible").inner_text() == f"{command}{numbers} --check --diff"

    def saved(button: Any) -> tuple[str, str]:
        with button.page.expect_download() as waiting:
            button.click()
        download = waiting.value
        return download.suggested_filename, pathlib.Path(download.path()).read_text()

    # What it saves is what audit.csv has of the same numbers.
    for opening, hosts in ((few, True), (bare, False)):
        opening.evaluate("location.hash = ''")
        expect(opening.locator("#shown")).to_have_text("")
        assert saved(opening.locator("#csv")) == ("sms-audit.csv", as_csv(report(FEW, hosts=hosts)["numbers"]))
    few.locator("button[data-show=overridden]").click()
    own = [each for each in told if each["status"] == "overridden"]
    assert saved(few.locator("#csv"))[1] == as_csv(own)

    many = opened("many")
    many.locator("button[data-show=not_connected]").click()
    assert many.locator("#todo pre:visible").inner_text().endswith("--limit @sms-audit-not_connected-hosts.txt")
    name, text = saved(many.locator("#todo [data-save]:visible"))
    hosts = [each["host"] for each in report(COUNT)["numbers"] if each["status"] == "not_connected"]
    assert (name, text.splitlines()) == ("sms-audit-not_connected-hosts.txt", hosts)


def test_on_paper(opened: Opened) -> None:
    few = opened("few")
    pages = re.findall(rb"/Type\s*/Page\b", few.pdf(prefer_css_page_size=True))
    assert 2 <= len(pages) <= 6
    some = opened("some")
    for paper, count in ((some, SOME), (few, FEW)):  # A4, landscape, between its margins
        paper.set_viewport_size({"width": 1047, "height": 718})
        paper.emulate_media(media="print")
        seen = "[...document.querySelectorAll('tbody tr')].filter((row) => row.getClientRects().length).length"
        assert paper.evaluate(seen) == count, "all numbers, however many"
        cut = """[...document.querySelectorAll('main *')].filter((each) => each.scrollWidth > each.clientWidth + 1 &&
            each.clientWidth && !each.closest('.aside, legend, svg')).map((each) => each.outerHTML.slice(0, 80))"""
        assert paper.evaluate(cut) == [], "nothing is cut"
        assert paper.evaluate("document.documentElement.scrollWidth") <= 1047
    assert not few.locator("#find").is_visible()
    assert few.locator(".do p").first.is_visible(), "what to do is told on paper, too"
    few.emulate_media(media="screen")
    few.locator("button[data-show=dead_key]").click()
    few.emulate_media(media="print")
    expect(few.locator("#filtered")).to_contain_text("dead key")


def test_without_scripts_all_numbers_are_there(opened: Opened) -> None:
    for width in (1280, 390):
        plain = opened("some", width, java_script_enabled=False)
        assert plain.locator("tbody tr:visible").count() == SOME
        assert not plain.locator("#find").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(opened: Opened, width: int, scheme: str) -> None:
    """axe finds no accessibility problems: contrast, names, roles, order of headings, scrollable regions."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe_playwright_python is not installed")
    tiny = opened("tiny", width, scheme)
    for click in ("#todo summary", "button[data-show=errors]"):
        tiny.locator(click).click()
        found = axe.Axe().run(tiny)
        assert not found.response["violations"], found.generate_report()
