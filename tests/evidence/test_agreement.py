"""Three verifiers that share no code come to the same answer, about good logs, spoilt logs, and logs full of lies.

The short form; `scripts/ordeal/verifiers agree` asks them about ten thousand (docs/audit-log.md has the figures).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from browser import Chromium
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evidence_maker import FORGERIES, LIES, Case, Writer, draw, plan, signer
from evidence_room import HandClock, Room
from verifiers import PAGE, VERIFY_LOG, Answer, common, one_file, package, page

from wakeword.evidence.note import Key, NoteError, Signer

VECTORS = Path(__file__).parents[1] / "evidence_vectors"
EXPECTED = json.loads((VECTORS / "expected.json").read_text())
KEYS = json.loads((VECTORS / "keys.json").read_text())
DRAWN = 150
WHITE = " \t\n\v\f\r"


def vector(name: str, *, every: bool) -> Case:
    expected = EXPECTED[name]
    files = {file: (VECTORS / source).read_bytes() for file, source in expected["files"].items()}
    receipts = (VECTORS / expected["receipts"]).read_text()
    key = expected.get("key", KEYS["device_vkey"])
    return Case(name, files, key, receipts, [KEYS["service_vkey"]], every, expected.get("redacted", False))


def whole(told: Answer, *, every: bool) -> Answer:
    """What expected.json tells of an answer, in the form of `common`."""
    checked = told["signatures_all" if every else "signatures_checked"]
    return common(told | {"signatures_checked": checked, "receipts_ignored": [""] * told["receipts_ignored"]})


def answers(chromium: Chromium, cases: list[Case]) -> list[tuple[Answer, Answer, Answer]]:
    with chromium.open(PAGE) as opened:
        from_page = page(opened, cases)
        assert (opened.requests, opened.errors) == ([], [])
    return [(package(case), one_file(case), third) for case, third in zip(cases, from_page, strict=True)]


@pytest.mark.parametrize("every", [True, False])
def test_on_the_vectors_all_three_say_what_is_expected(chromium: Chromium, every: bool) -> None:
    cases = [vector(name, every=every) for name in EXPECTED]
    for case, said in zip(cases, answers(chromium, cases), strict=True):
        for answer in said:
            expected = EXPECTED[case.what]
            found = [(finding["invariant"], finding["where"]) for finding in answer["findings"]]
            assert {invariant for invariant, _ in found} == set(expected["violates"]), case.what
            assert [where for _, where in found] == expected.get("where", []), case.what
            assert answer["open_tail_bytes"] == expected["open_tail"], case.what
            assert common(answer) == whole(expected["answer"], every=every), case.what


@pytest.mark.parametrize("whose", ["device", "service"])
def test_a_key_that_is_not_as_it_must_be_is_refused_by_all_three(chromium: Chromium, whose: str) -> None:
    refused: dict[str, str] = KEYS[f"refused_{whose}_vkeys"]
    with chromium.open(PAGE) as opened:
        ask = "async ([key, whose]) => { try { await { device: deviceKey, service: serviceKey }[whose](key); }"
        ask += " catch (error) { return error.message; } return ''; }"
        from_page = {what: opened.run(ask, [key, whose]) for what, key in refused.items()}
        assert opened.run(ask, [WHITE + KEYS[f"{whose}_vkey"] + WHITE, whose]) == ""
    accepted = Key.from_vkey(WHITE + KEYS[f"{whose}_vkey"] + WHITE)
    assert VERIFY_LOG.vkey(WHITE + KEYS[f"{whose}_vkey"] + WHITE, whose) == (accepted.name, accepted.public)
    for what, key in refused.items():
        with pytest.raises(NoteError):
            {"device": Key.of_device, "service": Key.of_service}[whose](key)
        with pytest.raises(ValueError, match="public key"):
            VERIFY_LOG.vkey(key, whose)
        assert from_page[what].startswith("This"), what


@pytest.mark.parametrize(
    ("times", "newest"), [([0], 0), ([0, 1], 1), ([2**53 - 1, 2], 2**53 - 1), ([2**53], None), ([7, 2**64 - 1], 7)]
)
def test_what_time_a_service_signed_at_is_told_alike(chromium: Chromium, times: list[int], newest: int | None) -> None:
    """Beyond 2^53 - 1 it is no time, and such a signature none."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(KEYS["TEST_ONLY_service_seed_hex"]))
    service = Signer(KEYS["service_name"], private)
    text = "\n".join((VECTORS / "good/checkpoint").read_text().split("\n")[:3]) + "\n"
    case = vector("good", every=False)
    case.receipts = text + "\n" + "\n".join(service.cosign(text, time_s) for time_s in times) + "\n"
    for answer in answers(chromium, [case])[0]:
        assert (answer["newest_receipt_s"], answer["receipts_matched"]) == (newest, int(newest is not None))


