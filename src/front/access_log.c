#include "front/access_log.h"

#include "base/reason.h"

static bool
is_on(const struct front *f)
{
	return f->o.access_log && f->env->log.level >= LOG_INFO;
}

static void
add_times(struct log_line *b, const struct front *f, const struct http_req_stats *s)
{
	log_int(b, "bytes_in", (int64_t)s->bytes_in);
	log_int(b, "bytes_out", (int64_t)s->bytes_out);
	log_int(b, "ms", (int64_t)(net_loop_now_ms(f->loop) - s->began_ms));
	if (s->status)
		log_int(b, "first_byte_ms", (int64_t)(s->answered_ms - s->began_ms));
}

/* Whom the proxies in front name, where that is not the peer. */
static void
add_client(struct log_line *b, const struct front *f, const struct http_req *r, bool believed)
{
	const struct http_head *h = http_req_head(r);
	const char *peer = http_req_peer(r);
	char client[CHOOSE_CLIENT_MAX];

	if (!believed && !choose_is_trusted(&f->o.rules, peer))
		return;
	choose_client(&f->o.rules, peer, true, h->fields, h->n, client);
	if (strcmp(client, peer) != 0)
		log_str(b, "client", client);
}

/* What comes first is short; detail, which may be long, comes last. */
static void
write_line(struct front *f, struct http_req *r, bool believed, const char *app, const char *id,
    const struct err *why, bool cut)
{
	const struct http_req_stats *s = http_req_stats(r);
	char token[ERR_TOKEN_MAX];
	struct log_line b;

	log_begin(&b, "request");
	log_str(&b, "request_id", id && id[0] ? id : NULL);
	log_str(&b, "app", app);
	log_str(&b, "peer", http_req_peer(r));
	log_span(&b, "method", span_first(http_req_method(r), ACCESS_METHOD_MAX));
	log_span(&b, "path", span_first(http_req_path(r), ACCESS_PATH_MAX));
	log_int(&b, "status", s->status);
	if (why->code != ERR_NONE)
		log_str(&b, "reason", err_token(why, token));
	add_times(&b, f, s);
	log_str(&b, "cut", cut ? "true" : "false");
	add_client(&b, f, r, believed);
	if (why->detail[0])
		log_str(&b, "detail", why->detail);
	log_end(&f->env->log, LOG_INFO, &b);
}

void
access_log_refused(struct front *f, struct http_req *r, bool believed, const char *app,
    const char *id, const struct err *why)
{
	if (is_on(f))
		write_line(f, r, believed, app, id, why, false);
	else
		log_failure(&f->env->log, LOG_INFO, "proxy_refused", why, "app", app, "peer",
		    http_req_peer(r), "request_id", id, NULL);
}

void
access_log_ended(struct front *f, struct http_req *r, bool believed, const char *app,
    const char *id, const struct err *why)
{
	if (is_on(f))
		write_line(f, r, believed, app, id, why,
		    why->code != ERR_NONE && !http_req_stats(r)->refused);
}

void
access_log_unread(struct front *f, const char *peer, const struct err *why)
{
	char token[ERR_TOKEN_MAX];
	struct log_line b;

	if (!is_on(f)) {
		log_failure(&f->env->log, LOG_DEBUG, "request_refused", why, "peer", peer, NULL);
		return;
	}
	log_begin(&b, "request");
	log_str(&b, "peer", peer);
	log_int(&b, "status", reason_http(why->reason));
	log_str(&b, "reason", err_token(why, token));
	log_str(&b, "cut", "false");
	if (why->detail[0])
		log_str(&b, "detail", why->detail);
	log_end(&f->env->log, LOG_INFO, &b);
}
