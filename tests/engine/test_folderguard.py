from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from agents.engine.folderguard import FolderGuard

_MAKER = """
import sys, tempfile, time
from pathlib import Path
from agents.engine.folderguard import FolderGuard
folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
guard = FolderGuard(folder)
(folder / "file").touch()
print(folder, flush=True)
time.sleep(600)
"""


def test_a_killed_process_leaves_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _MAKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        folder = Path(maker.stdout.readline().strip())
        assert folder.exists()
        maker.kill()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


def test_dismissed_it_leaves_the_folder_alone(tmp_path: Path) -> None:
    guard = FolderGuard(tmp_path)
    guard.dismiss()
    guard.dismiss()
    assert tmp_path.exists()
