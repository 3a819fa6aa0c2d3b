"""How the small server answers the two requests in which Azure differs from S3: listings and batches."""

import email.utils
import re
import urllib.parse
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from rebond.testing.s3_answers import StoredObject

_DELETE = re.compile(rb"^DELETE /([^ ?]+)", re.MULTILINE)
_BOUNDARY = "batchresponse_1"
BATCH_CONTENT_TYPE = f"multipart/mixed; boundary={_BOUNDARY}"


def answer_azure_listing(objects: Mapping[str, StoredObject], query: Mapping[str, str], page_size: int) -> bytes:
    """Return one page of ``comp=list``; the marker is the first name of the next page."""
    prefix, marker = query.get("prefix", ""), query.get("marker", "")
    limit = min(int(query.get("maxresults") or 5000), page_size)
    names = sorted(name for name in objects if name.startswith(prefix) and name >= marker)
    blobs = "".join(_describe_blob(name, objects[name]) for name in names[:limit])
    following = names[limit] if len(names) > limit else ""
    text = f"<Blobs>{blobs}</Blobs><NextMarker>{escape(following)}</NextMarker>"
    return f'<?xml version="1.0"?><EnumerationResults>{text}</EnumerationResults>'.encode()


def answer_azure_batch(body: bytes, container: str, delete: Callable[[str], int]) -> bytes:
    """Carry out the deletes of a batch; ``delete`` takes a name and returns the status of its answer."""
    parts: list[str] = []
    for number, path in enumerate(_DELETE.findall(body)):
        name = urllib.parse.unquote(path.decode()).removeprefix(f"{container}/")
        status = delete(name)
        parts.append(
            f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
            f"HTTP/1.1 {status} Answer\r\nx-ms-request-id: {number}\r\n\r\n\r\n"
        )
    return f"{''.join(parts)}--{_BOUNDARY}--\r\n".encode()


def _describe_blob(name: str, stored: StoredObject) -> str:
    properties = (
        f"<Last-Modified>{email.utils.formatdate(stored.modified, usegmt=True)}</Last-Modified>"
        f"<Etag>{escape(stored.etag)}</Etag><Content-Length>{len(stored.content)}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>"
    )
    return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"
