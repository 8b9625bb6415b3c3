"""Flags -> a running studio and its address; ends with Ctrl+C or SIGTERM.

Heavy imports wait until the flags are read and the home is claimed, so that `--help` and refusals come at once.
"""

import argparse
import signal
import sys
import time
from pathlib import Path


def read_flags(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the flags of the command line."""
    parser = argparse.ArgumentParser(
        description="Writer-R1 Studio: write with a model on this machine, in your browser."
    )
    parser.add_argument(
        "--home", type=Path, help="folder of your drafts and runs (default: WRITER_R1_HOME, or your data folder)"
    )
    parser.add_argument("--models", type=Path, help="folder of model weights (default: WRITER_R1_MODELS, or models/)")
    parser.add_argument("--port", type=int, default=7860, help="port; 0 takes any free one (default: 7860)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="IP",
        help="who can reach it: 127.0.0.1 this machine (the default), 0.0.0.0 its network too, which needs --auth",
    )
    parser.add_argument(
        "--auth",
        type=Path,
        metavar="FILE",
        help="names and hashed passwords of its writers, each with an own library: writer-r1 writers add FILE NAME",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--restore", action="store_true", help="first put the newest whole backup in the place of a damaged library"
    )
    parser.add_argument("--no-browser", dest="open", action="store_false", help="do not (the default)")
    return parser.parse_args(argv)


def restored(home: Path | None) -> str:
    """Return what came of putting a backup in the place of a damaged library."""
    from writer_r1 import places
    from writer_r1.store import restore_newest

    backup, aside = restore_newest((home or places.home()).absolute() / "library.db")
    return f"The library is that of the backup {backup} again; the damaged one was moved to {aside}."


def main(argv: list[str] | None = None) -> int:
    """Return 0 after a studio that ran, 1 where it could not start."""
    flags = read_flags(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from writer_r1.errors import WriterError
    from writer_r1.workspace import Workspace
    from writer_r1.writers import admitted

    workspace = libraries = None
    try:
        if flags.restore:
            print(restored(flags.home), flush=True)
        writers = admitted(flags.host, flags.auth)
        workspace = Workspace(flags.home, flags.models)
        workspace.open_studio()
        if writers:
            from writer_r1.libraries import Libraries
            from writer_r1.ui.serving import serve_writers

            libraries = Libraries(workspace, writers)
            address = serve_writers(libraries, flags.auth, flags.port, host=flags.host, open_browser=flags.open)
        else:
            workspace.store.check()
            from writer_r1.ui.app import serve

            _, address = serve(workspace, flags.port, open_browser=flags.open, host=flags.host)
        print(f"Writer-R1 Studio: {address}", flush=True)
        while True:
            time.sleep(3600)
    except WriterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        if libraries is not None:
            libraries.close()
        elif workspace is not None:
            workspace.close()


if __name__ == "__main__":
    sys.exit(main())
