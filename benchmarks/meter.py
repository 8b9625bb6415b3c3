"""Steps of training -> their seconds and the most memory that they took."""

import threading
import time
from statistics import fmean
from typing import Any


class Meter:
    """Seconds and memory of steps: of the processor, or on a GPU wall seconds and what torch gave out of its memory."""

    def __init__(self) -> None:
        import torch

        self.gpu, self.seconds = torch.cuda.is_available(), list[float]()
        self._peak = Peak()
        self._peak.start()

    def now(self) -> float:
        import torch

        if not self.gpu:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def told(self, tokens: int) -> dict[str, Any]:
        """Return the figures of the steps after the first, each of which learns from so many tokens."""
        import torch

        peak = torch.cuda.max_memory_allocated() >> 20 if self.gpu else self._peak.mib
        seconds = fmean(self.seconds[1:])
        return {"seconds": round(seconds, 3), "tokens_s": round(tokens / seconds, 1), "peak_mib": peak}


class Peak(threading.Thread):
    """The most memory seen, looked at every 20 ms: the system's own peak could not leave out the loading."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0

    def run(self) -> None:
        import psutil

        own = psutil.Process()
        while True:
            self.mib = max(self.mib, own.memory_info().rss >> 20)
            time.sleep(0.02)
