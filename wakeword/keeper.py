"""The keeper: seals candidates as they come and puts them into one folder, while consent stands; else it does not run.

    python -m wakeword.keeper SETTINGS_JSON          (settings.KeeperSettings; started by `wakeword run`)

Has: the read end of a pipe from listen, a folder, a public key. Has not: a network, a sound device, any other file, the
private key: what it has written it cannot read. Believes: nobody. It looks at the consent before each clip, after each
clip, and once a second; when that has ended it deletes all and ends. On any doubt it ends.

Exit codes: 0 the pipe or the consent has ended, 1 listen sends no clips, 2 wrong settings or a wall is missing, 74 the
disk fails.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

from wakeword.errors import CHECK_FAILED, FATAL, USAGE, WakewordError
from wakeword.forbidden import demand, try_acts
from wakeword.keep import clip, folder, seal
from wakeword.keep.consent import FORGOTTEN, WRONG_CLOCK, Watch
from wakeword.sandbox import own_network, wall_calls, wall_files
from wakeword.settings import KeeperSettings, keeper_from_json

LOOK_MS = 1_000


class Keeper:
    """One loop, one `poll`."""

    def __init__(self, settings: KeeperSettings) -> None:
        self._folder, self._from_listen = Path(settings.folder), settings.from_listen
        self._public = bytes.fromhex(settings.public_key)
        self._watch = Watch(settings.consent)
        self._clips = folder.Clips(self._folder, settings.most_clips, settings.consent.given_s)
        self._frame = bytearray()
        self._full = False

    def run(self) -> int:
        """Until the pipe or the consent ends; the exit code."""
        poll = select.poll()
        poll.register(self._from_listen, select.POLLIN)
        while not self._over():
            if not poll.poll(LOOK_MS):
                continue
            received = os.read(self._from_listen, clip.FRAME_BYTES - len(self._frame))
            if not received:
                self._over()
                return 0
            self._frame += received
            if len(self._frame) == clip.FRAME_BYTES:
                frame = bytes(self._frame)
                self._frame.clear()
                if not clip.marked(frame):
                    print("wakeword keeper: what came is no clip; nothing is kept any more", file=sys.stderr)
                    return CHECK_FAILED
                self._keep(frame)
        return 0

    def _keep(self, frame: bytes) -> None:
        """One clip, if consent stands now; `run` looks again once it is written."""
        if self._watch.over():
            return
        try:
            self._clips.put(seal.seal(frame, self._public))
        except folder.Full as error:
            if not self._full:
                print(f"wakeword keeper: {error}; no more are kept", file=sys.stderr)
            self._full = True
        except OSError:
            if not self._watch.over():  # else it was deleted under our hands
                raise

    def _over(self) -> bool:
        """Has consent ended? Then nothing is left."""
        over = self._watch.over()
        if over in ("", WRONG_CLOCK):
            return False
        try:
            folder.empty(self._folder)
        except OSError:
            if over != FORGOTTEN:  # else `wakeword forget` was faster, and a folder made since is behind the wall
                raise
        return True


def build_walls(settings: KeeperSettings) -> None:
    """Give up all but the folder, then try the walls. Raises `WallError`."""
    seal.seal(b"", bytes.fromhex(settings.public_key))  # whatever that loads cannot be read behind the wall
    own_network()  # where this user may; the filter of calls stands in any case
    wall_files(write=[Path(settings.folder)])
    wall_calls()
    demand(try_acts(log=Path(settings.evidence) if settings.evidence else None))


def main() -> int:
    """Run with the settings on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with listen
    try:
        settings = keeper_from_json(sys.argv[1])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        print(f"wakeword keeper: not settings for this process: {error}", file=sys.stderr)
        return USAGE
    try:
        build_walls(settings)
        return Keeper(settings).run()
    except WakewordError as error:
        print(f"wakeword keeper: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"wakeword keeper: {error}", file=sys.stderr)
        return FATAL


if __name__ == "__main__":
    sys.exit(main())
