"""`wakeword collect`: candidates kept for tuning, by consent, for a stated time."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from wakeword import config
from wakeword.errors import UNREADABLE, CheckFailed, ConfigError
from wakeword.events import RATE_HZ
from wakeword.keep import clip, consent, folder
from wakeword.keep.consent import LONGEST_S, MOST_CLIPS, MOST_CLIPS_EVER, Consent, Shelf
from wakeword.places import places

EXAMPLES = """examples:
  wakeword collect                                     is anything kept, and until when
  wakeword collect --new-key ~/collect.key             a pair of keys, made where clips are to be read
  wakeword collect --for 7d --public-key public.txt    on the device: asks, and begins
  wakeword collect --for 7d --yes-i-consent            without a terminal; makes a key on this device
  wakeword collect --list --key ~/collect.key          what is kept: word, scores, verdict
  wakeword collect --play 3f9ac21e8807d1c4 --key ~/collect.key    its sound: | aplay -q -t raw -f S16_LE -r 16000
  wakeword eval --collected ~/.local/state/wakeword/collected --key ~/collect.key --out run

Off unless consent is given here, for at most 31 days; it ends by itself, and `wakeword forget` ends it at once. A
`wakeword run` that runs begins within some seconds, with a new log file. Exit codes: 0 done, 1 nobody consented, 2 bad
usage, 3 some clips cannot be opened with this key."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword collect`."""
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("--for", dest="length_s", type=seconds, metavar="TIME", help="consent for so long: 7d, 12h; at most 31d")
    add("--yes-i-consent", action="store_true", help="do not ask")
    add("--public-key", type=Path, metavar="FILE", help="seal to this key (default: one made on this device)")
    add("--most", type=_most, default=MOST_CLIPS, metavar="N", help=f"clips at most (default: {MOST_CLIPS})")
    add("--new-key", type=Path, metavar="FILE", help="make a private key there, print the public one, and do no more")
    add("--list", action="store_true", help="what is kept; needs --key")
    add("--play", metavar="CLIP", help="the sound of one, raw, to standard output; needs --key")
    add("--key", type=Path, metavar="FILE", help="the private key")
    place_arguments(parser)


