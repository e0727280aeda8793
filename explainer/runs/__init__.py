"""Runs that outlive a page: the store, the tape's format, the client of the interface, the worker.

Nothing here is imported by this file: the interface takes `client`, only the worker takes torch.
"""
