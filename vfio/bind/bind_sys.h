/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bind sys: what binding asks of the kernel other than to read a file.
 *
 * Apart, so that a test can be the kernel for a tree of its own. Any thread.
 */
#ifndef VFIO_BIND_BIND_SYS_H
#define VFIO_BIND_BIND_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An admin command of an NVMe drive. */
struct bind_sys_nvme {
	uint8_t opcode;
	uint32_t cdw10, cdw11;
	void *data;    /* that the drive writes to; NULL: none */
	uint32_t size; /* of it, bytes */
};

/**
 * bind_sys_write - write to a file of sysfs
 * @path: the file, which is there
 * @text: what to write, at once
 *
 * Return: 0; -errno of open(2), and of write(2), which is what the kernel's handler says.
 */
int bind_sys_write(const char *path, const char *text);

/**
 * bind_sys_modprobe - load a module with what it needs
 * @modprobe: the program
 * @module: its name, or an alias
 *
 * Return: 0, loaded or built in; -ENOENT no such program; -ENODEV no such module, or it cannot be loaded; -errno.
 */
int bind_sys_modprobe(const char *modprobe, const char *module);

/**
 * bind_sys_open_group - have a VFIO group, which only one process can
 * @path: "/dev/vfio/7"
 *
 * Return: a descriptor, with which nobody else gets at the devices; -ENOENT no device of the group is VFIO's; -EBUSY; -errno.
 */
int bind_sys_open_group(const char *path);

/**
 * bind_sys_pause - let some time pass, in which a process that is being killed can end: 20 ms
 */
void bind_sys_pause(void);

/**
 * bind_sys_is_claimed - whether the kernel has exclusive use of a block device: a mount, swap, a volume group, a RAID
 * @node: "/dev/nvme0n1"
 *
 * Return: true when it has; false also when there is no such device.
 */
bool bind_sys_is_claimed(const char *node);

/**
 * bind_sys_address - an IP address of a network interface that is up
 * @interface: its name
 * @text: receives the address, "192.0.2.1"
 * @size: of @text
 *
 * Link-local addresses come by themselves and do not count.
 * Return: whether it has one.
 */
bool bind_sys_address(const char *interface, char *text, size_t size);

/**
 * bind_sys_nvme_admin - have an NVMe drive carry out an admin command
 * @node: "/dev/nvme0"
 * @command: what to do
 *
 * Return: 0; -EIO the drive answers with an error; -errno.
 */
int bind_sys_nvme_admin(const char *node, const struct bind_sys_nvme *command);

#endif
