"""Consent to keep candidates: one file that says until when, and what becomes of it. Standard library only.

    collect.json     the consent: given when, until when, sealed to which key, how many clips at most
    collected/       the clips
    collect.key      the private key, where it was made on this device

Whoever keeps anything looks first whether that very file still stands there, unchanged, and whether the clock is
inside its time; on any doubt nothing is kept. Once it has ended, by time or by `wakeword forget`, clips and key are
deleted; the file then says how it ended until the evidence has been told.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from wakeword.errors import ConfigError, in_words
from wakeword.keep import folder
from wakeword.settings import ConsentSettings

FORMAT = 1
LONGEST_S = 31 * 86_400  # chosen: consent that nobody remembers is none
MOST_CLIPS, MOST_CLIPS_EVER = 2_000, 20_000  # a clip has 129 kB
EXPIRED, FORGOTTEN = "expired", "forgotten"
WRONG_CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The three places, in the daemon's state folder."""

    state: Path

    @property
    def consent(self) -> Path:
        """The file that says so."""
        return self.state / "collect.json"

    @property
    def clips(self) -> Path:
        """The folder of clips."""
        return self.state / "collected"

    @property
    def key(self) -> Path:
        """The private key, if it was made here."""
        return self.state / "collect.key"


@dataclass(frozen=True, slots=True)
class Consent:
    """Seconds are the wall clock's. `ended`: "", "expired" or "forgotten", and the evidence is still to be told."""

    given_s: int
    until_s: int
    public_key: str  # 64 hexadecimal digits
    most_clips: int = MOST_CLIPS
    ended: str = ""


def read(path: Path) -> Consent | None:
    """What the file says; None when there is none. Raises `ConfigError` when it is not a consent."""
    try:
        told = json.loads(path.read_text("utf-8"))
        if told.pop("format") != FORMAT:
            raise ValueError("another format")
        consent = Consent(**told)
        numbers = (consent.given_s, consent.until_s, consent.most_clips)
        right = all(type(number) is int and 0 <= number < 2**53 for number in numbers)
        if not right or consent.ended not in ("", EXPIRED, FORGOTTEN) or len(bytes.fromhex(consent.public_key)) != 32:
            raise ValueError("out of range")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError("not a consent to keep candidates", where=str(path), hint="wakeword forget") from error
    return consent


def read_or_over(path: Path) -> Consent | None:
    """The same; a file that is not understood is a consent whose time is over, whatever it was."""
    try:
        return read(path)
    except ConfigError:
        return Consent(0, 0, "0" * 64)


def write(path: Path, consent: Consent) -> None:
    """Whole or not at all. Raises `ConfigError`."""
    new = path.with_name(path.name + ".tmp")
    try:
        new.unlink(missing_ok=True)
        folder.write_new(new, json.dumps({"format": FORMAT, **asdict(consent)}).encode(), durable=True)
        new.replace(path)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error


def stamp(path: Path) -> str:
    """Names the file as it is now; another one after any change. "" when there is none, or nobody can tell."""
    try:
        state = path.stat()
    except OSError:
        return ""
    return f"{state.st_ino}:{state.st_mtime_ns}:{state.st_size}"


def settle(shelf: Shelf, now_s: float) -> Consent | None:
    """The consent that stands now; one that has ended is carried out first: what was kept is deleted.

    A file that cannot be understood is no consent, and what lies there without one is deleted too. Raises `ConfigError`
    when something cannot be deleted.
    """
    consent = read_or_over(shelf.consent)
    if consent is None:
        clear(shelf)
        return None
    if not consent.ended and now_s < consent.until_s:
        return consent
    if not consent.ended:
        end(shelf, consent, EXPIRED)
    clear(shelf)
    return None


def end(shelf: Shelf, consent: Consent, how: str) -> None:
    """First the word, which stops whoever keeps; then all that was kept. Raises `ConfigError`."""
    write(shelf.consent, replace(consent, ended=how))
    clear(shelf)


def clear(shelf: Shelf) -> None:
    """No clip, and no key that was made for them. Raises `ConfigError`."""
    folder.remove(shelf.clips)
    try:
        shelf.key.unlink(missing_ok=True)
        shelf.consent.with_name(shelf.consent.name + ".tmp").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(shelf.key)) from error


class Watch:
    """Looks whether the consent that a process was started with still stands. Both clocks must agree that it does."""

    def __init__(self, settings: ConsentSettings) -> None:
        self._settings = settings
        self._ends_boot_s = _boot_s() + settings.until_s - time.time()

    def over(self) -> str:
        """ "" while it stands; else "expired", "forgotten", or "clock": the wall clock stands before it was given."""
        now_s, given = time.time(), self._settings
        if now_s >= given.until_s or _boot_s() >= self._ends_boot_s:
            return EXPIRED
        if stamp(Path(given.file)) != given.stamp:
            return FORGOTTEN
        return WRONG_CLOCK if now_s < given.given_s else ""


def _boot_s() -> float:
    """CLOCK_BOOTTIME: nobody can set it, and it counts suspend."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
