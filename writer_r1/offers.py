"""Words or a repository's name -> what the hub has: repositories; what of one can be downloaded, and what it takes.

What a model needs of memory is told before it is fetched: from the first bytes of one GGUF, or the configuration of a
folder of safetensors. What the hub answers is data of strangers: names that are no plain names are left out.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from writer_r1 import catalog, entries, hub
from writer_r1.download import Download
from writer_r1.entries import Entry, HubFile, HubSource
from writer_r1.errors import DownloadError, ModelError
from writer_r1.gguf_header import CONTEXT, Header, memory_needed, read_beginning
from writer_r1.machine_memory import Machine, fit, memory_words
from writer_r1.weights_folder import CONFIG, context_of, refuse_code
from writer_r1.weights_folder import memory_needed as memory_of_folder

MOST = 20  # repositories of a search
HEAD = 1 << 19  # bytes of a GGUF, in which its sizes are written before its vocabulary
PLAIN = re.compile(r"[\w+=,@-][\w.+=,@-]*(?:/[\w+=,@-][\w.+=,@-]*)*")
SPLIT = re.compile(r"-(\d{5})-of-(\d{5})$")
QUANTISATION = re.compile(r"(?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|BF16|F16|F32|MXFP4(?:_\w+)?|TQ\d_\d)(?![A-Z0-9])", re.I)
TOKENIZER = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "merges.txt", "vocab.txt")
DATA = (".safetensors", ".json", ".jinja")  # what else a folder needs; nothing that runs is ever fetched
FOLDER = "safetensors"

Stop = Callable[[], bool]


class Found(NamedTuple):
    """A repository that a search found."""

    id: str
    downloads: int
    licence: str
    gated: bool


class Offer(NamedTuple):
    """A GGUF file, or a folder of safetensors, that can be downloaded; `refusal` says why not.

    `context` is 0 where it could not be read how many tokens the model reads; then `memory_bytes` is without it.
    """

    id: str
    quantisation: str
    bytes: int
    memory_bytes: int
    context: int
    files: tuple[HubFile, ...]
    refusal: str = ""


class Repository(NamedTuple):
    """A repository of the hub; `closed` says why nothing can be fetched from it now."""

    id: str
    revision: str
    downloads: int
    licence: str
    gated: bool
    offers: tuple[Offer, ...]
    closed: str = ""


class _Stored(BaseModel):
    sha256: str


class _File(BaseModel):
    rfilename: str
    size: int | None = None
    blobId: str | None = None
    lfs: _Stored | None = None

    @property
    def digest(self) -> str:
        return self.lfs.sha256 if self.lfs else self.blobId or ""


class _Told(BaseModel):
    """What is read of the hub's answers; of a search they hold no files."""

    id: str
    sha: str = ""
    downloads: int = 0
    gated: bool | str = False
    tags: list[str] = []
    siblings: list[_File] = []

    @property
    def licence(self) -> str:
        found = (tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:"))
        return next(found, "not stated")[:80]


def search(words: str, stop: Stop = lambda: False) -> list[Found]:
    """Return the repositories with GGUF files that the hub finds, the most downloaded first.

    Raises:
        DownloadError: the hub is away, switched off, or refuses.
        GivenUp: `stop` said so.
    """
    expand = ["downloads", "gated", "tags"]
    params = {"search": words, "filter": "gguf", "sort": "downloads", "limit": MOST, "expand": expand}
    rows = hub.asked(lambda key: hub.get("models", params, key), stop=stop)
    told = [_read(row) for row in rows[:MOST]] if isinstance(rows, list) else []
    return [
        Found(t.id, t.downloads, t.licence, bool(t.gated))
        for t in told
        if PLAIN.fullmatch(t.id) and t.id.count("/") == 1
    ]


def look(repository: str, stop: Stop = lambda: False) -> Repository:
    """Return a repository's models.

    Raises:
        DownloadError: there is none of this name, or the hub is away, switched off, or refuses.
        GivenUp: `stop` said so.
    """

    def ask(key: str) -> Repository:
        told = _read(hub.get(f"models/{repository}", {"blobs": True}, key))
        if not PLAIN.fullmatch(told.id) or told.id.count("/") != 1 or not re.fullmatch("[0-9a-f]{40}", told.sha):
            raise DownloadError(hub.strange())
        files = [f for f in told.siblings if PLAIN.fullmatch(f.rfilename) and f.size and f.digest]
        found = Repository(told.id, told.sha, told.downloads, told.licence, bool(told.gated), ())
        try:
            offers = (*_folder(found, files, key), *_ggufs(found, files, key))
        except Exception as error:
            if not (clause := hub.why(error, told.id, key)):
                raise
            offers = (*_folder(found, files), *_ggufs(found, files))
            return found._replace(offers=offers, closed=f"{clause[0].upper()}{clause[1:]}.")
        return found._replace(offers=offers)

    return hub.asked(ask, repository, stop)


def _read(answer: Any) -> _Told:
    try:
        return _Told.model_validate(answer)
    except ValidationError as error:
        raise DownloadError(hub.strange()) from error


def _ggufs(repository: Repository, files: list[_File], key: str | None = None) -> Iterator[Offer]:
    """Yield the GGUF files, those in parts as one, the smallest first; without a key nothing is asked for."""
    whole = [f for f in files if f.rfilename.lower().endswith(".gguf")]
    parted: dict[str, list[_File]] = {}
    for file in sorted(whole, key=lambda f: f.rfilename):
        parted.setdefault(SPLIT.sub("", file.rfilename[:-5]), []).append(file)
    header: Header | None = None
    for stem, parts in sorted(parted.items(), key=lambda row: sum(f.size or 0 for f in row[1])):
        size, refusal, first = sum(f.size or 0 for f in parts), "", parts[0]
        if SPLIT.search(first.rfilename[:-5]):
            refusal = (
                f"It lies there in {len(parts)} parts, which the studio does not join; choose one in a single file."
            )
        elif re.search("mmproj|imatrix", stem, re.I):
            refusal = "It is no model, but belongs to one."
        elif size > hub.LARGEST:
            refusal = f"It is larger than the {catalog.amount(hub.LARGEST)} that the hub gives out in one file."
        elif header is None and key is not None:
            try:
                header = _header(repository, first.rfilename, key)
            except ModelError as error:
                refusal = str(error)
        quantisation = QUANTISATION.findall(stem.rsplit("/", 1)[-1])
        yield Offer(
            HubSource(hub=repository.id, revision="", file=first.rfilename).id,
            quantisation[-1].upper() if quantisation else "not told",
            size,
            memory_needed(header or Header({}, 0, 0), size),
            header.number("context_length", CONTEXT) if header else 0,
            tuple(HubFile(name=f.rfilename, bytes=f.size or 0, digest=f.digest) for f in parts),
            refusal,
        )


def _header(repository: Repository, name: str, key: str) -> Header:
    return read_beginning(hub.beginning(repository.id, repository.revision, name, count=HEAD, key=key), name)


def _folder(repository: Repository, files: list[_File], key: str | None = None) -> Iterator[Offer]:
    """Yield the folder of safetensors, where the repository is one; without a key nothing is asked for."""
    names = {f.rfilename for f in files}
    wanted = [f for f in files if "/" not in f.rfilename]
    wanted = [f for f in wanted if f.rfilename.endswith(DATA) or f.rfilename in TOKENIZER]
    if any(n.startswith("model") and n.endswith(".safetensors") for n in names):  # some have the weights twice
        wanted = [f for f in wanted if not f.rfilename.startswith("consolidated")]
    weights = [f for f in wanted if f.rfilename.endswith(".safetensors") and f.lfs]
    if not weights or CONFIG not in names:
        return
    config, refusal = {}, ""
    if key is not None:
        raw = hub.beginning(repository.id, repository.revision, CONFIG, count=HEAD, key=key)
        try:
            config = json.loads(raw)
            refuse_code(config, repository.id)
        except (ValueError, TypeError):
            refusal = f"Its {CONFIG} cannot be read."
        except ModelError as error:
            refusal = str(error)
    size = sum(f.size or 0 for f in weights)
    yield Offer(
        f"hf:{repository.id}",
        FOLDER,
        sum(f.size or 0 for f in wanted),
        memory_of_folder(config, size),
        context_of(config) if config else 0,
        tuple(HubFile(name=f.rfilename, bytes=f.size or 0, digest=f.digest) for f in wanted),
        refusal,
    )


def pick(repository: Repository, file: str) -> Offer:
    """Return what was named: a GGUF file; or without one the folder of safetensors, else the only GGUF there is.

    Raises:
        DownloadError: there is none, or it has to be said which.
    """
    page = f"{hub.endpoint()}/{repository.id}"
    if not repository.offers:
        raise DownloadError(nothing(repository))
    ids = {offer.id: offer for offer in repository.offers}
    if file:
        if named := ids.get(f"hf:{repository.id}/{file}"):
            return named
        raise DownloadError(f"{repository.id} has no {file!r}; run: writer-r1 models files {repository.id}")
    usable = [offer for offer in repository.offers if not offer.refusal]
    if f"hf:{repository.id}" in ids or len(usable) == 1:
        return ids.get(f"hf:{repository.id}") or usable[0]
    if not usable:
        raise DownloadError(f"Nothing of {repository.id} can be used here; {page} says what it is for.")
    several = f"{repository.id} has {len(usable)} GGUF files, such as {usable[0].id}"
    raise DownloadError(f"{several}; see all, with what fits: writer-r1 models files {repository.id}")


def nothing(repository: Repository) -> str:
    """Return in a sentence that a repository offers nothing."""
    return f"{repository.id} has no GGUF file and is no folder of safetensors, so nothing of it can be used here."


def fits(offer: Offer, machine: Machine) -> str:
    """Return whether this machine has the memory for an offer, no surer than that is known."""
    verdict = fit(offer.memory_bytes, machine)
    return "may fit" if verdict == "fits" and not offer.context else verdict


def takes(offer: Offer, machine: Machine) -> str:
    """Return what an offer takes of this machine's memory, and of what that is the sum."""
    context = f"a context of {min(offer.context, CONTEXT):,} tokens included" if offer.context else "no context counted"
    more = f", {context}"
    return f"needs about {memory_words(offer.memory_bytes, machine, more)}"


def choose(repository: Repository, offer: Offer, folder: Path) -> Entry:
    """Return an offer as a model of the list, which can be downloaded from now on.

    Raises:
        DownloadError: it cannot be used, or is closed to this user.
        ModelError: where it would lie there is something else.
    """
    if offer.refusal or repository.closed:
        raise DownloadError(offer.refusal or repository.closed)
    files = offer.files if offer.quantisation == FOLDER else ()
    file = "" if files else offer.files[0].name
    stem = file.rsplit("/", 1)[-1].removesuffix(".gguf") or repository.id.split("/")[1]
    weights = [f for f in offer.files if not files or f.name.endswith(".safetensors")]
    source = HubSource(hub=repository.id, revision=repository.revision, file=file, files=files)
    entry = Entry(
        name=re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-.") or "model",
        label=stem[:80],
        file="--".join([*repository.id.split("/"), *file.split("/")]).removesuffix("--"),
        licence=repository.licence,
        bytes=offer.bytes,
        sha256=min(weights, key=lambda f: f.name).digest,
        memory_bytes=offer.memory_bytes,
        context=offer.context or CONTEXT,
        about=f"Chosen on the model hub, {repository.id}; nobody here has tried it.",
        sources=(source,),
        hub=source.id,
    )
    taken = {row.name for row in catalog.rows(folder)} - {e.name for e in entries.chosen(folder)}
    taken |= {alias for known in catalog.read_catalog() for alias in known.aliases}
    before = next((e for e in entries.chosen(folder) if e.file == entry.file), None)
    if before and (before.sha256, entries.parts_of(before)) != (entry.sha256, files):
        Download(before, folder, lambda *_: None, lambda: False).discard()  # the hub has other bytes by now
    return entries.choose(entry, folder, taken)
