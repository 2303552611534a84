"""What only the start needed goes back to the kernel: freed memory that the C library keeps, and programs' own pages.

Loading libraries and models leaves some megabytes of freed heap behind, in pieces that the C library gives back when it
is asked. And it runs through ten megabytes of onnxruntime's code that listening never comes to again: these pages are
unmapped, and those that are used after all come back from the page cache, at the first use of each. Only pages that can
be executed, and so cannot have been written to, are unmapped: nothing is lost with them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4  # of Linux, on every processor
_PROGRAM = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ \S+ [1-9]\d* ")


def give_back() -> None:
    """Once, when all is loaded. Where the C library or the kernel knows nothing of this, nothing happens."""
    library = ctypes.CDLL(None)
    if not (hasattr(library, "malloc_trim") and hasattr(library, "madvise")):
        return
    library.malloc_trim(0)
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in programs(MAPS.read_text()):
        library.madvise(start, end - start, _MADV_DONTNEED)


def programs(maps: str) -> Iterator[tuple[int, int]]:
    """The ranges of addresses in which a file is mapped to be executed and never written, from /proc's listing."""
    for line in maps.splitlines():
        if found := _PROGRAM.match(line):
            yield int(found[1], 16), int(found[2], 16)
