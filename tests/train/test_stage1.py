"""Stage 1's network: causal, the same streamed as at once, and a loss that asks for the word where it ends."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from wakeword.train.stage1 import FRAMES_PER_STEP, UNIT_FRAMES, Stage1, Streaming, Targets, loss  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Stage1:
    """Random weights, with batch statistics that are not the trivial ones."""
    torch.manual_seed(4)
    made = Stage1(3).train()
    for _ in range(3):
        made(torch.randn(8, 80, 40) * 3 - 9)
    return made.eval()


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(-9, 3, (1, 30 * UNIT_FRAMES, 40)).astype(np.float32))


def test_streaming_equals_the_network_run_at_once(network: Stage1, frames: torch.Tensor) -> None:
    streaming = Streaming(network).eval()
    states, parts = streaming.zeros(), []
    with torch.no_grad():
        for start in range(0, frames.shape[1], UNIT_FRAMES):
            trunk, *states = streaming(frames[:, start : start + UNIT_FRAMES], *states)
            parts.append(network.heads(trunk))
        expected = network(frames)
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=2e-4, rtol=1e-4)


def test_a_score_depends_on_nothing_that_comes_after_it(network: Stage1, frames: torch.Tensor) -> None:
    changed = frames.clone()
    changed[:, 120:] += 2
    with torch.no_grad():
        before, after = network(frames), network(changed)
    steps = 120 // FRAMES_PER_STEP
    torch.testing.assert_close(before[:, :steps], after[:, :steps])
    assert not torch.allclose(before[:, steps:], after[:, steps:])


def test_a_step_is_four_frames_and_the_network_is_small(network: Stage1, frames: torch.Tensor) -> None:
    with torch.no_grad():
        assert network(frames).shape == (1, frames.shape[1] // FRAMES_PER_STEP, 3)
    assert sum(parameter.numel() for parameter in network.parameters()) < 60_000


# steps of 40 ms      0 ........ 20 (the word ends) ........ 40
def scored(at: dict[int, float], word: int, end: int = 20) -> float:
    """The loss of one clip with two words whose first logit is as given at some steps, and -6 elsewhere."""
    logits = torch.full((1, 40, 2), -6.0)
    for step, value in at.items():
        logits[0, step, 0] = value
    return float(loss(logits, Targets(torch.tensor([word]), torch.tensor([end]))))


def test_the_word_at_its_end_costs_nearly_nothing_and_silence_much() -> None:
    assert scored({20: 6.0}, word=0) < 0.05
    assert scored({}, word=0) > 5


def test_the_word_before_it_ended_is_no_hit() -> None:
    assert scored({10: 6.0}, word=0) > 5


def test_another_word_and_no_word_must_be_silent() -> None:
    assert scored({20: 6.0}, word=1) > 5
    assert scored({20: 6.0}, word=-1, end=10_000) > 0.5
    assert scored({}, word=-1, end=10_000) < 0.05
