#include "wire/message.h"

#include "base/base64.h"

static bool
bad_type(struct err *e, const char *name)
{
	err_set(e, ERR_MALFORMED, REASON_INVALID_JSON, "member %s is of another type", name);
	return err_show(e, "member %s is of another type", name);
}

static bool
bad_field(struct err *e, const char *name)
{
	err_set(e, ERR_MALFORMED, REASON_INVALID_FIELD, "member %s breaks its grammar", name);
	return err_show(e, "member %s breaks its grammar", name);
}

static bool
missing(struct err *e, const char *name)
{
	err_set(e, ERR_MALFORMED, REASON_MISSING_FIELDS, "member %s is missing", name);
	return err_show(e, "member %s is missing", name);
}

/* Find an optional member; an explicit null is as good as none. False on another type. */
static bool
find(const struct msg *m, const char *name, enum json_type type, const struct json_node **out,
    struct err *e)
{
	const struct json_node *n = json_get(&m->doc, json_top(&m->doc), name);

	*out = n && n->type != JSON_NULL ? n : NULL;
	return !*out || (*out)->type == type || bad_type(e, name);
}

/* As find, for a member that must be there. */
static bool
need(const struct msg *m, const char *name, enum json_type type, const struct json_node **out,
    struct err *e)
{
	return find(m, name, type, out, e) && (*out || missing(e, name));
}

/* An optional string into size bytes; empty where it is absent. */
static bool
get_str(const struct msg *m, const char *name, char *dst, size_t size, struct err *e)
{
	const struct json_node *n;

	dst[0] = '\0';
	return find(m, name, JSON_STRING, &n, e)
	       && (!n || json_cstr(n, dst, size) || bad_field(e, name));
}

/* A string that must be there, and not be empty. */
static bool
need_str(const struct msg *m, const char *name, char *dst, size_t size, struct err *e)
{
	return get_str(m, name, dst, size, e) && (dst[0] || missing(e, name));
}

static bool
need_int(const struct msg *m, const char *name, int64_t *out, struct err *e)
{
	const struct json_node *n;

	if (!need(m, name, JSON_NUMBER, &n, e))
		return false;
	return json_int(n, -1000000000, 1000000000, out) || bad_type(e, name);
}

static bool
get_version(const struct msg *m, unsigned absent, unsigned *out, struct err *e)
{
	char v[8];

	if (!get_str(m, "tunnel_version", v, sizeof v, e))
		return false;
	*out = strcmp(v, "2") == 0 ? 2 : v[0] ? 1 : absent;
	return !v[0] || strcmp(v, "1") == 0 || *out == 2 || bad_field(e, "tunnel_version");
}

/* -- the types -- */

static bool
parse_register(struct msg *m, struct err *e)
{
	struct msg_register *r = &m->u.reg;

	if (!need_str(m, "repo", r->repo, sizeof r->repo, e)
	    || !need_str(m, "release_tag", r->release_tag, sizeof r->release_tag, e)
	    || !need_str(m, "app_name", r->app_name, sizeof r->app_name, e)
	    || !need_str(m, "network", r->network, sizeof r->network, e)
	    || !need_str(m, "agent_id", r->agent_id, sizeof r->agent_id, e)
	    || !get_version(m, 1, &r->tunnel_version, e))
		return false;
	if (!msg_repo_ok(span_str(r->repo)))
		return bad_field(e, "repo");
	if (!msg_tag_ok(span_str(r->release_tag)))
		return bad_field(e, "release_tag");
	if (!msg_app_name_ok(span_str(r->app_name)))
		return bad_field(e, "app_name");
	if (!msg_agent_id_ok(span_str(r->agent_id)))
		return bad_field(e, "agent_id");
	if (!msg_network_ok(span_str(r->network)))
		return err_set(e, ERR_MALFORMED, REASON_INVALID_NETWORK, "no name of a network");
	return true;
}

/* A quote, its report data or the claims may be absent only by a reason of their own. */
static bool
parse_proof(const struct msg *m, struct msg_proof *r, struct err *e)
{
	const struct json_node *quote, *report_data;

	if (!find(m, "quote", JSON_STRING, &quote, e)
	    || !find(m, "report_data", JSON_STRING, &report_data, e)
	    || !find(m, "measurements", JSON_OBJECT, &r->measurements, e))
		return false;
	if (!quote || !quote->text.n || !report_data || !report_data->text.n || !r->measurements)
		return err_set(e, ERR_MALFORMED, REASON_MISSING_QUOTE,
		    "quote, report_data or measurements is missing");
	/* Neither alphabet needs an escape but for '/', which base64 readers then refuse. */
	r->quote = quote->text;
	r->report_data = report_data->text;
	return true;
}

