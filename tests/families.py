"""The families that the tests go through, written out: no registry says what a test is to find."""

RECURRENT = ("rnn", "rnn_relu", "lstm", "gru")
ATTENDING = ("linear", "transformer")
GATES = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update")}
PARTS = {"rnn": 1, "rnn_relu": 1, "lstm": 2, "gru": 1}
"""Numbers that a unit carries from step to step."""
