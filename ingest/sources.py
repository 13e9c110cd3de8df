"""Pull: where a feed's files are, and their bytes, within what the contract allows.

A server that does not answer is not a file that is not there: the first passes, the second is for the partner to mend.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import fsspec
from aiohttp import ClientError, ClientResponseError
from botocore.exceptions import BotoCoreError, NoCredentialsError

from contracts.errors import BadSource, Unreachable, nearest
from contracts.feed import Feed
from contracts.rules import Caps

_CHUNK = 1 << 20
_FAULTS = (OSError, ValueError, ImportError, ClientError, BotoCoreError)  # of disks, URLs, drivers, HTTP and S3
_NOT_THERE, _TOO_MANY = (404, 410), 429  # HTTP status


@dataclass(frozen=True)
class SourceFile:
    """One file of a feed: its URL for fsspec, and its name for people."""

    url: str
    name: str


@dataclass(frozen=True)
class Pulled:
    """A file's content. `batch` is known by content and contract: the same file again is the same batch."""

    source: SourceFile
    batch: str
    content: bytes


def resolve(feed: Feed, roots: Mapping[str, Path]) -> str:
    """The feed's path with `{shared}` or `{state}` put in.

    Raises:
        BadSource: a root that is not known or not there.
    """
    if not feed.path.startswith("{"):
        return feed.path
    root, _, rest = feed.path[1:].partition("}")
    if root not in roots:
        raise BadSource(f"unknown root {{{root}}} in path", where=feed.name, allowed=nearest(root, roots))
    if not roots[root].is_dir():
        raise BadSource(
            f"the folder for {{{root}}} is missing: {roots[root]}", where=feed.name, fix=_ROOT_FIX.get(root, "")
        )
    return str(roots[root]) + rest


_ROOT_FIX = {
    "shared": "set FORESAFE_DATA to the folder that holds the shared data",
    "state": "run the simulation, or whatever fills the partners' folder, first",
}


def locate(feed: Feed, roots: Mapping[str, Path]) -> tuple[SourceFile, ...]:
    """The feed's files, by name.

    Raises:
        BadSource: no such folder or no file that matches; says what there is instead. Unreachable: no answer.
    """
    url, where = resolve(feed, roots), f"{feed.name}: {_without_keys(feed.path)}"
    try:
        fs, path = fsspec.core.url_to_fs(url)
        found = _matching(fs, path)
    except _FAULTS as error:
        raise _kind(error)(f"cannot be reached: {_said(error)}", where=where) from error
    if not found:
        raise BadSource(
            "no file",
            where=where,
            cause=_beside(fs, path),
            fix="ask the partner, or correct path",
        )
    return tuple(SourceFile(url=fs.unstrip_protocol(p), name=_name(p)) for p in found)


def _matching(fs: fsspec.AbstractFileSystem, path: str) -> list[str]:
    """The path itself, or what it matches, as of now: listings that a file system keeps would hide what came since."""
    if any(sign in path for sign in ("*[" if _is_http(path) else "*?[")):
        fs.invalidate_cache()
        return sorted(str(found) for found in fs.glob(path))
    try:
        fs.info(path)
    except FileNotFoundError as error:
        if isinstance(error.__cause__, _FAULTS) and getattr(error.__cause__, "status", None) not in _NOT_THERE:
            raise error.__cause__ from None
        return []
    return [path]


def _is_http(path: str) -> bool:
    return path.startswith(("http://", "https://"))


def _without_keys(text: str) -> str:
    """Without what follows a `?` in a web address, and who it names before the host: either may be a key."""
    return re.sub(r"(https?://)(?:[^/@\s]*@)?([^?\s]*)(?:\?\S*)?", r"\1\2", text)


def _name(path: str) -> str:
    return _without_keys(path).rsplit("/", 1)[-1]


def _kind(error: Exception) -> type[BadSource]:
    """Unreachable where trying again may help."""
    if isinstance(error, ClientResponseError):
        return Unreachable if error.status >= 500 or error.status == _TOO_MANY else BadSource
    for_good = isinstance(error, (FileNotFoundError, PermissionError, ValueError, ImportError, NoCredentialsError))
    return BadSource if for_good else Unreachable


def _said(error: Exception) -> str:
    """In words; some say nothing of themselves."""
    if isinstance(error, ClientResponseError):
        return f"the server answers {error.status} {error.message}"
    return _without_keys(str(error)) or type(error).__name__


def _beside(fs: fsspec.AbstractFileSystem, path: str) -> str:
    if _is_http(path):
        return "the server has none of that name"
    folder = path.rsplit("/", 1)[0]
    try:
        names = sorted(p.rsplit("/", 1)[-1] for p in fs.ls(folder, detail=False))
    except _FAULTS:
        return "the folder is missing"
    return f"the folder holds {', '.join(names[:5])}{', ...' * (len(names) > 5)}" if names else "the folder is empty"


def pull(source: SourceFile, feed: Feed) -> Pulled:
    """The file's content, unpacked when its name ends in .gz.

    Raises:
        BadSource: unreadable, empty, or larger than the feed's caps, packed or unpacked. Unreachable: no whole answer.
    """
    where = f"{feed.name}: {source.name}"
    try:
        packed = _read(source.url, most=feed.caps.max_bytes + 1)
    except _FAULTS as error:
        raise _kind(error)(f"cannot be read: {_said(error)}", where=where) from error
    if len(packed) > feed.caps.max_bytes:
        raise BadSource(f"more than {feed.caps.max_bytes:,} bytes", where=where, allowed="limits.max_bytes")
    if not packed:
        raise BadSource("the file is empty", where=where, allowed="a header and at least one row")
    batch = f"{hashlib.blake2b(packed, digest_size=10).hexdigest()}-{feed.digest[:8]}"
    content = _unpack(packed, feed.caps, where) if source.name.endswith(".gz") else packed
    return Pulled(source=source, batch=batch, content=content)


def _read(url: str, *, most: int) -> bytes:
    """At most so many bytes.

    From the web as a stream, because not every server knows ranges or its file's size; and piece by piece, because a
    stream gives what has come, which may be less than was asked for.
    """
    out, options = io.BytesIO(), {"block_size": 0} if _is_http(url) else {}
    with fsspec.open(url, "rb", **options) as opened:
        while out.tell() < most and (piece := opened.read(min(_CHUNK, most - out.tell()))):
            out.write(piece)
    return out.getvalue()


def _unpack(packed: bytes, caps: Caps, where: str) -> bytes:
    """gzip, refused as soon as it grows beyond the caps: a small file can unpack to more than any memory."""
    out, size = io.BytesIO(), 0
    most = min(caps.max_bytes, int(len(packed) * caps.max_ratio) + _CHUNK)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as unpacking:
            while chunk := unpacking.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise BadSource(
                        f"unpacks to more than {most:,} bytes from {len(packed):,}",
                        where=where,
                        allowed=f"{caps.max_ratio:g} for 1, and limits.max_bytes",
                        cause="not the data it says it is",
                    )
                out.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise BadSource(f"not whole gzip: {error}", where=where, cause="a broken upload") from error
    return out.getvalue()
