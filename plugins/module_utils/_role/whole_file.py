# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes files completely or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile


def fill(path: str, size: int) -> None:
    """Create a file of *size* zeros, readable by its owner only, to reserve disk space.

    :raises OSError: if there is not enough space
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())


def replace(path: str, data: bytes, room: str | None = None) -> None:
    """Write a file, readable by its owner only, to the disk and not only to a cache, in place of an earlier one.

    :param room: a file from :func:`fill`, whose disk space is used; it is removed
    :raises OSError: if it cannot be written; an earlier file is not changed
    """
    folder = os.path.dirname(path)
    if room and os.path.exists(room):
        handle, temporary = os.open(room, os.O_WRONLY), room
    else:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".connect_sms-")  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
