#include "wire/url.h"

#include <stdio.h>

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum_lower(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

bool
url_label_ok(struct span s)
{
	if (!s.n || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum_lower(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

/* -- hosts -- */

/* Read a decimal of at most 3 digits without leading zero, as in a dotted quad. */
static bool
take_octet(struct span *s)
{
	unsigned v = 0;
	size_t n = 0;

	while (n < s->n && n < 4 && is_digit(s->p[n]))
		v = v * 10 + (unsigned)(s->p[n++] - '0');
	if (!n || v > 255 || n > 3 || (n > 1 && s->p[0] == '0'))
		return false;
	*s = span_from(*s, n);
	return true;
}

static bool
is_ipv4(struct span s)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0) {
			if (!s.n || s.p[0] != '.')
				return false;
			s = span_from(s, 1);
		}
		if (!take_octet(&s))
			return false;
	}
	return s.n == 0;
}

static bool
is_hex_digit(uint8_t c)
{
	c = ascii_lower(c);
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* RFC 3986 section 3.2.2's IPv6address: 8 groups, at most one "::", perhaps a dotted quad. */
static bool
is_ipv6(struct span s)
{
	unsigned groups = 0;
	bool gap = false;

	if (s.n >= 2 && s.p[0] == ':' && s.p[1] == ':') {
		gap = true;
		s = span_from(s, 2);
	}
	while (s.n) {
		size_t n = 0;

		while (n < s.n && is_hex_digit(s.p[n]))
			n++;
		if (n < s.n && s.p[n] == '.') {
			groups += 2;
			s = is_ipv4(s) ? span_of(NULL, 0) : s;
			if (s.n)
				return false;
			break;
		}
		if (!n || n > 4 || ++groups > 8)
			return false;
		s = span_from(s, n);
		if (!s.n)
			break;
		if (s.p[0] != ':' || s.n == 1)
			return false;
		s = span_from(s, 1);
		if (s.p[0] != ':')
			continue;
		if (gap)
			return false;
		gap = true;
		s = span_from(s, 1);
	}
	return gap ? groups <= 7 : groups == 8;
}

/* A host name: labels of letters, digits, '-' and '_', not all of the last one digits (WHATWG's
 * rule, so that no odd spelling of an IPv4 address passes for a name). */
static bool
is_name(struct span s)
{
	size_t label = 0;
	bool digits = true;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = ascii_lower(s.p[i]);

		if (c == '.') {
			if (!label || s.p[i - 1] == '-')
				return false;
			label = 0;
			digits = true;
			continue;
		}
		if (!is_alnum_lower(c) && c != '_' && !(c == '-' && label))
			return false;
		digits = digits && is_digit(c);
		if (++label > 63)
			return false;
	}
	/* "0x7f" is an address to some resolvers, too. */
	if (label >= 2 && s.p[s.n - label] == '0' && ascii_lower(s.p[s.n - label + 1]) == 'x')
		return false;
	return label && !digits && s.p[s.n - 1] != '-';
}

static bool
parse_port(struct span s, uint16_t *port)
{
	unsigned v = 0;

	if (!s.n || s.n > 5)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (!v || v > 65535)
		return false;
	*port = (uint16_t)v;
	return true;
}

/* Split [v6]:port or name:port; *port has p NULL where there is none. */
static bool
split_host(struct span text, struct span *name, struct span *port, bool *bracketed)
{
	const uint8_t *end;

	*port = span_of(NULL, 0);
	*bracketed = text.n && text.p[0] == '[';
	if (*bracketed) {
		end = memchr(text.p, ']', text.n);
		if (!end)
			return false;
		*name = span_of(text.p + 1, (size_t)(end - text.p) - 1);
		text = span_from(text, name->n + 2);
		if (text.n && text.p[0] != ':')
			return false;
		if (text.n)
			*port = span_from(text, 1);
		return true;
	}
	end = text.n ? memchr(text.p, ':', text.n) : NULL;
	*name = span_first(text, end ? (size_t)(end - text.p) : text.n);
	if (end)
		*port = span_from(text, name->n + 1);
	return true;
}

static bool
read_host(struct host *h, struct span text)
{
	struct span name, port;
	bool bracketed;

	memset(h, 0, sizeof *h);
	if (!split_host(text, &name, &port, &bracketed))
		return false;
	if (port.p && !parse_port(port, &h->port))
		return false;
	if (!bracketed && name.n > 1 && name.p[name.n - 1] == '.')
		name.n--; /* the root's dot */
	if (!name.n || name.n > 253)
		return false;
	if (bracketed)
		h->kind = HOST_IPV6;
	else
		h->kind = is_ipv4(name) ? HOST_IPV4 : HOST_NAME;
	if ((h->kind == HOST_IPV6 && !is_ipv6(name)) || (h->kind == HOST_NAME && !is_name(name)))
		return false;
	for (size_t i = 0; i < name.n; i++)
		h->name[i] = (char)ascii_lower(name.p[i]);
	return true;
}

bool
host_parse(struct host *h, struct span text, struct err *e)
{
	struct host got;

	if (!read_host(&got, text))
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "bad host");
	*h = got;
	return true;
}

bool
host_is_loopback(const struct host *h)
{
	size_t n = strlen(h->name);

	if (h->kind == HOST_IPV4)
		return strncmp(h->name, "127.", 4) == 0;
	if (h->kind == HOST_IPV6)
		return strcmp(h->name, "::1") == 0 || strcmp(h->name, "0:0:0:0:0:0:0:1") == 0;
	return strcmp(h->name, "localhost") == 0
	       || (n > 10 && strcmp(h->name + n - 10, ".localhost") == 0);
}

