"""Where heavy calls run: in this process, or on a Dask cluster. The stages see one interface, `Compute`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from contracts.params import ComputeParams
from contracts.results import Features

if TYPE_CHECKING:
    from models.fit import Learner

LoadFeatures = Callable[[], Features]


class Compute(Protocol):
    """A place to run calls in."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterator[Any]:
        """As the built-in `map`: results in the order of the items, only a few of them ahead of whoever takes them."""

    def learner(self, load: LoadFeatures) -> Learner:
        """What trains an ensemble; `load` gives the same features wherever it is called, without copying them there."""


class Here:
    """This process."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterator[Any]:
        return map(function, items)

    def learner(self, load: LoadFeatures) -> Learner:
        from models.train import train

        return train


@contextmanager
def computing(params: ComputeParams, *, sees: Path) -> Iterator[Compute]:
    """The place that `params` name, for this block. dask is imported only where it is asked for.

    sees: a folder that every worker must find, because tasks read from it.

    Raises:
        NotFound: no scheduler answers, it has no workers, or one of them has no such folder.
    """
    if params.backend == "local":
        yield Here()
        return
    from flows.cluster import connected

    with connected(params.scheduler, sees=sees) as cluster:
        yield cluster
