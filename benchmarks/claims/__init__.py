"""Whether what the pages say of experiments is so: `python -m benchmarks.claims [page ...]`, or `make claims`.

`experiments` reads what a page says, without running it. One module for each page has its claims: words of an answer,
verbatim, with what is measured to check them. `lab` trains the runs. `tests/test_claims.py` holds that no number of an
answer is without a claim.
"""
