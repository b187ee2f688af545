#include "control/listing.h"

#include "control/audit.h"
#include "wire/message.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

/* A member that is there must be one that is taken. */
static MUST_CHECK bool
read_query(struct listing *l, struct err *e)
{
	char text[24];
	uint64_t n = LIMIT_DEFAULT;

	if (api_query_has(l->r, "limit")
	    && (!api_query(l->r, "limit", text, sizeof text)
		|| !audit_read_number(span_str(text), &n) || n < 1 || n > LIMIT_MAX)) {
		(void)err_show(e, "limit is a number from 1 to %d", LIMIT_MAX);
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "limit");
	}
	l->limit = (size_t)n;
	if (!api_query_has(l->r, "after")
	    || (api_query(l->r, "after", l->after, sizeof l->after)
		&& msg_app_name_ok(span_str(l->after))))
		return true;
	(void)err_show(e, "after is an app's name");
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "after");
}

bool
listing_begin(struct listing *l, struct http_req *r, const char *name, size_t max_bytes)
{
	struct err e = {0};

	memset(l, 0, sizeof *l);
	l->r = r;
	if (!read_query(l, &e)) {
		api_refuse(r, &e, NULL, NULL);
		return false;
	}
	buf_init(&l->b, max_bytes);
	l->w = jw_of(&l->b);
	jw_object(&l->w, NULL);
	jw_array(&l->w, name);
	return true;
}

bool
listing_add(struct listing *l, const char *name)
{
	if (l->n++ == l->limit)
		return false;
	control_copy(l->last, sizeof l->last, name);
	jw_object(&l->w, NULL);
	return true;
}

void
listing_end(struct listing *l, size_t total)
{
	jw_end_array(&l->w);
	jw_int(&l->w, "total", (int64_t)total);
	jw_str(&l->w, "next", l->n > l->limit ? l->last : NULL);
	jw_end_object(&l->w);
	api_answer(l->r, 200, "application/json", &l->b);
	buf_fini(&l->b);
}
