/* SPDX-License-Identifier: BSD-3-Clause
 * What the command got from its caller and a monitor, which outlives both, must
 * not hold on to: descriptors that were left open, and arguments, which everybody
 * can read in /proc/PID/cmdline and which may be secrets ("run -e KEY=SECRET"). */
#ifndef HYFW_BASE_CALLER_H
#define HYFW_BASE_CALLER_H

/* At the very start, before anything is opened: every descriptor from 3 on is the
 * caller's. */
void hyfw_caller_note_files(void);

/* A NULL-terminated part of main()'s argument vector that may hold secrets. */
void hyfw_caller_note_arguments(char **argv);

/* Closes the one and blanks the other, in this process alone.  Without notes, as
 * in a program that uses the library, it does nothing. */
void hyfw_caller_forget(void);

#endif
