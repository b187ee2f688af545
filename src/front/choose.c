#include "front/choose.h"

#include "base/ip.h"
#include "wire/url.h"

bool
choose_is_trusted(const struct choose_rules *rules, const char *peer)
{
	uint8_t ip[16];

	return rules->trusted && ip_parse(span_str(peer), ip)
	       && ip_list_has(span_str(rules->trusted), ip);
}

/* Take the last element off a list. */
static struct span
take_last(struct span *list)
{
	size_t at = list->n;
	struct span one;

	while (at && list->p[at - 1] != ',')
		at--;
	one = span_from(*list, at);
	*list = span_first(*list, at ? at - 1 : 0);
	while (one.n && (one.p[0] == ' ' || one.p[0] == '\t'))
		one = span_from(one, 1);
	while (one.n && (one.p[one.n - 1] == ' ' || one.p[one.n - 1] == '\t'))
		one.n--;
	return one;
}

void
choose_client(const struct choose_rules *rules, const char *peer, bool trusted,
    const struct http_field *f, size_t n, char dst[static CHOOSE_CLIENT_MAX])
{
	uint8_t ip[16];

	(void)span_cstr(span_str(peer), dst, CHOOSE_CLIENT_MAX);
	/* A later line is what a later proxy added (RFC 9110 section 5.3). */
	for (size_t i = n; trusted && i-- > 0;) {
		struct span list = f[i].value;

		if (!span_iis(f[i].name, "x-forwarded-for"))
			continue;
		while (trusted && list.n) {
			struct span one = take_last(&list);

			if (!ip_parse(one, ip) || !span_cstr(one, dst, CHOOSE_CLIENT_MAX))
				return;
			trusted = choose_is_trusted(rules, dst);
		}
	}
}

static bool
misdirected(struct err *e, const char *why)
{
	err_set(e, ERR_NOTFOUND, REASON_MISDIRECTED, "%s", why);
	return err_show(e, "%s", why);
}

/* The name's first label, where what follows is the domain (or there is none to follow). */
static struct span
first_label(const char *name, const char *domain)
{
	const char *dot = strchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : strlen(name);

	if (!domain)
		return span_of(name, n);
	if (domain[0] == '.')
		domain++;
	if (!dot || !span_iis(span_str(dot + 1), domain))
		return span_of(NULL, 0);
	return span_of(name, n);
}

/* The app that Host names: p NULL where it names none. False where Host is no host. */
static bool
app_of_host(const struct choose_rules *rules, struct span host, struct host *h, struct span *app,
    struct err *e)
{
	*app = span_of(NULL, 0);
	if (!host.p)
		return true;
	if (!host_parse(h, host, e))
		return false;
	if (h->kind != HOST_NAME || strcmp(h->name, "localhost") == 0)
		return true;
	*app = first_label(h->name, rules->domain);
	if (!url_label_ok(*app))
		*app = span_of(NULL, 0);
	return true;
}

bool
choose_app(const struct choose_rules *rules, struct span host, struct span x_ee_app, bool trusted,
    char dst[static CHOOSE_APP_MAX], struct err *e)
{
	struct span app;
	struct host h;

	if (!app_of_host(rules, host, &h, &app, e))
		return false;
	if (trusted && x_ee_app.p) {
		if (!url_label_ok(x_ee_app)) {
			err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "X-EE-App is no app name");
			return err_show(e, "X-EE-App is no app name");
		}
		if (app.p && !span_eq(app, x_ee_app))
			return misdirected(e, "Host and X-EE-App name two apps");
		app = x_ee_app;
	}
	if (!app.p)
		return misdirected(e, "Host names no app");
	return span_cstr(app, dst, CHOOSE_APP_MAX) || misdirected(e, "Host names no app");
}
