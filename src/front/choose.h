/* choose.h - which app a visitor's request is for: by the first label of Host, or by X-EE-App from
 * a peer that is trusted. Pure decisions over values; owns nothing. */
#ifndef FRONT_CHOOSE_H
#define FRONT_CHOOSE_H

#include "base/err.h"
#include "base/span.h"
#include "wire/headers.h"

struct choose_rules {
	const char *domain; /* EE_PROXY_DOMAIN; NULL: any domain's first label counts */
	const char *trusted; /* EE_PROXY_TRUSTED: addresses and prefixes; NULL: nobody */
};

#define CHOOSE_APP_MAX 64

/* Say whether a peer (an address as text) is one of `trusted`. */
bool choose_is_trusted(const struct choose_rules *rules, const char *peer);

/* Write to dst the visitor's address as far as proxies are believed: from the peer (who is believed
 * where `trusted`) back through X-Forwarded-For, up to and with the first address that is not one of
 * rules->trusted. What is no address ends the walk. n fields of a request. */
#define CHOOSE_CLIENT_MAX 46
void choose_client(const struct choose_rules *rules, const char *peer, bool trusted,
    const struct http_field *f, size_t n, char dst[static CHOOSE_CLIENT_MAX]);

/* Write the app's name to dst. host: the Host field, p NULL where there is none. x_ee_app: the
 * X-EE-App field, p NULL where there is none; it counts only where `trusted`, and must then agree
 * with a Host that names an app. Refusals: MISDIRECTED, BAD_REQUEST. */
MUST_CHECK bool choose_app(const struct choose_rules *rules, struct span host, struct span x_ee_app,
    bool trusted, char dst[static CHOOSE_APP_MAX], struct err *e);

#endif
