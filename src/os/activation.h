/* activation.h - listening sockets that the program was started with (sd_listen_fds(3)): systemd,
 * or whoever takes its place, opens them and keeps them open over a restart, so that no visitor
 * is refused meanwhile. Owns the descriptors until somebody claims them. Whether they are sockets
 * of the right kind is the listener's to judge (`inherited` of struct listener_opts).
 *
 *	struct activation a;
 *
 *	if (!activation_take(&a, &e))
 *		...
 *	opts.inherited = activation_claim(&a, "control"); (0, so bind, where there is none)
 *	activation_close(&a);
 */
#ifndef OS_ACTIVATION_H
#define OS_ACTIVATION_H

#include "base/err.h"

#define ACTIVATION_MAX      16
#define ACTIVATION_NAME_MAX 256
/* What helps where a socket that was handed over is not the right one (err_show). */
#define ACTIVATION_TODO                                                                            \
	"See to who starts this program: which sockets it hands over (LISTEN_FDS), and their "     \
	"names."

struct activation {
	struct {
		int fd;
		char name[ACTIVATION_NAME_MAX]; /* FileDescriptorName=; "unknown" without one */
	} sockets[ACTIVATION_MAX];
	size_t n; /* not claimed yet */
};

/* Take what $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES hand to this process: descriptors from 3
 * on, which are made close-on-exec. n is 0 where nothing is handed over, or to another process.
 * Call it once, before threads are started and before descriptors are opened. The variables are
 * removed, so that no child takes them for its own. Refusal: LISTEN_FAILED, for variables that
 * contradict themselves or name what is not open. */
MUST_CHECK bool activation_take(struct activation *a, struct err *e);

/* Give a descriptor of that name away: the caller owns it now. 0 where there is none (left). */
int activation_claim(struct activation *a, const char *name);

/* Close what nobody claimed. */
void activation_close(struct activation *a);

#endif
