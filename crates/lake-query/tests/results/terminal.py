"""A person at the shell: types, presses Tab and Ctrl-C, looks at the screen."""

import os
import pty
import re
import select
import signal
import sys
import time

program, forever = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program, [program, "shell"])

screen = b""


def wait(text, what):
    """Reads on until the pattern is there, and takes what is before it away."""
    global screen
    end = time.monotonic() + 60
    while not (found := re.search(text, screen)):
        ready = select.select([terminal], [], [], max(0, end - time.monotonic()))[0]
        try:
            more = os.read(terminal, 65536) if ready else b""
        except OSError:
            more = b""
        if not more:
            os.kill(pid, signal.SIGKILL)
            sys.exit(f"{what}: no {text!r} on the screen, but {screen!r}")
        screen += more
    screen = screen[found.end():]


def type(text):
    os.write(terminal, text)


wait(b"lake> ", "start")
type(b"SELECT 41 +\r")
type(b"1 AS x;\r")
wait(b"42", "a statement of two lines")
wait(b"1 row", "how many rows")
wait(b"lake> ", "prompt")
# What is typed is left, and the shell is not.
type(b"SELECT 'open\r\x03")
wait(b"lake> ", "Ctrl-C while typing")
type(b"SELECT 1 AS a;\r")
wait(b"1 row", "after Ctrl-C while typing")
wait(b"lake> ", "prompt")
# A query is interrupted, once it runs: the line of progress says so.
type(forever.encode() + b";\r")
wait(rb"\r  (computing|\d+ %)", "progress")
type(b"\x03")
wait(b"the query was interrupted", "Ctrl-C")
wait(b"lake> ", "prompt")
type(b"SELECT 6 * 7 AS x;\r")
wait(b"42", "after Ctrl-C")
wait(b"lake> ", "prompt")
# Tables and columns are completed.
type(b"SELECT symbo\t FROM ba\t LIMIT 1;\r")
wait(b"1 row", "completion")
wait(b"lake> ", "prompt")
type(b".at 3\r")
wait(b"lake@3> ", "prompt of a version")
type(b"\x04")
end = time.monotonic() + 60
while True:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
    if time.monotonic() > end:
        os.kill(pid, signal.SIGKILL)
        sys.exit("Ctrl-D does not end it")
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            os.read(terminal, 65536)
        except OSError:
            pass
if status != 0:
    sys.exit(f"it ends with {status}")
