"""A shared studio and a writer's name -> that writer's own workspace: an own library, on the machine that all share.

The one place that says which library is whose. A library is a home like any other, below the studio's; what is handed
a workspace needs to know no more.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from writer_r1 import places
from writer_r1.errors import StoreError
from writer_r1.workspace import Workspace
from writer_r1.writers import refuse_name

ALONE = 0o700  # of a writer's home: the studio's user and nobody else


class Libraries:
    """The workspaces of the writers of a studio, by name; the studio has claimed its home already.

    Raises:
        WriterError: a home cannot be made or written, or a library is damaged.
    """

    def __init__(self, studio: Workspace, names: Iterable[str]) -> None:
        self.studio = studio
        self._of: dict[str, Workspace] = {}
        for name in names:
            self._of[name] = _opened(studio, name)

    @property
    def of(self) -> Mapping[str, Workspace]:
        """The workspace of each writer."""
        return self._of

    def close(self) -> None:
        """Stop every writer's jobs, free the models, and let the homes go."""
        with ThreadPoolExecutor(max(1, len(self._of))) as pool:  # all at once: each may take some seconds
            let_go = list(pool.map(Workspace.close, self._of.values()))
        self.studio.close(unused=all(let_go))


def _opened(studio: Workspace, name: str) -> Workspace:
    refuse_name(name)
    home = places.writers(studio.home) / name
    try:
        home.mkdir(parents=True, exist_ok=True)
        for folder in (home.parent, home):
            folder.chmod(ALONE)
    except OSError as e:
        raise StoreError(f"The library of {name} cannot be kept in {str(home)!r} ({e.strerror or e}).") from e
    workspace = Workspace(home, studio.models, studio=studio)
    workspace.open_studio()
    workspace.store.check()
    return workspace
