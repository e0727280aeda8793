"""Training, looking and recording without a page: what `python -m explainer` does.

Nothing is imported by this file, so that help and refusals come at once: torch takes seconds.
"""
