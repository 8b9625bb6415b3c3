"""The border to a language model: a request in, text or log-probabilities out. No prompt wording lives here.

`LLM` is all that the rest of the house knows. A back end is one file beside this one, with its heavy imports inside.
"""

import logging
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from writer_r1.servers import Server

log = logging.getLogger(__name__)

Cancel = Callable[[], bool]
Taken = Callable[
    [], int
]  # how many processor cores are at work for others now; asked at each step, so it has to be quick


def never() -> bool:
    """Return False: the cancel of a call that nobody can stop."""
    return False


def nobody() -> int:
    """Return 0: the cores are all the model's."""
    return 0


class Message(NamedTuple):
    role: Literal["system", "user", "assistant"]
    content: str


class Request(NamedTuple):
    """A chat to be continued. `answer` is how the reply must begin; `schema` is a JSON schema it must fit.

    Integer `minimum`/`maximum` are ignored by the grammar compiler behind it: use `enum`.
    """

    messages: tuple[Message, ...]
    answer: str = ""
    schema: dict[str, Any] | None = None


class Sampling(NamedTuple):
    """How tokens are drawn. `temperature` 0 is greedy; `stop` texts end the reply and are not part of it.

    A reply keeps `apart` from the words of these texts: the longer it has followed one, the less likely is its next
    word. Servers are not asked for that.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


APART_BY, APART_BASE, APART_FROM = 0.6, 1.4, 3
"""What the next word of a text that was followed for n tokens loses, `BY * BASE ** (n - FROM)` from n = FROM on.

Source: the DRY sampler, github.com/oobabooga/text-generation-webui/pull/5677. Its author's numbers (0.8, 1.75, 2) rise
so fast that words are run together to get away from a text ("aroundthem") and paragraphs lose half their length.
"""


class Finish(NamedTuple):
    """Why a reply ended and what it cost. `logprob` is the mean natural-log probability of its tokens, if measured."""

    reason: Literal["stop", "length", "cancelled"]
    prompt_tokens: int
    tokens: int
    logprob: float | None = None


Reply = Generator[str, None, Finish]
Numbers = npt.NDArray[np.float32]


class Reading(NamedTuple):
    """How a text reads to a model, token by token, in the prompt that it stands in.

    `surprisal` is -log p in nats, `entropy` that of the whole prediction in nats, `rank` how many tokens were thought
    likelier; each of shape (tokens,). `state` is the mean over the tokens of the hidden state two thirds up, (width,).
    """

    pieces: tuple[str, ...]
    surprisal: Numbers
    entropy: Numbers
    rank: Numbers
    state: Numbers


class LLM(Protocol):
    name: str
    context_tokens: int

    def stream(self, request: Request, sampling: Sampling, cancel: Cancel = never) -> Reply:
        """Return the reply's text as deltas; the generator's value says why it ended.

        Raises:
            RequestTooLong: when prompt and reply do not fit the context together.
        """
        ...

    def choice_logprobs(
        self, request: Request, suffixes: Sequence[str], choices: Sequence[str], cancel: Cancel = never
    ) -> list[dict[str, float]] | None:
        """Return, per suffix, the log-probability of each choice as the first token after `request.answer`.

        Each suffix is appended to the last message of `request`, which is evaluated once and shared. `None` where a
        back end cannot, or where the choices do not begin with distinct tokens. An empty list means cancelled.
        """
        ...

    def read(self, request: Request, text: str, cancel: Cancel = never) -> Reading | None:
        """Return how `text`, which stands in the last message of `request`, reads to the model.

        What was evaluated is kept, so that `choice_logprobs` of the same request costs only its suffixes. `None` where
        a back end cannot, where the text is shorter than two tokens, or where it was cancelled.
        """
        ...

    def drafts(self, request: Request, sampling: Sampling, count: int, cancel: Cancel = never) -> list[str]:
        """Return `count` different replies to one request, drawn with seeds `sampling.seed`, `+1`, …"""
        ...

    def warm(self, request: Request) -> None:
        """Evaluate the start of `request` ahead of time and keep it."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens `text` is."""
        ...

    def adapted(self, path: Path, strength: float) -> "LLM":
        """Return this model with a LoRA adapter on while it answers; this one itself never has it on.

        Raises:
            ModelError: the adapter does not fit the model.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def complete(llm: LLM, request: Request, sampling: Sampling, cancel: Cancel = never) -> tuple[str, Finish]:
    """Return the whole reply and how it ended."""
    stream, parts = llm.stream(request, sampling, cancel), list[str]()
    while True:
        try:
            parts.append(next(stream))
        except StopIteration as end:
            return "".join(parts), end.value


def connect(server: Server) -> LLM:
    """Return the model on a server; one that was never asked what it can do is asked now.

    Raises:
        ModelError: it cannot be asked, or the package that this takes is not installed.
    """
    from writer_r1.llm.openai_compatible import OpenAICompatible
    from writer_r1.llm.probe import probed

    if server.leaving:
        log.warning("%s", server.leaving)  # on a command's stderr, before anything is sent
    return OpenAICompatible(server if server.can else probed(server))


def load(path: Path, *, name: str, threads: int | None = None, taken: Taken = nobody, context: int = 8192) -> LLM:
    """Return the model in a GGUF file, or in a folder of safetensors, ready to answer.

    llama.cpp leaves alone as many cores as are `taken` at that moment.

    Raises:
        ModelError: when llama.cpp, or transformers, cannot read it.
    """
    if path.is_dir():
        from writer_r1.llm.hf import HF

        return HF(path, name=name, threads=threads, context=context)
    from writer_r1.llm.llamacpp import LlamaCpp

    return LlamaCpp(path, name=name, threads=threads, taken=taken, context=context)
