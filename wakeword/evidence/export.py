"""Everything an auditor needs, in one archive: the log, keys, receipts, the verifiers, and what was where when.

    evidence/log/00000001.seg …      the log, or a redacted copy of it
    evidence/device.vkey             the device's public key: compare it with the one you kept
    evidence/witness-1.vkey …        services whose cosignatures count
    evidence/receipts.txt            checkpoints that were kept outside of the log
    evidence/policy.txt              the settings that the policy's hash is of
    evidence/verify_log.py, verify.html, audit-log.md
    evidence/about.json              versions, sizes and SHA-256 of all of these

The archive is a plain tar and the same for the same content: no owner, no time, names in order.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import wakeword
from wakeword.errors import ConfigError
from wakeword.evidence import note
from wakeword.evidence.segment import file_name
from wakeword.evidence.verify import MAX_FILE_BYTES, Result

TOP = "evidence"
MAX_MEMBERS = 20_000
TOOLS = (("scripts", "verify_log.py"), ("docs", "verify.html"), ("docs", "audit-log.md"))

READ_ME = """This archive holds the evidence log of a wake-word device: what its gate let out, and when.

To check it without trusting whoever gave it to you:
  1. open verify.html in a browser and drop this archive on it (no network is needed or used), or
     run: python3 verify_log.py log --key device.vkey --receipts receipts.txt
     Better still, take either of the two from where the software is published: these here came with the archive.
  2. compare device.vkey with the key that you kept since the device's first start. If you have none, the log can be
     consistent and still not be this device's.
  3. wakeword audit report ARCHIVE --html report.html answers an auditor's questions, those it cannot answer included.
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """What lay in an archive, as far as it is evidence."""

    files: dict[str, bytes]
    key: str = ""
    receipts: str = ""
    witnesses: list[str] = field(default_factory=list)
    policy: str = ""


def pack(packed: Packed, result: Result, facts: Mapping[str, object]) -> bytes:
    """The archive's bytes. `facts` go to about.json beside what is known here."""
    members = {f"log/{name}": content for name, content in packed.files.items()}
    members["device.vkey"] = f"{packed.key}\n".encode()
    members |= {f"witness-{at}.vkey": f"{key}\n".encode() for at, key in enumerate(packed.witnesses, 1)}
    members["receipts.txt"], members["README.txt"] = packed.receipts.encode(), READ_ME.encode()
    if packed.policy:
        members["policy.txt"] = packed.policy.encode()
    members |= {name: content for folder, name in TOOLS if (content := _tool(folder, name))}
    about = {
        "form": "wakeword evidence export 1",
        "wakeword": wakeword.__version__,
        "origin": result.origin,
        "size": result.size,
        "root": note.encode64(result.root),
        **facts,
        "sha256": {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)},
    }
    members["about.json"] = (json.dumps(about, indent=1) + "\n").encode()
    return _tar(members)


def _tar(members: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(members):
            entry = tarfile.TarInfo(f"{TOP}/{name}")
            entry.size = len(members[name])
            tar.addfile(entry, io.BytesIO(members[name]))
    return archive.getvalue()


def _tool(folder: str, name: str) -> bytes:
    """A file that lies at the top of the repository, and inside the package once installed; b"" where it is neither."""
    beside = Path(wakeword.__file__).parents[1] / folder / name
    if beside.is_file():
        return beside.read_bytes()
    try:
        return (resources.files(f"wakeword.{folder}") / name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        return b""


def unpack(path: Path) -> Packed:
    """Read an archive without believing it: names lose their folders, only plain files of known names count.

    Raises `ConfigError` for what is no such archive.
    """
    files: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for number, entry in enumerate(tar):
                if number > MAX_MEMBERS:
                    raise ConfigError(f"more than {MAX_MEMBERS} files in it", where=str(path))
                name = entry.name.rpartition("/")[2]
                stream = tar.extractfile(entry) if entry.isreg() else None
                if stream is None:
                    continue
                if name.endswith(".seg"):
                    files[name] = stream.read(MAX_FILE_BYTES + 1)
                elif name.endswith((".vkey", ".txt")):
                    texts[name] = stream.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except (tarfile.TarError, OSError) as error:
        hint = "expected a folder with 00000001.seg, or what `wakeword audit export` wrote"
        raise ConfigError(f"not an archive: {error}", where=str(path), hint=hint) from error
    if not files:
        raise ConfigError(f"no evidence file ({file_name(1)} …) in it", where=str(path))
    witnesses = [texts[name].strip() for name in sorted(texts) if name.startswith("witness-")]
    key, receipts = texts.get("device.vkey", "").strip(), texts.get("receipts.txt", "")
    return Packed(files, key, receipts, witnesses, texts.get("policy.txt", ""))
