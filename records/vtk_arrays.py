"""The arrays of XML files of VTK: text, base64 or raw bytes, plain or in compressed blocks.

- `decode`: the numbers of one ``DataArray``; `Appended`: the section at the end of a file that many arrays share;
- `encode`: bytes as compressed blocks in base64, as VTK writes them.

Binary data begin with a header of unsigned integers (``header_type``): the number of bytes, or, where compressed, the
number of blocks, their size, that of the last one where it is shorter (else 0), and the compressed size of each. In
base64 a compressed array's header is encoded on its own.
"""

import base64
import binascii
import lzma
import zlib
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from records.errors import RecordError

_TYPES: Final = {
    "Float32": "f4",
    "Float64": "f8",
    **{f"{sign}Int{8 * size}": f"{sign.lower() or 'i'}{size}" for sign in ("", "U") for size in (1, 2, 4, 8)},
    "String": "u1",
}
_COMPRESSORS: Final = {"vtkZLibDataCompressor": "zlib", "vtkLZMADataCompressor": "lzma"}
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Appended:
    """The section ``AppendedData`` behind its underscore; None where a file has none."""

    content: bytes | None
    raw: bool


def encode(content: bytes) -> bytes:
    """Return `content` as blocks compressed by zlib, in base64, with headers of UInt64."""
    blocks = [zlib.compress(content[start : start + _BLOCK], 6) for start in range(0, len(content), _BLOCK)]
    header = np.array([len(blocks), _BLOCK, len(content) % _BLOCK, *map(len, blocks)], "<u8")
    return base64.b64encode(header.tobytes()) + base64.b64encode(b"".join(blocks))


