"""Reads YAML 1.1 with a reader that is not ours and prints its strings.

Reads a text on standard input. Prints a JSON object: each key of its first map, with a list of
[type, value] for the scalars below it in order; bytes in hexadecimal.
"""

import json
import sys

import yaml


def scalars(node):
    if isinstance(node, dict):
        return [found for value in node.values() for found in scalars(value)]
    if isinstance(node, list):
        return [found for value in node for found in scalars(value)]
    if isinstance(node, bytes):
        return [["bytes", node.hex()]]
    return [[type(node).__name__, str(node)]]


# Not decoded by the terminal's rules: the text is UTF-8.
top = yaml.load(sys.stdin.buffer.read(), yaml.SafeLoader)
found = {key: scalars(value) for key, value in top.items()}
found["keys"] = [[type(key).__name__, str(key)] for key in top["keys"]]
json.dump(found, sys.stdout)
