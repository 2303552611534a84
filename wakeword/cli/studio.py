"""`wakeword studio`: a page on this machine for making, tuning and trying a word."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from pathlib import Path

from wakeword.cli.ending import asked_to_end
from wakeword.errors import ConfigError

EPILOG = """examples:
  wakeword studio --open
  wakeword studio --corpora corpora --folder words
  ssh -L 8899:127.0.0.1:8899 speaker wakeword studio --port 8899     a speaker's page, on the machine you sit at

The page is for this machine and for whoever has its address: it is bound to 127.0.0.1, and the address has a token in
it that is new at each start. Nothing leaves; recordings stay in DIR and can be deleted on the page. Ctrl-C ends it and
stops a training, which goes on where it was when it is started again. Training needs the extras `train` and `voices`.
What each step does: docs/studio.md."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of 127.0.0.1 (default: any free one)")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    folder = "where recordings and models are kept (default: ~/.local/share/wakeword/studio)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=folder)
    corpora = "speech and noise to train against, as `wakeword train` takes it; without it nothing is trained"
    parser.add_argument("--corpora", type=Path, metavar="DIR", help=corpora)
    parser.add_argument("--train", default="", metavar="WORDS", help="further arguments for `wakeword train`")
    parser.add_argument("--json", action="store_true", help="one JSON object: the address and the folder")


def execute(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    if not 0 <= given.port < 65_536:
        raise ConfigError("0 to 65535", where="--port")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.ERROR)
    asyncio.run(_serve(given))
    return 0


async def _serve(given: argparse.Namespace) -> None:
    from wakeword.studio.folder import Folder
    from wakeword.studio.server import Studio

    ended = asked_to_end()
    corpora = given.corpora.resolve() if given.corpora else None
    async with Studio(Folder(given.folder or _usual_folder()), given.port, corpora, given.train) as studio:
        if given.json:
            print(json.dumps({"url": studio.url, "folder": str(studio.folder.root)}), flush=True)
        else:
            print(f"studio: {studio.url}\nkept in {studio.folder.root} (Ctrl-C ends)", flush=True)
        if given.open:
            import webbrowser

            await asyncio.to_thread(webbrowser.open, studio.url)
        await ended.wait()


def _usual_folder() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "wakeword" / "studio"
