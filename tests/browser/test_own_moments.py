"""A run of one's own, trained on a page: all of its moments are there to be scrubbed through, soon after its end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from explainer.runs.moments import moments
from explainer.runs.tape import decode

Visit = Callable[..., Page]


def headers(body: bytes) -> dict[str, Any]:
    """The header of a tape's answer, its first file."""
    size = int.from_bytes(body[:4], "little")
    return dict(json.loads(decode(body[4 : 4 + size])[1]["header"]))


def test_the_birth_of_ones_own_run_can_be_watched(app: str, visit: Visit) -> None:
    page = visit(f"{app}/jacobian?task=adding&model=lstm&width=7&length=11&steps=311&batch=5&seed=613")
    seen: set[int] = set()
    states: list[str] = []

    def note(response: Any) -> None:
        # What the player itself is sent, poll by poll.
        if "/api/tape/" not in response.url or run not in response.url or response.status != 200:
            return
        header = headers(response.body())
        seen.update(chunk["step"] for chunk in header["chunks"] if chunk["kind"] == "view:jacobian")
        states.append(header["status"])

    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url(re.compile("run="))
    run = re.search(r"run=([^&]+)", urlsplit(page.url).query)[1]  # type: ignore[index]
    page.on("response", note)
    page.reload()
    while not states or states[-1] != "done":
        with page.expect_response(re.compile("/api/tape/")):
            pass
    assert seen >= set(moments(311))
    expect(page.locator(".unrolled-player figure").first).to_be_visible()
