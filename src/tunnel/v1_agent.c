#include "tunnel/v1.h"

#include "wire/http1.h"

static bool
bad_payload(struct err *e, const char *what)
{
	err_set(e, ERR_MALFORMED, REASON_INVALID_PROXY_PAYLOAD, "bad %s", what);
	return err_show(e, "bad %s", what);
}

static void
request_init(struct v1_request *r)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->target, LIMIT_HEAD);
	buf_init(&r->body, LIMIT_V1_BODY);
	fields_init(&r->fields);
}

void
v1_request_fini(struct v1_request *r)
{
	buf_fini(&r->target);
	buf_fini(&r->body);
	fields_fini(&r->fields);
}

static bool
method_ok(struct span m)
{
	return http_token_ok(m) && !span_iis(m, "CONNECT") && !span_iis(m, "TRACE");
}

/* Read headers, dropping what ends at this hop and what frames the body. */
static bool
read_headers(const struct json_doc *doc, const struct json_node *headers, struct fields *out)
{
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct fields raw;
	bool ok;

	fields_init(&raw);
	ok = msg_headers(doc, headers, &raw);
	for (size_t i = 0; i < raw.n; i++)
		f[i] = fields_at(&raw, i);
	for (size_t i = 0; ok && i < raw.n; i++)
		if (!headers_is_hop(f[i].name, f, raw.n) && !span_iis(f[i].name, "content-length")
		    && !span_iis(f[i].name, "expect"))
			fields_add(out, f[i].name, f[i].value);
	ok = ok && fields_ok(out) && http_field_count(f, raw.n, "host") <= 1;
	fields_fini(&raw);
	return ok;
}

static bool
read_parts(struct v1_request *out, const struct json_doc *doc, const struct json_node *path,
    const struct json_node *headers, const struct json_node *body, struct err *e)
{
	struct span target;

	if (!method_ok(span_str(out->method)))
		return bad_payload(e, "method");
	if (!path || !json_string(path, &out->target))
		return bad_payload(e, "path");
	target = buf_span(&out->target);
	/* Origin-form only: the path is the backend's, and can name no other place. */
	if (!http1_target_ok(target)
	    || (span_is(target, "*") && strcmp(out->method, "OPTIONS") != 0))
		return bad_payload(e, "path");
	if (!read_headers(doc, headers, &out->fields))
		return bad_payload(e, "headers");
	if (!msg_body(body, &out->body)) {
		if (!buf_ok(&out->body))
			return err_set(e, ERR_LIMIT, REASON_BODY_TOO_BIG, "body_b64");
		return bad_payload(e, "body_b64");
	}
	return true;
}

bool
v1_request_read(struct v1_request *out, const struct msg *m, struct err *e)
{
	const struct msg_proxy_request *r = &m->u.proxy_request;

	request_init(out);
	memcpy(out->request_id, r->request_id, sizeof out->request_id);
	memcpy(out->method, r->method, sizeof out->method);
	return read_parts(out, &m->doc, r->path, r->headers, r->body, e);
}

static const struct json_node *
member(const struct json_doc *doc, const char *name)
{
	const struct json_node *n = json_get(doc, json_top(doc), name);

	return n && n->type != JSON_NULL ? n : NULL;
}

static bool
read_payload(struct v1_request *out, const struct json_doc *doc, struct err *e)
{
	const struct json_node *top = json_top(doc), *method = member(doc, "method");

	if (top->type != JSON_OBJECT || json_has_dup(top))
		return bad_payload(e, "JSON object");
	if (!method || !json_cstr(method, out->method, sizeof out->method))
		return bad_payload(e, "method");
	return read_parts(
	    out, doc, member(doc, "path"), member(doc, "headers"), member(doc, "body_b64"), e);
}

bool
v1_payload_read(struct v1_request *out, struct span json, struct err *e)
{
	struct json_doc doc;
	struct err why = {0};
	bool ok;

	request_init(out);
	if (!json_parse(&doc, json, (struct json_limits){LIMIT_JSON_DEPTH, LIMIT_JSON_NODES}, &why))
		return bad_payload(e, "JSON");
	ok = read_payload(out, &doc, e);
	json_free(&doc);
	return ok;
}

void
v1_response_write(struct buf *out, const char *request_id, int status, const struct http_field *f,
    size_t n, bool to_head, struct span body)
{
	struct fields clean;

	if (body.n > LIMIT_V1_BODY) {
		msg_write_proxy_error(out, request_id, reason_token(REASON_BODY_TOO_BIG));
		return;
	}
	fields_init(&clean);
	headers_forward_response(&clean, f, n, to_head || status == 304, NULL);
	if (status < 200 || status > 599 || !fields_ok(&clean))
		msg_write_proxy_error(out, request_id, reason_token(REASON_INVALID_PROXY_RESPONSE));
	else
		msg_write_proxy_response(out, request_id, status, &clean, body);
	fields_fini(&clean);
}
