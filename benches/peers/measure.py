"""Runs a program and measures its whole tree of processes: CPU, peak memory, wall time. Linux only."""

import ctypes
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
POLL_S = 0.02
SAMPLE_S = 0.1  # of memory
GRACE_S = 10  # for what a program leaves running
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Measured:
    exit_code: int | None = None  # None where the time limit ended it
    wall_s: float = 0.0
    cpu_s: float = 0.0
    ready_cpu_s: float | None = None
    peak_mib: float = 0.0
    facts: dict = field(default_factory=dict)


def adopt_orphans():
    """What outlives its parent becomes our child, so that its CPU is counted and it can be ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tree():
    """Our descendants as {pid: (CPU seconds with those of reaped children, resident bytes)}."""
    seen = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # gone
        cpu = sum(map(int, fields[11:15])) / TICK
        seen[int(name)] = (int(fields[1]), cpu, int(fields[21]) * PAGE)
    children = {}
    for pid, (parent, *_) in seen.items():
        children.setdefault(parent, []).append(pid)
    found, todo = {}, list(children.get(os.getpid(), ()))
    while todo:
        pid = todo.pop()
        found[pid] = seen[pid][1:]
        todo += children.get(pid, ())
    return found


def run(command, limit_s, errors, environment=None):
    """Runs `command`, its standard error to the file `errors`. Each line of JSON on its standard output adds to its facts;
    the line {"ready": true} marks the CPU it had used by then, and {"done": true} the end of what is measured."""
    result = Measured()
    reaped_cpu, marks = 0.0, {}
    with open(errors, "w") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
    start = time.monotonic()

    def listen():
        for line in child.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            for mark in ("ready", "done"):
                if said.pop(mark, False):
                    marks[mark] = reaped_cpu + sum(cpu for cpu, _ in tree().values()), time.monotonic() - start
            result.facts.update(said)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    ended, sample_at = None, start
    try:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break  # nothing of the tree is left
            if pid:
                reaped_cpu += usage.ru_utime + usage.ru_stime
                if pid == child.pid:
                    ended = time.monotonic()
                    result.wall_s = ended - start
                    child.returncode = os.waitstatus_to_exitcode(status)
                    if result.exit_code is None and result.wall_s <= limit_s:
                        result.exit_code = child.returncode
                continue
            time.sleep(POLL_S)
            if time.monotonic() < sample_at:
                continue
            sample_at = time.monotonic() + SAMPLE_S
            alive = tree()
            if "done" not in marks:
                result.peak_mib = max(result.peak_mib, sum(rss for _, rss in alive.values()) / 2**20)
            now = time.monotonic()
            if now - start > limit_s if ended is None else now - ended > GRACE_S:
                end(alive)
    except BaseException:
        end(tree())
        raise
    listener.join(GRACE_S)
    child.stdout.close()
    result.cpu_s = reaped_cpu
    if "ready" in marks:
        result.ready_cpu_s, _ = marks["ready"]
    if "done" in marks:
        result.cpu_s, result.wall_s = marks["done"]
    return result


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
