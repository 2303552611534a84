"""Receipts that the uplink keeps: each a checkpoint with the service's line beneath it, for whoever audits the log.

One file a receipt, named by the log's size; the newest pins all before it, so old ones go. The gate never reads them.
"""

from __future__ import annotations

import re
from pathlib import Path

from wakeword.evidence.disk import REAL
from wakeword.evidence.note import NoteError, decode64, parse_checkpoint, parse_notes
from wakeword.messages import Open

MOST_KEPT = 1_000
COSIGNATURE_BYTES = 76  # key ID, time, Ed25519
_NAME = re.compile(r"([0-9]{12})\.note")


class Receipts:
    """A folder; "" keeps nothing. What a service says is kept, not believed: verifiers check it against its key."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) if folder else None

    def newest_size(self) -> int:
        """Of the log when it was last receipted; 0 for never."""
        return max((int(name[1]) for name in self._names()), default=0)

    def keep(self, opened: Open, line: str) -> int:
        """Write down the receipt for this session; its size. Raises `ValueError` for no receipt, `OSError`."""
        name, _, encoded = line.removeprefix("— ").partition(" ")
        try:
            if not name or len(decode64(encoded)) != COSIGNATURE_BYTES:
                raise NoteError("of another length")
            [signed] = parse_notes(f"{opened.checkpoint.rstrip()}\n— {name} {encoded}\n")
            _, size, _ = parse_checkpoint(signed.text)
        except NoteError as error:
            raise ValueError(f"not a receipt: {error}") from error
        if self._folder is None:
            return size
        path = self._folder / f"{size:012d}.note"
        content = f"{opened.certificate.strip()}\n\n{opened.checkpoint.rstrip()}\n— {name} {encoded}\n"
        if not path.exists():
            REAL.write_new(path, content.encode(), 0o600)
        for old in sorted(self._names(), key=lambda name: name[1])[:-MOST_KEPT]:
            REAL.remove(self._folder / old[0])
        return size

    def _names(self) -> list[re.Match[str]]:
        names = REAL.names(self._folder) if self._folder and self._folder.is_dir() else []
        return [found for found in map(_NAME.fullmatch, names) if found]
