"""A name and a password -> a session, a cookie that names it, and the page where both are typed. Knows no gradio.

Sessions live in memory only: they end with the studio. A password is looked at, one at a time because that takes
memory, and kept nowhere. Of wrong ones only the number is kept, by address, so that nobody can keep another out.
"""

import ipaddress
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from writer_r1.writers import NOBODY, fits

HERE = Path(__file__).parent
IDLE_S = 7 * 24 * 3600.0  # a session that nobody uses ends
FREE = 5  # wrong passwords from one address before it has to wait
LONGEST_S = 60.0
FORGOTTEN_S = 3600.0  # after so long without another one wrong passwords are forgotten
MOST = 10_000  # addresses remembered
WRONG = "No writer has this name and this password. Look at both and try again."
WAIT = "Too many tries. Try again in {} s."
CAPS = "Who may sign in is set by whoever runs this studio."


class Session(NamedTuple):
    """Who is signed in, by what the password was hashed to, and when the session was used last."""

    name: str
    kept: str
    used: float


class Sessions:
    """Who is signed in, by the token in a browser's cookie; `writers` are those of this moment, each with the hash."""

    def __init__(self, writers: Callable[[], Mapping[str, str]], now: Callable[[], float] = time.monotonic) -> None:
        self._writers, self._now = writers, now
        self._guard, self._looking = threading.Lock(), threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._wrong: dict[str, tuple[int, float]] = {}  # how many from an address, and when the last one came

    def begin(self, name: str, password: str, address: str) -> tuple[str, str]:
        """Return the token of a new session and an empty sentence; or no token and why there is none."""
        near = network(address)
        with self._guard:
            if left := self._left(near):
                return "", WAIT.format(left)
            count = self._wrong.get(near, (0, 0.0))[0]
            self._wrong[near] = (count + 1, self._now())  # now, so that many at once are counted, too
            while len(self._wrong) > MOST:
                del self._wrong[next(iter(self._wrong))]
        writers = self._writers()
        kept = writers.get(name)
        with self._looking:
            right = fits(password, kept or NOBODY)
        if not kept or not right:
            return "", WRONG
        token = secrets.token_urlsafe(32)
        with self._guard:
            self._wrong.pop(near, None)
            for old in [t for t, session in self._sessions.items() if self._idle(session)]:
                del self._sessions[old]
            self._sessions[token] = Session(name, kept, self._now())
        return token, ""

    def name_of(self, token: str) -> str:
        """Return who is signed in with a token; an empty string where nobody is, or the password was changed since."""
        with self._guard:
            session = self._sessions.get(token)
            if session is None:
                return ""
            if self._idle(session) or self._writers().get(session.name) != session.kept:
                del self._sessions[token]
                return ""
            self._sessions[token] = session._replace(used=self._now())
            return session.name

    def end(self, token: str) -> None:
        """Forget a session."""
        with self._guard:
            self._sessions.pop(token, None)

    def _idle(self, session: Session) -> bool:
        return self._now() - session.used > IDLE_S

    def _left(self, near: str) -> int:
        """Return how many seconds an address has to wait yet."""
        count, last = self._wrong.get(near, (0, 0.0))
        passed = self._now() - last
        if passed > FORGOTTEN_S:
            self._wrong.pop(near, None)
            return 0
        wait = min(LONGEST_S, 2.0 ** (count - FREE + 1)) if count >= FREE else 0.0
        return max(0, round(wait - passed + 0.499))


def network(address: str) -> str:
    """Return what wrong passwords are counted by: an address, of IPv6 the network that one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def sign_in_page(name: str = "", said: str = "", onward: str = "/") -> str:
    """Return the page where a writer signs in, with what was wrong, and where it leads."""
    css = (HERE / "sign_in.css").read_text("utf-8")
    told = f'<p class="wrong" role="alert">{escape(said)}</p>' if said else f"<p>{CAPS}</p>"
    first, second = ("", " autofocus") if name else (" autofocus", "")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in · Writer-R1 Studio</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{css}</style></head><body><main>'
        f'<h1>Writer-R1 Studio</h1>{told}<form method="post" action="/sign-in">'
        f'<input type="hidden" name="onward" value="{escape(onward)}">'
        f'<label>Name<input name="name" value="{escape(name)}" autocomplete="username" autocapitalize="none" '
        f'spellcheck="false" maxlength="32" required{first}></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="1024" '
        f"required{second}></label><button>Sign in</button></form></main></body></html>"
    )


def within(onward: str) -> str:
    """Return a path of this studio to go to; its first page for whatever is none."""
    plain = onward.startswith("/") and not onward.startswith("//") and "\\" not in onward and onward.isprintable()
    return onward if plain and len(onward) < 500 else "/"
