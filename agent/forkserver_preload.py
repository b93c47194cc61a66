"""Imported by the forkserver that job processes are forked from, and by nothing else.

A service manager that stops a whole process group sends SIGTERM to worker, forkserver and jobs at
once. The worker alone is to act on it: it lets the calls end. The forkserver would die of it, and
upstream takes its children for dead with it; the children would die too, without a word to their
callers (upstream 1.8.9, defect D22). Forked processes inherit that the signal is ignored.
"""

import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
