"""The node that comes with playwright: it runs the player's modules that need no browser."""

from __future__ import annotations

from pathlib import Path

import playwright

NODE = Path(playwright.__file__).parent / "driver" / "node"
