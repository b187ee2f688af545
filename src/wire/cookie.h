/* cookie.h - whether a cookie that an answer sets stays with the host that was asked (RFC 6265).
 * Pure; borrows and owns nothing. */
#ifndef WIRE_COOKIE_H
#define WIRE_COOKIE_H

#include "base/span.h"

/* Say whether a Set-Cookie's value is for that host alone (a Host field's value, with a port or
 * without): it has no Domain attribute (section 5.2.3), or none but that host. As a browser reads it:
 * what a quote holds is no exception, an empty Domain is none, and so is a lone dot. */
bool cookie_stays(struct span set_cookie, struct span host);

#endif
