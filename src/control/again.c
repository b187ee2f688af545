#include "control/again.h"

#include <stdlib.h>

struct again {
	struct exchange_request rq;
	struct fields fields;
	uint64_t until_ms;
	struct buf text; /* request id with its NUL, method, target */
};

static bool
is_idempotent(struct span method)
{
	static const char *const names[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (span_is(method, names[i]))
			return true;
	return false;
}

struct again *
again_of(const struct exchange_request *rq, uint64_t now_ms)
{
	struct span id = span_str(rq->request_id);
	struct again *a;

	if (rq->has_body)
		return NULL;
	a = malloc(sizeof *a);
	if (!a)
		return NULL;
	a->rq = *rq;
	a->until_ms = now_ms + rq->timeout_ms;
	fields_init(&a->fields);
	fields_add_all(&a->fields, rq->fields);
	buf_init(&a->text, 4 * LIMIT_HEAD);
	buf_add(&a->text, id);
	buf_add(&a->text, span_of("", 1));
	buf_add(&a->text, rq->method);
	buf_add(&a->text, rq->target);
	if (!buf_ok(&a->text) || !fields_ok(&a->fields)) {
		again_free(a);
		return NULL;
	}
	struct span all = span_from(buf_span(&a->text), id.n + 1);

	a->rq.request_id = (const char *)a->text.p;
	a->rq.method = span_first(all, rq->method.n);
	a->rq.target = span_from(all, rq->method.n);
	a->rq.fields = &a->fields;
	return a;
}

void
again_free(struct again *a)
{
	if (!a)
		return;
	fields_fini(&a->fields);
	buf_fini(&a->text);
	free(a);
}

bool
again_may(const struct again *a, const struct err *why, bool lost, uint64_t now_ms)
{
	if (now_ms >= a->until_ms)
		return false;
	return exchange_was_refused(why) || (lost && is_idempotent(a->rq.method));
}

struct exchange_request
again_request(const struct again *a, uint64_t now_ms)
{
	struct exchange_request rq = a->rq;

	rq.timeout_ms = a->until_ms - now_ms;
	return rq;
}
