/* eectl_admin.h - what commands that speak to a running ee-control's admin routes need: where it is, and
 * the token. `command` is its name, for complaints, which go to stderr. */
#ifndef PROGRAMS_EECTL_ADMIN_H
#define PROGRAMS_EECTL_ADMIN_H

#include "base/attr.h"
#include "wire/url.h"

#define ADMIN_TOKEN_MAX 1024
#define ADMIN_URL_MAX   (URL_ORIGIN_MAX + 64)

/* The token as it is configured for ee-control. False: a complaint was made. */
MUST_CHECK bool admin_token(const char *command, char token[static ADMIN_TOKEN_MAX + 2]);

/* An origin with a path behind it. Spelled out: whoever reads a scheme into it may send the token in
 * clear. False: a complaint was made. */
MUST_CHECK bool admin_url(
    const char *command, const char *text, const char *path, char url[static ADMIN_URL_MAX]);

#endif
