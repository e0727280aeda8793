"""Tables as people have them: what a file means, with every guess said, and each of them to be changed by hand.

Reading happens in a process of its own with limits on time and memory (`process`); what comes back is an
`Understanding`, plain data, so neither the interface nor the worker loads pandas.
"""

from explainer.tables.options import DECIMALS, LEFT_OUT, LONGEST_GAP, ORDERS, SEPARATORS, THOUSANDS, Options, named
from explainer.tables.process import read_table
from explainer.tables.understanding import Column, Shown, Skipped, Understanding
