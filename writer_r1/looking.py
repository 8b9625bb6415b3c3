"""What a page asks of the hub -> its answer, sought in the background, which any page may wait for, stop or show."""

import threading
from functools import cache
from typing import Literal, NamedTuple

from writer_r1 import hub, offers
from writer_r1.asking import Asking
from writer_r1.entries import HUB_ID
from writer_r1.errors import TRY_AGAIN
from writer_r1.offers import Found, Offer, Repository

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


class Lookups(Asking[Looked]):
    """What was asked of the hub by this process, by `meant`."""

    bug = f"A fault of the studio stopped the asking. {TRY_AGAIN}"

    def __init__(self) -> None:
        super().__init__(Looked("none"), Looked("running"))

    def answer(self, what: str, stop: threading.Event) -> Looked:
        """Return what the hub has; "none" where somebody gave up."""
        try:
            if what.startswith("hf:"):
                return Looked("done", repository=offers.look(what.removeprefix("hf:"), stop.is_set))
            return Looked("done", tuple(offers.search(what, stop.is_set)))
        except hub.GivenUp:
            return self._nothing

    def failed(self, message: str) -> Looked:
        """Return that nothing was found, and why."""
        return Looked("failed", message=message)

    def make_room(self) -> None:
        """Forget the oldest answers beyond `MOST`."""
        ended = [what for what, looked in self._answers.items() if looked.state != "running"]
        for old in ended[: max(0, len(self._answers) - MOST)]:
            del self._answers[old]

    def offer(self, what: str, id: str) -> tuple[Repository, Offer] | None:
        """Return what a repository that was asked for offers under this id."""
        repository = self.progress(what).repository
        found = next((o for o in repository.offers if o.id == id), None) if repository else None
        return (repository, found) if repository and found else None


@cache
def lookups() -> Lookups:
    """Return what this process asks the hub, the same for everyone who looks."""
    return Lookups()
