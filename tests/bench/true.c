/* SPDX-License-Identifier: BSD-3-Clause
 * The smallest payload: what is left of a start when the command does nothing. */
int main(void)
{
	return 0;
}
