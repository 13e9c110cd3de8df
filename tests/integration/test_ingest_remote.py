"""Feeds over HTTP and from S3: the same batches as from a folder, and a server's trouble is never "no file"."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import pytest

from contracts.errors import BadSource, Unreachable
from tests.made_up import CELLS, WEATHER_FEED, City, make_city

DROP = "{state}/drop/weather-*.csv"
BUCKET, REGION = "shared", "ap-northeast-2"
VALUES = 28 * 24 * 3  # of the weather below: three metrics an hour


class Partner(BaseHTTPRequestHandler):
    """What it serves is named by the path: a status, or a way to send the file."""

    protocol_version = "HTTP/1.1"
    file = b""

    def log_message(self, *_: object) -> None:
        """The test's output is for the test."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.close_connection = True
        way = self.path.partition("?")[0].removeprefix("/").removesuffix(".csv")
        if way.isdigit():
            self.send_response(int(way))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        chunked = way == "chunked"
        length = len(self.file) + (1000 if way == "cut" else 0)
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(length))))
        self.end_headers()
        if body:
            self.wfile.write(pieces(self.file) if chunked else self.file)


def pieces(file: bytes, size: int = 5000) -> bytes:
    """As HTTP sends what it does not know the length of."""
    cut = [file[i : i + size] for i in range(0, len(file), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*cut, b""])


@pytest.fixture
def city(tmp_path: Path) -> City:
    made = make_city(tmp_path)
    made.ingest("cells")
    made.weather(
        *(f"{1 + day:02}.02.2025 {hour:02}:00;{CELLS[0]};32;36;1000" for day in range(28) for hour in range(24))
    )
    return made


@pytest.fixture
def url(city: City) -> Iterator[str]:
    served = type("Served", (Partner,), {"file": (city.drop / "weather-1.csv").read_bytes()})
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def at(city: City, path: str) -> City:
    city.contract("weather", WEATHER_FEED.replace(DROP, path))
    return city


@pytest.mark.parametrize("way", ["whole", "chunked"])
def test_a_file_from_the_web_is_the_batch_that_it_is_on_disk(city: City, url: str, way: str) -> None:
    """Whether the server knows its length or not; what follows a `?` may be a key, and is in no name."""
    (first,) = city.ingest("weather")
    (again,) = at(city, f"{url}/{way}.csv?key=secret").ingest("weather")
    assert (first.rows, first.accepted) == (VALUES, VALUES)
    assert (again.source, again.rows) == (f"{way}.csv", VALUES)
    assert (again.accepted, again.duplicates) == (0, VALUES)
    assert city.store.read("readings").filter(feed="weather").height == VALUES


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, BadSource, "no file; likely cause: the server has none of that name"),
        (403, BadSource, "cannot be reached: the server answers 403 Forbidden"),
        (429, Unreachable, "cannot be reached: the server answers 429 Too Many Requests"),
        (503, Unreachable, "cannot be reached: the server answers 503 Service Unavailable"),
    ],
)
def test_a_server_that_refuses_says_so_and_only_its_trouble_is_tried_again(
    city: City, url: str, status: int, kind: type[BadSource], words: str
) -> None:
    with pytest.raises(BadSource) as refusal:
        at(city, f"{url}/{status}.csv?key=secret".replace("//", "//me:secret@")).ingest("weather")
    assert "secret" not in str(refusal.value)
    assert type(refusal.value) is kind
    assert words in str(refusal.value)


def test_a_download_that_breaks_off_is_refused_whole(city: City, url: str) -> None:
    (report,) = at(city, f"{url}/cut.csv").ingest("weather")
    assert "cannot be read: Response payload is not completed" in report.refused
    assert city.store.read("readings").filter(feed="weather").is_empty()


def test_nobody_who_answers_is_no_missing_file(city: City) -> None:
    with pytest.raises(Unreachable, match=r"cannot be reached: Cannot connect to host 127\.0\.0\.1:9") as refusal:
        at(city, "http://127.0.0.1:9/weather.csv?key=secret").ingest("weather")
    assert "secret" not in str(refusal.value)


def test_a_protocol_without_a_driver_is_named(city: City) -> None:
    with pytest.raises(BadSource, match="cannot be reached: Protocol not known: gopher") as refusal:
        at(city, "gopher://127.0.0.1/weather.csv").ingest("weather")
    assert not isinstance(refusal.value, Unreachable)


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, bytes], Any]]:
    """Puts a file into a bucket of a local S3; the server is in the variables, as an operator sets it."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    for name, value in {**keys, "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield lambda key, body: s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()  # else the bucket stays
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_a_folder_and_what_comes_later_is_seen(
    city: City, put: Callable[[str, bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (city.drop / "weather-1.csv").read_bytes()
    put("weather/weather-1.csv", content)
    (first,) = at(city, f"s3://{BUCKET}/weather/weather-*.csv").ingest("weather")
    assert (first.source, first.accepted) == ("weather-1.csv", VALUES)
    put("weather/weather-2.csv", content.replace(b".02.2025", b".03.2025"))
    assert [report.source for report in city.ingest("weather")] == ["weather-1.csv", "weather-2.csv"]
    assert city.store.read("readings").filter(feed="weather").height == 2 * VALUES
    with pytest.raises(BadSource, match=r"no file; likely cause: the folder holds weather-1\.csv, weather-2\.csv"):
        at(city, f"s3://{BUCKET}/weather/snow.csv").ingest("weather")


def test_a_bucket_without_a_key_is_refused_for_good(
    city: City, put: Callable[[str, bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(city.root / "none"))
    with pytest.raises(BadSource, match="cannot be reached: Unable to locate credentials") as refusal:
        at(city, f"s3://{BUCKET}/weather/weather-*.csv").ingest("weather")
    assert not isinstance(refusal.value, Unreachable)
