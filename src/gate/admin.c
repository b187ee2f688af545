#include "gate/admin.h"

#include "base/base64.h"
#include "base/ip.h"
#include "base/settings.h"
#include "wire/url.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

static bool
urls_are_local(const char *list)
{
	struct span rest = span_str(list), one;

	while (list_next(&rest, &one)) {
		struct url u;
		struct err e = {0};

		if (one.n && (!url_parse(&u, one, &e) || !host_is_loopback(&u.host)))
			return false;
	}
	return true;
}

void
admin_rule_init(struct admin_rule *r, const char *token, const char *public_url)
{
	memset(r, 0, sizeof *r);
	r->has_token = token && token[0];
	if (r->has_token)
		SHA256((const uint8_t *)token, strlen(token), r->token_sha256);
	r->public_is_local = urls_are_local(public_url ? public_url : "");
}

bool
admin_peer_is_loopback(const char *peer)
{
	uint8_t ip[16];

	return ip_parse(span_str(peer), ip) && ip_is_loopback(ip);
}

/* The digests are compared, not the tokens, so that the time taken tells neither content nor
 * length. */
static bool
token_is(const struct admin_rule *r, struct span token)
{
	uint8_t given[32];

	SHA256(token.p, token.n, given);
	return CRYPTO_memcmp(given, r->token_sha256, sizeof given) == 0;
}

static bool
take_scheme(struct span *authorization, const char *scheme)
{
	size_t n = strlen(scheme);

	if (authorization->n <= n || !span_iis(span_first(*authorization, n), scheme)
	    || authorization->p[n] != ' ')
		return false;
	while (n < authorization->n && authorization->p[n] == ' ')
		n++;
	*authorization = span_from(*authorization, n);
	return true;
}

/* RFC 6750 section 2.1. */
static bool
bearer_matches(const struct admin_rule *r, struct span authorization)
{
	return take_scheme(&authorization, "Bearer") && token_is(r, authorization);
}

static bool
basic_matches(const struct admin_rule *r, struct span authorization)
{
	const uint8_t *colon = NULL;
	struct buf b;
	bool ok;

	if (!take_scheme(&authorization, "Basic"))
		return false;
	buf_init(&b, 2048);
	ok = base64_decode(authorization, &b) && b.n && (colon = memchr(b.p, ':', b.n)) != NULL
	     && token_is(r, span_from(buf_span(&b), (size_t)(colon - b.p) + 1));
	buf_fini(&b);
	return ok;
}

static bool
host_is_local(struct span host)
{
	struct host h;
	struct err e = {0};

	return host.n && host_parse(&h, host, &e) && host_is_loopback(&h);
}

/* Without a token the browser of a person on this machine is the way in for any web page. */
static bool
is_from_here(const struct admin_rule *r, const struct admin_request *q)
{
	if (!r->public_is_local || !admin_peer_is_loopback(q->peer) || !host_is_local(q->host))
		return false;
	if (q->via.p || q->forwarded.p || q->x_forwarded_for.p || q->x_forwarded_host.p
	    || q->x_real_ip.p)
		return false;
	if (q->sec_fetch_site.p && !span_is(q->sec_fetch_site, "same-origin")
	    && !span_is(q->sec_fetch_site, "none"))
		return false;
	if (q->origin.p) {
		struct span rest = q->origin;

		if (span_starts(rest, "http://"))
			rest = span_from(rest, 7);
		else if (span_starts(rest, "https://"))
			rest = span_from(rest, 8);
		else
			return false;
		return span_ieq(rest, q->host);
	}
	return true;
}

bool
admin_allow(const struct admin_rule *r, const struct admin_request *q, struct err *e)
{
	if (r->has_token) {
		if (bearer_matches(r, q->authorization))
			return true;
		return err_set(e, ERR_POLICY, REASON_UNAUTHORIZED, "no valid bearer token");
	}
	if (is_from_here(r, q))
		return true;
	return err_set(
	    e, ERR_POLICY, REASON_FORBIDDEN, "no token is set and the caller is not local");
}

bool
admin_allow_page(const struct admin_rule *r, const struct admin_request *q, struct err *e)
{
	return (r->has_token && basic_matches(r, q->authorization)) || admin_allow(r, q, e);
}
