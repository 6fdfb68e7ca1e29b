/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci checkpoint` and `restore`: verbs of runc and crun that this runtime does not
 * have, so that a client reads why instead of an unknown verb. */
#include <string.h>

#include "base/cleanup.h"
#include "cli/oci.h"

static int refuse(const struct oci_cli *cli, const struct oci_verb *verb, int argc, char **argv)
{
	static const struct option flags[] = { OCI_FLAG_HELP, { 0 } };
	HYFW_AUTO_FREE char *text = NULL;
	int i;

	/* Whatever the flags are, they are not looked at. */
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			oci_print_help(verb, flags);
			return 0;
		}
	}
	text = hyfw_format("%s: not supported: hyfw does not save the processes of a container", verb->name);
	oci_log_text(cli, "error", text);
	return 1;
}

static int checkpoint_main(struct oci_cli *cli, int argc, char **argv)
{
	return refuse(cli, &oci_verb_checkpoint, argc, argv);
}

static int restore_main(struct oci_cli *cli, int argc, char **argv)
{
	return refuse(cli, &oci_verb_restore, argc, argv);
}

const struct oci_verb oci_verb_checkpoint = { "checkpoint", "checkpoint CONTAINER", "Not supported: save a running container",
					      checkpoint_main };
const struct oci_verb oci_verb_restore = { "restore", "restore CONTAINER", "Not supported: restore a saved container",
					   restore_main };
