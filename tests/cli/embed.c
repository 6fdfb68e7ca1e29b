/* SPDX-License-Identifier: BSD-3-Clause
 * A program that embeds hyfw, as libhyfw.bats builds and runs it:
 * embed DATA STATE FILE STACK WORKLOAD */
#include <hyfw/libhyfw.h>

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, struct hyfw_error *err)
{
	fprintf(stderr, "%s: %s (status %d)\n", what, hyfw_error_message(err), hyfw_error_status(err));
	hyfw_error_free(err);
	return 1;
}

int main(int argc, char **argv)
{
	struct hyfw_instance_options options = { .size = sizeof(options) };
	struct hyfw_instance *instance = NULL;
	struct hyfw_error *err = NULL;
	char *json = NULL;
	int status = 0;

	if (argc != 6)
		return 2;
	options.data = argv[1];
	options.runtime = argv[2];
	const char *const files[] = { argv[3], NULL };

	if (hyfw_instance_new(&options, &instance, &err) < 0)
		return failed("new", err);
	if (hyfw_instance_check(instance, files, &err) < 0)
		return failed("check", err);
	if (hyfw_instance_plan(instance, files, &json, &err) < 0)
		return failed("plan", err);
	puts(json);
	free(json);
	if (hyfw_instance_up(instance, files, &err) < 0)
		return failed("up", err);
	if (hyfw_instance_list(instance, &json, &err) < 0)
		return failed("list", err);
	puts(json);
	free(json);
	if (hyfw_instance_stop(instance, argv[5], 0, &err) < 0)
		return failed("stop", err);
	if (hyfw_instance_wait(instance, argv[5], &status, &err) < 0)
		return failed("wait", err);
	printf("%d\n", status);
	if (hyfw_instance_down(instance, argv[4], &err) < 0)
		return failed("down", err);
	if (hyfw_instance_start(instance, argv[5], &err) == 0)
		return 3;
	puts(hyfw_error_message(err));
	hyfw_error_free(err);
	hyfw_instance_free(instance);
	return 0;
}
