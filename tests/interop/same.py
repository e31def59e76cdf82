"""Tells which pairs of YAML or JSON texts hold the same data, order and comments, whatever their layout.

Reads a JSON list of [text, text] and prints a JSON list of booleans.
"""

import json
import re
import sys

import yaml


class Loader(yaml.SafeLoader):
    """Keeps the order of keys, and keys that come twice."""


def pairs(loader, node):
    return [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]


Loader.add_constructor("tag:yaml.org,2002:map", pairs)


def plain(value):
    """A float without a fraction as the integer that the reference makes of it; we keep the float."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if type(value) is int and not -(2**63) <= value < 2**63:
        value = float(value)  # for both tools
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def content(text):
    try:
        if text.lstrip().startswith("{"):
            return repr(plain(json.loads(text, object_pairs_hook=lambda found: found))), []
    except ValueError:
        pass  # a flow map
    comments = sorted(found.strip() for found in re.findall(r"(?:^|\s)#(.*)$", text, re.M))
    # repr, because 1 == 1.0 == True in Python
    return repr(plain(list(yaml.load_all(text, Loader)))), comments


def same(a, b):
    try:
        return content(a) == content(b)
    except (yaml.YAMLError, ValueError):
        return False


json.dump([same(a, b) for a, b in json.load(sys.stdin)], sys.stdout)
