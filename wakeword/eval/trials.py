"""Do the promises hold? Drawn again and again from data whose truth is known.

    python -m wakeword.eval.trials promise RUN [--max-fa-per-hour X] [--draws 100]
    python -m wakeword.eval.trials bias [--draws 200]

*promise*: the recordings of an evaluation are taken for all there is. As many are drawn from them with replacement, as
a user would have; thresholds are chosen on the draw; how often these wake falsely in all there is, is known, and held
against the bound. Recordings are drawn one by one, or (`--by GROUP`) those with one value of a group column together.

*bias*: two groups of speakers who differ from one another by chance, and by so many points on top. How often is it
said that they do?
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wakeword.errors import CheckFailed, ConfigError
from wakeword.eval import bootstrap, joint
from wakeword.eval.bounds import CONFIDENCE
from wakeword.eval.joint import Sweep
from wakeword.eval.tables import open_run
from wakeword.eval.tune import Wish, choose, speaker_of

MISSED, BETWEEN_SPEAKERS = 0.08, 0.04  # chosen: a mean share of misses, and its standard deviation between speakers


@dataclass(frozen=True, slots=True)
class Trial:
    """One draw: what was promised (false accepts an hour, at most), and what is true."""

    promised: float
    true: float

    @property
    def held(self) -> bool:
        """Is the truth within the bound?"""
        return self.true <= self.promised


def promises(sweep: Sweep, wish: Wish, draws: int, by: str = "", seed: int = 1) -> Iterator[Trial | None]:
    """A trial a draw; None where nothing was promised because the data drawn are too few."""
    random = np.random.default_rng(seed)
    negative: dict[str, list[int]] = {}
    positive: dict[str, list[int]] = {}
    speakers = {utterance.file: speaker_of(sweep, n) for n, utterance in enumerate(sweep.utterances)}
    for number, file in enumerate(sweep.files):
        if file.kind == "negative":
            negative.setdefault((by and file.groups.get(by)) or file.file, []).append(number)
        elif file.file in speakers:
            positive.setdefault(speakers[file.file], []).append(number)
    units = list(negative.values()), list(positive.values())
    for _ in range(draws):
        drawn = [n for kind in units for unit in random.integers(len(kind), size=len(kind)) for n in kind[unit]]
        try:
            chosen = choose(sweep.take(drawn), wish)
        except CheckFailed:
            yield None
            continue
        yield Trial(chosen.fa_upper, len(sweep.false_accepts(chosen.stage1, chosen.stage2)) / sweep.hours)


def speakers_drawn(
    random: np.random.Generator, worse: float, speakers: int, clips: int
) -> tuple[list[str], list[str], list[float], list[float]]:
    """Two groups `a` and `b` of so many speakers: labels, names, misses, clips; `b` is missed so much more."""
    labels = ["a"] * speakers + ["b"] * speakers
    means = [MISSED + worse * (label == "b") for label in labels]
    strengths = [mean * (1 - mean) / BETWEEN_SPEAKERS**2 - 1 for mean in means]  # of the beta variable
    gifts = [random.beta(mean * s, (1 - mean) * s) for mean, s in zip(means, strengths, strict=True)]
    misses = [float(random.binomial(clips, gift)) for gift in gifts]
    return labels, [f"s{n}" for n in range(2 * speakers)], misses, [float(clips)] * (2 * speakers)


def flagged(worse: float, speakers: int, clips: int, draws: int) -> float:
    """The share of draws in which the difference is said to exceed chance."""
    found = [bootstrap.gap(*speakers_drawn(np.random.default_rng(n), worse, speakers, clips)) for n in range(draws)]
    return sum(gap is not None and gap.p < 1 - CONFIDENCE for gap in found) / draws


def _promise(given: argparse.Namespace) -> None:
    run = open_run(given.run)
    print("| word | limit | chosen by | promised in | bound held in | limit kept in | true, mean | bound, mean |")
    print("|---|---|---|---|---|---|---|---|")
    for word in run.about["words"]:
        sweep = joint.load(run, word)
        for promise in (False, True):
            trials = list(promises(sweep, Wish(given.max_fa_per_hour, promise=promise), given.draws, given.by))
            made = [trial for trial in trials if trial]
            if not made:
                print(f"| {word} | {given.max_fa_per_hour:g} | bound | 0 of {given.draws} | | | | |")
                continue
            held, kept = sum(one.held for one in made), sum(one.true <= given.max_fa_per_hour for one in made)
            true, bound = np.mean([one.true for one in made]), np.mean([one.promised for one in made])
            how = f"{given.max_fa_per_hour:g} | {'bound' if promise else 'count'} | {len(made)} of {given.draws}"
            print(f"| {word} | {how} | {held} | {kept} | {true:.2f} | {bound:.2f} |", flush=True)


def _bias(given: argparse.Namespace) -> None:
    print("| speakers a group | clips each | no difference | 5 points | 10 points |")
    print("|---|---|---|---|---|")
    for speakers in (5, 10, 20, 30, 50):
        for clips in (5, 20):
            shares = [100 * flagged(worse, speakers, clips, given.draws) for worse in (0.0, 0.05, 0.10)]
            print(f"| {speakers} | {clips} | {' | '.join(f'{share:.1f} %' for share in shares)} |", flush=True)


def main() -> None:
    """Parse the command line and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    promise = commands.add_parser("promise", help="of `wakeword tune`")
    promise.add_argument("run", help="the folder of an evaluation")
    promise.add_argument("--max-fa-per-hour", type=float, default=1.0)
    promise.add_argument(
        "--by", default="", metavar="GROUP", help="draw recordings with one value of this column together"
    )
    promise.set_defaults(perform=_promise)
    bias = commands.add_parser("bias", help="of the comparison of groups")
    bias.set_defaults(perform=_bias)
    for command in (promise, bias):
        command.add_argument("--draws", type=int, default=200)
    given = parser.parse_args()
    try:
        given.perform(given)
    except ConfigError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
