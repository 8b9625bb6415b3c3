"""How far something is -> one line on stderr: redrawn on a terminal, now and then elsewhere. Results go to stdout."""

import sys
import time

REDRAWN_S, TOLD_S = 0.2, 10.0


class Download:
    """Bytes and time left."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None
        self._shown = -1e9
        self._note = ""

    def __call__(self, done: int, total: int, note: str) -> None:
        """Show where the download is."""
        now, terminal = time.monotonic(), sys.stderr.isatty()
        self._began = self._began or (now, done)
        if now - self._shown < (REDRAWN_S if terminal else TOLD_S) and note == self._note:
            return
        rate = (done - self._began[1]) / max(now - self._began[0], 1e-3)
        left = f", about {(total - done) / rate:.0f} s left" if rate > 0 and now - self._began[0] > 2 else ""
        line = f"{note}: {done / 1e6:.0f} of {total / 1e6:.0f} MB{left}"
        _show(line)
        self._shown, self._note = now, note

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty() and self._note:
            print(file=sys.stderr)


class Steps:
    """How many are done and the time left."""

    def __init__(self, what: str) -> None:
        self._what, self._began, self._shown = what, time.monotonic(), -1e9

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if now - self._shown < (REDRAWN_S if terminal else TOLD_S) and done < total:
            return
        self._shown = now
        left = (now - self._began) / done * (total - done)
        line = f"{self._what}: {done} of {total}, about {left:.0f} s left"
        _show(line)

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty() and self._shown > 0:
            print(file=sys.stderr)


def _show(line: str) -> None:
    terminal = sys.stderr.isatty()
    print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
