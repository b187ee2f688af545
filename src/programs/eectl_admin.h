/* eectl_admin.h - what commands that ask a running ee-control share: its origin, the admin token, a
 * call and its answer. Complaints go to stderr, in the name of the command. */
#ifndef PROGRAMS_EECTL_ADMIN_H
#define PROGRAMS_EECTL_ADMIN_H

#include "base/buf.h"

#define EECTL_TOKEN_MAX 1024
#define EECTL_URL_MAX   1024

/* The token as it is configured for ee-control, "" for none. False: a complaint was made. */
MUST_CHECK bool eectl_admin_token(const char *command, char token[static EECTL_TOKEN_MAX + 2]);

/* An origin and a path on it (below 100 bytes) as a URL. False: a complaint was made. */
MUST_CHECK bool eectl_admin_url(
    const char *command, const char *text, const char *path, char url[static EECTL_URL_MAX]);

/* Send a body (p NULL: GET) and append the answer, up to out's maximum. False, after a complaint: it
 * could not be asked, or it refused. */
MUST_CHECK bool eectl_admin_call(
    const char *command, const char *url, const char *token, struct span body, struct buf *out);

#endif
