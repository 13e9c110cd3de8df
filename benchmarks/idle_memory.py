"""Memory of the idle platform: `foresafe up` in an empty state folder, each part's share after it has settled.

    python -m benchmarks.idle_memory        (Linux; about two minutes)

Counted is PSS: memory that processes share is divided among them, so that the parts add up.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SETTLE_SECONDS = 30
PARTS = {  # what the command line holds -> name
    "prefect server": "Prefect server",
    "prefect worker": "Prefect worker",
    "mlflow": "MLflow server",
    "uvicorn": "MLflow server",
    "flows.site": "pages",
    "keeper.py": "keepers",
    "flows.cli up": "foresafe up",
}


def main() -> None:
    """Start it, wait, add up, stop it; one line of JSON at the end."""
    with tempfile.TemporaryDirectory(prefix="foresafe-idle-") as state:
        environment = {**os.environ, "FORESAFE_STATE": state, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "flows.cli", "up"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as up:
            assert up.stdout is not None
            for line in up.stdout:
                if "Ctrl-C" in line:
                    break
            time.sleep(SETTLE_SECONDS)
            mib = memory_mib(state)
            up.terminate()
    for part, size in mib.most_common():
        print(f"{part:15} {size:7.0f} MiB")
    print(json.dumps({"idle_mib": round(sum(mib.values()))}))


def memory_mib(state: str) -> Counter[str]:
    """Part -> MiB, of every process that was started with this state folder."""
    found = Counter[str]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            ours = state.encode() in (folder / "environ").read_bytes()
            pss = re.search(r"^Pss: +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue
        if ours and pss and int(folder.name) != os.getpid():
            part = (
                "keepers" if "keeper.py" in words else next((PARTS[key] for key in PARTS if key in words), words[:40])
            )
            found[part] += int(pss[1]) / 1024
    return found


if __name__ == "__main__":
    main()
