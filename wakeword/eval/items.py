"""From recordings and conditions to the list of what is to be heard: each recording as it is, positives also mixed.

Files are hashed here, by several threads, unless the cache knows them unchanged. What cannot be read is an item with a
problem: it is named and the others are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile

from wakeword.errors import ConfigError, in_words
from wakeword.eval import mix
from wakeword.eval.cache import Cache
from wakeword.eval.collected import Sealed
from wakeword.eval.corpus import Entry, recordings
from wakeword.eval.mix import BABBLE, Condition
from wakeword.eval.sounds import InCondition, Recording, Sound, digest_of, sha256_of
from wakeword.events import RATE_HZ

SIMULATE = "simulate"
SIMULATED_ROOMS = 24


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What positives are put into besides being heard as they are. Each noise at each ratio, in each room or none."""

    noise: tuple[str, ...] = ()  # folders; a folder in them is a kind of noise, else the folder itself
    babble: tuple[str, ...] = ()  # folders of single talkers
    snr_db: tuple[float, ...] = ()
    rooms: str = ""  # a folder of impulse responses, or `simulate`
    seed: int = 1


@dataclass(slots=True)
class Item:
    """Something to be heard: a recording in a condition."""

    name: str
    entry: Entry
    condition: Condition
    weight: int  # bytes of the file
    sound: Sound | None = None  # None: it cannot be read
    problem: str = ""
    score_key: str = ""
    replay_key: str = ""


def conditions(around: Surroundings, rooms_folder: Path) -> list[Condition]:
    """All that positives are heard in besides clean; simulated rooms are written to `rooms_folder` once.

    Raises `ConfigError` for folders without recordings, for noise without a ratio and a ratio without noise.
    """
    kinds = noises(around)
    if bool(kinds) != bool(around.snr_db):
        raise ConfigError(
            "noise and its ratio come together", where="--snr", hint="--noise DIR --snr 10 0, or --babble DIR --snr 10"
        )
    rooms = _rooms(around, rooms_folder)
    found = []
    for room in [(), rooms] if rooms else [()]:
        if room:
            found.append(Condition(rooms=room, seed=around.seed))
        for kind, paths in kinds.items():
            found += [Condition(kind, snr, paths, room, around.seed) for snr in around.snr_db]
    return found


def noises(around: Surroundings) -> dict[str, tuple[str, ...]]:
    """Kinds of noise by name. Raises `ConfigError` for one that comes twice or is called what babble is called."""
    kinds: dict[str, tuple[str, ...]] = {}
    for place in map(Path, around.noise):
        if not place.is_dir():
            raise ConfigError("not a folder of noise", where=str(place))
        folders = sorted(path for path in place.iterdir() if path.is_dir()) or [place]
        for folder in folders:
            name = folder.resolve().name
            if name in kinds or name == BABBLE:
                raise ConfigError(f"a second kind of noise '{name}'", where=str(folder))
            kinds[name] = tuple(map(str, recordings(folder)))
    if around.babble:
        kinds[BABBLE] = tuple(str(path) for place in around.babble for path in recordings(Path(place)))
    return kinds


def items(
    entries: Sequence[Entry],
    among: Sequence[Condition],
    cache: Cache,
    channel: int | None,
    progress: Callable[[int, int], object],
) -> Iterator[Item]:
    """Every recording as it is, then positives in each condition. `progress` is told files done, and of how many."""
    surrounding = {path: 0 for condition in among for path in (*condition.noises, *condition.rooms)}
    found = hashes([*surrounding, *(entry.path for entry in entries)], cache, progress)
    for path in surrounding:
        if isinstance(found[path], OSError):
            raise ConfigError(f"unreadable: {found[path]}", where=path)
    digests = {condition: digest_of(condition, {p: str(found[p]) for p in surrounding}) for condition in among}
    for condition in [Condition(), *among]:
        for entry in entries:
            mixed = condition.name != "clean"
            if mixed and (entry.kind == "negative" or entry.condition != "clean"):
                continue
            yield _item(entry, condition, digests.get(condition, ""), found[entry.path], channel)


def hashes(
    paths: Iterable[str], cache: Cache, progress: Callable[[int, int], object]
) -> dict[str, str | OSError]:  # fmt: skip
    """The SHA-256 of every file, or why there is none."""
    found: dict[str, str | OSError] = {}
    new: list[str] = []
    for path in paths:
        try:
            found[path] = cache.known_hash(path) or ""
        except OSError as error:
            found[path] = error
        if found[path] == "":
            new.append(path)
    with ThreadPoolExecutor() as pool:
        for number, (path, sha256) in enumerate(zip(new, pool.map(_hash, new), strict=True)):
            found[path] = sha256
            if isinstance(sha256, str):
                cache.keep_hash(path, sha256)
            progress(number + 1, len(new))
    return found


def _hash(path: str) -> str | OSError:
    try:
        return sha256_of(path)
    except OSError as error:
        return error


def _item(
    entry: Entry, condition: Condition, digest: str, sha256: str | OSError, channel: int | None
) -> Item:  # fmt: skip
    mixed = condition.name != "clean"
    item = Item(f"{entry.path}#{condition.name}" if mixed else entry.path, entry, condition, 0)
    if isinstance(sha256, OSError):
        item.problem = in_words(sha256)
        return item
    item.weight = Path(entry.path).stat().st_size
    if entry.private:
        item.sound = Sealed(entry.path, sha256, entry.private)
        return item
    recording = Recording(entry.path, sha256, channel)
    places = tuple((one.start_s, one.end_s) for one in entry.said if one.start_s is not None and one.end_s is not None)
    item.sound = InCondition(recording, condition, digest, places) if mixed else recording
    return item


def _rooms(around: Surroundings, folder: Path) -> tuple[str, ...]:
    if not around.rooms:
        return ()
    if around.rooms != SIMULATE:
        if not Path(around.rooms).is_dir():
            raise ConfigError("neither a folder of room responses nor 'simulate'", where=f"--rooms {around.rooms}")
        return tuple(map(str, recordings(Path(around.rooms))))
    paths = [folder / f"v{mix.VERSION}-{around.seed}-{number:02d}.wav" for number in range(SIMULATED_ROOMS)]
    if not all(path.is_file() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, response in zip(paths, mix.simulate_rooms(SIMULATED_ROOMS, around.seed), strict=True):
            soundfile.write(path, response, RATE_HZ, subtype="FLOAT")
    return tuple(map(str, paths))
