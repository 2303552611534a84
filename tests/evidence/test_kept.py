"""Checkpoints from elsewhere: what is one is used, what is none is named, and nothing in a text stops the rest."""

from __future__ import annotations

import pytest
from evidence_maker import signer

from wakeword.evidence import note
from wakeword.evidence.kept import read_notes

ORIGIN = "wakeword/0123"
EPOCH, DEVICE = signer(ORIGIN, "epoch"), signer(f"{ORIGIN}/device", "device")
ROOT = bytes(range(32))


def checkpoint(size: int = 7) -> str:
    text = note.checkpoint_text(ORIGIN, size, ROOT)
    return note.note(text, ORIGIN, EPOCH.sign(text))


def certificate() -> str:
    fields = {"e": 1, "n": 0, "prev": "p", "boot": "b", "pub": note.encode64(EPOCH.key.public)}
    text = note.certificate_text(ORIGIN, fields)
    return note.note(text, DEVICE.name, DEVICE.sign(text))


def test_checkpoints_and_certificates_one_after_the_other() -> None:
    kept = read_notes(checkpoint(7) + "\n" + certificate() + "\n\n\n" + checkpoint(9))
    assert [(one.origin, one.size, one.root) for one in kept.checkpoints] == [(ORIGIN, 7, ROOT), (ORIGIN, 9, ROOT)]
    assert [(one.origin, one.public) for one in kept.certificates] == [(ORIGIN, EPOCH.key.public)]
    assert kept.unreadable == []
    assert EPOCH.key.signed(kept.checkpoints[1].text, kept.checkpoints[1].signatures[0][1])


def test_more_lines_in_a_checkpoint_are_part_of_what_is_signed() -> None:
    text = note.checkpoint_text(ORIGIN, 7, ROOT) + "an extension\n"
    kept = read_notes(note.note(text, ORIGIN, EPOCH.sign(text)))
    assert kept.checkpoints[0].text == text


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("hello\n", "a text without a signature"),
        (checkpoint().replace("\n7\n", "\n07\n"), "not a checkpoint"),
        (checkpoint().replace("\n7\n", "\n-7\n"), "not a checkpoint"),
        (checkpoint().replace("\n7\n", "\n٧\n"), "not a checkpoint"),
        (checkpoint().replace("\n7\n", "\n9007199254740992\n"), "not a checkpoint"),
        (checkpoint().replace("\nAAECAwQF", "\nAAECAwQ"), "not base64"),
        (checkpoint().replace("\nAAECAwQF", "\n"), "not 32 bytes"),
        (checkpoint().replace("\n", "\r\n"), "a text without a signature"),
        (checkpoint()[:-2] + "\n", "not base64"),
        (certificate().replace("\nb\n", "\n"), "not a certificate"),
    ],
)
def test_what_is_no_note_is_named_by_its_number_and_the_rest_is_used(broken: str, why: str) -> None:
    kept = read_notes(checkpoint() + "\n" + broken + "\n" + checkpoint(9))
    assert [one.size for one in kept.checkpoints] == [7, 9]
    assert [(number, why in said) for number, said in kept.unreadable] == [(2, True)], kept.unreadable


def test_nothing_is_nothing() -> None:
    assert read_notes("\n\n") == read_notes("")
