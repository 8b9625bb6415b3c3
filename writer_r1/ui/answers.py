"""What a page's script asks -> an answer as plain data; whatever is in the way is one sentence in it."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from writer_r1.errors import StaleSave, WriterError

Answer = dict[str, Any]
Sent = TypeVar("Sent", bound=BaseModel)


class Asked(NamedTuple):
    """What is said where nothing sensible was sent, and where another page saved meanwhile."""

    not_read: str
    elsewhere: str

    def by(self, name: str, what: type[Sent], do: Callable[[Sent], Answer]) -> Callable[[Any], Answer]:
        """Return a function that a script calls by this name with what makes a `what`."""

        def call(sent: Any) -> Answer:
            try:
                return do(what.model_validate(sent))
            except ValidationError:
                return {"error": self.not_read}
            except StaleSave:
                return {"error": self.elsewhere}
            except WriterError as error:
                return {"error": str(error)}

        call.__name__ = name
        return call
