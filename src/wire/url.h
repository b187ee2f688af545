/* url.h - URLs of the four schemes that we dial, Host values, origins and percent-encoding
 * (RFC 3986), strictly. No userinfo, no fragment, no white space, no U-labels (a host is ASCII;
 * international names come as A-labels), no odd spellings of IPv4. Borrows; owns nothing. */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/buf.h"
#include "base/err.h"

#define URL_HOST_MAX 256

enum url_scheme { URL_HTTP, URL_HTTPS, URL_WS, URL_WSS };

enum host_kind { HOST_NAME, HOST_IPV4, HOST_IPV6 };

struct host {
	enum host_kind kind;
	char name[URL_HOST_MAX]; /* lower case; IPv6 without brackets; no trailing dot */
	uint16_t port; /* 0 where none was written */
};

struct url {
	enum url_scheme scheme;
	struct host host; /* port: the scheme's default where none was written */
	struct span target; /* path and query as written, borrowed; "/" where the path is empty */
};

/* Parse host[:port] as in a Host field (RFC 9110 section 7.2). Refusal: BAD_REQUEST. */
MUST_CHECK bool host_parse(struct host *h, struct span text, struct err *e);

/* Say whether the host is this machine by name or number: localhost, *.localhost, 127/8, ::1. */
bool host_is_loopback(const struct host *h);

/* Parse an absolute URL. Refusal: BAD_SETTING, since only settings hold URLs. */
MUST_CHECK bool url_parse(struct url *u, struct span text, struct err *e);

/* The same for the setting of that name: a refusal says which it is, and the URL, cut at 80 bytes. */
MUST_CHECK bool url_parse_setting(struct url *u, const char *name, struct span text, struct err *e);

/* Say whether the scheme is spoken over TLS; the port that it has by default. */
bool url_is_tls(const struct url *u);
uint16_t url_default_port(enum url_scheme s);

/* Write the origin that an agent dials as the audience spells it: scheme http or https, host,
 * port only where it is not the default, no path. */
#define URL_ORIGIN_MAX (URL_HOST_MAX + 32)
void url_origin(const struct url *u, char dst[static URL_ORIGIN_MAX]);

/* Write host[:port] as the Host field of a request to u carries it. */
void url_authority(const struct url *u, char dst[static URL_ORIGIN_MAX]);

/* Append s with every byte percent-encoded that is not unreserved. */
void url_encode(struct buf *out, struct span s);

/* Append s with its percent-escapes resolved. False on a broken escape. */
MUST_CHECK bool url_decode(struct span s, struct buf *out);

/* Split a target at its first '?': path, and query without the '?' (p NULL where there is none). */
void url_split_target(struct span target, struct span *path, struct span *query);

/* Say whether a path can be resolved safely by whoever gets it: its escapes are whole, none is a
 * NUL, and no dot segments (RFC 3986 section 5.2.4) lead above the root, whether %2F counts as a
 * slash or not, and empty segments for nothing. */
bool url_path_ok(struct span path);

/* Say whether s is a DNS label: what an app_name is. Lower case only. */
bool url_label_ok(struct span s);

#endif
