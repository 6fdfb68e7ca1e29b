/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw image build-disk: a disk that a machine boots, of a root file system. */
#ifndef HYFW_CLI_IMAGE_BUILD_H
#define HYFW_CLI_IMAGE_BUILD_H

#include "cli/cli.h"

#define HYFW_IMAGE_BUILD_HELP                                                                     \
	"Flags of build-disk:\n"                                                                   \
	"  --from ROOTFS|IMAGE  a directory or tar archive (with a / in it), or an image; it has\n"  \
	"                       a kernel in /boot\n"                                               \
	"  --size SIZE          of the disk; without it what the files need\n"                     \
	"  --hostname NAME      its host name\n"                                                   \
	"  --ssh-key FILE       a public key that may log in as root; may be given several times\n" \
	"  --root-password-file FILE  its first line becomes the root password\n"                  \
	"  --cmdline WORDS      added to the kernel's command line\n"

int hyfw_image_build_main(struct hyfw_cli *cli, int argc, char **argv);

#endif
