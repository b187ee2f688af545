#include "agent/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/limits.h"
#include "net/fetch.h"

struct sim {
	struct provider p;
	struct fetcher *fetcher;
	struct fetch *fetch; /* NULL when nothing is asked */
	struct provider_reply reply;
	char url[1100];
};

/* {"quote":"<base64>"} */
static MUST_CHECK bool
read_answer(const struct fetch_result *r, struct buf *quote, struct err *e)
{
	static const struct json_limits limits = {4, 64};
	struct json_doc doc = {0};
	const struct json_node *n;
	bool ok;

	if (r->status != 200)
		return err_set(e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED,
		    "ee-sim answered %d: %.100s", r->status,
		    r->status == 404 ? "is there a VM of that name?" : "");
	if (!json_parse(&doc, r->body, limits, e))
		return false;
	n = json_get(&doc, json_top(&doc), "quote");
	ok = n && n->type == JSON_STRING && !n->escaped && base64_decode(n->text, quote)
	     && quote->n > 0;
	if (!ok)
		err_set(e, ERR_MALFORMED, REASON_QUOTE_PROVIDER_FAILED, "ee-sim gave no quote");
	json_free(&doc);
	return ok;
}

static void
on_done(const struct fetch_result *r, const struct err *e, void *ctx)
{
	struct sim *s = ctx;
	struct err why = {0};
	struct buf quote;
	bool ok;

	s->fetch = NULL;
	buf_init(&quote, LIMIT_QUOTE);
	ok = !e && read_answer(r, &quote, &why);
	s->reply.done(buf_span(&quote), ok ? NULL : e ? e : &why, s->reply.ctx);
	buf_fini(&quote);
}

static bool
sim_ask(struct provider *p, const uint8_t report_data[static PROVIDER_REPORT_DATA],
    struct provider_reply reply, struct err *e)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	struct sim *s = (struct sim *)(void *)p;
	char hex[2 * PROVIDER_REPORT_DATA + 1], body[200];
	struct fetch_request q = {.url = s->url,
	    .method = "POST",
	    .headers = headers,
	    .n_headers = 1,
	    .max_body = 2 * LIMIT_QUOTE,
	    .timeout_ms = 10000};

	if (s->fetch)
		return err_set(e, ERR_NOT_NOW, REASON_INTERNAL, "a quote is being made already");
	hex_encode(span_of(report_data, PROVIDER_REPORT_DATA), hex);
	(void)snprintf(body, sizeof body, "{\"report_data\":\"%s\"}", hex);
	q.body = span_str(body);
	s->reply = reply;
	s->fetch = fetch_start(s->fetcher, &q, on_done, s, e);
	return s->fetch != NULL;
}

static void
sim_close(struct provider *p)
{
	struct sim *s = (struct sim *)(void *)p;

	fetcher_close(s->fetcher); /* what runs calls nothing back */
	free(s);
}

struct provider *
sim_provider(struct net_loop *l, const char *url, struct err *e)
{
	struct sim *s = calloc(1, sizeof *s);
	int n;

	if (!s) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the quote provider");
		return NULL;
	}
	s->p = (struct provider){sim_ask, sim_close};
	n = snprintf(s->url, sizeof s->url, "%s/quote", url);
	if (n < 0 || (size_t)n >= sizeof s->url)
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_QUOTE_PROVIDER: the URL is too long");
	else
		s->fetcher = fetcher_new(l, NULL, e);
	if (!s->fetcher) {
		free(s);
		return NULL;
	}
	return &s->p;
}
