"""Notes, keys, signatures: the published forms, and every wrong one refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.evidence import note
from wakeword.evidence.note import Key, NoteError, Signer, parse_checkpoint, parse_notes, verified

KEYS = json.loads((Path(__file__).parents[1] / "evidence_vectors/keys.json").read_text("utf-8"))
TEXT = note.checkpoint_text("example/1f", 7, bytes(32))
# RFC 8032, 7.1, tests 1 and 2: public key, message, signature
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]  # fmt: skip
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_published_signatures(public: str, message: str, signature: str) -> None:
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytearray.fromhex(signature)
    assert verified(key, bytes(signed), text)
    assert not verified(key, bytes(signed), text + b"x")
    signed[5] ^= 1
    assert not verified(key, bytes(signed), text)


def test_a_second_spelling_of_a_signature_or_a_key_is_refused() -> None:
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    s = int.from_bytes(signature[32:], "little")
    assert not verified(public, signature[:32] + (s + GROUP_ORDER).to_bytes(32, "little"), message)
    identity = (1).to_bytes(32, "little")  # the neutral element: with S = 0 and R = A it signs anything
    beyond = (2**255 - 19 + 1).to_bytes(32, "little")  # the same element, not reduced
    assert not verified(beyond, identity + bytes(32), message)
    assert not verified(beyond, beyond + bytes(32), message)


def test_a_note_there_and_back() -> None:
    signer = Signer.fresh("example/1f")
    signed = note.note(TEXT, signer.name, signer.sign(TEXT))
    assert signed.startswith(TEXT + "\n— example/1f ")
    [parsed] = parse_notes(signed)
    assert parsed.text == TEXT
    [(name, signature)] = parsed.signatures
    assert (name, signer.key.signed(parsed.text, signature)) == ("example/1f", True)
    assert not signer.key.signed(parsed.text + " ", signature)
    assert not Signer.fresh("example/1f").key.signed(parsed.text, signature)


@given(st.integers(0, 67))
def test_no_byte_of_a_signature_can_change(at: int) -> None:
    signer = Signer.fresh("example/1f")
    signature = bytearray(signer.sign(TEXT))
    signature[at] ^= 0x10
    assert not signer.key.signed(TEXT, bytes(signature))


def test_a_key_of_another_name_has_another_id() -> None:
    signer = Signer.fresh("example/1f")
    other = Key("example/2f", signer.key.public)
    assert not other.signed(TEXT, signer.sign(TEXT))


def test_vkey_there_and_back() -> None:
    key = Signer.fresh("example/1f/device").key
    assert Key.from_vkey(key.vkey() + "\n") == key


@pytest.mark.parametrize(
    "line",
    [
        "", "name", "name+00000000+", "+bb41ad5c+AWrsa0Q/3LK8pyU01ihvKBJGUcCKEoYeMNLvh1/tMvNT",
        "other+bb41ad5c+AWrsa0Q/3LK8pyU01ihvKBJGUcCKEoYeMNLvh1/tMvNT",  # the id is of another name
        "name+bb41ad5c+AGrsa0Q/3LK8pyU01ihvKBJGUcCKEoYeMNLvh1/tMvNT",  # type 0
        "name+bb41ad5c+!!!!",
    ],
)  # fmt: skip
def test_what_is_not_a_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(NoteError):
        Key.from_vkey(line)


@pytest.mark.parametrize("whose", ["device", "service"])
def test_a_key_is_of_the_type_and_name_that_its_use_asks_for(whose: str) -> None:
    of = {"device": Key.of_device, "service": Key.of_service}[whose]
    assert of(KEYS[f"{whose}_vkey"]).vkey() == KEYS[f"{whose}_vkey"]
    assert KEYS[f"refused_{whose}_vkeys"]
    for key in KEYS[f"refused_{whose}_vkeys"].values():
        with pytest.raises(NoteError):
            of(key)


@pytest.mark.parametrize("text", ["AAB=", "AAA", "AA A=", "ä===", "AAA=\n"])
def test_only_canonical_base64_is_read(text: str) -> None:
    with pytest.raises(NoteError, match="base64"):
        note.decode64(text)


@pytest.mark.parametrize("content", ["text only\n", "a\nb\n\nnot a signature\n", "a\n\n— name !!!\n"])
def test_what_is_not_a_note_is_refused(content: str) -> None:
    with pytest.raises(NoteError):
        parse_notes(content)


def test_several_notes_with_blank_lines_between() -> None:
    signer = Signer.fresh("example/1f")
    one = note.note(TEXT, signer.name, signer.sign(TEXT))
    assert [parsed.text for parsed in parse_notes(f"\n{one}\n\n{one}")] == [TEXT, TEXT]
    assert parse_notes("") == []


def test_checkpoint_there_and_back() -> None:
    assert parse_checkpoint(TEXT) == ("example/1f", 7, bytes(32))


@pytest.mark.parametrize("text", ["", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\nx\nAAAA\n", "a\n1\n?\n"])
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_a_cosignature_gives_its_time() -> None:
    signer = Signer.fresh("witness.example")
    identity = note.key_id(signer.name, signer.key.public, note.COSIGNATURE)
    signature = signer.private.sign(f"cosignature/v1\ntime 1767300000\n{TEXT}".encode())
    line = identity + (1_767_300_000).to_bytes(8, "big") + signature
    witness = Key(signer.name, signer.key.public, note.COSIGNATURE)
    assert witness.cosigned(TEXT, line) == 1_767_300_000
    assert witness.cosigned(TEXT, identity + (1_767_300_001).to_bytes(8, "big") + signature) is None
    assert witness.cosigned(TEXT, line[:-1]) is None
    assert Key("other", signer.key.public, note.COSIGNATURE).cosigned(TEXT, line) is None


def test_the_certificate_covers_each_of_its_fields() -> None:
    record: dict[str, int | bool | str] = {"e": 3, "n": 20, "prev": "p", "boot": "b", "pub": "k", "t": 1}
    text = note.certificate_text("example/1f", record)
    assert text == "wakegate-key/v1\nexample/1f\n3\n20\np\nb\nk\n"
