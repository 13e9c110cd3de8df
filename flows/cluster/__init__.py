"""A Dask cluster: the only place that knows dask, distributed and lightgbm.dask. docs/cluster.md: how to size it."""

from flows.cluster.client import Cluster, connected

__all__ = ["Cluster", "connected"]
