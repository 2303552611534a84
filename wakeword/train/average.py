"""The mean of weights, which hears strangers better than any of them: of one training, or one gone on from the other.

    python -m wakeword.train.average A.pt B.pt… OUT.pt

Wortsman et al., "Model soups", 2022; "Robust fine-tuning of zero-shot models", 2022.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch


def average(paths: Sequence[Path], out: Path) -> None:
    """Write the mean; what is not a number with a fraction (a batch counter) is taken from the last."""
    several = [torch.load(path, weights_only=True) for path in paths]
    partial = out.with_suffix(".tmp")
    torch.save(
        {
            name: torch.stack([each[name] for each in several]).mean(dim=0) if value.is_floating_point() else value
            for name, value in several[-1].items()
        },
        partial,
    )
    partial.rename(out)


def main() -> None:
    """Parse the command line and average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    average(given.weights, given.out)


if __name__ == "__main__":
    main()
