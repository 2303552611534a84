"""The throughput bench really hears: with one process, with two, and beside a peer that is a program of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from wakeword.bench import sounds, throughput
from wakeword.errors import ConfigError

LOUD = str(Path(__file__).parent.parent / "models" / "loud")


def test_every_variant_is_timed_in_every_round(tmp_path: Path) -> None:
    figures = throughput.measure(tmp_path, [LOUD], [], seconds=12, rounds=2, peer="")
    assert [(figure.name, figure.unit, len(figure.values)) for figure in figures][:2] == [
        ("eval, 1 word, 1 process", "x real time", 2),
        ("eval, 1 word, 1 process, by processor time", "x real time", 2),
    ]
    assert all(value > 0 for figure in figures for value in figure.values)


def test_the_corpus_is_cut_into_recordings_and_nothing_is_lost(tmp_path: Path) -> None:
    paths = throughput.split(tmp_path, [], 2.5 * throughput.FILE_S)
    lengths = [soundfile.info(path).duration for path in paths]
    assert lengths == [throughput.FILE_S, throughput.FILE_S, throughput.FILE_S / 2]
    first, _ = soundfile.read(paths[0], dtype="int16")
    assert (first[:16_000] == sounds.room()[:16_000]).all()


def test_a_recording_that_cannot_be_heard_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ConfigError, match="not a sound file"):
        throughput.ours([LOUD], [tmp_path / "text.wav"], 1)


def test_a_peer_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--peer: .*nowhere"):
        throughput.measure(tmp_path, [LOUD], [], seconds=1, rounds=1, peer=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="the peer failed"):
        throughput.measure(tmp_path, [LOUD], [], seconds=1, rounds=1, peer="true")