def place_arguments(parser: argparse.ArgumentParser) -> None:
    """What `collect` and `forget` share."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration that the daemon runs with")
    parser.add_argument("--evidence", metavar="DIR", help="the log's folder, if the daemon was given one")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def execute(given: argparse.Namespace) -> int:
    """Do what is asked for; without anything, say how it stands."""
    if given.new_key:
        return _new_key(given)
    shelf = shelf_of(given)
    if given.list or given.play:
        return _read(given, shelf)
    if given.length_s is not None:
        return _begin(given, shelf)
    return _tell(given, shelf, consent.settle(shelf, time.time()))


def shelf_of(given: argparse.Namespace) -> Shelf:
    """Where the daemon with this configuration keeps candidates."""
    options: dict[config.Key, object] = {("evidence", "directory"): given.evidence} if given.evidence else {}
    return Shelf(places(config.load(given.config, options).config).evidence.parent)


def seconds(given: str) -> int:
    """`7d`, `12h`, `90s` -> whole seconds. Raises `ArgumentTypeError`."""
    found = re.fullmatch(r"(\d{1,7})([smhd])", given)
    length_s = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= length_s <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{given!r} is not 1s to {LONGEST_S // 86_400}d, such as 7d or 12h")
    return length_s


def _most(given: str) -> int:
    number = int(given) if given.isdecimal() else 0
    if not 1 <= number <= MOST_CLIPS_EVER:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number of clips from 1 to {MOST_CLIPS_EVER}")
    return number


def _new_key(given: argparse.Namespace) -> int:
    from wakeword.keep import seal

    public = seal.public_line(seal.create_key(given.new_key))
    print(json.dumps({"public_key": public}) if given.json else public)
    return 0


def _begin(given: argparse.Namespace, shelf: Shelf) -> int:
    """Say what it means, ask, write it down. Raises `CheckFailed` when nobody consents."""
    from wakeword.keep import seal

    if standing := consent.settle(shelf, time.time()):
        until = f"candidates are kept already, until {_moment(standing.until_s)}"
        raise ConfigError(until, hint="wakeword forget ends that and deletes them; then consent anew")
    public = seal.read_public(given.public_key) if given.public_key else b""
    now_s = int(time.time())
    print(_meaning(given, shelf, now_s + given.length_s), file=sys.stderr)
    if not given.yes_i_consent:
        _ask()
    folder.make(shelf.clips)
    if not public:
        public = seal.create_key(shelf.key)
        print(f"wakeword: the private key is on this device: {shelf.key}; `forget` deletes it too", file=sys.stderr)
    begun = Consent(now_s, now_s + given.length_s, public.hex(), given.most)
    consent.write(shelf.consent, begun)
    return _tell(given, shelf, begun)


def _meaning(given: argparse.Namespace, shelf: Shelf, until_s: int) -> str:
    from wakeword.keep.seal import OVERHEAD_BYTES

    megabytes, length_s = given.most * (clip.FRAME_BYTES + OVERHEAD_BYTES) / 1e6, clip.SAMPLES // RATE_HZ
    return (
        f"Until {_moment(until_s)}, each time stage 1 asks, whether stage 2 accepts or not, the {length_s} s of sound\n"
        f"before are kept on this device, in {shelf.clips}: whatever was said then, by anybody.\n"
        f"At most {given.most} clips ({megabytes:.0f} MB), sealed: only the private key opens them. Nothing is sent.\n"
        "The evidence says that it is on, until when, and how many were kept; never when.\n"
        "It ends by itself; `wakeword forget` ends it at once. Either way everything is deleted."
    )


def _ask() -> None:
    if not sys.stdin.isatty():
        raise CheckFailed("nobody is here to consent", hint="--yes-i-consent, if somebody did")
    print("Do all who live here consent? Type yes: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise CheckFailed("not consented; nothing is kept")


def _tell(given: argparse.Namespace, shelf: Shelf, standing: Consent | None) -> int:
    clips = folder.found(shelf.clips)
    size = sum(path.stat().st_size for path in clips)
    if given.json:
        told: dict[str, Any] = {"on": standing is not None, "clips": len(clips), "bytes": size}
        told |= {"folder": str(shelf.clips)}
        told |= {"until_s": standing.until_s, "most_clips": standing.most_clips} if standing else {}
        print(json.dumps(told))
    elif standing:
        many = f"{len(clips)} of at most {standing.most_clips} clips so far"
        print(f"`wakeword run` keeps candidates until {_moment(standing.until_s)}: {many}")
    else:
        print("nothing is kept; `wakeword collect --for 7d` would ask for consent")
    return 0


def _read(given: argparse.Namespace, shelf: Shelf) -> int:
    """List them, or the sound of one. Names of those that cannot be opened go to standard error."""
    from wakeword.keep import seal

    if not given.key:
        raise ConfigError("clips are sealed", where="--key", hint="the private key's file")
    private, problems = seal.read_private(given.key), 0
    for path in folder.found(shelf.clips):
        if given.play and path.stem != given.play:
            continue
        try:
            head, pcm = clip.unpack(seal.unseal(path.read_bytes(), private))
        except (OSError, ValueError) as error:
            print(f"wakeword: {path.name}: {error}", file=sys.stderr)
            problems += 1
            continue
        if given.play:
            return _play(pcm)
        _show(given, path.stem, head)
    if given.play and not problems:
        raise ConfigError("no such clip", where=given.play, hint="wakeword collect --list")
    return UNREADABLE if problems else 0


def _play(pcm: bytes) -> int:
    if sys.stdout.isatty():
        hint = "… | aplay -q -t raw -f S16_LE -r 16000"
        raise ConfigError("standard output is a terminal", where="--play", hint=hint)
    sys.stdout.buffer.write(pcm)
    return 0


def _show(given: argparse.Namespace, name: str, head: clip.Head) -> None:
    if given.json:
        row = {"clip": name, "word": head.word, "stage1": head.stage1, "stage2": head.stage2, "accepted": head.accepted}
        print(json.dumps(row | {"taken_s": head.taken_s, "end_s": head.end / RATE_HZ}))
        return
    verdict, scores = "wake" if head.accepted else "reject", f"stage 1 {head.stage1:.2f}  stage 2 {head.stage2:.2f}"
    print(f"{name}  {_moment(head.taken_s)}  {verdict:<6}  {head.word:<10}  {scores}")


def _moment(wall_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(wall_s))
