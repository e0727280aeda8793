"""The player: one component that plays, scrubs and follows the tapes of a page's runs."""

from explainer.player.mount import Track, play

__all__ = ["Track", "play"]
