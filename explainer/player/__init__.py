"""The player: one component that plays, scrubs and follows the tapes of a page's runs."""

from explainer.player.mount import play
from explainer.player.track import Scan, Shown, Track

__all__ = ["Scan", "Shown", "Track", "play"]
