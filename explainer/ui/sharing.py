"""Sharing an own run on own data: what a link gives away, the link, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from explainer.player.access import owner, viewer
from explainer.player.backend import client
from explainer.runs.sharing import is_private
from explainer.runs.store import Run
from explainer.ui.notices import toasted

ALONE = "So far only this browser sees {0}, because {1} on data of yours. A link opens {0} for others too."
LOOK_ONLY = "They can look. They can't steer, delete, train on, or use your data for runs of their own."


def share_control(key: str, runs: Sequence[Run]) -> None:
    """A popover for the owner of runs on own data, the link in it once it was asked for; nothing for anybody else."""
    private = [run for run in runs if is_private(run)]
    mine = [run for run in private if run.owner == owner()]
    if not mine:
        return
    them, are = ("this run", "it is") if len(mine) == 1 else ("these runs", "they are")
    key_to_them = client().store.key_to([run.id for run in mine])
    shared = any(client().store.keys_of(run.id) for run in mine)
    said = "Let others see it: it is on data of yours"
    with st.popover("Share", icon=":material/share:", help=said, key=f"{key}-share"), st.container(width=380):
        if not shared:
            st.markdown(ALONE.format(them, are))
        source = mine[0].config.problem.reads
        assert source is not None, mine[0].id
        st.markdown(source.gives_away.format(them))
        st.caption(LOOK_ONLY)
        if key_to_them:
            st.code(_link(mine, key_to_them), language=None, wrap_lines=True)
        else:
            icon = ":material/add_link:"
            st.button("Make a link", icon=icon, type="primary", on_click=_share, args=(mine,), key=f"{key}-link")
        if shared:
            icon = ":material/link_off:"
            st.button("Take all links back", icon=icon, on_click=_unshare, args=(mine,), key=f"{key}-unshare")


def shared_with_me(runs: Sequence[Run]) -> list[Run]:
    """Those of the runs on a page that are on somebody else's data, and are seen by a key."""
    return [run for run in runs if is_private(run) and run.owner != owner()]


def says_whose(runs: Sequence[Run]) -> None:
    """A line below the controls, where a page shows what somebody else has shared."""
    if shared_with_me(runs):
        st.caption(
            ":material/link: Shared with you by a link. It is on data of its owner's: look as you like. "
            "To train, give data of your own, or go back to the default data."
        )


def forget_key() -> None:
    """Take the key out of the address, where the page no longer shows what it opens; the session keeps it."""
    if "key" in st.query_params:
        viewer()
        del st.query_params["key"]


def _link(runs: Sequence[Run], key: str) -> str:
    """The address of this page as it is, with these runs and the key to them."""
    query = st.query_params.to_dict()
    query |= {"run": ",".join(run.id for run in runs), "key": key}
    return f"{str(st.context.url or '').partition('?')[0]}?{urlencode(query)}"


def _share(runs: Sequence[Run]) -> None:
    with toasted():
        client().share([run.id for run in runs], owner())


def _unshare(runs: Sequence[Run]) -> None:
    for run in runs:
        with toasted():
            client().unshare(run.id, owner())
