"""One HTML file that holds all it needs and asks for nothing: no server, no network, no other file.

Its Content-Security-Policy allows the very scripts and styles that are put in here, by their hashes, and nothing else:
what a file name or a word smuggles in is text, and would not run if it were not.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib import resources
from typing import Any

LICENCE = "uPlot-LICENSE.txt"


def page(title: str, body: str, scripts: list[str], payload: dict[str, Any], styles: tuple[str, ...] = ()) -> str:
    """`body` is markup of ours; `payload` maps an element's id to what a script reads from it, as JSON.

    `scripts` and `styles` are files of `wakeword/eval/page`; uPlot and `page.css` come with every page.
    """
    style = "\n".join(asset(name) for name in ("uPlot.min.css", "page.css", *styles))
    licence = f"/*\n{asset(LICENCE)}*/\n"
    code = [licence + asset("uPlot.iife.min.js"), *(asset(name) for name in scripts)]
    allowed = " ".join(_hash(text) for text in code)
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; media-src data:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    values = "\n".join(
        f'<script type="application/json" id="{html.escape(name)}">{_json(value)}</script>'
        for name, value in payload.items()
    )
    run = "\n".join(f"<script>{text}</script>" for text in code)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
{values}
{run}
</body>
</html>
"""


def asset(name: str) -> str:
    """The text of a file that came with the package."""
    return resources.files("wakeword.eval").joinpath("page", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _json(value: Any) -> str:
    """JSON that cannot end its own element: `<`, `>` and `&` are escaped. NaN is refused: JSON has none."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
