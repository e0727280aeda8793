"""What makes a link of our own start its run: a ticket in its address, good once and for the browser that it was made for.

An address by itself never trains anything, or who passes one on could have others' browsers start runs in their names. So
each link under Try has a ticket for the visitor to whose page it was sent. Whoever opens the address without a ticket,
with one of somebody else's or a second time (a reload, Back) gets the controls set and the button Train.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping

import streamlit as st

from explainer.player.access import owner

NAME = "start"
"""In an address."""
MOST = 10_000
"""Tickets of all visitors that are good at a time; the oldest go."""


class Tickets:
    """Those that this process has given out; safe to share between threads."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._good: OrderedDict[str, tuple[str, str, dict[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def issue(self, owner: str, page: str, query: Mapping[str, str]) -> str:
        """A ticket for one visitor, one page and one address."""
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            self._good[ticket] = (owner, page, dict(query))
            while len(self._good) > self.most:
                self._good.popitem(last=False)
        return ticket

    def use(self, ticket: str, owner: str, page: str, query: Mapping[str, str]) -> bool:
        """Whether a ticket is good for this; from then on it is not."""
        with self._lock:
            if self._good.get(ticket, ("", "", {}))[:2] != (owner, page):
                return False
            wanted = self._good.pop(ticket)[2]
        return all(query.get(name) == text for name, text in wanted.items())


TICKETS = Tickets()


def with_ticket(page: str, query: Mapping[str, str]) -> dict[str, str]:
    """The query of a link that starts its run, the same in every rerun of the page, or a click would meet a link in change."""
    kept: dict[str, str] = st.session_state.setdefault(f"{page}:tickets", {})
    name = repr(sorted(query.items()))
    if name not in kept:
        kept[name] = TICKETS.issue(owner(), page, query)
    return {**query, NAME: kept[name]}


def ticket_used(page: str) -> bool:
    """Whether the address that was opened has a good ticket, which is taken out of it."""
    ticket = st.query_params.get(NAME, "")
    if not ticket:
        return False
    del st.query_params[NAME]
    return TICKETS.use(ticket, owner(), page, st.query_params.to_dict())
