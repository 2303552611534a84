"""What `systemd-analyze security` says of each unit is what docs/operate.md says. It reads files: no root needed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from systemd_house import REPOSITORY

UNITS = sorted((REPOSITORY / "systemd").glob("wakeword-*.service"))
MOST = {"listen": 0.5, "gate": 0.5}  # and of the others
MOST_OF_OTHERS = 1.0
WEIGHED_BY = "systemd 252"  # Debian 12's: later ones weigh a little otherwise

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze: apt-get install systemd"
)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_the_figure_is_the_documents_and_low(path: object) -> None:
    unit = str(path)
    name = re.findall(r"wakeword-(\w+)\.service", unit)[0]
    ended = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )
    told = re.findall(r"Overall exposure level for \S+ (\d+\.\d+)", ended.stdout)
    if not told:
        pytest.skip(f"systemd-analyze looks at no file here: {ended.stderr.strip()}")
    assert float(told[0]) <= MOST.get(name, MOST_OF_OTHERS)
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    if version.startswith(WEIGHED_BY):
        rows = re.findall(r"^\| (\w+) \| (\d\.\d) \|", (REPOSITORY / "docs" / "operate.md").read_text(), re.MULTILINE)
        assert dict(rows)[name] == told[0]
