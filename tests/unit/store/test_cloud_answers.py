"""Answers that no such store gives: what says 200 and is none, what names no cause, what shows a false certificate."""

import contextlib
import datetime
import http.server
import ipaddress
import pathlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rebond.errors import AccessDenied, ObjectMissing, StoreError, StoreUnfit, StoreUnreachable, UsageError
from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.store.retrying import RetryingStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server
from rebond.testing.store_contract import names_of

LOGIN = b"<html><head><title>Log in</title></head><body>Who are you?</body></html>"
ENDLESS = (
    b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>v/packs/0</Key><ETag>e</ETag><Size>1</Size>"
    b"<LastModified>2026-11-22T19:00:00.000Z</LastModified></Contents></ListBucketResult>"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def store(server: S3Server) -> CloudStore:
    """A place with what every vault has, and nine packs."""
    store = CloudStore(parse_cloud_address(server.url("bucket/v")))
    for number in range(9):
        store.put_if_absent(f"packs/{number}", b"x")
    store.put_if_absent("trash/mark", b"x")
    store.put_if_absent("vault.json", b"{}")
    return store


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize("prefix", ["", "packs/", "trash/", "trash/ma", "vault"])
@pytest.mark.parametrize("content", [None, LOGIN, b"<ListBucketResult></ListBucketResult>", b"", b"{}", ENDLESS])
def test_a_page_that_is_no_listing_is_never_an_empty_listing(
    server: S3Server,
    store: CloudStore,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    prefix: str,
    content: bytes | None,
) -> None:
    if scheme == "gs":
        monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a-test-token")
        store = CloudStore(parse_cloud_address(f"gs://bucket/v?endpoint={server.endpoint}"))
    whole = names_of(store, prefix)
    assert whole
    fault = Fault(method="GET", query="list-type", status=200, code="InternalError", content=content)
    server.faults.append(fault)
    with contextlib.suppress(StoreUnreachable):  # which the library says of some of these
        assert names_of(store, prefix) == whole  # asked again
    assert not fault.times
    if content != ENDLESS:  # which shows something
        fault.times = 9
        with pytest.raises(StoreUnreachable) as caught:
            names_of(store, prefix)
        assert "login" in caught.value.hint
        fault.times = 0
    server.faults.append(Fault(method="GET", query="list-type", status=200, code="InternalError", content=content))
    assert names_of(RetryingStore(store, ManualClock()), prefix) == whole


@pytest.mark.parametrize("after", ["", "packs/1"])
def test_a_later_page_that_is_none_does_not_end_a_listing(server: S3Server, store: CloudStore, after: str) -> None:
    server.page_size = 4
    fault = Fault(method="GET", query="continuation-token", status=200, code="InternalError")
    server.faults.append(fault)

    listed = [info.name for info in store.list_after("packs/", after)]
    assert listed == [f"packs/{number}" for number in range(9) if f"packs/{number}" > after]
    assert not fault.times
    fault.times = 1
    assert names_of(RetryingStore(store, ManualClock()), "packs/") == [f"packs/{number}" for number in range(9)]
    assert not fault.times


def test_a_listing_that_is_taken_up_is_not_ended_by_a_page_that_is_none(server: S3Server, store: CloudStore) -> None:
    server.page_size = 4
    taken_up = Fault(method="GET", query="start-after", status=200, code="InternalError")
    server.faults += [taken_up, Fault(method="GET", query="continuation-token", status=503, times=0)]
    assert len(list(store.list_after("packs/", "packs/3"))) == 5

    taken_up.times = 1
    server.faults[1].times = 1
    assert names_of(RetryingStore(store, ManualClock()), "packs/") == [f"packs/{number}" for number in range(9)]
    assert not any(fault.times for fault in server.faults)


@pytest.mark.parametrize("prefix", ["packs/", "trash/", "trash/ma", "index/d/", "snapshots/m/"])
@pytest.mark.parametrize("times", [5, 6, 9])
def test_pages_of_a_login_never_confirm_each_other(
    server: S3Server, store: CloudStore, prefix: str, times: int
) -> None:
    """However many come one after another: no listing is empty before one shows something."""
    store.put_if_absent("index/d/1", b"x")
    store.put_if_absent("snapshots/m/1", b"x")
    store.put_if_absent("snapshots/n/1", b"x")
    server.faults.append(Fault(method="GET", query="list-type", status=200, content=LOGIN, times=times))
    with pytest.raises(StoreUnreachable):
        names_of(store, prefix)


@pytest.mark.parametrize("place", ["bucket/v", "bucket"])
def test_names_elsewhere_stop_no_listing(server: S3Server, store: CloudStore, place: str) -> None:
    """The library breaks over a name like ``uploads//a.jpg``, on whatever page it meets it."""
    store = CloudStore(parse_cloud_address(server.url(place)))
    objects = server.buckets["bucket"]
    some = objects["v/vault.json"]
    objects |= {key.removeprefix("v/"): each for key, each in objects.items()}
    for folder in ("", "v/"):
        objects |= {f"{folder}{key}": some for key in ("uploads//a.jpg", "zzz//a.jpg", "Photos//b", "/c")}

    assert names_of(store, "packs/") == [f"packs/{number}" for number in range(9)]
    assert names_of(store, "trash/") == ["trash/mark"]
    assert names_of(store, "trash/n") == names_of(store, "holds/") == names_of(store, "index/d/") == []


def test_the_mark_that_a_console_makes_of_a_folder_is_nothing_in_it(server: S3Server, store: CloudStore) -> None:
    for folder in ("", "holds/", "index/", "index/d/", "packs/"):
        server.buckets["bucket"][f"v/{folder}"] = server.buckets["bucket"]["v/vault.json"]

    for prefix in ("holds/", "index/d/", "index/e/", "holds/one/"):
        assert names_of(store, prefix) == []
    assert names_of(store, "packs/") == [f"packs/{number}" for number in range(9)]


@pytest.mark.parametrize("last", ["~%41", "~.x", "~a b", "~é", "~x..y", "~..", ".x", "...."])
def test_a_listing_may_end_with_any_name(server: S3Server, store: CloudStore, last: str) -> None:
    objects = server.buckets["bucket"]
    objects[f"v/streams/{last}"] = objects["v/vault.json"]

    assert [name for name in names_of(store, "streams/") if name != f"streams/{last}"] == []


@pytest.mark.parametrize("place", ["bucket/v", "bucket"])
def test_a_folder_that_only_versions_of_deleted_things_are_kept_of_is_empty(server: S3Server, place: str) -> None:
    server.keeps_versions = True
    store = CloudStore(parse_cloud_address(server.url(place)))
    for name in ("probe/a/1", "probe/a/2", "probe/b", "probe.old/x", "vault.json", "holds/h"):
        store.put_if_absent(name, b"x")
    for name in ("probe/a/1", "probe/a/2", "probe/b", "holds/h"):
        store.delete(name)

    assert "probe" in store.list_folder()[1]
    for prefix in ("probe/", "probe/a/", "probe/a", "probe/b", "holds/", "probe/c/", "holds/h/"):
        assert names_of(store, prefix) == []
    assert list(store.list_after("probe/", "probe/a/1")) == []
    store.put_if_absent("probe/c", b"x")
    assert names_of(store, "probe/") == names_of(store)[1:2] == ["probe/c"]
    assert names_of(store, "probe/a/") == []
    store.delete("probe/c")
    server.faults.append(Fault(method="GET", query="list-type", status=200, content=LOGIN, times=9))
    with pytest.raises(StoreUnreachable):
        names_of(store, "probe/")
    server.faults.clear()
    store.delete("vault.json")  # nothing stands behind it any more
    assert names_of(store, "probe/") == []


def test_a_folder_that_versions_are_kept_of_is_not_taken_for_an_empty_one(server: S3Server, store: CloudStore) -> None:
    server.keeps_versions = True
    for times in (1, 2, 3, 4, 5):
        server.faults[:] = [Fault(method="GET", query="trash%2F", status=200, content=LOGIN, times=times)]
        with contextlib.suppress(StoreUnreachable):
            assert names_of(store, "trash/") == ["trash/mark"]


def test_what_goes_while_it_is_listed_cuts_no_listing(server: S3Server, store: CloudStore) -> None:
    for gone, left in (("packs/8", 8), ("packs/7", 7)):
        seen = []
        for info in store.list_objects("packs/"):
            seen.append(info.name)
            if info.name == "packs/0":
                store.delete(gone)
        assert seen == [f"packs/{number}" for number in range(left + 1)]
    assert list(store.list_after("packs/", "packs/8")) == []  # as after a pause, in which the last one went


def test_small_listings_cost_little_in_a_large_vault(server: S3Server, store: CloudStore) -> None:
    """Each asks for its own folder, and once for what confirms it; never for a page of all that lies behind."""
    objects = server.buckets["bucket"]
    objects |= {f"v/packs/{number:064}": objects["v/vault.json"] for number in range(5000)}
    objects |= {f"v/index/d/{number}": objects["v/vault.json"] for number in range(3)}
    for prefix, found in (("index/d/", 3), ("trash/", 1), ("index/e/", 0), ("holds/", 0), ("holds/one/", 0)):
        server.requests.clear()
        server.bytes_sent = 0
        assert len(names_of(store, prefix)) == found
        assert len(server.requests) <= (3 if prefix == "holds/one/" else 2), server.requests
        assert server.bytes_sent < 3000


@pytest.mark.parametrize("content", [b"404 page not found\n", b"", LOGIN])
def test_a_404_of_something_else_never_says_that_an_object_is_gone(
    server: S3Server, store: CloudStore, content: bytes
) -> None:
    """So say proxies of everything, while the server behind them starts anew."""
    for act in (
        lambda: store.read("trash/mark"),
        lambda: store.read("trash/mark", start=0, length=1),
        lambda: store.stat("trash/mark"),
        lambda: names_of(store, "trash/"),
        lambda: store.delete("trash/mark"),
        lambda: store.put_if_absent("trash/other", b"x"),
    ):
        server.faults[:] = [Fault(status=404, content=content, times=9)]
        with pytest.raises(StoreUnreachable):
            act()
    server.faults[:] = [Fault(method="HEAD", status=404, content=b"")]
    with pytest.raises(StoreUnreachable, match="and that it is not"):
        store.stat("trash/mark")
    server.faults[:] = [Fault(status=404, content=content, times=3)]
    assert RetryingStore(store, ManualClock()).read("trash/mark") == b"x"


def test_what_is_gone_is_gone_for_every_question(server: S3Server, store: CloudStore) -> None:
    for act in (
        lambda: store.read("trash/none"),
        lambda: store.read("trash/none", start=2),
        lambda: store.read("trash/none", start=0, length=1),
        lambda: store.stat("trash/none"),
    ):
        with pytest.raises(ObjectMissing):
            act()


def test_an_empty_object_is_not_gone(server: S3Server, store: CloudStore) -> None:
    store.put_if_absent("trash/empty", b"")
    server.faults.append(Fault(method="HEAD", status=404, content=b""))
    with pytest.raises(StoreUnreachable):
        store.stat("trash/empty")


def test_where_no_vault_is_yet_an_empty_listing_is_believed(server: S3Server) -> None:
    store = CloudStore(parse_cloud_address(server.url("bucket/new")))

    assert names_of(store) == []
    store.put_if_absent("probe/a", b"x")
    assert names_of(store, "probe/") == ["probe/a"]


def test_a_listing_of_many_pages_is_taken_up_where_it_broke_off(server: S3Server, store: CloudStore) -> None:
    objects = server.buckets["bucket"]
    names = [f"index/{number:04}" for number in range(1200)]
    objects |= {f"v/{name}": objects["v/vault.json"] for name in names}
    server.page_size = 100
    server.requests.clear()
    for page in range(2, 12):  # each of these is refused once, after a page more that came
        server.faults.append(Fault(method="GET", query=f"index%2F{page * 100 - 1:04}", status=503))

    assert names_of(RetryingStore(store, ManualClock(), attempts=3), "index/") == names
    assert not any(fault.times for fault in server.faults)
    assert len(server.requests) < 30  # 13 pages, and each refusal


def test_things_with_names_that_no_object_has_are_passed_over(server: S3Server, store: CloudStore) -> None:
    objects = server.buckets["bucket"]
    whole = names_of(store)
    for key in ("v/", "v/a b", "v/packs/é", "v/packs/.tmp-1", "v/packs/%41", "v/~", "w/elsewhere"):
        objects[key] = objects["v/vault.json"]

    assert names_of(store) == whole
    assert names_of(store, "packs/") == [f"packs/{number}" for number in range(9)]


def test_an_object_that_the_library_cannot_name_is_named(server: S3Server, store: CloudStore) -> None:
    server.buckets["bucket"]["v/packs//x"] = server.buckets["bucket"]["v/vault.json"]
    with pytest.raises(StoreError, match="v/packs//x") as caught:
        names_of(store)
    assert "move it out" in caught.value.hint


@pytest.mark.parametrize("code", ["RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"])
def test_what_the_line_spoilt_is_sent_again(server: S3Server, store: CloudStore, code: str) -> None:
    server.faults.append(Fault(method="PUT", status=400, code=code, times=2))
    RetryingStore(store, ManualClock()).put_if_absent("packs/new", b"mine")

    assert store.read("packs/new") == b"mine"


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (400, "ExpiredToken", AccessDenied, "AWS_SESSION_TOKEN"),
        (403, "ExpiredToken", AccessDenied, "AWS_SESSION_TOKEN"),
        (403, "InvalidAccessKeyId", AccessDenied, "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", AccessDenied, "AWS_SECRET_ACCESS_KEY"),
        (400, "InvalidStorageClass", StoreError, "storage_class="),
        (413, "", StoreUnfit, "32 MiB"),
        (400, "EntityTooLarge", StoreUnfit, "32 MiB"),
        (407, "", StoreError, "HTTPS_PROXY"),
        (301, "PermanentRedirect", StoreError, "region="),
    ],
)
def test_each_refusal_names_what_to_change(
    server: S3Server, store: CloudStore, status: int, code: str, kind: type[StoreError], words: str
) -> None:
    server.faults.append(Fault(method="PUT", status=status, code=code))
    with pytest.raises(StoreError) as caught:
        store.put_if_absent("packs/new", b"x")

    assert type(caught.value) is kind
    assert words in caught.value.hint
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "page",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><body><h1>400</h1>The plain HTTP request was sent to HTTPS port</body></html>",
    ],
)
def test_a_server_that_wants_tls_is_told_from_one_that_is_gone(
    server: S3Server, store: CloudStore, page: bytes
) -> None:
    server.faults.append(Fault(status=400, content=page))
    with pytest.raises(StoreError, match="with TLS") as caught:
        store.read("vault.json")
    assert "https://" in caught.value.hint


