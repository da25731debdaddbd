"""hosts.py - several hosts on one machine, as network namespaces on one bridge.

    with hosts.Hosts(2) as h:
        h.start(0, ["python", "job.py"])      # a Popen inside host 0
        h.cut(1)                              # host 1 hears and is heard no more
Needs root and iproute2; `why_not()` says why it cannot work here. What a with block made it removes, processes included.
"""
import os
import shutil
import subprocess

COUNT = 0


def why_not():
    """None when hosts can be made here, else the reason."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "iptables"):
        if not shutil.which(tool, path="/usr/sbin:/sbin:" + os.environ.get("PATH", "")):
            return f"there is no {tool} command"
    name = f"fire-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode == 0:  # and it can be entered, which takes a mount of its own: not so in a plain chroot
        made = subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return None if made.returncode == 0 else "ip netns: " + made.stderr.strip()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


class Hosts:
    """`count` hosts with the addresses 10.78.0.1, .2 ... (and fd78::1 ...); host 0 carries the bridge."""

    def __init__(self, count):
        global COUNT
        COUNT += 1
        self.names = [f"fire{os.getpid()}-{COUNT}-{i}" for i in range(count)]
        self.started = []

    def address(self, i, ipv6=False):
        return f"fd78::{i + 1}" if ipv6 else f"10.78.0.{i + 1}"

    def __enter__(self):
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            hub = self.names[0]
            run("ip", "-n", hub, "link", "add", "br0", "type", "bridge")
            run("ip", "-n", hub, "link", "set", "br0", "up")
            self.give_addresses(0, "br0")
            for i, name in enumerate(self.names[1:], 1):
                run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"p{i}", "netns", hub)
                run("ip", "-n", hub, "link", "set", f"p{i}", "master", "br0", "up")
                run("ip", "-n", name, "link", "set", "eth0", "up")
                self.give_addresses(i, "eth0")
        except BaseException:
            self.__exit__()
            raise
        return self

    def give_addresses(self, i, device):
        run("ip", "-n", self.names[i], "addr", "add", f"{self.address(i)}/24", "dev", device)
        run("ip", "-n", self.names[i], "addr", "add", f"{self.address(i, True)}/64", "dev", device, "nodad")

    def start(self, i, command, **how):
        process = subprocess.Popen(["ip", "netns", "exec", self.names[i], *command], **how)
        self.started.append(process)
        return process

    def cut(self, i):
        """Drop every packet that enters or leaves host i, in silence; its own loopback goes on."""
        for tool in ("iptables", "ip6tables"):
            for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
                run("ip", "netns", "exec", self.names[i], tool, "-I", chain, "!", way, "lo", "-j", "DROP")

    def mend(self, i):
        for tool in ("iptables", "ip6tables"):
            run("ip", "netns", "exec", self.names[i], tool, "-F")

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        for name in reversed(self.names):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
