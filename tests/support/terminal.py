"""Runs a program on a terminal of its own and answers its prompts.

usage: terminal.py PROGRAM ARG… (a JSON list of [prompt, answer] on standard input)

Prints what the terminal showed, with plain line ends, and ends with the program's status. An answer
is typed once its prompt is there and the terminal has settled: programs that ask for a secret turn
the echo off first, and a person types after that.
"""

import errno
import json
import os
import pty
import select
import sys
import time

answers = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])

shown, seen, deadline = b"", 0, time.monotonic() + 50
while True:
    if time.monotonic() > deadline:
        os.kill(pid, 9)
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            data = os.read(terminal, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            break
        shown += data
    elif answers and answers[0][0].encode() in shown[seen:]:
        seen = len(shown)
        answer = answers.pop(0)[1].encode()
        # Ctrl-C is a key of its own, and nothing that is entered.
        os.write(terminal, answer if answer == b"\x03" else answer + b"\n")

_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
for prompt, _ in answers:
    print(f"terminal: nothing asked {prompt!r}", file=sys.stderr)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
