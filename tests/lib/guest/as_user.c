// SPDX-License-Identifier: GPL-2.0-only
/*
 * as_user UID COMMAND...: what tests/lib/as_user is, where there is no setpriv: the command runs as an ordinary
 * user, without any capability and with none to be had, RLIMIT_MEMLOCK of 8 MiB, in the group nogroup,
 * and ends with who has started it. By root.
 */
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOGROUP	65534

int main(int argc, char **argv)
{
	const struct rlimit memlock = { 8 << 20, 8 << 20 };
	int cap;

	if (argc < 3)
		return 2;
	for (cap = 0; !prctl(PR_CAPBSET_READ, cap) || !prctl(PR_CAPBSET_DROP, cap); cap++)
		;	/* up to the first that this kernel does not know */
	if (setrlimit(RLIMIT_MEMLOCK, &memlock) || setgroups(0, NULL) || setgid(NOGROUP) ||
	    setuid((uid_t)atoi(argv[1])) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL)) {
		perror("as_user");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
