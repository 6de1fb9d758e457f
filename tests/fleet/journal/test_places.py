from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aioseflow.fleet.journal import Journal, JournalError
from aioseflow.fleet.journal.immediate import complete
from aioseflow.fleet.journal.sqlite import places

MOUNTINFO = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
40 22 0:40 / /home rw,relatime shared:20 - nfs4 filer:/home rw,vers=4.2
41 40 259:2 / /home/ann/local rw,relatime - xfs /dev/nvme0n1p2 rw
42 22 0:41 /share /mnt/two\040words rw shared:30 master:4 - cifs //filer/share rw
43 22 0:42 / /mnt/back\134slash rw - smb3 //filer/b rw
44 22 0:43 / /srv rw - ext4 /dev/sdb1 rw
45 44 0:44 / /srv rw - fuse.sshfs ann@there: rw
46 22 0:45 / /run/user/1000 rw - tmpfs tmpfs rw
47 22 0:46 / /mnt/tab\011ulator rw - ceph mon:/ rw
not a mount at all
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/lib/runs.sqlite", "ext4", False),
        ("/home/ann/runs.sqlite", "nfs4", True),
        ("/home", "nfs4", True),
        ("/homestead/runs.sqlite", "ext4", False),
        ("/home/ann/local/runs.sqlite", "xfs", False),
        ("/mnt/two words/runs.sqlite", "cifs", True),
        ("/mnt/back\\slash/runs.sqlite", "smb3", True),
        ("/mnt/tab\tulator/runs.sqlite", "ceph", True),
        ("/srv/runs.sqlite", "fuse.sshfs", True),
        ("/run/user/1000/runs.sqlite", "tmpfs", False),
    ],
)
def test_the_longest_mount_point_decides(path: str, kind: str, network: bool) -> None:
    assert places.file_system(MOUNTINFO, path) == kind
    assert places.is_network(kind) is network


def test_without_any_mount_nothing_is_known() -> None:
    assert places.file_system("", "/x") is None
    assert not places.is_network(None)


def test_a_network_file_system_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(places, "file_system", lambda mountinfo, path: "nfs4")
    with pytest.raises(JournalError, match=r"on a network file system \(nfs4\).*put it on a local disk"):
        complete(Journal(tmp_path / "new" / "runs.sqlite").acquire())
    assert not list(tmp_path.iterdir())


def test_other_systems_do_not_say_what_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "file_system", lambda mountinfo, path: "nfs4")
    monkeypatch.setattr(sys, "platform", "darwin")
    places.refuse_network(tmp_path / "runs.sqlite")
