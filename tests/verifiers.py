"""The three verifiers, asked the same and answering in the same form: the package, the one file of Python, the page.

results = [package(case), one_file(case), *page(opened, [case])]
"""

from __future__ import annotations

import base64
import importlib.util
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from evidence_maker import Case

from wakeword.evidence.note import Key
from wakeword.evidence.report import as_json
from wakeword.evidence.verify import verify

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/verify.html"

Answer = dict[str, Any]  # JSON

# What all three say; the words of a finding are their own.
COMMON = (
    "holds", "origin", "size", "root", "records_cut", "records_cut_beyond", "files_missing", "open_tail_bytes",
    "signatures_checked", "receipts", "receipts_matched", "newest_receipt_s", "newest_receipt_size",
)  # fmt: skip


def _one_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_log", ROOT / "scripts/verify_log.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY_LOG = _one_file()


def common(answer: Answer) -> Answer:
    """Findings by rule and place, sessions by what counts, and the figures."""
    said = {name: answer[name] for name in COMMON}
    said["findings"] = [(finding["invariant"], finding["where"]) for finding in answer["findings"]]
    said["sessions"] = [
        (each["sid"], each["where"], each["wall_s"], each["bytes"], each["why"]) for each in answer["sessions"]
    ]
    return said | {"ignored": len(answer["receipts_ignored"])}


def _folder(case: Case, folder: str) -> Path:
    for name, content in case.files.items():
        (Path(folder) / name).write_bytes(content)
    return Path(folder)


def package(case: Case) -> Answer:
    """`wakeword audit verify --json`, but in this process."""
    with tempfile.TemporaryDirectory() as folder:
        result = verify(
            _folder(case, folder), Key.of_device(case.key), case.receipts,
            [Key.of_service(one) for one in case.witnesses], every=case.every, redacted=case.redacted,
        )  # fmt: skip
    answer: Answer = json.loads(json.dumps(as_json(result)))
    return answer


def one_file(case: Case) -> Answer:
    """scripts/verify_log.py, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        witnesses = [VERIFY_LOG.vkey(one, "service") for one in case.witnesses]
        answer: Answer = VERIFY_LOG.check(
            str(_folder(case, folder)), VERIFY_LOG.vkey(case.key), case.receipts, witnesses, case.every, case.redacted
        )
    return answer


ASK = """async (cases) => {
    const whole = (name, value) => typeof value === "bigint" ? Number(value) : value, answers = [];
    for (const one of cases) {
        const bytes = (text) => Uint8Array.from(atob(text), (digit) => digit.charCodeAt(0));
        const files = new Map(Object.entries(one.files).map(([name, text]) => [name, bytes(text)]));
        const { entries, ...answer } = await verifyLog({ ...one, files });
        answers.push(JSON.stringify(answer, whole));
    }
    return answers;
}"""


def page(opened: Any, cases: Iterable[Case]) -> list[Answer]:
    """docs/verify.html, in the browser that has it open."""
    asked = [
        {
            "files": {name: base64.b64encode(content).decode() for name, content in case.files.items()},
            "key": case.key, "receipts": case.receipts, "witnesses": case.witnesses,
            "every": case.every, "redacted": case.redacted,
        }
        for case in cases
    ]  # fmt: skip
    return [json.loads(answer) for answer in opened.run(ASK, asked)]
