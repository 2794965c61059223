# SPDX-License-Identifier: Apache-2.0
"""
What is on a disk that is to be written to: anything at all is a reason not to.

The first and the last MiB, where every format has its signature, have to be empty and stay so: no job writes there, so that
a drive that was measured before, or filled for it, can be told from one that holds something of somebody.
"""
import os
import subprocess

END = 1 << 20
# Blocks that were discarded read as one or the other, as the drive says in DLFEAT; NVM Command Set Specification, 3.2.3.2.1.
EMPTY = (bytes(END), b'\xff' * END)


def find(host, device, disk):
    """(what is on it, commands that wipe it or ''); None when it is empty."""
    node = host.path('dev', disk)
    partitions = device.partitions(disk)
    if partitions:
        return f'has partitions ({", ".join(partitions)})', f'wipefs -a {node}'
    run = subprocess.run([host.program('blkid'), '-p', '-o', 'export', node], capture_output=True, text=True, check=False)
    found = dict(line.split('=', 1) for line in run.stdout.splitlines() if '=' in line)
    if found.get('TYPE') or found.get('PTTYPE'):
        return f'has {signature(found)}', f'wipefs -a {node}'
    # Status 2 is "nothing found", and also "cannot be opened" and "cannot be read".
    if run.returncode != 2 or found or run.stderr.strip():
        return f'blkid cannot say what is on it: {run.stderr.strip() or f"status {run.returncode}"}', ''
    return find_bytes(node)


def signature(found):
    kind = found.get('TYPE', '')
    if 'raid' in kind:
        return f'the superblock of a RAID member ({kind})'
    if kind in ('LVM2_member', 'LVM1_member'):
        return 'the label of an LVM member'
    if kind:
        return f'a file system or other data ({kind})'
    return f'a partition table ({found["PTTYPE"]})'


def find_bytes(node):
    """As find(), of what has no signature: a database, a virtual machine's disk, anything encrypted."""
    try:
        # As torc-vfio does: EBUSY when the kernel has it for itself.
        disk = os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
        try:
            size = os.lseek(disk, 0, os.SEEK_END)
            ends = [os.pread(disk, END, at) for at in (0, max(0, size - END))]
        finally:
            os.close(disk)
    except OSError as error:
        return f'cannot be read: {error.strerror}', ''
    if min(size, *map(len, ends)) < END:
        return 'cannot be read: it ends within its first MiB', ''
    if all(end in EMPTY for end in ends):
        return None
    return 'has data that blkid does not know', '\n'.join(
        f'dd if=/dev/zero of={node} bs=1M count=1 oflag=direct,seek_bytes seek={at}' for at in (0, size - END))
