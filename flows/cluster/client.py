"""The connection to a scheduler, and a `map` over its workers that keeps only a few results waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Client

from contracts.errors import NotFound
from contracts.results import Features
from flows.cluster.boosting import InOrder, train_data_parallel

if TYPE_CHECKING:
    from models.fit import Learner

WHERE = "params.yaml: compute.scheduler"
ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Cluster:
    """The workers behind one scheduler, as a place to compute in (flows.compute.Compute)."""

    client: Client

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterator[Any]:
        """Results in the order of the items. The function travels to each worker once, with all that it carries; at
        most one task a thread and one more a worker are under way or wait to be taken, so memory stays bounded."""
        threads = self.client.nthreads()
        shared = self.client.scatter(function, broadcast=True, hash=False)
        left, under_way = iter(items), deque[Any]()
        try:
            for item in islice(left, sum(threads.values()) + len(threads)):
                under_way.append(self._submit(shared, item))
            while under_way:
                done = under_way.popleft()
                result = done.result()
                done.release()
                under_way.extend(self._submit(shared, item) for item in islice(left, 1))
                yield result
        finally:
            self.client.cancel(list(under_way))

    def learner(self, load: Callable[[], Features]) -> Learner:
        return partial(train_data_parallel, self.client, load)

    def _submit(self, shared: Any, item: Any) -> Any:
        return self.client.submit(_call, shared, self.client.scatter(item, hash=False), pure=False)


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


@contextmanager
def connected(scheduler: str, *, sees: Path) -> Iterator[Cluster]:
    """The cluster at this address, for this block.

    sees: a folder that every worker must find.

    Raises:
        NotFound: no scheduler answers, it has no workers, or one of them has no such folder.
    """
    try:
        client = InOrder(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
    except OSError as fault:
        raise NotFound(
            f"no Dask scheduler answers at {scheduler!r} within {ANSWER_SECONDS} s",
            where=WHERE,
            allowed="the address that `dask scheduler` prints, such as tcp://10.0.0.5:8786",
            cause=str(fault) or "it is not running, or a firewall is in between",
            fix="start it (docs/cluster.md), or set compute.backend to local",
        ) from fault
    with client:
        _workers_that_see(client, sees)
        yield Cluster(client)


def _workers_that_see(client: Client, folder: Path) -> None:
    found = client.run(folder.is_dir)
    if not found:
        raise NotFound(
            "the Dask scheduler has no workers",
            where=WHERE,
            fix=f"dask worker {client.scheduler.address}, on each machine",
        )
    if blind := [worker for worker, there in found.items() if not there]:
        raise NotFound(
            f"{len(blind)} of {len(found)} Dask workers have no folder {folder}",
            where=f"worker {blind[0]}",
            cause="they run on machines that do not share this folder",
            fix="mount it at the same place on every machine (docs/cluster.md)",
        )
