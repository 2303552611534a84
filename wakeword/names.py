"""How neighbouring programs write a word's name -> how our manifests have it. Standard library only."""

from __future__ import annotations

import re

_VERSION = re.compile(r"_v\d+(\.\d+)*$")


def canonical(name: str) -> str:
    """Lower case, underscores, no version of a file: `Ok Garden` and `ok_garden_v0.1` are `ok_garden`."""
    return _VERSION.sub("", re.sub(r"[\s-]+", "_", name.strip().lower()))
