"""A word to take along: its model, its operating point and what to write into a configuration, as one ZIP."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from wakeword.studio.folder import Place

HOW = """{phrase}: made by `wakeword studio`.

In the configuration of the daemon (~/.config/wakeword/config.yaml), with these files where you put them:

    words: [{{model: {model}{point}}}]

To try it on a recording:

    wakeword replay talk.wav {ask} {model}{at}
"""


def archive(place: Place) -> bytes:
    """The ZIP. A shipped word's model is not in it: every installation has it. Raises `ConfigError` without a model."""
    place.check_model()
    packed = io.BytesIO()
    model, point = place.name, ""
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        if place.trained:
            model = f"./{place.name}"
            for path in sorted(Path(place.model).iterdir()):
                file.write(path, f"{place.name}/{path.name}")
        if place.point.is_file():
            point = f"{place.name}.yaml"
            file.write(place.point, point)
        file.writestr("README.txt", _told(place, model, point))
    return packed.getvalue()


def how(place: Place) -> str:
    """What to write where, with the files left where they are."""
    return _told(place, place.model, str(place.point) if place.point.is_file() else "")


def _told(place: Place, model: str, point: str) -> str:
    return HOW.format(
        phrase=place.phrase,
        model=model,
        ask="--model" if place.trained else "--word",
        point=f", point: {point}" if point else "",
        at=f" --point {point}" if point else "",
    )
