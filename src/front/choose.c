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
