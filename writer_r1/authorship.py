"""A piece of the library -> who wrote what of its manuscript, from its tree of versions and the rounds of its runs."""

from collections.abc import Mapping
from functools import lru_cache

from writer_r1.provenance import MODEL, Made, Written, drafted_in, layers
from writer_r1.store import Source, Store, Version
from writer_r1.trajectory import Trajectory


def written_by(store: Store, piece_id: str) -> Written:
    """Return the manuscript of this piece and who wrote what of it.

    Raises:
        StoreError: a session of the piece is damaged.
    """
    versions = store.versions(piece_id)
    return _layers(store, piece_id, versions[0].revision, frozenset())[-1] if versions else Written("", "")


def _layers(store: Store, piece_id: str, revision: int, seen: frozenset[str]) -> list[Written]:
    """Return the texts that lead to this version, and who wrote what of them, oldest first."""
    of = {v.revision: v for v in store.versions(piece_id) if v.revision <= revision}
    runs = _runs(store, piece_id)
    line = sorted(_leading(of, revision, piece_id))
    place = {number: n for n, number in enumerate(line)}
    made = list[Made]()
    for version in (of[number] for number in line):
        source = version.source
        if source and source.kind == "piece" and source.id == piece_id:
            put: int | Written | None = place.get(source.number) if source.number < version.revision else None
        else:
            put = _put(store, source, runs, seen | {piece_id}) if source else None
        made.append(Made(version.text, place.get(version.parent or 0), put))
    return layers(made, drafted_in(runs.values())) or [Written("", "")]


def _leading(of: Mapping[int, Version], revision: int, piece_id: str) -> set[int]:
    """Return the revisions that a version was made of, and that words of theirs were put in from."""
    found, open_ = set[int](), [revision]
    while open_:
        version = of.get(open_.pop())
        if version is None or version.revision in found:
            continue
        found.add(version.revision)
        source = version.source
        more = [version.parent, source.number if source and (source.kind, source.id) == ("piece", piece_id) else None]
        open_ += [n for n in more if n is not None and n < version.revision]
    return found


def _put(store: Store, source: Source, runs: Mapping[str, Trajectory], seen: frozenset[str]) -> Written | None:
    """Return the text that words were put in from, where it is still there and not the writer's own."""
    if source.kind == "piece":
        here = source.id not in seen and store.version(source.id, source.number)
        return _layers(store, source.id, source.number, seen)[-1] if here else None
    now = runs.get(source.id)
    if now is None and (run := store.run(source.id)):  # of other texts for a passage, which is no session of the piece
        now = _run(store, run.id, run.updated)
    attempt = now.attempt(source.number) if now else None
    if attempt is None or attempt.by == "user":
        return None
    return Written(attempt.text, MODEL * len(attempt.text))


def _runs(store: Store, piece_id: str) -> dict[str, Trajectory]:
    return {run.id: _run(store, run.id, run.updated) for run in store.runs_of(piece_id)}


@lru_cache(maxsize=64)  # a run is asked for again after each save, and changes only while it is written
def _run(store: Store, run_id: str, updated: float) -> Trajectory:
    return store.trajectory(run_id)