def test_on_drawn_logs_all_three_say_the_same(chromium: Chromium) -> None:
    cases = [draw(seed) for seed in range(DRAWN)]
    seen: Counter[str] = Counter()
    for seed, (case, said) in enumerate(zip(cases, answers(chromium, cases), strict=True)):
        assert common(said[0]) == common(said[1]) == common(said[2]), f"seed {seed}: {case.what}"
        assert case.spoilt or said[0]["holds"], f"seed {seed}: {said[0]['findings'][:3]}"
        seen.update({finding["invariant"] for finding in said[0]["findings"]})
    assert len(seen) >= 15, f"these logs break too little: {seen}"


def test_every_way_to_spoil_a_log_is_drawn_and_most_are_found() -> None:
    """A forgery may do nothing (a line swapped with itself) and a lie may be allowed (a later heartbeat)."""
    found: Counter[str] = Counter()
    for number, spoil in enumerate([*LIES, *FORGERIES]):
        for turn in range(4):
            random = Random(f"{number} {turn}")
            planned, writer = plan(random, 2), Writer(random, "wakeword/0123", str(number))
            if spoil in LIES:
                spoil(random, planned)  # type: ignore[arg-type]  # one of the lies
            writer.write(planned)
            case = Case(spoil.__name__, dict(writer.files), writer.device.key.vkey())
            if spoil in FORGERIES:
                spoil(random, case.files)  # type: ignore[arg-type]  # one of the forgeries
            found[spoil.__name__] += not package(case)["holds"]
    assert sum(count > 0 for count in found.values()) >= len(found) - 2, found


def test_the_same_seed_draws_the_same_case() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


@pytest.mark.parametrize("spoil", [True, False])
def test_what_the_store_writes_and_what_is_drawn_are_the_same_form(tmp_path: Path, spoil: bool) -> None:
    """The gate's own log, through the verifier that shares nothing with it."""
    room = Room(tmp_path, HandClock())
    evidence = room.start()
    receipt = room.session(evidence)
    evidence.close()
    name = "00000001.seg"
    content = (tmp_path / name).read_bytes()
    case = Case("", {name: content[: -300 if spoil else None]}, room.key().vkey(), receipt)
    answer = one_file(case)
    assert common(answer) == common(package(case))
    assert (answer["holds"], answer["receipts_matched"]) == (True, 1)
    assert (answer["open_tail_bytes"] > 0) is spoil


# A signature is checked as RFC 8032 says and no looser: what some libraries accept and others not.
@pytest.mark.parametrize("what", ["right", "S + L", "another text", "small order", "key not canonical"])
def test_signatures_are_judged_alike(chromium: Chromium, what: str) -> None:
    from wakeword.evidence import note

    by = signer("name", "seed")
    public, text = by.key.public, "text\n"
    signature = by.private.sign(text.encode())
    if what == "S + L":
        s = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
        signature = signature[:32] + s.to_bytes(32, "little")
    if what == "another text":
        text = "texts\n"
    if what == "small order":  # the neutral element as key and as R, S = 0: fits every text
        public, signature = (1).to_bytes(32, "little"), (1).to_bytes(32, "little") + bytes(32)
    if what == "key not canonical":
        public, signature = (2**255 - 19 + 1).to_bytes(32, "little"), (1).to_bytes(32, "little") + bytes(32)
    with chromium.open(PAGE) as opened:
        ask = "async ([key, signature, words]) => { await chooseMethod(); const bytes = (digits) => unhex(digits);"
        ask += " const one = [bytes(key), bytes(signature), words];"
        ask += " return [await signedBy(one[0], one[1], text.encode(words)),"
        ask += " SMALL.includes(little(one[0])) || await byHand(one[0], one[1], text.encode(words)) && true]; }"
        native, by_hand = opened.run(ask, [public.hex(), signature.hex(), text])
    expected = what == "right"
    assert (note.verified(public, signature, text.encode()), VERIFY_LOG.signed_by(public, signature, text)) == (
        expected,
        expected,
    )
    assert native is expected
    if what in ("right", "S + L", "another text"):
        assert by_hand is expected
