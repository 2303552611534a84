"""docs/audit-log.md holds: its example is real, and its tables are the code's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from verifiers import COMMON

from wakeword.evidence import note
from wakeword.evidence.record import CLOSE_REASONS, EVERY, FAULT_CODES, HARD_LIMITS, KINDS, OTHERS, PROCESSES, Truth

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/audit-log.md").read_text(encoding="utf-8")
THREATS = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
VECTORS = ROOT / "tests/evidence_vectors"


def rows(heading: str) -> dict[str, list[str]]:
    """First cell -> the other cells, of the table under this heading row."""
    table = TEXT[TEXT.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in row.strip("|").split("|")] for row in table)}


def test_the_example_is_of_the_valid_vector() -> None:
    shown = [line for line in TEXT.splitlines() if line.startswith('{"') and '"k":' in line]
    lines = (VECTORS / "good/00000003.seg").read_text().splitlines()
    start = lines.index(shown[0])
    assert shown == lines[start : start + len(shown)]
    assert len(shown) == 5


def test_every_kind_has_its_row_with_exactly_its_fields() -> None:
    documented = rows("| line | fields |") | rows("| k | fields |")
    fields = {kind: set(re.findall(r"`(\w+)`", cells[0])) for kind, cells in documented.items()}
    assert fields == {kind: set(checks) for kind, checks in (KINDS | OTHERS).items()}


def test_what_every_record_has_is_named() -> None:
    sentence = re.search(r"In every record: (.*?)\.", TEXT, re.S)
    assert sentence
    assert set(re.findall(r"`(\w)`", sentence[1])) == {*EVERY, "k"}


def test_every_limit_is_named() -> None:
    text = re.search(r"No policy may go beyond these(.*?)\n\n", TEXT, re.S)
    assert text
    sentence = " ".join(text[1].split())
    for name, (low, high) in HARD_LIMITS.items():
        assert re.search(rf"`{name}`( and `s2_min`)? {low} to {high}\b", sentence), name


def test_every_reason_and_code_is_named() -> None:
    documented = rows("| k | fields |")
    assert all(reason in documented["close"][2] for reason in CLOSE_REASONS)
    assert all(code in documented["fault"][2] for code in FAULT_CODES)


def test_every_invariant_has_its_row() -> None:
    assert set(re.findall(r"^\| (I\d+) \|", TEXT, re.M)) == {f"I{number}" for number in range(1, 21)}
    verifier = (ROOT / "wakeword/evidence/verify.py").read_text() + (ROOT / "wakeword/evidence/rules.py").read_text()
    assert set(re.findall(r'report\(\s*"(I\d+)"', verifier)) == {f"I{number}" for number in range(1, 21)}


def test_the_rules_are_numbered_without_holes() -> None:
    assert [int(number) for number in re.findall(r"^(\d+)\. ", TEXT, re.M)] == list(range(1, 26))


def test_what_a_missing_wall_says_is_explained() -> None:
    for wall in ("mic", "net", "deny", "kat"):
        assert re.search(rf"wall missing: {wall}|`… {wall}`|or `… {wall}`", THREATS), wall
    assert "'Walls'" in (ROOT / "wakeword/gate.py").read_text()
    assert "\n## Walls\n" in THREATS


def test_the_answer_that_is_shown_has_what_verifiers_say() -> None:
    shown = json.loads(re.search(r"```json\n(.*?)```", TEXT, re.S)[1])  # type: ignore[index]
    log = VECTORS / "I6"
    assert log.is_dir()
    assert set(COMMON) | {"findings", "sessions", "receipts_ignored"} == set(shown)
    assert set(shown["sessions"][0]) == {"sid", "where", "wall_s", "bytes", "why"}


def test_the_points_of_small_order_are_the_codes() -> None:
    for y in note._SMALL_ORDER - {2**255 - 20}:
        assert re.search(rf"\b{y}\b", TEXT), y


def test_what_is_no_number_is_told() -> None:
    told = re.search(r"is 0 to 1000000; but (.*?) are true or false", TEXT, re.S)
    assert told
    truths = {name for checks in KINDS.values() for name in checks if isinstance(checks[name], Truth)}
    assert set(re.findall(r"`(\w+)`", told[1])) - {"meter"} == truths
    words = re.search(r"`who` is one of ([a-z, ]*)\.", TEXT)
    assert words
    assert tuple(words[1].split(", ")) == PROCESSES
