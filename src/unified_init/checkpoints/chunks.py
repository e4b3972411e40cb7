"""The chunks of a file: equal stretches of its bytes, whatever tensors are in them, each drawn by itself."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.checkpoints.safetensors_files import boxes_between, itemsize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from unified_init.checkpoints.safetensors_files import Entry
    from unified_init.walkers.writes import Write

__all__ = ["Chunk", "chunks_of", "draw_into"]


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """The values of a tensor that are in a chunk: from one position in its memory to before another."""

    write: Write
    first: int
    last: int

    @property
    def needs_whole(self) -> bool:
        """Whether its law takes the whole tensor, of which a part is here."""
        return self.last - self.first < math.prod(self.write.shape) and not self.write.costs_the_box


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a file from ``start`` to before ``stop``: some of the header, and stretches of tensors."""

    start: int
    stop: int
    header: bytes
    stretches: tuple[Stretch, ...]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.stop - self.start

    @property
    def wholes(self) -> list[Write]:
        """The tensors that must be drawn whole, of which a part is here."""
        return [stretch.write for stretch in self.stretches if stretch.needs_whole]


def chunks_of(
    header: bytes, entries: Sequence[Entry], writes: Mapping[str, Write], size: int
) -> Iterator[Chunk]:
    """Yield the chunks of a file, in order, each of ``size`` bytes except the last.

    Args:
        header: of the file.
        entries: its tensors, which are behind each other, in the order of the file.
        writes: by path, of all tensors.
        size: a multiple of the size of every value.
    """
    ends = [len(header) + entry.start + entry.size for entry in entries]
    total = ends[-1] if ends else len(header)
    number = 0
    for start in range(0, total, size):
        stop, stretches = min(start + size, total), []
        while number < len(entries):
            entry, width = entries[number], itemsize(entries[number].dtype)
            begin = len(header) + entry.start
            first, last = max(start - begin, 0) // width, (min(stop, ends[number]) - begin) // width
            if first < last:
                stretches.append(Stretch(writes[entry.path], first, last))
            if ends[number] > stop:
                break
            number += 1
        yield Chunk(start, stop, header[start:stop], tuple(stretches))


def draw_into(data: NDArray[np.uint8], chunk: Chunk, wholes: Mapping[str, NDArray[Any]]) -> None:
    """Draw a chunk into as many bytes; ``wholes`` are the tensors of ``Chunk.wholes``, by path."""
    data[: len(chunk.header)] = memoryview(chunk.header)
    begin = len(chunk.header)
    for stretch in chunk.stretches:
        write = stretch.write
        end = begin + (stretch.last - stretch.first) * write.numpy_dtype.itemsize
        values = data[begin:end].view(write.numpy_dtype)
        if write.path in wholes:
            values[:] = wholes[write.path].reshape(-1)[stretch.first : stretch.last]
        else:
            _draw(values, stretch)
        begin = end


def _draw(values: NDArray[Any], stretch: Stretch) -> None:
    """Draw the boxes of a stretch, one behind the other."""
    begin = 0
    for start, stop in boxes_between(stretch.write.shape, stretch.first, stretch.last):
        shape = tuple(last - first for first, last in zip(start, stop, strict=True))
        end = begin + math.prod(shape)
        stretch.write.region(start, stop, values[begin:end].reshape(shape))
        begin = end
