"""Closed forms in numpy: what can be known about a model without training it. No torch here."""
