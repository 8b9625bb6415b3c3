"""What a page asks of the hub -> its answer, sought in the background, which any page may wait for, stop or show."""

import logging
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from writer_r1 import hub, offers
from writer_r1.entries import HUB_ID
from writer_r1.errors import WriterError
from writer_r1.offers import Found, Offer, Repository

log = logging.getLogger(__name__)

BUG = "The studio hit a bug while it asked the model hub. Details are in the log."
MOST = 50  # answers kept


class Looked(NamedTuple):
    """How far it is, and what was found: repositories, or one of them; `message` says why nothing was."""

    state: Literal["none", "running", "done", "failed"]
    found: tuple[Found, ...] = ()
    repository: Repository | None = None
    message: str = ""


def meant(words: str) -> str:
    """Return what is asked for: a repository as `hf:OWNER/NAME`, also where its address was pasted, or words."""
    words = " ".join(words.split())[:200]
    plain = words.removeprefix(hub.endpoint()).removeprefix("https://huggingface.co").strip("/")
    named = HUB_ID.fullmatch(plain)
    return f"hf:{named[1]}" if named else words


class Lookups:
    """What was asked of the hub by this process, by `meant`."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._looked: dict[str, Looked] = {}
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, what: str) -> None:
        """Begin to ask, unless that is under way."""
        with self._guard:
            if self.progress(what).state == "running":
                return
            for old in [k for k, v in self._looked.items() if v.state != "running"][: len(self._looked) - MOST]:
                del self._looked[old]
            self._looked[what], self._stops[what] = Looked("running"), threading.Event()
            args = (what, self._stops[what])
            self._threads[what] = threading.Thread(target=self._look, args=args, name="asking", daemon=True)
            self._threads[what].start()

    def progress(self, what: str) -> Looked:
        """Return how far it is; "none" where nothing was asked, or it was stopped."""
        return self._looked.get(what, Looked("none"))

    def wait(self, what: str, timeout_s: float) -> Looked:
        """Return how far it is after it has ended, or after `timeout_s`."""
        if asking := self._threads.get(what):
            asking.join(timeout_s)
        return self.progress(what)

    def stop(self, what: str) -> None:
        """Give up asking."""
        if stop := self._stops.get(what):
            stop.set()

    def offer(self, what: str, id: str) -> tuple[Repository, Offer] | None:
        """Return what a repository that was asked for offers under this id."""
        repository = self.progress(what).repository
        found = next((o for o in repository.offers if o.id == id), None) if repository else None
        return (repository, found) if repository and found else None

    def _look(self, what: str, stop: threading.Event) -> None:
        try:
            if what.startswith("hf:"):
                self._looked[what] = Looked("done", repository=offers.look(what.removeprefix("hf:"), stop.is_set))
            else:
                self._looked[what] = Looked("done", tuple(offers.search(what, stop.is_set)))
        except hub.GivenUp:
            self._looked[what] = Looked("none")
        except WriterError as error:
            self._looked[what] = Looked("failed", message=str(error))
        except Exception as error:  # a bug ends on the page too, and not in a wait without an end
            log.error("Asking the hub stopped by a bug, %s:\n%s", type(error).__name__, traceback.format_exc(limit=-4))
            self._looked[what] = Looked("failed", message=BUG)


@cache
def lookups_for(folder: Path) -> Lookups:
    """Return what this process asks for a folder of models, the same for everyone who looks."""
    return Lookups()