def test_a_port_without_tls_is_told_at_once(server: S3Server) -> None:
    """It took half a minute of tries: an answer that is no TLS never becomes one."""
    clock = ManualClock()
    address = server.url("bucket/v").replace("http://", "https://")
    store = RetryingStore(CloudStore(parse_cloud_address(address)), clock)
    before = clock.monotonic()
    with pytest.raises(StoreError, match="speaks none") as caught:
        store.stat("vault.json")
    assert "http://" in caught.value.hint
    assert not caught.value.retryable
    assert clock.monotonic() == before


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("http://127.0.0.1:{port}", "host and port in ?endpoint="),
        ("https://127.0.0.1:{port}", "host and port in ?endpoint="),
        ("https://no-such-host.invalid", "Correct the host"),
    ],
)
def test_what_may_pass_is_tried_again_and_then_says_where_to_look(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "anything")
    clock = ManualClock()
    address = f"s3://bucket/v?endpoint={endpoint.format(port=port)}&region=us-east-1"
    store = RetryingStore(CloudStore(parse_cloud_address(address)), clock)
    before = clock.monotonic()
    with pytest.raises(StoreUnreachable) as caught:
        store.stat("vault.json")
    assert told in caught.value.hint
    assert clock.monotonic() - before > 5


def test_a_refusal_without_a_word_names_the_region_and_how_it_is_written(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="HEAD", status=400, content=b""))  # as a bucket of another region answers
    with pytest.raises(StoreError, match="does not say why") as caught:
        store.stat("vault.json")
    assert "region=" in caught.value.hint
    assert "quotes" in caught.value.hint


