"""A real systemd to install into: PID 1 of namespaces of its own, on a throw-away layer over this machine's files.

    with Bed() as bed:
        bed.run("systemctl", "start", "wakeword.target")

Everything that is installed here is there; whatever is written is gone at the end. It has its own processes, mounts,
host name, control groups and network: one cable leads to this machine, `bed.outside` at this end and `bed.inside` at
the other, and no route further. Needs root, overlayfs and cgroup2, and the packages systemd, dbus, iproute2.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

HANG_S = 90
FIRST = ("nice", "-n", "-10")  # before what else this machine does: the bed's sound must not stumble over it
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "systemctl", "dbus-daemon", "setsid")
SYSTEMD = Path("/lib/systemd/systemd")

# What has no business in a bed: hardware, clocks, consoles, and the timers of the machine below.
_MASKED = """systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service
systemd-timesyncd.service systemd-modules-load.service systemd-sysctl.service systemd-random-seed.service
systemd-pstore.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount
sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount
kmod-static-nodes.service systemd-remount-fs.service systemd-firstboot.service systemd-machine-id-commit.service
getty@.service console-getty.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
dpkg-db-backup.timer man-db.timer logrotate.timer systemd-update-utmp.service ldconfig.service""".split()

# Becomes PID 1. $1: the folder that holds the layer. Ends by executing systemd.
_BOOT = r"""
set -euo pipefail
mount --make-rprivate /
layer=$1/layer root=$1/root
mkdir -p "$layer" "$root"
mount -t tmpfs -o size=3g,mode=700 bed "$layer"
mkdir -m 755 "$layer/changed" "$layer/work"
mount -t overlay bed -o "lowerdir=/,upperdir=$layer/changed,workdir=$layer/work" "$root"
cd "$root"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm dev/snd
mknod -m 660 dev/snd/timer c 116 33   # what a card's nodes look like; no card answers
chgrp audio dev/snd/timer
ln -s /proc/self/fd dev/fd; ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
for folder in dev/shm tmp; do mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$folder"; done
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
: > etc/fstab
echo bed > etc/hostname; hostname bed
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
rm -rf var/log/journal var/lib/wakeword etc/wakeword opt/wakeword
units=etc/systemd/system
mkdir -p $units etc/systemd/journald.conf.d etc/systemd/system.conf.d
rm -rf $units/*.target.wants
for unit in $MASKED; do ln -sfn /dev/null "$units/$unit"; done
printf '[Journal]\nStorage=volatile\nForwardToConsole=no\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n' \
    > etc/systemd/journald.conf.d/bed.conf
printf '[Manager]\nLogTarget=journal\nShowStatus=no\n' > etc/systemd/system.conf.d/bed.conf
printf '[Unit]\nRequires=basic.target\nWants=dbus.socket multi-user.target\nAfter=basic.target\nAllowIsolate=yes\n' \
    > $units/bed.target
ip link set lo up
mkdir .layer
mount --bind "$layer" .layer
mkdir .below
pivot_root . .below
cd /
umount -l /.below
rmdir /.below
mount --make-rshared /    # else LoadCredential= gives an empty folder
exec env -i container=bed PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=bed.target
"""


# Is all that permitted here? In namespaces that end with it.
_TRIAL = r"""
set -e
mount --make-rprivate /
at=$(mktemp -d)
mount -t tmpfs trial "$at"
mkdir "$at"/{changed,work,root,groups}
mount -t overlay trial -o "lowerdir=/,upperdir=$at/changed,workdir=$at/work" "$at/root"
mount -t cgroup2 trial "$at/groups"
mkdir "$at/groups/wakeword-trial-$$"
rmdir "$at/groups/wakeword-trial-$$"
mknod "$at/root/tmp/null" c 1 3
ip link add trial0 type veth peer name trial1
umount -l "$at" && rmdir "$at"
"""


_NUMBERS = iter(range(os.getpid() % 4_000, 4_096))  # shared by the beds of this process: none is given out twice


def _taken(number: int) -> bool:
    """Is there such a bed already?"""
    return subprocess.run(["ip", "link", "show", f"wakebed{number}"], check=False, capture_output=True).returncode == 0


def missing() -> str:
    """Why there can be no bed here, or ""."""
    if os.geteuid() != 0:
        return "a bed for systemd needs root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent or not SYSTEMD.exists():
        return f"no {', '.join(absent) or SYSTEMD}: apt-get install systemd dbus libnss-systemd iproute2"
    trial = [*"unshare --mount --pid --fork --uts --ipc --net --cgroup bash -c".split(), _TRIAL]
    tried = subprocess.run(trial, check=False, capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"no machine can be put into this one: {tried.stderr.strip()}"


class Bed:
    """The machine, as a context manager."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wakeword-bed-"))
        number = next(number for number in _NUMBERS if not _taken(number))
        self._link, self._group = f"wakebed{number}", f"wakeword-bed-{number}"
        self.outside, self.inside = (f"10.214.{number // 64}.{number % 64 * 4 + end}" for end in (1, 2))
        self._pid = 0

    def __enter__(self) -> Bed:
        try:
            self._up()
        except BaseException:
            self._down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._down()

    @property
    def root(self) -> Path:
        """The machine's files, seen from here."""
        return Path(f"/proc/{self._pid}/root")

    def command(self, *words: str, env: dict[str, str] | None = None) -> list[str]:
        """What to execute here to have `words` executed there."""
        clean = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        clean += ["TERM=dumb", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", *(f"{k}={v}" for k, v in (env or {}).items())]
        enter = [*FIRST, *f"nsenter -t {self._pid} -m -u -i -n -p -C -r --wdns=/ env -i".split()]
        return [*enter, *clean, *words]

    def run(
        self, *words: str, check: bool = True, timeout_s: float = HANG_S, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it and wait; with `check`, fail with all that it said."""
        ended = subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, timeout=timeout_s, **more
        )
        assert not check or ended.returncode == 0, (
            f"{words} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        )
        return ended

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def until(self, wanted: Any, what: str, patience_s: float = HANG_S) -> Any:
        """Wait until `wanted()` is true, and return it."""
        end = time.monotonic() + patience_s
        while not (found := wanted()):
            assert time.monotonic() < end, f"not within {patience_s:.0f} s: {what}\n{self.journal()[-6000:]}"
            time.sleep(0.05)
        return found

    def journal(self, *words: str) -> str:
        """What the journal has."""
        return self.run("journalctl", "--no-pager", "-o", "short-precise", *words, check=False).stdout

    def written(self) -> set[str]:
        """Every path on its disk that is not the machine's below; and those of the machine's that were removed."""
        layer = f"{self.root}/.layer/changed"
        walked = [(folder, [*folders, *files]) for folder, folders, files in os.walk(layer)]
        found = {f"{folder}/{name}".removeprefix(layer) for folder, names in walked for name in names}
        return {path for path in found if os.path.lexists(path) != os.path.lexists(f"{self.root}{path}")}

    def put(self, source: Path, place: str) -> None:
        """Copy a file or folder into it."""
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)

    def _up(self) -> None:
        self._cgroup("make")
        starter = [*FIRST, *"setpriv --pdeathsig KILL setsid".split(), "bash", "-c", 'read -r _; exec "$@"', "bed"]
        starter += "unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child=SIGKILL bash -c".split()
        self._console = (self._folder / "console").open("w")
        self._starter = subprocess.Popen(
            [*starter, _BOOT, "bed", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            env=os.environ | {"MASKED": " ".join(_MASKED)},
        )
        self._cgroup("join", str(self._starter.pid))
        assert self._starter.stdin
        self._starter.stdin.write(b"go\n")
        self._starter.stdin.close()
        self._wait(self._find, "systemd does not start")
        self._wait(self._running, "systemd does not come up")
        for words in (
            ["ip", "link", "add", self._link, "type", "veth", "peer", "name", "host0", "netns", str(self._pid)],
            ["ip", "addr", "add", f"{self.outside}/30", "dev", self._link],
            ["ip", "link", "set", self._link, "up"],
        ):
            subprocess.run(words, check=True)
        self.run("ip", "addr", "add", f"{self.inside}/30", "dev", "host0")
        self.run("ip", "link", "set", "host0", "up")

    def _find(self) -> bool:
        """The pid of its PID 1, once that is systemd."""
        try:
            children = Path(f"/proc/{self._starter.pid}/task/{self._starter.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._pid = int(children[0])
        except OSError:
            return False
        return bool(self._pid)

    def _running(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def _wait(self, done: Any, what: str) -> None:
        end = time.monotonic() + HANG_S
        while not done():
            said = (self._folder / "console").read_text()
            assert self._starter.poll() is None and time.monotonic() < end, f"{what}: {said}"
            time.sleep(0.05)

    def _cgroup(self, act: str, pid: str = "") -> None:
        """Make, join or remove a control group of its own, through a mount that nobody else sees."""
        script = """mount --make-rprivate /; at=$(mktemp -d); mount -t cgroup2 none $at
            case $1 in
                make) mkdir -p $at/$2 ;;
                join) echo $3 > $at/$2/cgroup.procs ;;
                remove) [ ! -e $at/$2/cgroup.kill ] || echo 1 > $at/$2/cgroup.kill
                    for _ in $(seq 100); do
                        find $at/$2 -depth -type d -exec rmdir {} + 2>/dev/null
                        [ -d $at/$2 ] || break; sleep 0.1
                    done ;;
            esac; umount $at; rmdir $at"""
        subprocess.run(["unshare", "--mount", "bash", "-c", script, "cgroup", act, self._group, pid], check=True)

    def _down(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGRTMIN + 4)  # to systemd: power off
        if hasattr(self, "_starter"):
            try:
                self._starter.wait(15)
            except subprocess.TimeoutExpired:
                self._starter.kill()  # takes its namespaces along
                self._starter.wait()
            self._console.close()
        self._cgroup("remove")
        subprocess.run(["ip", "link", "del", self._link], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)
