"""The scores of attention heads that have a role of their own."""

from __future__ import annotations

ROLES = ("prefix_matching", "previous_token", "duplicate_token")
"""The scores that a head can have its role by, in the order of `chance` in two records."""