static bool
parse_attest_response(struct msg *m, struct err *e)
{
	struct msg_attest_response *r = &m->u.attest_response;

	return need_str(m, "nonce", r->nonce, sizeof r->nonce, e) && parse_proof(m, &r->proof, e);
}

static bool
parse_evidence_response(struct msg *m, struct err *e)
{
	struct msg_evidence_response *r = &m->u.evidence_response;

	return need_str(m, "request_id", r->request_id, sizeof r->request_id, e)
	       && get_str(m, "error", r->error, sizeof r->error, e)
	       && (r->error[0] || parse_proof(m, &r->proof, e));
}

static bool
parse_health(struct msg *m, struct err *e)
{
	const struct json_node *n;

	if (!need(m, "status", JSON_STRING, &n, e))
		return false;
	m->u.health.pass = json_is(n, "pass");
	return true;
}

static bool
parse_proxy_response(struct msg *m, struct err *e)
{
	struct msg_proxy_response *r = &m->u.proxy_response;

	if (!need_str(m, "request_id", r->request_id, sizeof r->request_id, e)
	    || !get_str(m, "error", r->error, sizeof r->error, e))
		return false;
	if (r->error[0])
		return true;
	return need_int(m, "status", &r->status, e)
	       && find(m, "headers", JSON_OBJECT, &r->headers, e)
	       && find(m, "body_b64", JSON_STRING, &r->body, e);
}

static bool
parse_attest_request(struct msg *m, struct err *e)
{
	struct msg_attest_request *r = &m->u.attest_request;
	char channel[32];

	if (!need_str(m, "nonce", r->nonce, sizeof r->nonce, e)
	    || !need_int(m, "deadline_s", &r->deadline_s, e)
	    || !get_str(m, "reason", r->reason, sizeof r->reason, e)
	    || !get_str(m, "channel", channel, sizeof channel, e))
		return false;
	r->channel = strcmp(channel, "tls-exporter") == 0;
	return r->channel || !channel[0] || strcmp(channel, "none") == 0 || bad_field(e, "channel");
}

static bool
parse_proxy_request(struct msg *m, struct err *e)
{
	struct msg_proxy_request *r = &m->u.proxy_request;

	return need_str(m, "request_id", r->request_id, sizeof r->request_id, e)
	       && need_str(m, "method", r->method, sizeof r->method, e)
	       && need(m, "path", JSON_STRING, &r->path, e)
	       && find(m, "headers", JSON_OBJECT, &r->headers, e)
	       && find(m, "body_b64", JSON_STRING, &r->body, e);
}

static bool
parse_evidence_request(struct msg *m, struct err *e)
{
	struct msg_evidence_request *r = &m->u.evidence_request;

	return need_str(m, "request_id", r->request_id, sizeof r->request_id, e)
	       && need_str(m, "nonce", r->nonce, sizeof r->nonce, e)
	       && need_int(m, "deadline_s", &r->deadline_s, e);
}

static bool
get_retry(const struct msg *m, int64_t *out, struct err *e)
{
	const struct json_node *n;

	*out = 0;
	if (!find(m, "retry_after_s", JSON_NUMBER, &n, e))
		return false;
	return !n || json_int(n, 0, 1000000000, out) || bad_type(e, "retry_after_s");
}

static bool
parse_status(struct msg *m, struct err *e)
{
	struct msg_status *s = &m->u.status;

	return need_str(m, "state", s->state, sizeof s->state, e)
	       && get_str(m, "reason", s->reason, sizeof s->reason, e)
	       && get_str(m, "cause", s->cause, sizeof s->cause, e)
	       && get_str(m, "detail", s->detail, sizeof s->detail, e)
	       && get_str(m, "expires_at", s->expires_at, sizeof s->expires_at, e)
	       && get_retry(m, &s->retry_after_s, e) && get_version(m, 0, &s->tunnel_version, e);
}

static bool
parse_h2_end(struct msg *m, struct err *e)
{
	return true;
}

