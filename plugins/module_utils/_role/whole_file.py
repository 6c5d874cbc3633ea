# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile


def replace(path: str, data: bytes) -> None:
    """Write a file that only its owner can read, on the disk and not only in a cache, in place of an earlier one.

    :raises OSError: when it cannot be written; an earlier one is left as it was
    """
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".connect_sms-")  # 0600 from the first moment
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
