"""The parts of a ``multipart/form-data`` body (RFC 7578). Pure."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

import attrs

from cliproxy.errors import RequestFault


@attrs.frozen
class Part:
    """One field. ``file`` is the file's name; empty for a field that is none."""

    name: str
    file: str
    data: bytes


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """All fields in their order.

    :raises RequestFault: 400, it is no such body.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    whole = BytesParser(policy=HTTP).parsebytes(head + body)
    if whole.get_content_type() != "multipart/form-data" or not whole.is_multipart():
        raise RequestFault.bad("the body is to be multipart/form-data")
    return [_part(each) for each in whole.iter_parts()]


def _part(each: Message) -> Part:
    name = each.get_param("name", "", "content-disposition")
    data = each.get_payload(decode=True)
    return Part(str(name or ""), each.get_filename("") or "", data if isinstance(data, bytes) else b"")
