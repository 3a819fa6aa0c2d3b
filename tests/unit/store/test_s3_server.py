"""The small S3 server answers as the real one does, as far as backup programs use it."""

import http.client
import os
from collections.abc import Iterator
from datetime import timedelta

import obstore
import pytest
from obstore.store import S3Store

from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def client(server: S3Server) -> S3Store:
    return S3Store(
        "bucket",
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=5)},
    )


def ask(
    server: S3Server, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Send one request and return the status and the body of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, {"Authorization": "AWS4 test", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_request_without_a_signature_is_refused(server: S3Server) -> None:
    assert ask(server, "GET", "/bucket?list-type=2", headers={"Authorization": ""})[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/bucket?list-type=2")
    assert connection.getresponse().status == 403
    connection.close()


def test_multipart_uploads_are_put_together(client: S3Store) -> None:
    content = os.urandom(2**20) * 12
    obstore.put(client, "big", content, use_multipart=True, chunk_size=5 * 2**20)

    assert obstore.get(client, "big").bytes().to_bytes() == content


def test_a_multipart_upload_can_be_given_up(server: S3Server) -> None:
    _, text = ask(server, "POST", "/bucket/big?uploads=")
    upload_id = text.split(b"<UploadId>")[1].split(b"<")[0].decode()

    assert ask(server, "PUT", f"/bucket/big?partNumber=1&uploadId={upload_id}", b"part")[0] == 200
    assert ask(server, "DELETE", f"/bucket/big?uploadId={upload_id}")[0] == 204
    assert ask(server, "POST", f"/bucket/big?uploadId={upload_id}")[0] == 404
    assert server.buckets["bucket"] == {}


@pytest.mark.parametrize("header", ["Content-Encoding", "x-amz-content-sha256"])
def test_chunked_bodies_are_joined(server: S3Server, header: str) -> None:
    body = b"5;chunk-signature=00\r\nhello\r\n6;chunk-signature=11\r\n world\r\n0;chunk-signature=22\r\n\r\n"
    value = {"Content-Encoding": "aws-chunked", "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}[header]

    assert ask(server, "PUT", "/bucket/a", body, {header: value})[0] == 200
    assert server.buckets["bucket"]["a"].content == b"hello world"


def test_many_objects_are_deleted_at_once(server: S3Server, client: S3Store) -> None:
    for name in ("a", "b&c", "d"):
        obstore.put(client, name, b"x")
    server.denied.append(("DELETE", "d"))
    obstore.delete(client, ["a", "b&c", "missing"])

    assert list(server.buckets["bucket"]) == ["d"]
    body = b"<Delete><Object><Key>d</Key></Object></Delete>"
    assert b"AccessDenied" in ask(server, "POST", "/bucket?delete=", body)[1]


def test_objects_are_copied(client: S3Store) -> None:
    obstore.put(client, "a", b"content")
    obstore.copy(client, "a", "b")

    assert obstore.get(client, "b").bytes().to_bytes() == b"content"


def test_listings_are_grouped_by_a_delimiter_over_pages(server: S3Server, client: S3Store) -> None:
    for name in ("p/a/1", "p/a/2", "p/b", "p/c/1", "p/c/2", "p/d"):
        obstore.put(client, name, b"x")
    server.page_size = 1
    found = obstore.list_with_delimiter(client, "p")

    assert list(found["common_prefixes"]) == ["p/a", "p/c"]
    assert [info["path"] for info in found["objects"]] == ["p/b", "p/d"]


def test_the_first_listing_protocol_has_markers(server: S3Server, client: S3Store) -> None:
    for name in ("a", "b", "c"):
        obstore.put(client, name, b"x")
    _, first = ask(server, "GET", "/bucket?max-keys=2")
    _, second = ask(server, "GET", "/bucket?max-keys=2&marker=b")

    assert b"<NextMarker>b</NextMarker>" in first
    assert b"<Key>c</Key>" in second
    assert b"<IsTruncated>false</IsTruncated>" in second


def test_buckets_are_made_and_questions_about_them_answered(server: S3Server) -> None:
    assert ask(server, "HEAD", "/other")[0] == 404
    assert ask(server, "PUT", "/other")[0] == 200
    assert ask(server, "HEAD", "/other")[0] == 200
    assert ask(server, "GET", "/other?location=")[0] == 200
    assert ask(server, "GET", "/other?versioning=")[0] == 200
    assert ask(server, "GET", "/other?object-lock=")[0] == 404
    assert ask(server, "PATCH", "/other/a")[0] == 501
    assert ask(server, "POST", "/other/a")[0] == 405
    assert ask(server, "DELETE", "/other")[0] == 405


def test_ranges_are_answered_from_both_ends(server: S3Server) -> None:
    ask(server, "PUT", "/bucket/a", b"0123456789")
    answers = {
        asked: ask(server, "GET", "/bucket/a", headers={"Range": f"bytes={asked}"})
        for asked in ("2-4", "7-", "-3", "8-99", "10-", "5-2", "-")
    }

    assert answers == {
        "2-4": (206, b"234"),
        "7-": (206, b"789"),
        "-3": (206, b"789"),
        "8-99": (206, b"89"),
        "10-": (416, answers["10-"][1]),
        "5-2": (416, answers["5-2"][1]),
        "-": (200, b"0123456789"),
    }


def test_faults_come_as_often_as_planned_and_only_where_planned(server: S3Server) -> None:
    server.faults.append(Fault(method="PUT", path="packs/", status=503, times=2))

    assert [ask(server, "PUT", "/bucket/packs/a", b"x")[0] for _ in range(3)] == [503, 503, 200]
    server.faults.append(Fault(method="PUT", path="packs/", status=503))
    assert ask(server, "PUT", "/bucket/index/a", b"x")[0] == 200


def test_a_fault_after_the_fact_has_its_effect(server: S3Server) -> None:
    server.faults.append(Fault(method="PUT", status=500, after=True))

    assert ask(server, "PUT", "/bucket/a", b"x")[0] == 500
    assert server.buckets["bucket"]["a"].content == b"x"


def test_a_cut_connection_gives_no_answer(server: S3Server) -> None:
    server.faults.append(Fault(status=0))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "GET", "/bucket/a")


def test_a_stopped_server_answers_nobody(client: S3Store) -> None:
    with S3Server() as server:
        ask(server, "PUT", "/bucket/a", b"x")
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
