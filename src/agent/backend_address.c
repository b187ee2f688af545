#include "agent/backend_address.h"

#include "wire/url.h"

bool
backend_address_parse(struct backend_address *a, const char *url, struct err *e)
{
	struct span s = span_str(url);
	struct url u;

	*a = (struct backend_address){0};
	if (span_starts(s, "unix:")) {
		if (!span_starts(s, "unix:/")
		    || !span_cstr(span_from(s, 5), a->unix_path, sizeof a->unix_path))
			return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
			    "EE_BACKEND_URL: unix: wants an absolute path of at most 107 bytes");
		(void)span_cstr(span_str("localhost"), a->authority, sizeof a->authority);
		return true;
	}
	if (!url_parse_setting(&u, "EE_BACKEND_URL", s, e))
		return false;
	if (u.scheme != URL_HTTP)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_BACKEND_URL: http://host:port or unix:/path is taken, not %.60s", url);
	if (!span_is(u.target, "/"))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_BACKEND_URL: has a path; requests bring their own");
	a->port = u.host.port;
	a->loopback = host_is_loopback(&u.host);
	url_authority(&u, a->authority);
	return span_cstr(span_str(u.host.name), a->host, sizeof a->host);
}

const char *
backend_address_claim(const struct backend_address *a)
{
	if (a->unix_path[0])
		return "unix";
	return a->loopback ? "loopback" : a->host;
}

struct stream_dial
backend_address_dial(const struct backend_address *a, uint64_t timeout_ms)
{
	struct stream_dial d = {.timeout_ms = timeout_ms};

	if (a->unix_path[0])
		d.unix_path = a->unix_path;
	else
		d.host = a->host;
	d.port = a->port;
	return d;
}
