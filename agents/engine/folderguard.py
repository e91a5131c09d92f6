"""Removes a temporary folder when the process that made it is gone, also by kill -9."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Its standard input is a pipe that nobody but the parent holds. Twice: a child of the parent may still be writing.
_GUARD = """
read -r _
rm -rf "$1"
sleep 3
rm -rf "$1"
"""


class FolderGuard:
    """Guards a folder until it is dismissed."""

    def __init__(self, folder: Path) -> None:
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(folder)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )

    def dismiss(self) -> None:
        """The folder is no longer its business. Twice is once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # before its pipe is closed, which would be its call to act
        process.wait()
        if process.stdin:
            process.stdin.close()
