"""Files that are either complete or not there."""

import errno
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_file(path, force=False):
    """Open a new file for bytes that appears at `path` when the block ends without an error.

    The data goes to a temporary file in the same folder, which is renamed at the end, or deleted after an error.
    Raise FileExistsError if `path` exists, unless `force` is true.
    """
    path = Path(os.path.realpath(path))  # replace what a symbolic link points to
    refuse_existing(path, force)
    part = path.with_name(f".export-{secrets.token_hex(8)}.part")
    try:
        # A file that replaces another can be read by nobody else until it has the same permissions.
        part.touch(0o600 if path.exists() else 0o666)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            copy_permissions(path, part)
        publish(part, path, force)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(path, force):
    if os.path.lexists(path) and not path.is_file():
        raise OSError(errno.EINVAL, "it isn't a regular file")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists")


def copy_permissions(old, new):
    """Copy owner, group, permissions and ACL where the file system allows that."""
    before = old.stat()
    for owner, group in ((-1, before.st_gid), (before.st_uid, -1)):  # only root can change the owner
        with suppress(OSError, AttributeError):  # Windows has no chown
            os.chown(new, owner, group)
    with suppress(OSError, AttributeError):  # only Linux has removexattr
        os.removexattr(new, "system.posix_acl_access")  # the ACL that a folder gives to new files
    with suppress(OSError):
        shutil.copystat(old, new)
    with suppress(OSError):
        if new.stat().st_gid != before.st_gid:  # the permissions were for another group
            new.chmod(new.stat().st_mode & ~0o070)
    with suppress(OSError):
        os.utime(new)


def publish(part, path, force):
    """Give the file its name. Without `force`, never replace a file that has just appeared."""
    if not force:
        with suppress(OSError):  # the name exists, or the file system has no hard links
            return os.link(part, path)
        refuse_existing(path, force)
    return part.replace(path)


def sync_folder(folder):
    """Write the folder's entries to the disk, so that the name survives a power cut."""
    with suppress(OSError):  # Windows can't open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
