"""Bytes of tokens -> text deltas: whole characters only, and nothing of a stop text."""

import codecs
from collections.abc import Iterable


class Deltas:
    """The text of one reply as it comes."""

    def __init__(self, stop: Iterable[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._held = ""
        self.stopped = False

    def add(self, piece: bytes) -> str:
        """Return what may be shown after this token; what could begin a stop text is held back."""
        self._held += self._decoder.decode(piece)
        if found := [at for stop in self._stop if (at := self._held.find(stop)) >= 0]:
            self.stopped = True
            self._held = self._held[: min(found)]
            return self._take(len(self._held))
        keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
        return self._take(len(self._held) - keep)

    def _take(self, n: int) -> str:
        text, self._held = self._held[:n], self._held[n:]
        return text

    def rest(self) -> list[str]:
        """Return what was held back, at the end of the reply; the bytes of an unfinished character are no text."""
        return [text] if (text := self._take(len(self._held))) else []


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0)
