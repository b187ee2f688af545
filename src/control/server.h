/* server.h - the control plane from start to stop: opens what control.h lists, says at the start
 * what an operator must know, and ends in good order on SIGTERM. Owns the struct control. */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include "base/settings.h"
#include "os/env.h"

/* Run until told to stop; returns the exit code. Blocks. */
int server_run(const struct settings *set, struct env *env);

#endif
