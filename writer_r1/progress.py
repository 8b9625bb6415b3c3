"""How far a long command is -> one line on stderr, redrawn on a terminal and told every ten seconds elsewhere."""

import sys
import time

TERMINAL_S, ELSEWHERE_S = 0.2, 10.0  # seconds between two tellings


class Line:
    """A line that says how far something is."""

    def __init__(self) -> None:
        self._shown, self._note = -1e9, ""

    def show(self, text: str, note: str = "") -> None:
        """Say `text`, unless the last was just now and for the same `note`."""
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if now - self._shown < (TERMINAL_S if terminal else ELSEWHERE_S) and note == self._note:
            return
        print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        self._shown, self._note = now, note

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty() and self._shown > 0:
            print(file=sys.stderr)
