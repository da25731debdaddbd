"""comm_rank.py - one rank of a job, for tests: sums until something goes wrong, and says what.

usage: comm_rank.py LIBRARY HOST RANK DEADLINE; prints its address, reads those of all ranks as one line, prints "step N" every
so often, and at the end "FAILED status seconds message" where seconds is the time since the last good sum.
"""
import ctypes as c
import sys
import time


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("code", c.c_int32), ("message", c.c_char * 1024)]


library, host, rank, deadline = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3]), float(sys.argv[4])
fire = c.CDLL(library)
err, context, comm, text = Error(), c.c_void_p(), c.c_void_p(), c.create_string_buffer(100)


def check(status):
    if status:
        print("FAILED", status, f"{time.monotonic() - last:.2f}", err.message.decode(), flush=True)
        fire.fire_comm_free(comm)
        sys.exit(0)


last = time.monotonic()
check(fire.fire_context_new(None, c.byref(context), c.byref(err)))
check(fire.fire_comm_listen(context, host, text, c.c_size_t(100), c.byref(comm), c.byref(err)))
print(text.value.decode(), flush=True)
addresses = sys.stdin.readline().split()
array = (c.c_char_p * len(addresses))(*[a.encode() for a in addresses])
last = time.monotonic()
check(fire.fire_comm_open(comm, rank, len(addresses), array, bytes(range(16)), c.c_double(deadline), c.byref(err)))
numbers = (c.c_float * 100000)()
for step in range(10 ** 9):
    for i in range(0, 100000, 1000):
        numbers[i] = rank + 1
    check(fire.fire_comm_sum(comm, 1, numbers, c.c_int64(100000), c.byref(err)))
    assert numbers[0] == len(addresses) * (len(addresses) + 1) / 2
    last = time.monotonic()
    if step % 20 == 0:
        print("step", step, flush=True)
    time.sleep(0.002)
