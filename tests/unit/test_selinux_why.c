/* SPDX-License-Identifier: BSD-3-Clause
 * Records of denials, which hold words that a workload chose: what is read from them, what
 * is told, and what goes into a policy module. */
#include <errno.h>
#include <selinux/selinux.h>

#include "selinux_fixture.h"
#include "security/selinux/why.h"

#define OURS "system_u:system_r:container_t:s0:c1,c2"
#define LINE "type=AVC msg=audit(1700000000.123:45): avc:  denied  { %s } for  pid=7 comm=%s name=%s dev=\"vda\" " \
	     "ino=12 scontext=%s tcontext=%s tclass=%s permissive=%d"

int security_check_context_raw(const char *label)
{
	return strstr(label, "nosuch_t") ? -1 : 0;
}

static struct denials denials;

static void start(void)
{
	memset(&denials, 0, sizeof(denials));
	denials.host = &host;
	denials.arena = fake.arena;
	denials.label = OURS;
}

static void give(const char *line)
{
	char copy[RECORD_BYTES];
	struct audit_record record;

	snprintf(copy, sizeof(copy), "%s", line);
	if (audit_record_parse(copy, 0, &record))
		assert_int_equal(denials_take(&denials, &record), 0);
}

static void lines_of_both_logs_are_read(void **state)
{
	char audit[] = "type=AVC msg=audit(1700000000.123:45): avc:  denied  { read } for  pid=7";
	char kernel[] = "5,1234,99,-;audit: type=1400 audit(1700000001.5:46): avc:  denied  { read }\n SUBSYSTEM=x";
	char others[] = "type=SYSCALL msg=audit(1700000000.123:45): arch=c000003e", none[] = "6,1,1,-;hello";
	struct audit_record record;

	(void)state;
	assert_true(audit_record_parse(audit, 0, &record));
	assert_int_equal(record.type, RECORD_AVC);
	assert_int_equal(record.milliseconds, 1700000000123);
	assert_int_equal(record.serial, 45);
	assert_string_equal(record.text, "avc:  denied  { read } for  pid=7");
	assert_true(audit_record_parse(kernel, 0, &record));
	assert_int_equal(record.type, RECORD_AVC);
	assert_string_equal(record.text, "avc:  denied  { read }");
	assert_false(audit_record_parse(others, 0, &record));
	assert_false(audit_record_parse(none, 0, &record));
}

static int count_record(void *data, const struct audit_record *record)
{
	(void)record;
	++*(int *)data;
	return 0;
}

/* Names of files can make a line as long as they like. */
static void the_rest_of_a_long_line_is_no_record(void **state)
{
	FILE *file = fopen(path("audit.log"), "w");
	int records = 0, i;

	(void)state;
	assert_non_null(file);
	fputs("type=SYSCALL msg=audit(1700000000.123:45): ", file);
	for (i = 0; i < RECORD_BYTES - 1 - 43; i++) /* the second piece begins behind it */
		fputc('x', file);
	fputs("type=AVC msg=audit(1700000000.124:46): avc:  denied  { read } for  pid=7\n"
	      "type=AVC msg=audit(1700000000.125:47): avc:  denied  { read } for  pid=7\n", file);
	fclose(file);
	assert_int_equal(audit_log_read(path("audit.log"), count_record, &records), 0);
	assert_int_equal(records, 1);
	assert_int_equal(audit_log_read(path("no.log"), count_record, &records), -ENOENT);
}

static void fields_are_bounded_and_shown_safely(void **state)
{
	char room[8];

	(void)state;
	assert_true(audit_record_field("a=1 name=61201B62 b=2", "name", true, room, sizeof(room)));
	assert_string_equal(room, "a ?b");
	assert_true(audit_record_field("a=1 name=6162 b=2", "name", false, room, sizeof(room)));
	assert_string_equal(room, "6162");
	assert_true(audit_record_field("name=\"longer than that\"", "name", true, room, sizeof(room)));
	assert_string_equal(room, "longer ");
	assert_true(audit_record_field("comm=\"x name=y\" name=z", "name", true, room, sizeof(room)));
	assert_string_equal(room, "z");
	assert_false(audit_record_field("rename=x", "name", true, room, sizeof(room)));
}

