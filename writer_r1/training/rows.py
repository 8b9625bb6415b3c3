"""A file of JSON lines, CSV, text, Markdown or Word -> its rows by line, or why there is none."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from writer_r1.errors import WriterError
from writer_r1.training.texts import KINDS, sections

ROWS = (".jsonl", ".ndjson", ".csv")


class Unusable(Exception):
    """Why a row is left out."""


Row = tuple[int, dict[str, Any] | Unusable]  # line, from 1 on, and 0 for a whole file


def files(path: Path) -> list[Path]:
    """Return the file, or those of a folder in the order of their names, without hidden ones.

    Raises:
        WriterError: there is none.
    """
    if path.is_dir():
        found = (p for p in sorted(path.rglob("*")) if p.is_file())
        return [p for p in found if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    if not path.exists():
        raise WriterError(f"There is no file {str(path)!r}; check the path.")
    return [path]


def rows(file: Path, pieces: bool) -> Iterator[Row]:
    """Yield the rows of a file; `pieces` says that those of a text are wanted, not its lines.

    Raises:
        WriterError: it cannot be read.
    """
    kind = file.suffix.casefold()
    if kind not in ROWS + KINDS:
        yield 0, Unusable(f"not one of the kinds that can be read ({', '.join((*ROWS, *KINDS))})")
        return
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WriterError(f"{str(file)!r} cannot be read ({error.strerror}).") from error
    if kind == ".csv":
        yield from _csv(data)
    elif kind in ROWS:
        yield from _json_lines(data)
    else:
        try:
            found = sections(file.name, data, pieces)
        except WriterError as error:
            yield 0, Unusable(str(error))
            return
        yield from ((s.line, {"prompt": s.prompt, "text": s.text}) for s in found)


def _json_lines(data: bytes) -> Iterator[Row]:
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
        except UnicodeDecodeError:
            yield line, Unusable("it is not UTF-8")
        except (ValueError, RecursionError) as error:
            said = getattr(error, "msg", "nested too deep")
            yield line, Unusable(f"broken JSON ({said}): {raw[:60].decode('utf-8', 'replace').strip()}")
        else:
            yield line, row if isinstance(row, dict) else Unusable("not a JSON object")


def _csv(data: bytes) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # as a spreadsheet on Windows saves it
    reader, line = csv.DictReader(StringIO(text, newline="")), 2
    try:
        for row in reader:
            yield line, {str(key).strip().casefold(): value for key, value in row.items() if key is not None}
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, Unusable(f"broken CSV ({error}); what follows was not read")
