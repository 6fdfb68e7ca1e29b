/* SPDX-License-Identifier: BSD-3-Clause
 * Each key's values: those that are taken with their normal form, and those
 * that are refused with their sentence. */
#include "config_helper.h"

#define WEB "[workload web]\nrootfs = /srv/web\n"

struct good {
	const char *line; /* the key's name is what stands before the '=' */
	const char *normal; /* list elements between newlines */
};

static const struct good good_values[] = {
	{ "memory = 50M", "52428800" },
	{ "memory = 1g", "1073741824" },
	{ "memory = 2097152", "2097152" },
	{ "memory = 512KiB", NULL }, /* below the least: see bad_values */
	{ "memory: 50M ; a comment", "52428800" },
	{ "memory = 1M\nmemory_swap = unlimited", "1048576" },
	{ "cpus = 0.25", "250" },
	{ "cpus = 2", "2000" },
	{ "cpus = 1.125", "1125" },
	{ "cpuset = 0-3,5", "0-3,5" },
	{ "pids = 7", "7" },
	{ "io_max = /dev/sda:rbps=10M,wiops=200", "/dev/sda|rbps=10485760|wiops=200" },
	{ "io_max = /dev/disk/by-path/pci-0000:00:1f.2:riops=1,wbps=512", "/dev/disk/by-path/pci-0000:00:1f.2|wbps=512|riops=1" },
	{ "read_only = Yes", "true" },
	{ "read_only = off", "false" },
	{ "read_only = 1", "true" },
	{ "stop_timeout = 500ms", "500" },
	{ "stop_timeout = 5m", "300000" },
	{ "stop_timeout = 1h", "3600000" },
	{ "stop_signal = SIGINT", "2" },
	{ "stop_signal = hup", "1" },
	{ "stop_signal = 15", "15" },
	{ "userns = host", "host" },
	{ "systemd = always", "always" },
	{ "systemd = true", "auto" },
	{ "systemd = no", "off" },
	{ "restart = on-failure:5", "on-failure:5" },
	{ "restart = unless-stopped", "unless-stopped" },
	{ "user =", "" },
	{ "user = www-data:adm", "www-data:adm" },
	{ "user = 1000:1000", "1000:1000" },
	{ "hostname = a.b-c", "a.b-c" },
	{ "seccomp = unconfined", "unconfined" },
	{ "seccomp = /etc/p.json", "/etc/p.json" },
	{ "cap_add = net_admin, CAP_SYS_TIME\n  all", "CAP_NET_ADMIN\nCAP_SYS_TIME\nALL" },
	{ "cap_drop =", "" },
	{ "volume = data:/var/lib", "data|/var/lib|rw" },
	{ "volume = data:/var/lib:ro,z\n  x:/y:Z", "data|/var/lib|ro|z\nx|/y|rw|Z" },
	{ "volume = /srv:/data:ro\n  x:/y:rw", "/srv|/data|ro\nx|/y|rw" },
	{ "tmpfs = /run", "/run|0|0" },
	{ "tmpfs = /run:size=16M,mode=0755", "/run|16777216|755" },
	{ "publish = 80", "|0|80|tcp" },
	{ "publish = 8080:80", "|8080|80|tcp" },
	{ "publish = 8053:53/udp", "|8053|53|udp" },
	{ "publish = 127.0.0.1:8000-8010:80-90/udp 1-1024", "127.0.0.1|8000-8010|80-90|udp\n|0|1-1024|tcp" },
	{ "publish = 127.0.0.1:8080:80 127.0.0.1::81", "127.0.0.1|8080|80|tcp\n127.0.0.1|0|81|tcp" },
	{ "publish =\n  [::1]:8080:80/tcp", "::1|8080|80|tcp" },
	{ "env = A=1\nenv = B=x y\n  C=", "A=1\nB=x y\nC=" },
	{ "env = HYFW_TEST", "HYFW_TEST=seen" },
	{ "env = A=<${HYFW_TEST}>$${X}$", "A=<seen>${X}$" },
	{ "label = a=b; c", "a=b; c" },
	{ "command = sh -c 'echo \"$HOME\" ${X}' \"a \\\" b\" c\\ d ''", "sh\n-c\necho \"$HOME\" ${X}\na \" b\nc d\n" },
	{ "command = sh -c\n  echo 'a b'", "sh -c\necho 'a b'" },
	{ "command =\n  /bin/echo a", "/bin/echo\na" },
	{ "command =\n  /bin/echo a\n  'b'", "/bin/echo a\n'b'" },
	{ "security = cgroups", "cgroups" },
	{ "security =", "" },
	{ "network = none", "none" },
};

