"""The last seconds of samples, by sample number. Overwritten, never written anywhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]


class Ring:
    """Holds the newest `capacity` samples of a stream; samples are named by their number since its start."""

    def __init__(self, capacity: int) -> None:
        self._kept = np.zeros(capacity, np.int16)
        self.written = 0  # samples so far, which is also the number of the next one

    def write(self, block: Int16) -> None:
        """Append at most `capacity` samples."""
        first = self.written % len(self._kept)
        room = len(self._kept) - first
        self._kept[first : first + len(block)] = block[:room]
        self._kept[: max(0, len(block) - room)] = block[room:]
        self.written += len(block)

    def read(self, start: int, end: int) -> Int16:
        """A copy of samples `start` to `end`. What lies before the stream's beginning is silence.

        Raises `IndexError` for samples already overwritten or not yet written.
        """
        if end > self.written or max(start, 0) < self.written - len(self._kept) or start > end:
            raise IndexError(f"samples {start} to {end} are not among the last {len(self._kept)} of {self.written}")
        first, last = start % len(self._kept), end % len(self._kept)
        if start >= 0 and first < last:  # in one piece, as nearly always
            return self._kept[first:last].copy()
        found = self._kept[np.arange(max(start, 0), max(end, 0)) % len(self._kept)]
        return np.concatenate([np.zeros(end - start - len(found), np.int16), found])
