"""Reads {"reference": file, "heard": [file, ...]} of raw 16-bit 8 kHz sound a line; writes one score a line and file."""

import json
import sys

import numpy
from pesq import pesq


def sound(name):
    return numpy.fromfile(name, dtype="<i2")


def score(reference, heard):
    try:
        return pesq(8000, reference, heard, "nb")
    except Exception:  # no utterance was found in what was heard
        return 1.0


for line in sys.stdin:
    task = json.loads(line)
    reference = sound(task["reference"])
    print(json.dumps([score(reference, sound(name)) for name in task["heard"]]), flush=True)
