#include "wire/problem.h"

#include "base/jcs.h"
#include "wire/http1.h"

/* The members that both bodies share. */
static void
write_why(struct jw *w, const struct err *e)
{
	char token[ERR_TOKEN_MAX];
	const char *cause = err_cause(e);

	jw_str(w, "reason", err_wire(e, token));
	if (cause)
		jw_str(w, "cause", cause);
	if (e->shown[0])
		jw_str(w, "detail", e->shown);
}

void
problem_write(struct buf *out, const struct err *e, struct span request_id)
{
	struct jw w = jw_of(out);
	int status = reason_http(e->reason);

	jw_object(&w, NULL);
	/* RFC 9457 section 4.2.1: about:blank, with the status's own phrase as the title. */
	jw_str(&w, "type", "about:blank");
	jw_str(&w, "title", http_status_phrase(status));
	jw_int(&w, "status", status);
	write_why(&w, e);
	if (request_id.n)
		jw_span(&w, "request_id", request_id);
	jw_end_object(&w);
}

void
refusal_write(struct buf *out, const struct err *e)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_bool(&w, "allowed", false);
	write_why(&w, e);
	jw_end_object(&w);
}

void
proxy_status_write(struct buf *out, const char *name, const struct err *e)
{
	const char *type = reason_proxy_status(e->reason);

	/* The general ones of section 2.3, for a reason that seldom meets a visitor. */
	if (!type[0])
		type = reason_http(e->reason) < 500 ? "http_request_error" : "proxy_internal_error";
	/* RFC 9209 section 2: details is an sf-string; our tokens need no escaping, but an argument
	 * might, so it is left out. */
	buf_printf(out, "%s; error=%s; details=\"%s\"", name, type,
	    reason_token(reason_parent(e->reason)));
}

unsigned
problem_retry_after(const struct err *e)
{
	if (e->retry_s)
		return e->retry_s;
	switch (reason_http(e->reason)) {
	case 503:
		return 5;
	case 429:
		return 1;
	default:
		return 0;
	}
}
