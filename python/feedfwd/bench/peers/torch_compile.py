"""PyTorch with ``torch.compile``: forward, loss and backward compiled, the update fused."""

from __future__ import annotations

from feedfwd.bench.peers import torch


class Peer(torch.Peer):
    """As eager PyTorch otherwise."""

    compiled = True
