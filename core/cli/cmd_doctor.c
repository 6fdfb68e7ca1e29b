/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw doctor: what this machine offers to hyfw, and what it lacks. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "engine/doctor.h"
#include "plugin/registry.h"

static const char *word_of(enum hyfw_health health)
{
	static const char *const words[] = { "ok", "note", "bad" };

	return words[health];
}

static void print_json(const struct hyfw_doctor *doctor)
{
	struct json_object *object = json_object_new_object(), *array = json_object_new_array();
	size_t i;

	for (i = 0; i < doctor->count; i++) {
		const struct hyfw_finding *finding = &doctor->findings[i];
		struct json_object *one = json_object_new_object();

		hyfw_json_add_text(one, "area", finding->area);
		hyfw_json_add_text(one, "what", finding->what);
		hyfw_json_add_text(one, "result", word_of(finding->health));
		hyfw_json_add_text(one, "text", finding->text);
		hyfw_json_add_text(one, "remedy", finding->remedy);
		json_object_array_add(array, one);
	}
	hyfw_json_add_bool(object, "ok", hyfw_doctor_verdict(doctor) != HYFW_HEALTH_BAD);
	json_object_object_add(object, "findings", array);
	hyfw_cli_print_json(object);
	json_object_put(object);
}

static size_t count(const struct hyfw_doctor *doctor, enum hyfw_health health)
{
	size_t i, found = 0;

	for (i = 0; i < doctor->count; i++)
		found += doctor->findings[i].health == health;
	return found;
}

static void print_text(const struct hyfw_doctor *doctor, bool quiet)
{
	const char *area = "";
	size_t i;

	for (i = 0; i < doctor->count; i++) {
		const struct hyfw_finding *finding = &doctor->findings[i];

		if (quiet && finding->health == HYFW_HEALTH_OK)
			continue;
		if (strcmp(area, finding->area) != 0)
			printf("%s%s\n", *area ? "\n" : "", finding->area);
		area = finding->area;
		printf("  %-4s  %-22s %s\n", word_of(finding->health), finding->what, finding->text);
		if (finding->remedy)
			printf("        %-22s -> %s\n", "", finding->remedy);
	}
	if (!quiet)
		printf("\n%zu ok, %zu to note, %zu bad\n", count(doctor, HYFW_HEALTH_OK), count(doctor, HYFW_HEALTH_NOTE),
		       count(doctor, HYFW_HEALTH_BAD));
}

static int doctor_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hyfw_doctor doctor;
	int flag, status;

	while ((flag = getopt_long(argc, argv, "qh", flags, NULL)) != -1) {
		if (flag == 'h') {
			printf("Usage: hyfw %s\n\n%s\n\n"
			       "  -q, --quiet  only what is not well\n\n"
			       "note: something that may not be wanted does not work; bad: what a plain workload\n"
			       "needs is missing.  Exit status: 0 when nothing is bad, 1 otherwise.\n",
			       hyfw_command_doctor.usage, hyfw_command_doctor.summary);
			return 0;
		}
		if (flag == 'q')
			cli->quiet = true;
		else if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	if (optind < argc)
		return hyfw_cli_usage(&hyfw_command_doctor, "takes no arguments");
	hyfw_doctor_examine(&doctor);
	if (cli->json)
		print_json(&doctor);
	else
		print_text(&doctor, cli->quiet);
	status = hyfw_doctor_verdict(&doctor) == HYFW_HEALTH_BAD ? 1 : 0;
	hyfw_doctor_finish(&doctor);
	hyfw_registry_close();
	return status;
}

const struct hyfw_command hyfw_command_doctor = {
	.name = "doctor",
	.usage = "doctor [-q] [--format table|json]",
	.summary = "Check what this machine offers to hyfw, and what it lacks",
	.main = doctor_main,
};
