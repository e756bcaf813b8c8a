"""Images, sounds and files as URLs, base64 and names (dialects.md 5, 6)."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import unquote_to_bytes

from cliproxy.dialects.members import filled
from cliproxy.dialects.signatures import standard_base64
from cliproxy.errors import RequestFault
from cliproxy.ir.content import MediaPart
from cliproxy.jsontypes import JSON

_MIME_OF: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}

#: The names Chat knows sounds by, and their media types; the first of each is the one written.
_AUDIO_MIMES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_AUDIO_FORMATS: Final = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


#: The kinds of images that OpenAI and Anthropic take.
#: https://platform.openai.com/docs/guides/images-vision#image-input-requirements,
#: https://platform.claude.com/docs/en/build-with-claude/vision
WEB_IMAGES: Final = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
#: https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats
GOOGLE_IMAGES: Final = frozenset(("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"))
_MISSPELT: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}


def spelt_mime(stated: str | None) -> str | None:
    """A media type in its registered spelling."""
    lowered = stated.strip().lower() if stated is not None else ""
    return _MISSPELT.get(lowered, lowered if lowered.startswith("image/") else stated)


def refused_image(part: MediaPart, kinds: frozenset[str]) -> str | None:
    """The kind of an image's bytes, where the vendor does not take it; None for everything else."""
    mime = (part.mime or "").split(";", 1)[0].strip()
    refused = part.kind == "image" and part.data is not None and mime.startswith("image/") and mime not in kinds
    return mime if refused else None


def mime_of(name: str) -> str | None:
    """The media type a file name or URL ends in, when it is a known one; query and fragment do not count."""
    path = name.split("#", 1)[0].split("?", 1)[0]
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return _MIME_OF.get(extension.lower()) if dot else None


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and standard, padded base64 of a ``data:`` URL; None when it is no data URL."""
    if url[:5].lower() != "data:":
        return None
    head, comma, payload = url[5:].partition(",")
    if not comma:
        return None
    mime, *parameters = head.split(";")
    if parameters and parameters[-1].strip().lower() == "base64":
        data = standard_base64(payload)
    else:
        data = base64.b64encode(unquote_to_bytes(payload)).decode()
    return spelt_mime(mime.strip()) or "application/octet-stream", data


def data_url(part: MediaPart) -> str:
    """The part's bytes as a ``data:`` URL."""
    return f"data:{part.mime or 'application/octet-stream'};base64,{part.data}"


def image(url: str, detail: str | None = None) -> MediaPart:
    """An image from OpenAI's spelling, where one string holds either the bytes or the address."""
    bytes_ = split_data_url(url)
    if bytes_ is None:
        return MediaPart("image", url=url, detail=detail)
    return MediaPart("image", mime=bytes_[0], data=bytes_[1], detail=detail)


def file(data: str, filename: str | None) -> MediaPart:
    """A file from OpenAI's ``file_data``: a data URL, or bare base64 whose media type the file name tells."""
    bytes_ = split_data_url(data)
    if bytes_ is None:
        mime = (mime_of(filename) if filename else None) or "application/pdf"
        return MediaPart("file", mime=mime, data=standard_base64(data), filename=filename)
    return MediaPart("file", mime=bytes_[0], data=bytes_[1], filename=filename)


def openai_file(stated: JSON, path: str) -> MediaPart:
    """A file as Chat and Responses spell it: by bytes, by id, or (Responses) by address.

    :raises RequestFault: it holds none of them.
    """
    if isinstance(stated, dict):
        filename = filled(stated.get("filename"))
        data = filled(stated.get("file_data"))
        if data:
            return file(data, filename)
        file_id = filled(stated.get("file_id"))
        url = None if file_id else filled(stated.get("file_url"))
        if file_id or url:
            mime = mime_of(url) or "application/pdf" if url else None
            return MediaPart("file", mime=mime, url=url, file_id=file_id, filename=filename)
    raise RequestFault.bad(f"{path} holds no file_data and no file_id", param=path)


def audio(data: str, format_: str | None) -> MediaPart:
    """A sound from OpenAI's ``input_audio``."""
    name = (format_ or "wav").lower()
    return MediaPart(
        "audio",
        mime=_AUDIO_MIMES.get(name, f"audio/{name}"),
        data=standard_base64(data),
    )


def audio_format(part: MediaPart) -> str | None:
    """Chat's name for the sound's format, None for one that Chat does not take."""
    return _AUDIO_FORMATS.get((part.mime or "").split(";", 1)[0].strip().lower())


def file_name(part: MediaPart) -> str:
    """The file's name, or the usual one for its type."""
    return part.filename or ("document.pdf" if part.mime == "application/pdf" else "document")


def mention(part: MediaPart) -> str:
    """A file the target cannot reference, named in text."""
    return f"File: {part.url} (Type: {part.mime})" if part.mime else f"File: {part.url}"