/* -- URLs -- */

static const struct {
	const char *prefix;
	uint16_t port;
} schemes[] = {
    [URL_HTTP] = {"http://", 80},
    [URL_HTTPS] = {"https://", 443},
    [URL_WS] = {"ws://", 80},
    [URL_WSS] = {"wss://", 443},
};

bool
url_is_tls(const struct url *u)
{
	return u->scheme == URL_HTTPS || u->scheme == URL_WSS;
}

uint16_t
url_default_port(enum url_scheme s)
{
	return schemes[s].port;
}

static bool
take_scheme(struct span *text, enum url_scheme *s)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t n = strlen(schemes[i].prefix);

		if (text->n < n || !span_iis(span_first(*text, n), schemes[i].prefix))
			continue;
		*text = span_from(*text, n);
		*s = (enum url_scheme)i;
		return true;
	}
	return false;
}

bool
url_parse(struct url *u, struct span text, struct err *e)
{
	struct url got;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > 0x7e || text.p[i] == '#' || text.p[i] == '\\')
			return err_set(
			    e, ERR_USAGE, REASON_BAD_SETTING, "URL has a byte that is not taken");
	if (!take_scheme(&text, &got.scheme))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "URL does not begin with http://, https://, ws:// or wss://");
	while (n < text.n && text.p[n] != '/' && text.p[n] != '?')
		n++;
	if (!read_host(&got.host, span_first(text, n)))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "URL has no valid host");
	if (!got.host.port)
		got.host.port = url_default_port(got.scheme);
	got.target = n < text.n ? span_from(text, n) : span_str("/");
	if (got.target.p[0] != '/')
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "URL has a query but no path");
	*u = got;
	return true;
}

bool
url_parse_setting(struct url *u, const char *name, struct span text, struct err *e)
{
	struct span start = span_first(text, 80);
	struct err why = {0};

	return url_parse(u, text, &why)
	       || err_set(e, why.code, why.reason, "%s: %.*s: %s", name, (int)start.n,
		   (const char *)start.p, why.detail);
}

void
url_authority(const struct url *u, char dst[static URL_ORIGIN_MAX])
{
	bool v6 = u->host.kind == HOST_IPV6;
	char port[8] = "";

	if (u->host.port != url_default_port(u->scheme))
		snprintf(port, sizeof port, ":%u", (unsigned)u->host.port);
	snprintf(dst, URL_ORIGIN_MAX, "%s%s%s%s", v6 ? "[" : "", u->host.name, v6 ? "]" : "", port);
}

void
url_origin(const struct url *u, char dst[static URL_ORIGIN_MAX])
{
	char authority[URL_ORIGIN_MAX];

	url_authority(u, authority);
	snprintf(dst, URL_ORIGIN_MAX, "%s%.*s", url_is_tls(u) ? "https://" : "http://",
	    URL_ORIGIN_MAX - 9, authority);
}

/* -- percent-encoding and targets -- */

void
url_encode(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (is_alnum_lower(ascii_lower(c)) || (c && strchr("-._~", c)))
			buf_add_u8(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static unsigned
hex_nibble(uint8_t c)
{
	return (unsigned)(is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
}

bool
url_decode(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			buf_add_u8(out, s.p[i]);
			continue;
		}
		if (s.n - i < 3 || !is_hex_digit(s.p[i + 1]) || !is_hex_digit(s.p[i + 2]))
			return false;
		buf_add_u8(out, (uint8_t)(hex_nibble(s.p[i + 1]) << 4 | hex_nibble(s.p[i + 2])));
		i += 2;
	}
	return buf_ok(out);
}

void
url_split_target(struct span target, struct span *path, struct span *query)
{
	const uint8_t *q = target.n ? memchr(target.p, '?', target.n) : NULL;

	*path = span_first(target, q ? (size_t)(q - target.p) : target.n);
	*query = q ? span_from(target, path->n + 1) : span_of(NULL, 0);
}

/* Take one byte of a path, its escape resolved; -1 where the escape is broken, or is a NUL. */
static int
take_path_byte(struct span *path)
{
	struct span s = *path;
	int c = s.p[0];

	*path = span_from(s, c == '%' ? 3 : 1);
	if (c != '%')
		return c;
	if (s.n < 3 || !is_hex_digit(s.p[1]) || !is_hex_digit(s.p[2]))
		return -1;
	c = (int)(hex_nibble(s.p[1]) << 4 | hex_nibble(s.p[2]));
	return c ? c : -1;
}

/* Go one segment down, or up, or (empty, or one dot) stay. False above the root. */
static bool
take_segment(size_t n, size_t dots, size_t *depth)
{
	if (n == 2 && dots == 2)
		return (*depth)-- > 0;
	*depth += n > 0 && !(n == 1 && dots == 1);
	return true;
}

static bool
stays_below_root(struct span path, bool slash_by_escape)
{
	size_t depth = 0, n = 0, dots = 0;

	while (path.n) {
		bool escaped = path.p[0] == '%';
		int c = take_path_byte(&path);

		if (c < 0)
			return false;
		if (c != '/' || (escaped && !slash_by_escape)) {
			n++;
			dots += c == '.';
			continue;
		}
		if (!take_segment(n, dots, &depth))
			return false;
		n = dots = 0;
	}
	return take_segment(n, dots, &depth);
}

bool
url_path_ok(struct span path)
{
	/* Without dots or escapes there is no way up, and nothing to resolve. */
	if (path.n == 0 || (!memchr(path.p, '.', path.n) && !memchr(path.p, '%', path.n)))
		return true;
	return stays_below_root(path, true) && stays_below_root(path, false);
}
