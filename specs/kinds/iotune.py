"""Limits of what a disk may move: bytes and operations per second, bursts and how long they may last."""

from typing import Annotated

from pydantic import Field, Strict

from specs.model import Duration, Model, Size, Unit, declared

Operations = Annotated[int, Strict(), Field(ge=0, le=1_000_000_000), Unit("operations per second")]

_LASTS = "How long that burst may last."


class IoTune(Model):
    """Limits of a disk's I/O. 0 lifts a limit. A total excludes limits of reading and writing."""

    total_bytes: Size | None = declared("Bytes read and written in a second.", effect="live")
    read_bytes: Size | None = declared("Bytes read in a second.", effect="live")
    write_bytes: Size | None = declared("Bytes written in a second.", effect="live")
    total_iops: Operations | None = declared("Operations in a second.", effect="live")
    read_iops: Operations | None = declared("Reads in a second.", effect="live")
    write_iops: Operations | None = declared("Writes in a second.", effect="live")
    total_bytes_max: Size | None = declared("Bytes in a second of a burst.", effect="live")
    read_bytes_max: Size | None = declared("Bytes read in a second of a burst.", effect="live")
    write_bytes_max: Size | None = declared("Bytes written in a second of a burst.", effect="live")
    total_iops_max: Operations | None = declared("Operations in a second of a burst.", effect="live")
    read_iops_max: Operations | None = declared("Reads in a second of a burst.", effect="live")
    write_iops_max: Operations | None = declared("Writes in a second of a burst.", effect="live")
    total_bytes_max_length: Duration | None = declared(_LASTS, effect="live")
    read_bytes_max_length: Duration | None = declared(_LASTS, effect="live")
    write_bytes_max_length: Duration | None = declared(_LASTS, effect="live")
    total_iops_max_length: Duration | None = declared(_LASTS, effect="live")
    read_iops_max_length: Duration | None = declared(_LASTS, effect="live")
    write_iops_max_length: Duration | None = declared(_LASTS, effect="live")
    iops_size: Size | None = declared("An operation of more bytes counts as several.", effect="live")
