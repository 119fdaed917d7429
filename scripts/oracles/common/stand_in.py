"""Starts a stand-in of the program's, and ends it."""

import contextlib
import os
import re
import subprocess


@contextlib.contextmanager
def stand_in(*arguments: str):
    """Gives the address that the stand-in says it listens on."""
    command = [os.environ["STUDIOCONNECT"], "stand-in", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"(?:https?|wss?)://\S+", line)
        assert found, f"{command} said {line!r}"
        yield found.group(0)
    finally:
        process.terminate()
        process.wait()


def fails_with(kind: type, act) -> Exception:
    """The exception of this kind that `act` ends with; anything else is a failure of the check."""
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"there was no {kind.__name__}")