static const struct {
	const char *name;
	enum msg_from from;
	enum msg_type type;
	bool (*parse)(struct msg *m, struct err *e);
} types[] = {
    {"register", MSG_FROM_AGENT, MSG_REGISTER, parse_register},
    {"attest_response", MSG_FROM_AGENT, MSG_ATTEST_RESPONSE, parse_attest_response},
    {"health", MSG_FROM_AGENT, MSG_HEALTH, parse_health},
    {"proxy_response", MSG_FROM_AGENT, MSG_PROXY_RESPONSE, parse_proxy_response},
    {"evidence_response", MSG_FROM_AGENT, MSG_EVIDENCE_RESPONSE, parse_evidence_response},
    {"attest_request", MSG_FROM_CONTROL, MSG_ATTEST_REQUEST, parse_attest_request},
    {"proxy_request", MSG_FROM_CONTROL, MSG_PROXY_REQUEST, parse_proxy_request},
    {"evidence_request", MSG_FROM_CONTROL, MSG_EVIDENCE_REQUEST, parse_evidence_request},
    {"status", MSG_FROM_CONTROL, MSG_STATUS, parse_status},
    {"h2_end", MSG_FROM_AGENT, MSG_H2_END, parse_h2_end},
    {"h2_end", MSG_FROM_CONTROL, MSG_H2_END, parse_h2_end},
};

static bool
parse_typed(struct msg *m, enum msg_from from, struct err *e)
{
	const struct json_node *top = json_top(&m->doc), *type;

	if (top->type != JSON_OBJECT)
		return err_set(e, ERR_MALFORMED, REASON_INVALID_JSON, "not an object");
	if (json_has_dup(top))
		return err_set(e, ERR_MALFORMED, REASON_INVALID_JSON, "a member is given twice");
	if (!need(m, "type", JSON_STRING, &type, e))
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].from != from || !json_is(type, types[i].name))
			continue;
		m->type = types[i].type;
		return types[i].parse(m, e);
	}
	return err_set(e, ERR_UNSUPPORTED, REASON_UNKNOWN_MESSAGE, "type %.*s",
	    (int)(type->text.n < 40 ? type->text.n : 40), (const char *)type->text.p);
}

bool
msg_parse(struct msg *m, struct span text, enum msg_from from, struct err *e)
{
	struct msg got;

	memset(&got, 0, sizeof got);
	memset(m, 0, sizeof *m);
	if (!json_parse(
		&got.doc, text, (struct json_limits){LIMIT_JSON_DEPTH, LIMIT_JSON_NODES}, e))
		return false;
	if (!parse_typed(&got, from, e)) {
		json_free(&got.doc);
		return false;
	}
	*m = got;
	return true;
}

void
msg_fini(struct msg *m)
{
	json_free(&m->doc);
	memset(m, 0, sizeof *m);
}

/* -- heads and bodies inside messages -- */

static bool
add_header(const struct json_node *name, const struct json_node *value, struct fields *out)
{
	struct buf n, v;
	bool ok;

	buf_init(&n, LIMIT_HEAD);
	buf_init(&v, LIMIT_HEAD);
	ok = json_key(name, &n) && json_string(value, &v);
	if (ok)
		fields_add(out, buf_span(&n), buf_span(&v));
	buf_fini(&n);
	buf_fini(&v);
	return ok && fields_ok(out);
}

bool
msg_headers(const struct json_doc *doc, const struct json_node *headers, struct fields *out)
{
	const struct json_node *c, *v;

	if (!headers)
		return true;
	if (headers->type != JSON_OBJECT || json_has_dup(headers))
		return false;
	for (c = json_first(doc, headers); c; c = json_next(doc, headers, c)) {
		if (c->type == JSON_STRING && !add_header(c, c, out))
			return false;
		if (c->type == JSON_STRING)
			continue;
		if (c->type != JSON_ARRAY)
			return false;
		for (v = json_first(doc, c); v; v = json_next(doc, c, v))
			if (!add_header(c, v, out))
				return false;
	}
	return true;
}

bool
msg_body(const struct json_node *body, struct buf *out)
{
	struct buf text;
	bool ok;

	if (!body)
		return true;
	if (body->type != JSON_STRING)
		return false;
	if (!body->escaped)
		return base64_decode(body->text, out);
	/* Some writers escape the slash. */
	buf_init(&text, LIMIT_TEXT_ATTESTED);
	ok = json_string(body, &text) && base64_decode(buf_span(&text), out);
	buf_fini(&text);
	return ok;
}