def test_a_server_that_sends_puts_elsewhere_is_told_from_a_wrong_region(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(status=302, content=b"", headers={"Location": "/login"}))
    with pytest.raises(StoreError, match="elsewhere") as caught:
        store.put_if_absent("packs/new", b"x")
    assert "endpoint=" in caught.value.hint


def test_a_part_that_comes_as_the_whole_is_refused(server: S3Server, store: CloudStore) -> None:
    headers = {"Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT", "ETag": '"e"'}
    server.faults.append(Fault(method="GET", status=200, content=b"0123456789", headers=headers))
    with pytest.raises(StoreUnfit, match="whole objects"):
        store.read("packs/1", start=2, length=3)


def test_another_part_than_the_one_asked_for_is_not_taken(server: S3Server, store: CloudStore) -> None:
    headers = {"Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT", "ETag": '"e"', "Content-Range": "bytes 0-2/9"}
    server.faults.append(Fault(method="GET", status=206, content=b"012", headers=headers))
    with pytest.raises(StoreUnreachable, match="no answer of such a store"):
        store.read("packs/1", start=2, length=3)


def test_an_object_without_a_time_is_not_taken_for_an_ancient_one(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="HEAD", status=200, content=b"", headers={"ETag": '"e"', "Content-Length": "4"}))
    with pytest.raises(StoreUnfit, match="when packs/1 was stored"):
        store.stat("packs/1")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
        (403, "ExpiredToken", "has expired"),
        (400, "ExpiredToken", "has expired"),
        (403, "SignatureDoesNotMatch", "does not fit the access key"),
        (403, "AccessDenied", "does not let this credential"),
    ],
)
def test_why_a_look_at_an_object_is_refused_is_asked_for(
    server: S3Server, store: CloudStore, status: int, code: str, words: str
) -> None:
    """An answer to HEAD has no body: 403 alone would send people to look at rights."""
    store.put_if_absent("packs/denied", b"mine")
    server.faults.append(Fault(path="packs/denied", status=status, code=code, times=4))
    with pytest.raises(AccessDenied, match=words):
        store.stat("packs/denied")
    with pytest.raises(AccessDenied, match=words):
        store._bucket.exists("packs/denied")

    server.faults[:] = [Fault(method="HEAD", path="packs/denied", status=403)]
    with pytest.raises(AccessDenied, match="does not let this credential"):
        store.stat("packs/denied")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/xml"},
        {
            "Content-Type": "text/html; charset=utf-8",
            "ETag": '"page"',
            "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        },
    ],
)
def test_a_page_in_the_place_of_an_object_is_no_damage(
    server: S3Server, store: CloudStore, headers: dict[str, str]
) -> None:
    store.put_if_absent("packs/page", b"mine")
    for method in ("GET", "HEAD"):
        server.faults.append(
            Fault(method=method, status=200, content=b"<Error><Code>InternalError</Code></Error>", headers=headers)
        )

    with pytest.raises(StoreUnreachable, match="a page of something else"):
        store.read("packs/page")
    assert store.read("packs/page") == b"mine"
    if not headers.get("ETag"):
        with pytest.raises(StoreUnreachable, match="a page of something else"):
            store.stat("packs/page")
    server.faults.clear()
    server.faults.append(Fault(method="GET", status=200, content=b"<html>", headers=headers, times=3))
    assert RetryingStore(store, ManualClock()).read("packs/page") == b"mine"