static void only_those_of_the_workload(void **state)
{
	char line[1024];

	(void)state;
	start();
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file", 0);
	give(line);
	give(line); /* both logs have it */
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", "unconfined_u:unconfined_r:container_t:s0:c1,c2",
		 "system_u:object_r:etc_t:s0", "file", 0);
	give(line); /* whoever started it */
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", "system_u:system_r:container_t:s0:c1,c3",
		 "system_u:object_r:etc_t:s0", "file", 0);
	give(line); /* another pair */
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", OURS, "system_u:object_r:nosuch_t:s0", "file", 0);
	give(line); /* no label of the policy */
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file)(x", 0);
	give(line);
	assert_int_equal(denials.count, 1);
	assert_int_equal(denials.items[0].count, 2);
	assert_string_equal(denial_sentence(&host, fake.arena, &denials.items[0]),
			    "cat (container_t) may not read the file x of type etc_t");
	start();
	denials.since = 1700000001000;
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file", 0);
	give(line); /* the pair was somebody else's then */
	assert_int_equal(denials.count, 0);
}

static void permissions_come_together(void **state)
{
	char line[1024];

	(void)state;
	start();
	snprintf(line, sizeof(line), LINE, "read open", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file", 1);
	give(line);
	snprintf(line, sizeof(line), LINE, "getattr", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file", 1);
	give(line);
	assert_int_equal(denials.count, 1);
	assert_int_equal(denials.items[0].permission_count, 3);
	assert_string_equal(denial_sentence(&host, fake.arena, &denials.items[0]),
			    "cat (container_t) may not read, open and look at the file x of type etc_t; it could, as "
			    "SELinux was permissive");
}

static void a_flood_is_counted(void **state)
{
	char line[1024], name[32];
	int i;

	(void)state;
	start();
	for (i = 0; i < DENIALS_MOST + 10; i++) {
		snprintf(name, sizeof(name), "\"x%d\"", i);
		snprintf(line, sizeof(line), LINE, "read", "\"cat\"", name, OURS, "system_u:object_r:etc_t:s0", "file", 0);
		give(line);
	}
	assert_int_equal(denials.count, DENIALS_MOST);
	assert_int_equal(denials.left_out, 10);
}

static void a_module_permits_that_and_nothing_else(void **state)
{
	const bool chosen[DENIALS_MOST] = { true };
	char line[1024];

	(void)state;
	start();
	snprintf(line, sizeof(line), LINE, "connectto", "78290A616C6C6F77", "\"s\"", OURS,
		 "unconfined_u:unconfined_r:unconfined_t:s0", "unix_stream_socket", 0);
	give(line);
	snprintf(line, sizeof(line), LINE, "read", "\"cat\"", "\"x\"", OURS, "system_u:object_r:etc_t:s0", "file", 0);
	give(line);
	assert_string_equal(module_cil(&denials, chosen, "m"),
			    "; policy module m\n\n; x)?allow (container_t) may not connect to the listening socket s of type "
			    "unconfined_t\n(allow container_t unconfined_t (unix_stream_socket (connectto)))\n");
	assert_string_equal(module_te(&denials, chosen, "m"),
			    "module m 1.0;\n\nrequire {\n\ttype container_t;\n\ttype unconfined_t;\n"
			    "\tclass unix_stream_socket { connectto };\n}\n\n# x)?allow (container_t) may not connect to the "
			    "listening socket s of type unconfined_t\n"
			    "allow container_t unconfined_t:unix_stream_socket { connectto };\n");
	assert_true(module_name_is_good("a_1"));
	assert_false(module_name_is_good("1a"));
	assert_false(module_name_is_good("a-b"));
	assert_false(module_name_is_good(""));
}

static void damaged_records_do_no_harm(void **state)
{
	char line[1024], good[1024];
	unsigned random = 1;
	int i, j;

	(void)state;
	snprintf(good, sizeof(good), LINE, "read open", "\"cat\"", "6162", OURS, "system_u:object_r:etc_t:s0", "file", 0);
	start();
	for (i = 0; i < 20000; i++) {
		memcpy(line, good, sizeof(line));
		for (j = 0; j < 4; j++) {
			random = random * 1103515245u + 12345u;
			line[(random >> 8) % strlen(good)] = (char)(random >> 24);
		}
		give(line);
	}
	assert_true(denials.count <= DENIALS_MOST);
	assert_true(denials.count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_of_both_logs_are_read),
		TEST(the_rest_of_a_long_line_is_no_record),
		TEST(fields_are_bounded_and_shown_safely),
		TEST(only_those_of_the_workload),
		TEST(permissions_come_together),
		TEST(a_flood_is_counted),
		TEST(a_module_permits_that_and_nothing_else),
		TEST(damaged_records_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
