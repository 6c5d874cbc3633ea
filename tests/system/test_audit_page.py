# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit's page, of five thousand numbers, in a real browser."""

from __future__ import annotations

import itertools
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from ansible_collections.voiceagent.sms.plugins.module_utils._role.audit import STATUSES, summary
from ansible_collections.voiceagent.sms.plugins.plugin_utils.audit_page import as_page
from system.playing import ROOT

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
COUNT, FIRST = 5000, 200
#: Where the pages are photographed, for people to look at.
PICTURES = os.environ.get("SMS_PICTURES")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")


def report(count: int = COUNT) -> dict[str, Any]:
    """Return an audit of so many numbers, of every status in turn."""
    rows = []
    for index, status in zip(range(count), itertools.cycle(STATUSES), strict=False):
        key = {"credential": "twilio-sms", "age_days": index % 400 + 0.5, "role": "Writer"}
        errors = {"count": index % 3, "last_at": "2026-11-20T10:00:00Z", "codes": {"11200": index % 3}}
        rows.append(
            {
                "phone_number": f"+1555{index:07d}",
                "friendly_name": f"Line {index} <b>&amp;",
                "host": f"store-{index}",
                "status": status,
                "url": "https://apikey:***@sms-south.voiceagent.cloud.ibm.com/sms.receiver/SmsRecv",
                "fallback_url": "",
                "key": key if status == "connected" else None,
                "errors": errors if index % 3 else None,
                "msg": STATUSES[status],
            }
        )
    rows.sort(key=lambda row: list(STATUSES).index(row["status"]))
    return {"generated_at": "2026-11-22T10:00:00+00:00", "summary": summary(rows), "notes": ["a note"], "numbers": rows}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "audit.html"
    path.write_text(as_page(report(), str(ROOT / "roles" / "connect_sms")))
    return path.as_uri()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("request", lambda asked: None if asked.url == address else faults.append(asked.url))
    opened.set_default_timeout(20_000)
    opened.goto(address)
    yield opened
    if PICTURES:
        opened.screenshot(path=pathlib.Path(PICTURES) / f"audit-{width}.png")
    context.close()
    assert not faults


def rows(page: Any) -> int:
    """Return how many numbers are to be seen."""
    return int(page.locator("tbody tr").count())


def test_it_shows_filters_and_sorts(page: Any) -> None:
    told = page.locator("#shown")
    assert rows(page) == FIRST
    assert page.locator("h1").inner_text() == "SMS audit"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
    page.locator("button[data-show=dead_key]").click()
    expect(told).to_have_text(f"{COUNT // len(STATUSES)} of {COUNT} numbers")
    assert rows(page) == FIRST
    page.locator("#more").click()
    assert rows(page) == COUNT // len(STATUSES)
    page.locator("button[data-show=errors]").click()
    expect(told).to_have_text(f"{len([index for index in range(COUNT) if index % 3])} of {COUNT} numbers")
    page.locator("button[data-show='']").click()
    page.locator("#find").fill("line 4321 ")
    expect(told).to_have_text(f"1 of {COUNT} numbers")
    assert "Line 4321 <b>&amp;" in page.locator("tbody tr").inner_text()
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

    page.keyboard.press("Tab")
    assert focused().endswith("all")
    page.keyboard.press("Tab")
    assert focused().endswith("dead key")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.locator("#shown")).to_have_text(f"{COUNT // len(STATUSES)} of {COUNT} numbers")
    for _press in range(20):
        page.keyboard.press("Tab")
        if focused() == "find":
            break
    page.keyboard.type("store-8 ")
    expect(page.locator("#shown")).not_to_have_text(f"{COUNT // len(STATUSES)} of {COUNT} numbers")
    page.keyboard.press("Tab")
    assert focused() == "Number"
    page.keyboard.press("Space")
    assert page.locator("th[aria-sort=ascending]").inner_text().strip() == "Number"


def test_colours_can_be_read(page: Any) -> None:
    """Text stands out from its background by 4.5 to 1 (WCAG 2.2, contrast minimum)."""
    for status in [*STATUSES, "errors"]:
        page.locator(f"button[data-show={status}]").click()
        selector = ", ".join(["p", "td small", "td a", "button span"] if status == "errors" else [f".s.{status}"])
        ratio = page.evaluate(
            """selector => {
              const rgb = text => text.match(/[\\d.]+/g).map(Number);
              const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
              const ratio = element => {
                let behind = element;
                while (behind.parentElement && rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
                const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
                  .map(rgb).map(luminance).sort((x, y) => y - x);
                return (a + 0.05) / (b + 0.05);
              };
              return Math.min(...[...document.querySelectorAll(selector)].map(ratio));
            }""",
            selector,
        )
        assert ratio >= 4.5, selector
