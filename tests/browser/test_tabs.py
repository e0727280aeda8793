"""Every tab below every lesson, opened: formulas are formulas, and nothing is said in marks, in traces or in vain."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from explainer.ui.places import LESSON_PLACES

#: Each page once, and what a page says of something else in a state of its own.
VIEWS = [
    *[place.path for place in LESSON_PLACES],
    *[f"positions?encoding={name}" for name in ("Learned", "Rotary", "ALiBi")],
]
#: What is seen of a formula or of a mark that nobody read as one.
RAW = re.compile(r"\$|\\[a-zA-Z]+|\*\*|\\_")

#: Where the tabs' words stand, formulas aside: KaTeX has its source in a part that is not shown.
SHOWN = """() => {
  const panel = [...document.querySelectorAll('[data-testid="stTabs"] [role="tabpanel"]')].find((each) => each.offsetParent);
  const copy = panel.cloneNode(true);
  copy.querySelectorAll('.katex, code, pre').forEach((each) => each.remove());
  return copy.textContent;
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """One for all views, without the pictures, which are not looked at here: plotly.js takes a browser seconds."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.route(re.compile("plotly"), lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_every_tab_shows_its_words_and_formulas(page: Page, app: str, view: str) -> None:
    page.goto(f"{app}/{view}")
    tabs = page.locator('[data-testid="stTabs"] [role="tab"]')
    expect(tabs).to_have_count(4)
    assert tabs.all_inner_texts() == ["Explain", "Math", "Code", "Try"]
    for name in ("Explain", "Math", "Code", "Try"):
        if name != "Explain":  # which is open at first
            tabs.filter(has_text=name).click()
        panel = page.locator('[data-testid="stTabs"] [role="tabpanel"]:visible')
        expect(panel.locator({"Math": ".katex", "Code": "code", "Try": "a"}.get(name, "p")).first).to_be_visible()
        expect(page.locator("[data-stale='true']")).to_have_count(0)
        assert page.locator(".katex-error").all_inner_texts() == [], name
        assert not RAW.findall(page.evaluate(SHOWN)), name
        expect(page.locator('[data-testid="stException"]')).to_have_count(0)


def test_a_formula_that_is_none_is_found(page: Page, app: str) -> None:
    """What the tests above look for is there where a formula is broken."""
    page.goto(f"{app}/jacobian")
    tab = page.locator('[data-testid="stTabs"] [role="tab"]').filter(has_text="Math")
    tab.click()
    expect(page.locator(".katex").first).to_be_visible()
    page.evaluate("""() => {
      const panel = [...document.querySelectorAll('[data-testid="stTabs"] [role="tabpanel"]')].find((each) => each.offsetParent);
      panel.append('$$\\\\frac{1}{2}');
    }""")
    assert RAW.findall(page.evaluate(SHOWN)) == ["$", "$", "\\frac"]