def decode(array: Element, root: Element, appended: Appended, *, count: int | None) -> NDArray[Any]:
    """Return the numbers of an array.

    Parameters
    ----------
    array : Element
        ``DataArray`` or ``Array``.
    root : Element
        The file, for byte order, header type and compressor.
    appended : Appended
        The shared section.
    count : int, optional
        How many numbers there must be; None takes what there is.

    Returns
    -------
    (count,) array
        float32 or float64; uint8 for text.

    Raises
    ------
    RecordError
        If the array does not hold them.
    """
    name = array.get("Name", "")
    kind = array.get("type", "")
    if kind not in _TYPES:
        raise RecordError(f"array {name!r} of {kind!r}; expected one of {sorted(_TYPES)}")
    order = {"LittleEndian": "<", "BigEndian": ">"}.get(root.get("byte_order", "LittleEndian"), "<")
    dtype = np.dtype(order + _TYPES[kind])
    try:
        values = _decoded(array, root, appended, dtype, count)
    except (RecordError, binascii.Error, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
        raise RecordError(f"array {name!r}: {error}") from None
    if count is not None and values.size != count:
        raise RecordError(f"array {name!r}: {values.size} numbers; expected {count}")
    wide = np.dtype(np.uint8) if kind == "String" else np.result_type(dtype.newbyteorder("="), np.float32)
    return values.astype(wide)


def _decoded(
    array: Element, root: Element, appended: Appended, dtype: np.dtype[Any], count: int | None
) -> NDArray[Any]:
    form = array.get("format", "ascii")
    if form == "ascii":
        return np.array((array.text or "").split()).astype(dtype.newbyteorder("="))
    reader = _Header(root)
    limit = None if count is None else count * dtype.itemsize
    if form == "binary":
        content = reader.from_base64("".join((array.text or "").split()).encode("ascii", "replace"), limit)
    elif form == "appended":
        if appended.content is None:
            raise RecordError("data appended to the file are missing")
        rest = appended.content[_offset(array, len(appended.content)) :]
        content = reader.from_raw(rest, limit) if appended.raw else reader.from_base64(rest, limit)
    else:
        raise RecordError(f"format {form!r}; expected 'ascii', 'binary' or 'appended'")
    if len(content) % dtype.itemsize:
        raise RecordError(f"{len(content)} bytes; expected whole numbers of {dtype.itemsize}")
    return np.frombuffer(content, dtype)


def _offset(array: Element, size: int) -> int:
    text = array.get("offset", "")
    if not text.isdigit() or int(text) >= size:
        raise RecordError(f"offset {text!r}; expected a place in the {size} bytes appended")
    return int(text)


class _Header:
    """Reads the header before the bytes of an array, and then the bytes."""

    def __init__(self, root: Element) -> None:
        kind = root.get("header_type", "UInt32")
        if kind not in ("UInt32", "UInt64"):
            raise RecordError(f"header_type {kind!r}; expected 'UInt32' or 'UInt64'")
        order = ">" if root.get("byte_order") == "BigEndian" else "<"
        self._dtype = np.dtype(f"{order}{_TYPES[kind]}")
        name = root.get("compressor") or None
        if name is not None and name not in _COMPRESSORS:
            raise RecordError(f"compressed by {name!r}; expected nothing or one of {sorted(_COMPRESSORS)}")
        self._compressor = None if name is None else _COMPRESSORS[name]

    def from_raw(self, content: bytes, limit: int | None) -> bytes:
        """Return the bytes of the array that `content` begins with; no more than `limit` are believed."""
        if self._compressor is None:
            (size,) = self._integers(content, 1)
            return _part(content, self._dtype.itemsize, _believed(size, limit))
        sizes = self._block_sizes(content)
        start = (3 + len(sizes)) * self._dtype.itemsize
        return self._inflated(content, start, sizes, self._integers(content, 3), limit)

    def from_base64(self, content: bytes, limit: int | None) -> bytes:
        """Return the bytes of the array whose base64 `content` begins with; no more than `limit` are believed."""
        width = self._dtype.itemsize
        if self._compressor is None:
            (size,) = self._integers(_from_base64(content, 0, width)[0], 1)
            return _part(_from_base64(content, 0, width + _believed(size, limit))[0], width, size)
        three, _ = _from_base64(content, 0, 3 * width)
        blocks = self._integers(three, 3)[0]
        header, end = _from_base64(content, 0, (3 + _believed(blocks, len(content))) * width)
        sizes = self._block_sizes(header)
        body, _ = _from_base64(content, end, _believed(sum(sizes), len(content)))
        return self._inflated(body, 0, sizes, self._integers(header, 3), limit)

    def _integers(self, content: bytes, count: int, skip: int = 0) -> list[int]:
        width = self._dtype.itemsize
        part = _part(content, skip * width, count * width)
        return [int(value) for value in np.frombuffer(part, self._dtype)]

    def _block_sizes(self, content: bytes) -> list[int]:
        (blocks,) = self._integers(content, 1)
        return self._integers(content, _believed(blocks, len(content)), skip=3)

    def _inflated(self, content: bytes, start: int, sizes: list[int], head: list[int], limit: int | None) -> bytes:
        count, size, last = head
        total = count * size if last == 0 else (count - 1) * size + last
        _believed(total, limit)
        result = bytearray()
        for number, packed in enumerate(sizes):
            wanted = last if last and number == count - 1 else size
            block = self._block(_part(content, start, packed), wanted)
            if len(block) != wanted:
                raise RecordError(f"a block of {len(block)} bytes; expected {wanted}")
            result += block
            start += packed
        return bytes(result)

    def _block(self, packed: bytes, wanted: int) -> bytes:
        """Inflate one block, never to more than was announced."""
        if self._compressor == "zlib":
            return zlib.decompressobj().decompress(packed, wanted + 1)
        return lzma.LZMADecompressor().decompress(packed, wanted + 1)


def _believed(size: int, limit: int | None) -> int:
    if limit is not None and size > limit:
        raise RecordError(f"{size} bytes announced; expected up to {limit}")
    return size


def _part(content: bytes, start: int, size: int) -> bytes:
    part = content[start : start + size]
    if len(part) < size:
        raise RecordError(f"truncated: {len(part)} bytes; expected {size}")
    return part


def _from_base64(content: bytes, start: int, size: int) -> tuple[bytes, int]:
    """Decode the code of `size` bytes from `start`; return them and where the code ends."""
    end = start + 4 * ((size + 2) // 3)
    code = content[start:end]
    if len(code) < end - start:
        raise RecordError(f"truncated: {len(code)} characters of base64; expected {end - start}")
    # A header alone is read off the front of a longer code, which need not end there.
    return base64.b64decode(code, validate=True)[:size], end
