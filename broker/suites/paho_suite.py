#!/usr/bin/env python3
"""Runs one of the test files of eclipse/paho.mqtt.testing against a broker.

Usage: paho_suite.py DIR MODULE PORT [TEST...]

DIR is the folder "interoperability" of that repository, MODULE client_test (3.1.1)
or client_test5 (5.0), PORT that of a broker on 127.0.0.1. Each test runs on its own, in a
process of its own with clean state, so that one failure does not make the next, and
for two minutes at most: some wait for ever for what does not come. One line is printed for
each: "ok NAME" or "FAIL NAME reason". The exit code is 1 if one failed.

The files set their globals in __main__; here they are set from outside, nothing else
about them is changed.
"""

import contextlib
import importlib
import io
import subprocess
import sys
import unittest

PATIENCE = 120  # Seconds for one test.


def load(directory, name, port):
    sys.path.insert(0, directory)
    suite = importlib.import_module(name)
    names = ["TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA"]
    filters = ["TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#"]
    prefix = "client_test5/" if name.endswith("5") else ""
    suite.topic_prefix = prefix
    suite.topics = [prefix + t for t in names]
    suite.wildtopics = [prefix + t for t in filters]
    suite.nosubscribe_topics = ("test/nosubscribe",)
    suite.host, suite.port = "127.0.0.1", port
    if hasattr(suite, "setData"):  # It would set the host again.
        original = suite.setData

        def set_data():
            original()
            suite.host, suite.port = "127.0.0.1", port

        suite.setData = set_data
    return suite


def reason(result, noise):
    """The last line of what went wrong; the 3.1.1 file prints it and asserts False."""
    for text in [t for _, t in result.errors + result.failures] + [noise]:
        lines = [l.strip() for l in text.splitlines() if l.strip()]
        if lines and not (lines[-1].startswith("AssertionError: False != True") and noise.strip()):
            break
    where = [l.strip() for l in text.splitlines() if "client_test" in l and "line" in l]
    at = where[-1].split(", ")[1] + ": " if where else ""
    return at + (lines[-1] if lines else "?")[:160]


def one(suite, name):
    result, out, err = unittest.TestResult(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        unittest.TestSuite([suite.Test(name)]).run(result)
    if result.wasSuccessful():
        print("ok", name, flush=True)
        return 0
    print("FAIL", name, reason(result, err.getvalue()), flush=True)
    return 1


def main():
    if len(sys.argv) < 4 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 2
    suite = load(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    if len(sys.argv) == 5:
        return one(suite, sys.argv[4])
    failed = 0
    for name in sys.argv[4:] or unittest.TestLoader().getTestCaseNames(suite.Test):
        try:
            failed += subprocess.run([sys.executable, *sys.argv[:4], name], timeout=PATIENCE).returncode != 0
        except subprocess.TimeoutExpired:
            print("FAIL", name, f"no end within {PATIENCE} s", flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
