"""`make bench`: the numbers that docs/design.md promises, measured and printed as JSON."""
