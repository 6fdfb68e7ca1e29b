/* SPDX-License-Identifier: BSD-3-Clause
 * Runs a small guest on /dev/kvm, for a device that exists may still not run one: on
 * some hosts (a guest of a hypervisor without hardware support for nesting) plain
 * code passes and an exception is the end of it.  So the guest uses what every kernel
 * uses: long mode, SSE, an exception through an IDT and iretq, a loop of some length,
 * a port, hlt.  There is no interrupt controller of KVM's, so that hlt comes back.
 *
 * In a process of its own, because a trial may hang: KVM_RUN then takes signals that
 * end the process only. */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

#define LIMIT_MS 200
#define MEMORY 0x10000u

/* Where things are in the guest's memory. */
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, GDT = 0x4000, IDT = 0x5000, CODE = 0x6000, HANDLER = 0x7000,
       STACK = 0x9000 };

#define PORT 0x80
#define RESULT 0x2469u

static const uint8_t code[] = {
	0xb8, 0x34, 0x12, 0x00, 0x00, /* mov eax, 0x1234 */
	0x66, 0x0f, 0x6e, 0xc0,       /* movd xmm0, eax */
	0x66, 0x0f, 0xfe, 0xc0,       /* paddd xmm0, xmm0 */
	0x66, 0x0f, 0x7e, 0xc3,       /* movd ebx, xmm0 */
	0xcc,                         /* int3, which adds one to ebx */
	0xb9, 0xa0, 0x86, 0x01, 0x00, /* mov ecx, 100000 */
	0xff, 0xc9,                   /* dec ecx */
	0x75, 0xfc,                   /* jnz back to it */
	0x89, 0xd8,                   /* mov eax, ebx */
	0xba, PORT, 0x00, 0x00, 0x00, /* mov edx, PORT */
	0xef,                         /* out dx, eax */
	0xf4,                         /* hlt */
};
static const uint8_t handler[] = {
	0xff, 0xc3, /* inc ebx */
	0x48, 0xcf, /* iretq */
};

/* Exit statuses of the child. */
enum { GOOD, NO_MACHINE, NO_MEMORY, NO_CPU, NO_REGISTERS, NO_RUN, BAD_EXIT, BAD_VALUE };

static void put(uint8_t *memory, unsigned at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

/* Intel SDM volume 3, 4.5 (paging), 3.4.5 (segments), 6.14.1 (64-bit IDT). */
static void fill(uint8_t *memory)
{
	put(memory, PML4, PDPT | 3);
	put(memory, PDPT, PD | 3);
	put(memory, PD, 0x83); /* the first 2 MiB as they are */
	put(memory, GDT + 8, UINT64_C(0x00af9a000000ffff));
	put(memory, GDT + 16, UINT64_C(0x00cf92000000ffff));
	put(memory, IDT + 3 * 16, UINT64_C(0x00008e0000080000) | HANDLER);
	memcpy(memory + CODE, code, sizeof(code));
	memcpy(memory + HANDLER, handler, sizeof(handler));
}

static bool set_registers(int cpu)
{
	const struct kvm_segment text = { .selector = 8, .limit = UINT32_MAX, .type = 11, .present = 1, .s = 1,
					  .l = 1, .g = 1 };
	const struct kvm_segment data = { .selector = 16, .limit = UINT32_MAX, .type = 3, .present = 1, .s = 1,
					  .db = 1, .g = 1 };
	const struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cr3 = PML4;
	sregs.cr4 = 0x620;        /* PAE, OSFXSR, OSXMMEXCPT */
	sregs.cr0 = 0x80000033;   /* PG, NE, ET, MP, PE */
	sregs.efer = 0x500;       /* LMA, LME */
	sregs.gdt = (struct kvm_dtable){ .base = GDT, .limit = 23 };
	sregs.idt = (struct kvm_dtable){ .base = IDT, .limit = 4 * 16 - 1 };
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	return ioctl(cpu, KVM_SET_SREGS, &sregs) == 0 && ioctl(cpu, KVM_SET_REGS, &regs) == 0;
}

static void set_cpuid(int kvm, int cpu)
{
	union {
		struct kvm_cpuid2 head; /* its entries are behind it */
		unsigned char bytes[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	} all = { .head.nent = 256 };

	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &all) == 0)
		ioctl(cpu, KVM_SET_CPUID2, &all);
}

static int run(int cpu, const struct kvm_run *shared)
{
	bool told = false;

	for (;;) {
		if (ioctl(cpu, KVM_RUN, 0) < 0)
			return NO_RUN;
		if (shared->exit_reason == KVM_EXIT_HLT)
			return told ? GOOD : BAD_VALUE;
		if (shared->exit_reason != KVM_EXIT_IO || told || shared->io.port != PORT || shared->io.size != 4)
			return BAD_EXIT;
		told = *(const uint32_t *)((const uint8_t *)shared + shared->io.data_offset) == RESULT;
		if (!told)
			return BAD_VALUE;
	}
}

static int child(int kvm)
{
	uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	int machine = ioctl(kvm, KVM_CREATE_VM, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), cpu;
	struct kvm_run *shared;

	if (machine < 0)
		return NO_MACHINE;
	region.userspace_addr = (uintptr_t)memory;
	if (memory == MAP_FAILED || ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return NO_MEMORY;
	fill(memory);
	cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || size < (int)sizeof(*shared))
		return NO_CPU;
	shared = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (shared == MAP_FAILED)
		return NO_CPU;
	set_cpuid(kvm, cpu);
	if (!set_registers(cpu))
		return NO_REGISTERS;
	return run(cpu, shared);
}

static const char *explain(int status)
{
	switch (status) {
	case GOOD:
		return NULL;
	case NO_MACHINE:
		return "/dev/kvm does not make machines";
	case BAD_VALUE:
	case BAD_EXIT:
	case NO_RUN:
		return "/dev/kvm is there, but a 64-bit guest does not get far on it (a trial ended early); this "
		       "host is perhaps a virtual machine itself";
	default:
		return "/dev/kvm is there, but it cannot set up a 64-bit guest";
	}
}

bool kvm_trial(const char **ret_reason)
{
	KVM_AUTO_CLOSE int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	KVM_AUTO_CLOSE int pidfd = -1;
	struct pollfd end = { .events = POLLIN };
	siginfo_t info = { 0 };
	bool late;
	pid_t pid;

	*ret_reason = "no /dev/kvm: the processor or its firmware has no virtualization switched on, or the "
		      "module kvm_intel or kvm_amd is not loaded";
	if (kvm < 0 && (errno == EACCES || errno == EPERM))
		*ret_reason = "/dev/kvm may not be opened by this user";
	if (kvm < 0)
		return true;
	*ret_reason = "the trial of /dev/kvm could not be made";
	pid = fork();
	if (pid == 0)
		_exit(child(kvm));
	if (pid < 0)
		return false;
	pidfd = pidfd_open(pid, 0);
	end.fd = pidfd;
	late = pidfd < 0 || poll(&end, 1, LIMIT_MS) != 1;
	if (late)
		kill(pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (late)
		*ret_reason = "/dev/kvm is there, but a small guest did not end in time on it";
	else
		*ret_reason = explain(info.si_code == CLD_EXITED ? info.si_status : NO_RUN);
	return !late;
}
