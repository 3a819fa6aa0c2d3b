"""What the cloud store does beyond the contract: faults of a provider, storage classes, bounded waits."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.bounded import join

from rebond.errors import (
    AccessDenied,
    ObjectExists,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreUnfit,
    StoreUnreachable,
    UsageError,
)
from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.store.cloud_clients import Patience, _options_of, make_clients
from rebond.store.cloud_faults import CloudFault, mask_credentials, translate_cloud_fault
from rebond.store.protocol import Store
from rebond.store.retrying import RetryingStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server
from rebond.testing.store_contract import names_of

numbers = itertools.count()


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def server(running: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    yield running
    running.faults.clear()
    running.denied.clear()
    running.latency_seconds = 0.0
    running.page_size = 1000
    running.conditional_create = True
    running.refuses_conditions = False
    running.lists_backwards = False


@pytest.fixture
def prefix() -> str:
    return f"bucket/{next(numbers)}"


def open_cloud(url: str, **waits: float) -> CloudStore:
    return CloudStore(parse_cloud_address(url), patience=Patience(**waits))


@pytest.fixture
def store(server: S3Server, prefix: str) -> CloudStore:
    return open_cloud(server.url(prefix))


def act_in_every_way(store: Store) -> list[type[Exception]]:
    """Return what each verb raises."""
    raised: list[type[Exception]] = []
    for act in (
        lambda: store.put_if_absent("new", b"x"),
        lambda: store.read("kept"),
        lambda: store.read("kept", start=1, length=2),
        lambda: store.stat("kept"),
        lambda: names_of(store),
        lambda: store.delete("kept"),
    ):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.hint
        raised.append(type(caught.value))
    return raised


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "InternalError", StoreUnreachable),
        (503, "SlowDown", StoreUnreachable),
        (502, "", StoreUnreachable),
        (504, "", StoreUnreachable),
        (429, "TooManyRequests", StoreUnreachable),
        (0, "", StoreUnreachable),
        (403, "AccessDenied", AccessDenied),
        (403, "SignatureDoesNotMatch", AccessDenied),
        (403, "RequestTimeTooSkewed", AccessDenied),
        (401, "", AccessDenied),
        (507, "", StoreFull),
        (400, "AuthorizationHeaderMalformed", StoreError),
        (400, "Strange", StoreError),
        (418, "Teapot", StoreError),
    ],
)
def test_every_verb_says_a_fault_of_the_provider_in_our_words(
    server: S3Server, store: CloudStore, status: int, code: str, kind: type[StoreError]
) -> None:
    store.put_if_absent("kept", b"0123456789")
    server.faults.append(Fault(status=status, code=code, times=100))

    assert set(act_in_every_way(store)) == {kind}
    server.faults.clear()
    assert names_of(store) == ["kept"]


@pytest.mark.parametrize(("status", "code"), [(403, "QuotaExceeded"), (500, "XMinioStorageFull"), (507, "")])
def test_a_full_bucket_is_full_whatever_its_status(server: S3Server, store: CloudStore, status: int, code: str) -> None:
    server.faults.append(Fault(method="PUT", status=status, code=code))
    with pytest.raises(StoreFull):
        store.put_if_absent("a", b"x")


def test_an_unknown_exception_is_an_error_of_the_store() -> None:
    error = translate_cloud_fault(CloudFault(RuntimeError("what is this?")), "a", "s3://b")

    assert type(error) is StoreError
    assert "what is this?" in str(error)


def test_a_conflict_in_mid_air_is_tried_again_and_not_taken_for_exists(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="PUT", status=409, code="ConditionalRequestConflict", times=2))
    with pytest.raises(StoreUnreachable):
        store.put_if_absent("a", b"mine")
    RetryingStore(store, ManualClock()).put_if_absent("a", b"mine")

    assert store.read("a") == b"mine"


def test_a_lost_answer_to_a_put_is_a_success_after_a_retry(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="PUT", status=0, after=True))
    clock = ManualClock()
    RetryingStore(store, clock).put_if_absent("a", b"mine")

    assert len(clock.slept) == 1
    assert store.read("a") == b"mine"


def test_the_library_itself_repeats_nothing(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="PUT", status=503, times=100))
    before = len(server.requests)
    with pytest.raises(StoreUnreachable):
        store.put_if_absent("a", b"x")

    assert len(server.requests) - before == 1


def test_an_answer_cut_in_the_middle_may_pass(server: S3Server, store: CloudStore) -> None:
    store.put_if_absent("a", b"0123456789" * 1000)
    for act in (lambda: store.read("a"), lambda: store.read("a", start=10, length=5000), lambda: names_of(store)):
        server.faults.append(Fault(method="GET", half=True))
        with pytest.raises(StoreUnreachable):
            act()


def test_a_page_that_fails_makes_the_listing_fail(server: S3Server, store: CloudStore) -> None:
    for number in range(9):
        store.put_if_absent(f"packs/{number}", b"")
    server.page_size = 4
    server.faults.append(Fault(method="GET", query="continuation-token", status=500, times=100))
    listing = store.list_objects("packs/")

    with pytest.raises(StoreUnreachable):
        list(listing)


def test_a_missing_bucket_is_not_an_empty_store(server: S3Server) -> None:
    store = open_cloud(server.url("no-such-bucket"))
    for act in (
        lambda: store.put_if_absent("a", b"x"),
        lambda: store.read("a"),
        lambda: names_of(store),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreError, match="no bucket") as caught:
            act()
        assert not isinstance(caught.value, ObjectMissing)


def test_only_packs_get_the_storage_class(server: S3Server, prefix: str) -> None:
    store = open_cloud(server.url(prefix) + "&storage_class=STANDARD_IA")
    for name in ("packs/ab/1", "snapshots/1", "packs.old", "vault.json"):
        store.put_if_absent(name, b"x")
    below = prefix.partition("/")[2]
    classes = {
        name.removeprefix(f"{below}/"): stored.storage_class
        for name, stored in server.buckets["bucket"].items()
        if name.startswith(f"{below}/")
    }

    assert classes == {
        "packs/ab/1": "STANDARD_IA",
        "snapshots/1": "STANDARD",
        "packs.old": "STANDARD",
        "vault.json": "STANDARD",
    }


def test_a_large_put_is_one_conditional_request(server: S3Server, store: CloudStore) -> None:
    content = os.urandom(2**20) * 32
    before = len(server.requests)
    store.put_if_absent("packs/large", content)

    assert len(server.requests) - before == 1
    with pytest.raises(ObjectExists):
        store.put_if_absent("packs/large", b"other")
    assert store.read("packs/large") == content
    assert store.read("packs/large", start=len(content) - 9, length=9) == content[-9:]


def test_a_listing_starts_near_its_prefix(server: S3Server, store: CloudStore) -> None:
    for number in range(40):
        store.put_if_absent(f"packs/{number:02}", b"")
    server.page_size = 5
    before = len(server.requests)

    assert names_of(store, "packs/37") == ["packs/37"]
    assert len(server.requests) - before == 1


def test_without_conditional_puts_a_look_comes_first(server: S3Server, prefix: str) -> None:
    server.refuses_conditions = True
    with pytest.raises(StoreUnfit) as caught:
        open_cloud(server.url(prefix)).put_if_absent("a", b"x")
    assert "conditional_create=no" in caught.value.hint

    store = open_cloud(server.url(prefix) + "&conditional_create=no")
    store.put_if_absent("a", b"first")
    with pytest.raises(ObjectExists):
        store.put_if_absent("a", b"second")
    assert store.read("a") == b"first"
    assert not store.traits.conditional_create


def test_a_credential_that_may_not_write_is_denied(server: S3Server, store: CloudStore) -> None:
    server.denied.append(("PUT", ""))
    server.denied.append(("DELETE", ""))
    with pytest.raises(AccessDenied):
        store.put_if_absent("a", b"x")
    with pytest.raises(AccessDenied):
        store.delete("a")


def test_without_any_credential_the_variables_are_named(
    server: S3Server, store: CloudStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Error performing PUT http://169.254.169.254/latest/api/token in 2s - HTTP error: error sending request"
    error = translate_cloud_fault(CloudFault(RuntimeError(text)), "a", store.location)

    assert type(error) is AccessDenied
    assert "AWS_ACCESS_KEY_ID" in error.hint


def test_a_closed_port_is_unreachable_at_once(server: S3Server) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.monotonic()

    assert set(act_in_every_way(open_cloud(f"s3://b?endpoint=http://127.0.0.1:{port}"))) == {StoreUnreachable}
    assert time.monotonic() - begun < 20


def test_a_server_that_never_answers_is_unreachable_in_bounded_time(server: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        store = open_cloud(
            f"s3://b?endpoint=http://127.0.0.1:{silent.getsockname()[1]}",
            connect_seconds=0.1,
            read_seconds=0.1,
            request_seconds=0.2,
        )
        assert set(act_in_every_way(store)) == {StoreUnreachable}
        begun = time.monotonic()
        with pytest.raises(StoreUnreachable):
            store.put_if_absent("large", bytes(2**20))
        assert time.monotonic() - begun < 20


def test_credentials_are_never_shown(server: S3Server, store: CloudStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2secret")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2026&sig=abcdef")
    text = "GET https://a.example/c/b?sv=2026&sig=abcdef failed: hunter2secret is wrong, sv=2026&sig=abcdef too"

    assert mask_credentials(text) == "GET https://a.example/c/b?… failed: *** is wrong, *** too"
    server.faults.append(Fault(status=403, code="hunter2secret", times=1))
    with pytest.raises(AccessDenied) as caught:
        store.read("a")
    shown = f"{caught.value} {caught.value.values} {caught.value.args}"
    assert "hunter2secret" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_many_threads_share_its_connections(server: S3Server, store: CloudStore) -> None:
    server.latency_seconds = 0.25
    begun = time.monotonic()
    threads = [
        threading.Thread(target=lambda number=number: store.put_if_absent(f"packs/{number}", b"x"))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)

    assert time.monotonic() - begun < 16 * 0.25  # they did not wait for one another
    assert len(names_of(store)) == 16


def test_a_delete_that_the_provider_says_was_not_needed_is_good(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(method="DELETE", status=404, code="NoSuchKey"))
    store.delete("a")

    assert server.faults[0].times == 0


def test_a_listing_out_of_order_is_refused(server: S3Server, store: CloudStore) -> None:
    for name in ("a", "b", "c"):
        store.put_if_absent(name, b"")
    server.lists_backwards = True
    with pytest.raises(StoreUnfit, match="out of order"):
        names_of(store)


def test_an_interruption_is_handed_on(store: CloudStore) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store._bucket.call("a", interrupt)


def test_cold_objects_and_untrusted_certificates_are_explained(store: CloudStore) -> None:
    cold = CloudFault(RuntimeError("status code: 403 Forbidden: <Error><Code>InvalidObjectState</Code></Error>"))
    assert "cold storage" in str(translate_cloud_fault(cold, "packs/a", store.location))
    untrusted = CloudFault(RuntimeError("HTTP error\n\nkind: Connect, invalid peer certificate: UnknownIssuer"))
    assert "not trusted" in str(translate_cloud_fault(untrusted, "packs/a", store.location))


def test_the_region_comes_from_the_address_or_the_environment(
    server: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def region_of(url: str) -> str:
        open_cloud(url).put_if_absent(str(next(numbers)), b"")
        stored = list(server.buckets["bucket"].values())[-1]
        return stored.headers["authorization"].split("/")[2]

    address = f"s3://{prefix}?endpoint={server.endpoint}"
    assert region_of(address) == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert region_of(address) == "eu-west-3"
    assert region_of(f"{address}&region=eu-north-1") == "eu-north-1"


def test_the_endpoint_may_come_from_the_environment(
    server: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    store = open_cloud(f"s3://{prefix}")
    store.put_if_absent("a", b"x")

    assert store.read("a") == b"x"


def test_settings_that_the_library_refuses_for_large_puts_alone_are_an_error_of_usage(
    server: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = make_clients(parse_cloud_address(server.url(prefix)), Patience())
    monkeypatch.setenv("AWS_UNSIGNED_PAYLOAD", "perhaps")  # after the first was made
    with pytest.raises(UsageError, match="cannot be used"):
        assert clients.patient is not None


def test_settings_that_the_library_refuses_are_an_error_of_usage(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_UNSIGNED_PAYLOAD", "perhaps")
    with pytest.raises(UsageError, match="cannot be used"):
        open_cloud("s3://bucket")


@pytest.mark.parametrize(
    ("url", "header", "value"),
    [
        ("gs://bucket/g?storage_class=NEARLINE", "x-goog-storage-class", "NEARLINE"),
        ("az://bucket/z?storage_class=Cool&account=acme", "x-ms-access-tier", "Cool"),
    ],
)
def test_the_other_providers_get_their_storage_class(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, url: str, header: str, value: str
) -> None:
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a-test-token")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "dGVzdC1zZWNyZXQta2V5")
    open_cloud(f"{url}&endpoint={server.endpoint}").put_if_absent("packs/a", b"x")
    stored = list(server.buckets["bucket"].values())[-1]

    assert stored.headers[header] == value


@pytest.mark.parametrize("named", ["http://s3.test", "http://bucket.s3.test", ""])
def test_the_bucket_is_put_into_the_name_of_the_host(
    server: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """The library leaves that to whoever names an endpoint, and takes the first folder for the bucket."""
    monkeypatch.setenv("HTTP_PROXY", server.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.test")
    options = f"endpoint={named}&addressing=virtual" if named else "addressing=virtual"
    open_cloud(f"s3://{prefix}?{options}").put_if_absent("a", b"mine")

    assert server.buckets["bucket"][f"{prefix.partition('/')[2]}/a"].content == b"mine"


def test_a_bucket_with_a_lock_takes_what_names_its_checksum(server: S3Server, prefix: str) -> None:
    server.wants_checksums = True
    with pytest.raises(StoreError, match="takes nothing without its checksum") as refused:
        open_cloud(server.url(prefix)).put_if_absent("a", b"x")
    assert "checksum=sha256" in (refused.value.hint or "")

    store = open_cloud(f"{server.url(prefix)}&checksum=sha256")
    for name, content in (("a", b""), ("packs/b", b"x" * 40_000_000)):
        store.put_if_absent(name, content)
        assert store.read(name) == content
    store.delete("a")


@pytest.mark.parametrize(
    ("address", "endpoint", "is_sent"),
    [
        ("s3://b/v", "", True),
        ("s3://b/v?checksum=no", "", False),
        ("s3://b/v?endpoint=https://s3.example.net", "", False),
        ("s3://b/v?endpoint=https://s3.example.net&checksum=sha256", "", True),
        ("s3://b/v", "https://s3.example.net", False),
    ],
)
def test_amazon_is_told_checksums_and_others_where_they_want_them(address: str, endpoint: str, is_sent: bool) -> None:
    options = _options_of(parse_cloud_address(address), {"AWS_ENDPOINT_URL": endpoint, "HOME": "/nonexistent"})

    assert ("checksum_algorithm" in options) == is_sent


def test_what_the_service_says_is_shown_and_not_the_line_that_its_document_begins_with(
    server: S3Server, store: CloudStore
) -> None:
    server.faults.append(Fault(status=400, code="Strange"))
    with pytest.raises(StoreError, match=r"could not handle a: GET: 400 Bad Request: Strange: Please look it up\.$"):
        store.read("a")


def test_words_of_a_service_become_one_line() -> None:
    text = (
        "Generic S3 error: Error performing GET http://s/b/a in 4ms - Server returned non-2xx status code: 400 Bad "
        'Request: <?xml version="1.0"?>\n<Error>\n<Code>Odd</Code><Message>Expecting\n &quot;eu&quot;</Message></Error>'
    )

    assert CloudFault(RuntimeError(text)).reason == 'GET: 400 Bad Request: Odd: Expecting "eu"'
    text = 'Error: 403 Forbidden: {\n "error": {"message": "Not so", "code": "odd"}}'
    assert CloudFault(RuntimeError(text)).reason == "Error: 403 Forbidden: odd: Not so"


def test_a_name_that_no_bucket_can_have_is_said_to_be_that(server: S3Server, store: CloudStore) -> None:
    server.faults.append(Fault(status=400, code="InvalidBucketName"))
    with pytest.raises(StoreError, match="no bucket of such a name"):
        store.read("a")
