"""Files of the hub -> what is missing of them, added at their ends, in a process of its own that a stop ends at once.

`python -m writer_r1.hub_child` reads `{"token", "repository", "files": [{"url", "path", "bytes"}]}` from its input, so
that nobody sees the token, and ends with that input; where it fails, its last line is why. The bytes are moved by
huggingface_hub's `http_get`, which takes up a broken connection; its `hf_hub_download` begins anew in every process
since version 2.
"""

import json
import os
import sys
import threading

CHUNK = 1 << 18  # bytes; the library's ten million would be lost with every break, and are slow to be seen


def main() -> int:
    """Bring the files, and return the exit code."""
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_studio, daemon=True).start()
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    from writer_r1.hub import headers, why

    key = str(told["token"])
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    for file in told["files"]:
        try:
            with open(file["path"], "ab") as out:
                size = out.tell()
                http_get(file["url"], out, resume_size=size, headers=headers(key), expected_size=file["bytes"])
        except Exception as error:
            if not (clause := why(error, told["repository"], key)):
                raise
            print(f"\n{clause}", flush=True)
            return 1
    return 0


def _end_with_studio() -> None:
    """End this process once nobody holds the other end of its input: two must not add to one file."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
