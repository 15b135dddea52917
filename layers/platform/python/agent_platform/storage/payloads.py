"""Inputs, outputs and files that are too large for a table or a state machine: objects of one S3 bucket, by key."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, InvalidInput, PayloadMissing, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

INLINE_BYTES = 128 * 1024
"""As JSON in ASCII, so that two of them fit into a DynamoDB item (400 KB) and one into a state of Step Functions
(256 KiB), however either counts what is not ASCII. What is larger travels by reference."""

EXECUTIONS = "executions/"
"""What belongs to the record of an execution, and lives as long."""
QUEUED = "queued/"
"""Inputs that wait for their execution, whole as the caller sent them; gone once it is over."""
BATCHES = "batches/"
"""Uploads, lines and results of batches."""
RUNS = "runs/"
"""What is large in runs of workflows: inputs, outputs of steps, lists of maps. Lives as long as executions."""
EXPORTS = "exports/"
"""What people asked to be told of themselves, for 7 days. No reference from outside either."""
DEAD_LETTERS = "dead_letters/"
"""What is large in dead letters. Of no caller's naming, so it is no reference from outside."""

PART_BYTES = 8 * 1024 * 1024
"""One part of a multipart upload; S3 takes 10,000 parts of at least 5 MiB (S3 User Guide, multipart upload limits)."""

_REFERENCE = re.compile(
    r"(executions|queued|batches|runs)/[0-9A-Za-z][0-9A-Za-z_-]{0,99}(/[0-9A-Za-z][0-9A-Za-z_.-]{0,99}){0,3}"
)

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_DEPLOYMENT_FAULTS = frozenset({"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


@cache
def s3() -> "S3Client":
    """The process's client: 2 s to connect, 10 s to answer, 4 tries with jitter (botocore's `standard` mode)."""
    import boto3  # 300 ms at a cold start, which executions with small payloads need not pay
    from botocore.config import Config

    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=20,
        signature_version="s3v4",
    )
    return boto3.client("s3", config=config)


def compact(value: Any) -> bytes:
    """`value` as the JSON text that is stored.

    Raises:
        ValueError: it holds NaN, Infinity or half of a surrogate pair, which no reader of JSON takes.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def is_large(value: Any) -> bool:
    """Whether a JSON value travels by reference."""
    return len(json.dumps(value, separators=(",", ":"))) > INLINE_BYTES


def checked_reference(reference: str) -> str:
    """A key that came from outside, if it names an object of this platform's own.

    Raises:
        InvalidInput: it does not.
    """
    if not _REFERENCE.fullmatch(reference):
        raise InvalidInput(
            f"`{reference[:100]}` names no payload of the platform: keys begin with {EXECUTIONS}, "
            f"{QUEUED}, {BATCHES} or {RUNS}."
        )
    return reference


@contextmanager
def payload_errors(doing: str) -> Iterator[None]:
    """Translate what botocore raises; `doing` completes the sentence "… failed".

    Raises:
        PayloadMissing: there is no such object.
        StorageUnavailable: S3 does not answer, or the bucket is gone.
        ConfigurationError: the right to use the bucket is missing.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _MISSING:
            raise PayloadMissing(f"{doing} failed: S3 has no such object.") from error
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(f"{doing} failed: S3 answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: S3 answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing} failed: S3 does not answer ({type(error).__name__}).") from error


class PayloadStore:
    """The objects of one bucket. Every method raises `StorageUnavailable` when S3 does not answer."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def put(self, key: str, value: Any) -> None:
        """Write a JSON value; what was there is replaced."""
        with payload_errors("Storing a payload"):
            s3().put_object(Bucket=self.bucket, Key=key, Body=compact(value), ContentType="application/json")

    def get(self, key: str) -> Any:
        """Read a JSON value.

        Raises:
            PayloadMissing: there is none.
        """
        with payload_errors("Reading a payload"):
            return json.loads(s3().get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def read(self, key: str) -> bytes:
        """Read an object whole.

        Raises:
            PayloadMissing: there is none.
        """
        with payload_errors("Reading a payload"):
            return s3().get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            with payload_errors("Looking for a payload"):
                return s3().head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except PayloadMissing:
            return None

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        with payload_errors("Removing a payload"):
            s3().delete_object(Bucket=self.bucket, Key=key)

    def delete_under(self, prefix: str) -> None:
        """Remove every object whose key begins with `prefix`, a thousand at once (S3 takes no more)."""
        for some in batched(self.keys(prefix), 1000, strict=False):
            with payload_errors("Removing payloads"):
                answer = s3().delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
            if left := answer.get("Errors"):
                raise StorageUnavailable(
                    f"Removing payloads failed: S3 kept {len(left)} of {len(some)} objects ({left[0].get('Code')})."
                )

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""
        with payload_errors("Listing payloads"):
            for page in s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                yield from (each["Key"] for each in page.get("Contents", []))

    def chunks(self, key: str) -> Iterator[bytes]:
        """An object's bytes, piece by piece, so that a file of any size fits into memory.

        Raises:
            PayloadMissing: there is none.
        """
        with payload_errors("Reading a payload"):
            yield from s3().get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(256 * 1024)

    def write(self, key: str, pieces: Iterable[bytes], content_type: str) -> int:
        """Write an object from pieces, held in memory one part at a time; returns how many bytes there are.

        It appears whole or not at all.
        """
        with payload_errors("Storing a payload"):
            buffer, parts, size, upload = bytearray(), list["CompletedPartTypeDef"](), 0, None
            try:
                for piece in pieces:
                    buffer += piece
                    size += len(piece)
                    if len(buffer) >= PART_BYTES:
                        upload = (
                            upload
                            or s3().create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=content_type)[
                                "UploadId"
                            ]
                        )
                        parts.append(self._part(key, upload, len(parts) + 1, bytes(buffer)))
                        buffer.clear()
                if upload is None:
                    s3().put_object(Bucket=self.bucket, Key=key, Body=bytes(buffer), ContentType=content_type)
                    return size
                if buffer:
                    parts.append(self._part(key, upload, len(parts) + 1, bytes(buffer)))
                s3().complete_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
                )
            except BaseException:
                if upload is not None:
                    s3().abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
                raise
            return size

    def _part(self, key: str, upload: str, number: int, body: bytes) -> "CompletedPartTypeDef":
        answer = s3().upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        return {"ETag": answer["ETag"], "PartNumber": number}

    def upload_url(self, key: str, content_type: str, seconds: int) -> str:
        """An address to which anybody who holds it may PUT this one object, of this content type, for so long."""
        with payload_errors("Signing an upload"):
            return s3().generate_presigned_url(
                "put_object",
                Params={"Bucket": self.bucket, "Key": key, "ContentType": content_type},
                ExpiresIn=seconds,
                HttpMethod="PUT",
            )

    def download_url(self, key: str, filename: str, seconds: int) -> str:
        """An address from which anybody who holds it may GET this one object, for so long."""
        with payload_errors("Signing a download"):
            disposition = f'attachment; filename="{filename}"'
            return s3().generate_presigned_url(
                "get_object",
                Params={"Bucket": self.bucket, "Key": key, "ResponseContentDisposition": disposition},
                ExpiresIn=seconds,
                HttpMethod="GET",
            )
