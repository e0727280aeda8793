"""A family, a task and a lens from outside of the package: the worked example of CONTRIBUTING.md, and its test.

`EXPLAINER_EXTENSIONS=tests.toys` adds them to every process (see `explainer.extensions`).
"""
