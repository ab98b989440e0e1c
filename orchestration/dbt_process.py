"""dbt as a child that does not outlive the run which started it.

A dbt orphaned by `kill -9` would go on writing the warehouse beside the next run. Which models are
built does not belong here.
"""

import ctypes
import gc
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

PR_SET_PDEATHSIG = 1


def executable() -> str:
    """Absolute path of `care-dbt` beside this Python, whatever the search path says."""
    return os.fspath(Path(sys.executable).with_name("care-dbt"))


def main() -> None:
    """Ask the kernel to end this process with its parent, then become dbt's command line.

    `--version` is answered here: dbt's own answer asks a package index for newer releases.
    """
    if sys.argv[1:] == ["--version"]:
        print(f"dbt-core {version('dbt-core')}")
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Its objects live as long as the process: looking for dead ones was a tenth of the time.
    gc.disable()
    # The debug log was another tenth; DBT_LOG_LEVEL_FILE=debug brings it back.
    os.environ.setdefault("DBT_LOG_LEVEL_FILE", "none")
    from dbt.cli.main import cli

    cli()
