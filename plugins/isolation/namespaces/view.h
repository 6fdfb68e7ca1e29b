/* SPDX-License-Identifier: BSD-3-Clause
 * What a workload sees of devices and of the kernel: /dev, /proc, /sys and its console,
 * made by the child. */
#ifndef NS_VIEW_H
#define NS_VIEW_H

struct ns_job;

/* devices.c: trees of the host's devices, taken before the root changes. */
#define NS_DEVICES 6
void ns_devices_take(const struct ns_job *job, int fds[NS_DEVICES]);
/* Makes /dev; returns its descriptor. */
int ns_devices_make(const struct ns_job *job, int root_fd, int fds[NS_DEVICES]);

/* kernelfs.c: proc and sysfs. */
struct ns_kernelfs {
	int proc, sys;
};
void ns_kernelfs_take_proc(const struct ns_job *job, struct ns_kernelfs *kernelfs);
void ns_kernelfs_take_sys(const struct ns_job *job, struct ns_kernelfs *kernelfs);
void ns_kernelfs_attach(const struct ns_job *job, const struct ns_kernelfs *kernelfs, int root_fd);
void ns_kernelfs_mask(const struct ns_job *job, const struct ns_kernelfs *kernelfs, int null_fd);

/* console.c: its terminal. */
struct ns_console {
	int master, slave;
};
/* By the devpts at /dev/pts, of whatever is the root now. */
void ns_console_open(const struct ns_job *job, struct ns_console *console);
/* On the console of a /dev. */
void ns_console_bind(const struct ns_job *job, const struct ns_console *console, int dev_fd);
void ns_console_take(const struct ns_job *job, int slave);

#endif
