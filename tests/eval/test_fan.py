"""A fan is as many of the daemon's triggers as there are thresholds, and says the same as each of them alone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from wakeword.eval.fan import Fan
from wakeword.pipeline.pipeline import FLOOR
from wakeword.pipeline.trigger import Firing, Trigger

stretches = st.lists(st.lists(st.floats(-6, 8, width=16), max_size=40), min_size=1, max_size=3)


def alone(threshold: float, logits: list[list[float]]) -> list[Firing]:
    """What one trigger makes of stretches of voice; between two of them it is reset."""
    trigger = Trigger(threshold)
    found = []
    for stretch in logits:
        trigger.reset()
        found += [firing for logit in stretch if (firing := trigger.push(logit))]
    return found


def together(threshold: float, logits: list[list[float]]) -> list[Firing]:
    """The same, read off a fan."""
    fan, smoother, step, found = Fan(), Trigger(1.0), 0, []
    for stretch in logits:
        fan.reset()
        smoother.reset()
        for logit in stretch:
            smoother.push(logit)
            found += [ray.firing for ray in fan.push(step, smoother.smooth) if ray.above < threshold <= ray.upto]
            step += 1
    return found


@given(stretches, st.floats(FLOOR, 1))
@example([[0.5, 0.5, -6, 3, 3, -6]], FLOOR)
def test_any_threshold_can_be_read_from_a_fan(logits: list[list[float]], threshold: float) -> None:
    assert together(threshold, logits) == alone(threshold, logits)


@given(stretches, st.sampled_from([-1e-7, 1e-7]))
def test_thresholds_beside_a_score_are_on_the_right_side(logits: list[list[float]], aside: float) -> None:
    """A score that is turned into a threshold may be off by a rounding; a ten millionth beside it is plain."""
    for score in {firing.score for firing in alone(FLOOR, logits)}:
        assert together(score + aside, logits) == alone(score + aside, logits)


# mean      -9   .5   2.5  -2.5      thresholds up to .5 begin to wait at step 1, those up to 2.5 at step 2
# fires                      ^       for all of them, at once, with the same peak
def test_what_several_thresholds_make_alike_is_one_ray() -> None:
    fan, smoother, rays = Fan(), Trigger(1.0), []
    for step, logit in enumerate([-20, 2, 3, -8, -8]):
        smoother.push(logit)
        rays += fan.push(step, smoother.smooth)
    (ray,) = rays
    assert (ray.above, ray.firing.peak, ray.firing.decided) == (0.0, 2, 3)
    assert ray.upto == ray.firing.score
