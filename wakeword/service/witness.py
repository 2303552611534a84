"""A witness for the logs of devices: cosigns a checkpoint only when the log has grown from the one it cosigned before.

A receipt makes deleting or rewriting what it covers impossible to hide, so this remembers, for each log, the newest
checkpoint, and writes it down before it answers (C2SP tlog-cosignature and tlog-witness; docs/service.md, "Receipts").
It cannot tell whose log it is: whoever first sends a name gets it. To pin the device's key is for who holds that key.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wakeword.evidence import device, note
from wakeword.evidence.growth import grew

KEY_NAME, VKEY_NAME = "witness.key", "witness.vkey"
MOST_HASHES = 63
MOST_LOGS = 10_000  # remembered by one witness: each takes a small file


class NotWitnessed(Exception):  # noqa: N818  said of a checkpoint
    """No receipt; `size` is that of the checkpoint held, where a proof from there would help."""

    def __init__(self, why: str, size: int | None = None) -> None:
        super().__init__(why)
        self.size = size


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose signature holds."""

    origin: str
    size: int
    root: bytes
    text: str


def read_checkpoint(certificate: str, checkpoint: str) -> Checkpoint:
    """Both notes taken apart, the second signed by the key in the first; raises `NotWitnessed`."""
    try:
        [certified] = note.parse_notes(certificate)
        [signed] = note.parse_notes(checkpoint)
        origin, size, root = note.parse_checkpoint(signed.text)
        named, _, _, _, _, public = certified.text.removeprefix(note.CERTIFICATE_HEAD).splitlines()
        key = note.Key(origin, note.decode64(public))
    except (note.NoteError, ValueError) as error:
        raise NotWitnessed(f"not a certificate and a checkpoint: {error}") from error
    if named != origin or not any(key.signed(signed.text, raw) for _, raw in signed.signatures):
        raise NotWitnessed("the checkpoint is not signed by the certified key")
    return Checkpoint(origin, size, root, signed.text)


class Witness:
    """The key and what was cosigned, in one folder. One process at a time."""

    def __init__(self, folder: Path) -> None:
        """Make the key at the first start; raises `ConfigError` when it cannot be read or written."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = device.load_or_create(folder / KEY_NAME, may_create=not (folder / VKEY_NAME).exists())
        public = private.public_key().public_bytes_raw()
        self._folder = folder
        self._signer = note.Signer(f"wakeword-service/{hashlib.sha256(public).hexdigest()[:16]}", private)
        if not (folder / VKEY_NAME).exists():
            device.put(folder / VKEY_NAME, self.vkey + "\n", 0o644)

    @property
    def vkey(self) -> str:
        """What `wakeword audit verify --witness` takes."""
        return note.Key(self._signer.name, self._signer.key.public, note.COSIGNATURE).vkey()

    def cosign(self, start: Mapping[str, Any]) -> str:
        """The signature line over the checkpoint of a session's `start` message; raises `NotWitnessed`."""
        new = read_checkpoint(start["certificate"], start["checkpoint"])
        path = self._folder / f"{hashlib.sha256(new.origin.encode()).hexdigest()[:32]}.json"
        if path.exists():
            held = json.loads(path.read_text())
            if start.get("base", 0) != held["size"] and new.size != held["size"]:
                raise NotWitnessed(f"a proof from record {held['size']} on is needed", held["size"])
            proof = [note.decode64(each) for each in start.get("proof", ())]
            if not grew((held["size"], note.decode64(held["root"])), (new.size, new.root), proof):
                raise NotWitnessed(f"this log does not continue the one that was cosigned at record {held['size']}")
        elif sum(1 for _ in self._folder.glob("*.json")) >= MOST_LOGS:
            raise NotWitnessed(f"{MOST_LOGS} logs are remembered already")
        told = {"origin": new.origin, "size": new.size, "root": note.encode64(new.root)}
        device.put(path, json.dumps(told) + "\n", 0o600)  # before the answer: a receipt is for ever
        return self._signer.cosign(new.text, int(time.time()))
