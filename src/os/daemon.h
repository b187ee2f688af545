/* daemon.h - what a daemon asks of the system at its start, and tells systemd. */
#ifndef OS_DAEMON_H
#define OS_DAEMON_H

#include "base/log.h"

/* Ignore SIGPIPE, raise the limit of open files to the most that is allowed, make sure that
 * descriptors 0 to 2 are open. */
void daemon_prepare(struct log *l);

/* Tell systemd (sd_notify(3)): "READY=1", "STOPPING=1", "STATUS=...". Nothing where there is no
 * $NOTIFY_SOCKET. */
void daemon_notify(const char *state);

#endif
