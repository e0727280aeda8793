"""What all tests share."""

import torch

# The tests compare bits, and several of them may run at once: one thread each.
torch.set_num_threads(1)
