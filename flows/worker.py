"""The process that runs what is scheduled: settles what an outage left, deploys prefect.yaml, becomes Prefect's worker.

    python -m flows.worker PORT [alone]      (its health is asked at http://127.0.0.1:PORT/health)

`alone`: no other worker works for this Prefect server.
It is started with PREFECT_API_URL set, in the project or with its folder as FORESAFE_HOME. What deploys is a process of
its own, and the worker takes the place of this one: an idle platform keeps only the worker in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from flows.settings import adopt, load_settings, project_folder

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POOL = "foresafe"


def main(port: str, *, alone: bool) -> None:
    """Prepare, then be the worker."""
    os.chdir(project_folder())
    prepare(alone=alone)
    adopt({"PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_WORKER_WEBSERVER_PORT": port})
    start = ("worker", "start", "--pool", POOL, "--name", f"foresafe-{port}", "--with-healthcheck")
    os.execv(sys.executable, [sys.executable, "-m", "prefect", *start])


def prepare(*, alone: bool) -> None:
    """The pool, what an outage left, who is told, and the deployments and automations that prefect.yaml declares."""
    from prefect import get_client

    from flows.backlog import settle
    from flows.notices import declare_notices

    with get_client(sync_client=True) as client:
        _ensure_pool(client)
        if alone:
            settle(client, POOL)
        declare_notices(client, load_settings().notify_url)
    subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], check=True)


def _ensure_pool(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


if __name__ == "__main__":
    main(sys.argv[1], alone="alone" in sys.argv[2:])