def test_an_error_behind_a_200_to_a_put_is_no_success(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="PUT", status=200, code="InternalError"))
    RetryingStore(store, ManualClock()).put_if_absent("packs/new", b"mine")

    assert store.read("packs/new") == b"mine"


def test_keys_that_a_file_or_an_empty_setting_spoilt(
    server: S3Server, store: CloudStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")
    monkeypatch.setenv("AWS_REGION", "")
    address = parse_cloud_address(f"s3://bucket/v?endpoint={server.endpoint}")
    CloudStore(address).put_if_absent("packs/new", b"x")
    headers = server.buckets["bucket"]["v/packs/new"].headers
    assert "x-amz-security-token" not in headers
    assert "/us-east-1/" in headers["authorization"]

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-a-file\n")
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID"):
        CloudStore(address)


# --- certificates -----------------------------------------------------------------------------------


class _Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response_only(200)
        for name, value in {
            "ETag": '"e"',
            "Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT",
            "Content-Length": "5",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def make_certificates(directory: pathlib.Path, *, address: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
    """Write ``authority.pem``, and return what a server needs to show a certificate that it signed."""
    now = datetime.datetime.now(datetime.UTC)

    def sign(
        subject: str, *, is_authority: bool, until: datetime.datetime
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = authority_key if not is_authority else first_key
        own = ec.generate_private_key(ec.SECP256R1()) if not is_authority else first_key
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")]))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(key, hashes.SHA256()), own

    first_key = authority_key = ec.generate_private_key(ec.SECP256R1())
    authority, _ = sign("Test authority", is_authority=True, until=now + datetime.timedelta(days=9))
    shown, shown_key = sign("store", is_authority=False, until=now + datetime.timedelta(days=days))
    (directory / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = shown_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (directory / "shown.pem").write_bytes(pem + shown.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "shown.pem")
    return context


def ask_over_tls(context: ssl.SSLContext) -> bytes:
    """Read one object from a server that shows the certificate of ``context``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as listener:
        listener.handle_error = lambda *_: None  # type: ignore[method-assign]  # it meets clients that hang up
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            address = f"s3://bucket?endpoint=https://127.0.0.1:{listener.server_address[1]}"
            return CloudStore(parse_cloud_address(address)).read("a")
        finally:
            listener.shutdown()
            thread.join()


def test_a_certificate_of_an_own_authority_is_trusted_once_it_is_named(
    server: S3Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_certificates(tmp_path)
    with pytest.raises(StoreError, match="not trusted") as caught:
        ask_over_tls(context)
    assert not caught.value.retryable
    assert "SSL_CERT_FILE" in caught.value.hint

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    assert ask_over_tls(context) == b"hello"


@pytest.mark.parametrize(
    ("days", "address", "words"), [(-1, "127.0.0.1", "out of date"), (1, "127.0.0.2", "another host")]
)
def test_a_certificate_out_of_date_or_of_another_host_is_said_to_be_that(
    server: S3Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, days: int, address: str, words: str
) -> None:
    context = make_certificates(tmp_path, address=address, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with pytest.raises(StoreError, match=words) as caught:
        ask_over_tls(context)
    assert not caught.value.retryable
