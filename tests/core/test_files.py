"""Files and folders that appear whole or not at all, wherever they are to be."""

import errno
import os
import stat

import pytest

from ideomotor import new_folder, write_bytes
from ideomotor.errors import IdeomotorError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder, half=lambda: None, **options):
    with new_folder(folder, **options) as new:
        (new / "a.txt").write_text("new")
        half()
        (new / "sub").mkdir()
        (new / "sub" / "b.txt").write_text("new")


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


NEW = ["a.txt", "sub", "sub/b.txt"]


def test_a_folder_is_replaced_as_a_whole(here):
    make("out")
    (here / "out" / "old.txt").write_text("old")
    with pytest.raises(IdeomotorError, match="out exists and is not empty"):
        make("out")
    make("out", overwrite=True)
    assert names(here / "out") == NEW and names(here) == ["out", "out/a.txt", "out/sub", "out/sub/b.txt"]


def test_what_fails_leaves_what_was_there(here):
    make("out")
    with pytest.raises(ZeroDivisionError):
        make("out", overwrite=True, half=lambda: 1 / 0)
    assert names(here) == ["out", "out/a.txt", "out/sub", "out/sub/b.txt"]
    assert (here / "out" / "a.txt").read_text() == "new"


def test_the_working_directory_keeps_what_is_not_written_anew(here):
    make(".")
    assert names(here) == NEW
    (here / "mine.txt").write_text("mine")
    (here / "a.txt").write_text("old")
    make(".", overwrite=True)
    assert names(here) == ["a.txt", "mine.txt", "sub", "sub/b.txt"]
    assert (here / "a.txt").read_text() == "new" and (here / "mine.txt").read_text() == "mine"


def test_a_mounted_disk_is_written_into(here, monkeypatch):
    disk = here / "disk"
    disk.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: os.fspath(path) == str(disk))
    with new_folder("disk") as new:
        assert new.parent == disk  # not on the disk around it, which may be a small one
        (new / "a.txt").write_text("new")
    assert names(disk) == ["a.txt"]


def test_a_folder_that_turns_out_to_be_busy_is_written_into(here, monkeypatch):
    """As a folder mounted from the same disk is, which does not look like a mount point."""
    disk, replace = here / "disk", os.replace
    disk.mkdir()

    def busy(source, target):
        if str(source) == str(disk):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    make("disk")
    assert names(disk) == NEW and names(here) == ["disk", "disk/a.txt", "disk/sub", "disk/sub/b.txt"]


def test_what_was_computed_is_kept_where_the_last_step_fails(here, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(IdeomotorError, match="out cannot be replaced .No space left.*is in (.*).$") as info:
        make("out")
    kept = str(info.value).rsplit(" is in ", 1)[1].rstrip(".")
    assert names(here / kept) == NEW


def test_a_link_to_a_folder_stays_a_link(here):
    (here / "elsewhere").mkdir()
    (here / "out").symlink_to(here / "elsewhere")
    make("out")
    assert (here / "out").is_symlink() and names(here / "elsewhere") == NEW
    (here / "file").write_text("old")
    (here / "link").symlink_to("file")
    write_bytes("link", b"new")
    assert (here / "link").is_symlink() and (here / "file").read_text() == "new"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_the_umask(here, mask):
    before = os.umask(mask)
    try:
        make("out")
        write_bytes("file", b"")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(name).st_mode) for name in ("file", "out", "out/sub")]
    assert modes == [0o666 & ~mask, 0o777 & ~mask, 0o777 & ~mask]
    os.chmod("file", 0o640)
    write_bytes("file", b"more")
    assert stat.S_IMODE(os.stat("file").st_mode) == 0o640
