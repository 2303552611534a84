"""The mean of two trainings' weights, which hears strangers better than either: one must have gone on from the other.

    python -m wakeword.train.average A.pt B.pt OUT.pt [--share 0.5]

Wortsman et al., "Model soups", 2022; "Robust fine-tuning of zero-shot models", 2022. `--share` is B's part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def average(first: Path, second: Path, out: Path, share: float) -> None:
    """Write the weighted mean; what is not a number with a fraction (a batch counter) is taken from the second."""
    a, b = (torch.load(path, weights_only=True) for path in (first, second))
    torch.save({k: torch.lerp(a[k], b[k], share) if a[k].is_floating_point() else b[k] for k in a}, out)


def main() -> None:
    """Parse the command line and average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5)
    given = parser.parse_args()
    average(given.first, given.second, given.out, given.share)


if __name__ == "__main__":
    main()