static char *joined(const struct hyfw_map *map, const char *key)
{
	const char *value;
	char *all = NULL;
	size_t cursor = 0;

	while ((value = hyfw_map_next(map, key, &cursor))) {
		char *longer = all ? hyfw_format("%s\n%s", all, value) : hyfw_dup(value);

		free(all);
		all = longer;
	}
	return all ? all : hyfw_dup("");
}

static void good_values_get_their_normal_form(void **state)
{
	size_t i;

	(void)state;
	setenv("HYFW_TEST", "seen", 1);
	for (i = 0; i < HYFW_COUNT(good_values); i++) {
		const struct good *good = &good_values[i];
		HYFW_AUTO_FREE char *text = hyfw_format(WEB "%s\n", good->line);
		HYFW_AUTO_FREE char *key = hyfw_dup_n(good->line, strcspn(good->line, " =:"));
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		struct hyfw_config *config = read_text(text, &err);
		HYFW_AUTO_FREE char *all = NULL;

		if (!good->normal) {
			assert_null(config);
			continue;
		}
		if (!config)
			print_error("%s: %s\n", good->line, err->message);
		assert_non_null(config);
		all = joined(&hyfw_config_find(config, "workload", "web")->map, key);
		assert_string_equal(all, good->normal);
		hyfw_config_free(config);
	}
}

