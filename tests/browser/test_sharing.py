"""Two browsers: what one gives to learn from, the other sees by a link alone, and only until it is taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Page, expect

Visit = Callable[..., Page]
TEXT = "".join(f"{number} secrets of Anne, {number * number % 97} of them dark.\n" for number in range(60))
ALONE = "it is on data of somebody's own"


def give(page: Page) -> None:
    page.get_by_role("button", name="Your own data").click()
    file = {"name": "secrets.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("distinct ones, that begins").first).to_be_visible()
    page.wait_for_url(re.compile("data="))


def test_a_run_on_own_data_is_for_who_has_the_link(app: str, visit: Visit) -> None:
    anne = visit(f"{app}/hidden-states?task=text&length=20&width=12&steps=40&seed=31")
    give(anne)
    anne.reload()  # it was not trained yet, and is there again
    anne.get_by_role("button", name="Your own data").click()
    expect(anne.get_by_text("distinct ones, that begins").first).to_contain_text("secrets.txt")
    anne.keyboard.press("Escape")
    anne.get_by_role("button", name="Train", exact=True).click()
    anne.wait_for_url(re.compile("run="))
    bare = anne.url
    (run,) = parse_qs(urlparse(bare).query)["run"]
    expect(anne.locator(".unrolled-player .step").first).to_contain_text("of 40")
    anne.get_by_role("button", name="Share").click()
    expect(anne.get_by_text("can read your text through it")).to_be_visible()
    anne.get_by_role("button", name="Make a link").click()
    link = anne.locator('[data-testid="stPopoverBody"] code').inner_text()

    stranger = visit(bare)
    expect(stranger.locator('[data-testid="stAlert"]').first).to_contain_text(ALONE)
    assert not stranger.get_by_role("button", name="Share").count()
    guest = visit(link)
    expect(guest.get_by_text("Shared with you by a link")).to_be_visible()
    expect(guest.locator(".unrolled-player .step").first).to_contain_text("of 40")
    guest.locator(".unrolled-player .plot .main-svg").first.wait_for()
    listed = guest.get_by_role("link", name=run[:6])
    guest.goto(f"{app}/runs?run={run}&key={link[-32:]}")
    expect(listed).to_have_attribute("href", re.compile(f"run={run}&key={link[-32:]}"))
    stranger.goto(f"{app}/runs")
    stranger.locator('a[href*="run="]').first.wait_for()  # the list is there, whatever ran here before
    assert not stranger.get_by_role("link", name=run[:6]).count()

    anne.get_by_role("button", name="Take all links back").click()
    expect(anne.get_by_role("button", name="Make a link")).to_be_visible()
    again = visit(link)
    expect(again.locator('[data-testid="stAlert"]').first).to_contain_text(ALONE)
