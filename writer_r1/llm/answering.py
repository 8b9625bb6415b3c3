"""A request -> the messages of a chat on a server, and a reply -> what of it follows the beginning that it was given.

A chat on a server has turns; not every server goes on from the beginning of an answer. Where one does not, the
beginning is told in words. That is the one sentence of wording on this side of the border, because only a back end
knows that it is needed.
"""

from typing import Any

from writer_r1.llm import Message, Request

BEGUN = (
    "Your answer begins with the words below. They are written already: go on from their end, and do not repeat them."
)


def chat(request: Request, said: str, goes_on: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Return the messages, and what else is sent; `said` of the answer is there already, and `goes_on` how to say so.

    Source: `continue_final_message` is vLLM's; llama-server goes on from a last message of the assistant's.
    """
    messages = [m._asdict() for m in request.messages]
    begun = request.answer + said
    if not begun:
        return messages, {}
    if not goes_on:
        messages[-1] = messages[-1] | {"content": f"{messages[-1]['content']}\n\n{BEGUN}\n\n{begun}"}
        return messages, {}
    flags = {"continue_final_message": True, "add_generation_prompt": False} if goes_on == "flagged" else {}
    return [*messages, Message("assistant", begun)._asdict()], flags


class Rest:
    """What of a reply follows its beginning, as it comes: models repeat the beginning though they were asked not to."""

    def __init__(self, begun: str) -> None:
        self._begun, self._held, self._open = begun.strip(), "", bool(begun.strip())

    def add(self, delta: str) -> str:
        """Return what may be shown now; what could be the beginning once more is held back."""
        if not self._open:
            return delta
        self._held += delta
        said = self._held.lstrip()
        if len(said) < len(self._begun) and self._begun.startswith(said):
            return ""
        self._open = False
        held, self._held = self._held, ""
        return said[len(self._begun) :] if said.startswith(self._begun) else held


def place(tokens: list[str], begun: str) -> int:
    """Return which token of a reply is the first that is no part of its beginning told once more."""
    said = ""
    for i, token in enumerate(tokens):
        said += token
        if not begun.strip().startswith(said.strip()):
            return i
    return len(tokens)