static const struct {
	const char *line; /* third line of the file */
	const char *message; /* behind "web.ini:3: [workload web] " */
} bad_values[] = {
	{ "memory = 12Q", "memory = 12Q: not a size; write it like 512K, 50M or 1G" },
	{ "memory = 1K", "memory = 1K: must be at least 1M" },
	{ "memory = 99999999999T", "memory = 99999999999T: too large" },
	{ "memory =", "memory =: has no value; give one, or remove the line" },
	{ "memory = 1${X}M", "memory = 1${X}M: variables are not replaced here; of [workload], image, env, volume, disk, cdrom can hold them" },
	{ "memroy = 1M", "memroy: unknown key; did you mean 'memory'?" },
	{ "colour = red", "colour: unknown key; hyfw.ini(5) lists those there are" },
	{ "cpus = two", "cpus = two: not a number of CPUs; write it like 2 or 0.25" },
	{ "cpus = 0.2501", "cpus = 0.2501: not a number of CPUs; write it like 2 or 0.25, with at most three decimals" },
	{ "cpus = 1.", "cpus = 1.: not a number of CPUs; write it like 2 or 0.25, with at most three decimals" },
	{ "cpus = 0", "cpus = 0: must be from 0.01 to 8192" },
	{ "cpuset = 3-1", "cpuset = 3-1: CPUs are numbers below 8192, ranges go upwards" },
	{ "cpuset = 1,,2", "cpuset = 1,,2: not a list of CPUs; write it like 0-3,5" },
	{ "pids = -1", "pids = -1: must be from 1 to 4194304" },
	{ "pids = 1.5", "pids = 1.5: not a whole number" },
	{ "read_only = maybe", "read_only = maybe: must be yes or no" },
	{ "stop_timeout = 10", "stop_timeout = 10: not a time; write it with its unit, like 500ms, 10s, 5m or 1h" },
	{ "stop_timeout = 25h", "stop_timeout = 25h: must be from 0s to 86400s" },
	{ "stop_signal = SIGFOO", "stop_signal = SIGFOO: not a signal; write it like SIGTERM, SIGRTMIN+3 or 15" },
	{ "systemd = perhaps", "systemd = perhaps: must be auto, always or off" },
	{ "userns = hots", "userns = hots: must be one of auto, host; did you mean 'host'?" },
	{ "restart = allways", "restart = allways: must be no, on-failure, on-failure:N, always or unless-stopped; did you mean 'always'?" },
	{ "restart = on-failure:0", "restart = on-failure:0: on-failure takes a number of attempts from 1 to 999999" },
	{ "user = a b", "user = a b: must be USER, USER:GROUP, UID or UID:GID" },
	{ "user = 4294967295", "user = 4294967295: must be USER, USER:GROUP, UID or UID:GID" },
	{ "hostname = -x", "hostname = -x: not a host name: letters, digits and '-' between dots, at most 64 bytes" },
	{ "seccomp = defualt", "seccomp = defualt: must be default, unconfined or the absolute path of a profile; did you mean 'default'?" },
	{ "cap_add = NET-ADMIN", "cap_add = NET-ADMIN: not the name of a capability; write it like NET_ADMIN, or ALL" },
	{ "workdir = srv", "workdir = srv: must be an absolute path" },
	{ "workdir = /srv/../etc", "workdir = /srv/../etc: must be a path without '..'" },
	{ "volume = data", "volume = data: must be NAME:PATH or PATH:PATH, with :ro or :rw behind" },
	{ "volume = data:srv", "volume = data:srv: the path inside: must be an absolute path" },
	{ "volume = Data:/srv", "volume = Data:/srv: the volume: not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit" },
	{ "volume = data:/", "volume = data:/: the path inside cannot be the root" },
	{ "volume = data:/a|b", "volume = data:/a|b: the path inside holds a '|', which cannot be used here" },
	{ "volume = /a/../b:/srv", "volume = /a/../b:/srv: the path on the host: must be a path without '..'" },
	{ "volume = data:/srv:rx", "volume = data:/srv:rx: after the path inside comes ro or rw, z or Z, not 'rx'" },
	{ "volume = data:/srv:", "volume = data:/srv:: after the last ':' comes ro or rw" },
	{ "volume = data:/srv:z,Z", "volume = data:/srv:z,Z: z is for volumes that workloads share, Z for those of one alone; not both" },
	{ "tmpfs = /run:size=0", "tmpfs = /run:size=0: size= must be at least 1" },
	{ "tmpfs = /run:mode=999", "tmpfs = /run:mode=999: mode= takes up to four octal digits, like 1777" },
	{ "tmpfs = /run:noexec", "tmpfs = /run:noexec: 'noexec' is neither size=SIZE nor mode=MODE" },
	{ "publish = x", "publish = x: must be [[ADDRESS:]HOSTPORT:]PORT with /tcp or /udp behind, IPv6 addresses in []" },
	{ "publish = :80", "publish = :80: must be [[ADDRESS:]HOSTPORT:]PORT with /tcp or /udp behind, IPv6 addresses in []" },
	{ "publish = 70000:80", "publish = 70000:80: the port of the host must be from 1 to 65535" },
	{ "publish = 80:0", "publish = 80:0: the port must be from 1 to 65535" },
	{ "publish = 8000-8010:80", "publish = 8000-8010:80: has 11 ports of the host and 1 behind them; both must be as many" },
	{ "publish = 8010-8000", "publish = 8010-8000: '8010-8000' ends before it begins" },
	{ "publish = 1-1025", "publish = 1-1025: '1-1025' has more than 1024 ports" },
	{ "publish = 80-", "publish = 80-: must be [[ADDRESS:]HOSTPORT:]PORT with /tcp or /udp behind, IPv6 addresses in []" },
	{ "publish = 80-82-84", "publish = 80-82-84: must be [[ADDRESS:]HOSTPORT:]PORT with /tcp or /udp behind, IPv6 addresses in []" },
	{ "publish = 65530-65536", "publish = 65530-65536: the port must be from 1 to 65535" },
	{ "publish = 1.2.3:80:80", "publish = 1.2.3:80:80: '1.2.3' is not an IPv4 address" },
	{ "publish = [::g]:80:80", "publish = [::g]:80:80: '::g' is not an IPv6 address" },
	{ "publish = 80/sctp", "publish = 80/sctp: the protocol must be tcp or udp, not 'sctp'" },
	{ "env = =x", "env = =x: the name before the '=' is empty or holds a blank" },
	{ "env = HYFW_NOT_SET", "env = HYFW_NOT_SET: the environment has no variable HYFW_NOT_SET; write HYFW_NOT_SET=VALUE" },
	{ "env = A=${HYFW_NOT_SET}", "env = A=${HYFW_NOT_SET}: the environment has no variable HYFW_NOT_SET; set it, or write $${ for a plain ${" },
	{ "env = A=${x", "env = A=${x: after '${' comes the name of a variable and '}'" },
	{ "env = A=1 \n  A=2", NULL },
	{ "label = a", "label = a: must be KEY=VALUE" },
	{ "command = sh -c 'a", "command = sh -c 'a: a quote (') is not closed" },
	{ "command = a\\", "command = a\\: a backslash at the end quotes nothing" },
	{ "network = Foo", "network = Foo: not a name: at most 63 of a-z 0-9 _ . -, the first a letter or a digit" },
	{ "network = fron", "network = fron: there is no [network fron]; did you mean 'front'?" },
	{ "network = other", "network = other: there is no [network other]; add that section" },
	{ "network =", "network =: names no network; write none for that, or remove the line" },
	{ "network = front none", "network = none: 'none' cannot stand beside other networks; leave out one or the other" },
	{ "network = front front", "network = front: 'front' is in the list twice" },
	{ "depends_on = wbe", "depends_on = wbe: there is no [workload wbe]; did you mean 'web'?" },
	{ "depends_on = web", "depends_on = web: a workload cannot name itself" },
	{ "image = x", NULL },
	{ "image = ../x", "image = ../x: not the name of an image: letters, digits and . _ / : @ + -" },
	{ "memory_swap = 4M", "memory_swap = 4M: is memory and swap together and needs memory; add that key" },
	{ "io_max = /dev/sda", "io_max = /dev/sda: must be DEVICE:LIMIT[,LIMIT...], such as /dev/sda:rbps=10M,wiops=200" },
	{ "io_max = sda:rbps=1M", NULL },
	{ "io_max = /dev/sda:", "io_max = /dev/sda:: after the ':' comes at least one limit, such as rbps=10M" },
	{ "io_max = /dev/sda:bps=1M",
	  "io_max = /dev/sda:bps=1M: 'bps=1M' is none of rbps=SIZE, wbps=SIZE, riops=NUMBER, wiops=NUMBER" },
	{ "io_max = /dev/sda:rbps=1M,rbps=2M", "io_max = /dev/sda:rbps=1M,rbps=2M: rbps is given twice" },
	{ "io_max = /dev/sda:rbps=0", NULL },
	{ "io_max = /dev/sda:riops=4294967295", NULL },
	{ "log_level = info", "log_level: unknown key; hyfw.ini(5) lists those there are" },
};

static void bad_values_are_refused_with_a_sentence(void **state)
{
	size_t i;

	(void)state;
	unsetenv("HYFW_NOT_SET");
	for (i = 0; i < HYFW_COUNT(bad_values); i++) {
		HYFW_AUTO_FREE char *text = hyfw_format(WEB "%s\n[network front]\n", bad_values[i].line);
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
		HYFW_AUTO_FREE char *expected = NULL;
		struct hyfw_config *config = read_text(text, &err);

		if (config)
			print_error("taken: %s\n", bad_values[i].line);
		assert_null(config);
		assert_int_equal(err->status, 125);
		if (!bad_values[i].message)
			continue;
		expected = hyfw_format("web.ini:3: [workload web] %s", bad_values[i].message);
		assert_string_equal(err->message, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_values_get_their_normal_form),
		cmocka_unit_test(bad_values_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
