#include "wire/message.h"

#include "base/base64.h"
#include <stdio.h>

static struct jw
begin(struct buf *out, const char *type)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "type", type);
	return w;
}

/* An optional member: left out where it is empty. */
static void
put_opt(struct jw *w, const char *name, const char *value)
{
	if (value[0])
		jw_str(w, name, value);
}

void
msg_write_register(struct buf *out, const struct msg_register *m)
{
	struct jw w = begin(out, "register");

	jw_str(&w, "repo", m->repo);
	jw_str(&w, "release_tag", m->release_tag);
	jw_str(&w, "app_name", m->app_name);
	jw_str(&w, "network", m->network);
	jw_str(&w, "agent_id", m->agent_id);
	if (m->tunnel_version == 2)
		jw_str(&w, "tunnel_version", "2");
	jw_end_object(&w);
}

void
msg_write_attest_request(struct buf *out, const struct msg_attest_request *m)
{
	struct jw w = begin(out, "attest_request");

	jw_str(&w, "nonce", m->nonce);
	jw_int(&w, "deadline_s", m->deadline_s);
	jw_str(&w, "reason", m->reason);
	jw_str(&w, "channel", m->channel ? "tls-exporter" : "none");
	jw_end_object(&w);
}

/* A member whose value is the base64 of bytes: written once, without a pass for escapes. */
static void
put_base64(struct jw *w, const char *name, struct span bytes)
{
	struct buf text;

	buf_init(&text, bytes.n / 3 * 4 + 8);
	buf_add_u8(&text, '"');
	base64_encode(bytes, &text);
	buf_add_u8(&text, '"');
	if (buf_ok(&text))
		jw_raw(w, name, buf_span(&text));
	else
		w->out->failed = true;
	buf_fini(&text);
}

static void
put_proof(struct jw *w, struct span quote, struct span report_data, struct span measurements_json)
{
	put_base64(w, "quote", quote);
	jw_hex(w, "report_data", report_data);
	jw_raw(w, "measurements", measurements_json);
}

void
msg_write_attest_response(struct buf *out, const char *nonce, struct span quote,
    struct span report_data, struct span measurements_json)
{
	struct jw w = begin(out, "attest_response");

	jw_str(&w, "nonce", nonce);
	put_proof(&w, quote, report_data, measurements_json);
	jw_end_object(&w);
}

void
msg_write_evidence_request(struct buf *out, const struct msg_evidence_request *m)
{
	struct jw w = begin(out, "evidence_request");

	jw_str(&w, "request_id", m->request_id);
	jw_str(&w, "nonce", m->nonce);
	jw_int(&w, "deadline_s", m->deadline_s);
	jw_end_object(&w);
}

void
msg_write_evidence_response(struct buf *out, const char *request_id, struct span quote,
    struct span report_data, struct span measurements_json)
{
	struct jw w = begin(out, "evidence_response");

	jw_str(&w, "request_id", request_id);
	put_proof(&w, quote, report_data, measurements_json);
	jw_end_object(&w);
}

void
msg_write_evidence_error(struct buf *out, const char *request_id, const char *error)
{
	struct jw w = begin(out, "evidence_response");

	jw_str(&w, "request_id", request_id);
	jw_str(&w, "error", error);
	jw_end_object(&w);
}

void
msg_write_health(struct buf *out, bool pass)
{
	struct jw w = begin(out, "health");

	jw_str(&w, "status", pass ? "pass" : "fail");
	jw_end_object(&w);
}

void
msg_write_status(struct buf *out, const struct msg_status *m)
{
	struct jw w = begin(out, "status");

	jw_str(&w, "state", m->state);
	jw_str(&w, "reason", m->reason);
	put_opt(&w, "cause", m->cause);
	put_opt(&w, "detail", m->detail);
	put_opt(&w, "expires_at", m->expires_at);
	if (m->retry_after_s)
		jw_int(&w, "retry_after_s", m->retry_after_s);
	if (m->tunnel_version)
		jw_str(&w, "tunnel_version", m->tunnel_version == 2 ? "2" : "1");
	jw_end_object(&w);
}

void
msg_status_of(struct msg_status *m, const char *state, const struct err *e)
{
	char token[ERR_TOKEN_MAX];
	const char *cause = err_cause(e);

	memset(m, 0, sizeof *m);
	snprintf(m->state, sizeof m->state, "%s", state);
	snprintf(m->reason, sizeof m->reason, "%s", err_wire(e, token));
	snprintf(m->cause, sizeof m->cause, "%s", cause ? cause : "");
	snprintf(m->detail, sizeof m->detail, "%s", e->shown);
	m->retry_after_s = e->retry_s;
}

/* Say whether an earlier field has the i-th one's name. */
static bool
seen_before(const struct fields *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_ieq(fields_at(f, k).name, fields_at(f, i).name))
			return true;
	return false;
}

static bool
again_later(const struct fields *f, size_t i)
{
	for (size_t k = i + 1; k < f->n; k++)
		if (span_ieq(fields_at(f, k).name, fields_at(f, i).name))
			return true;
	return false;
}

/* Put the values of the i-th field and of all later ones of its name. */
static void
put_values(struct jw *w, const char *name, const struct fields *f, size_t i)
{
	if (!again_later(f, i)) {
		jw_span(w, name, fields_at(f, i).value);
		return;
	}
	jw_array(w, name);
	for (size_t k = i; k < f->n; k++)
		if (span_ieq(fields_at(f, k).name, fields_at(f, i).name))
			jw_span(w, NULL, fields_at(f, k).value);
	jw_end_array(w);
}

/* Name to string, or to an array of strings where a name occurs more than once. Bytes that are
 * not UTF-8 come out as U+FFFD: JSON cannot carry them. */
static void
put_headers(struct jw *w, const struct fields *f)
{
	struct buf name;

	buf_init(&name, LIMIT_HEAD + 1);
	jw_object(w, "headers");
	for (size_t i = 0; i < f->n; i++) {
		if (seen_before(f, i))
			continue;
		buf_clear(&name);
		buf_add(&name, fields_at(f, i).name);
		put_values(w, buf_cstr(&name), f, i);
		w->out->failed = w->out->failed || !buf_ok(&name);
	}
	jw_end_object(w);
	buf_fini(&name);
}

void
msg_write_proxy_request(struct buf *out, const char *request_id, struct span method,
    struct span path, const struct fields *headers, struct span body)
{
	struct jw w = begin(out, "proxy_request");

	jw_str(&w, "request_id", request_id);
	jw_span(&w, "method", method);
	jw_span(&w, "path", path);
	put_headers(&w, headers);
	put_base64(&w, "body_b64", body);
	jw_end_object(&w);
}

void
msg_write_proxy_response(struct buf *out, const char *request_id, int status,
    const struct fields *headers, struct span body)
{
	struct jw w = begin(out, "proxy_response");

	jw_str(&w, "request_id", request_id);
	jw_int(&w, "status", status);
	put_headers(&w, headers);
	put_base64(&w, "body_b64", body);
	jw_end_object(&w);
}

void
msg_write_proxy_error(struct buf *out, const char *request_id, const char *error)
{
	struct jw w = begin(out, "proxy_response");

	jw_str(&w, "request_id", request_id);
	jw_str(&w, "error", error);
	jw_end_object(&w);
}

void
msg_write_h2_end(struct buf *out)
{
	struct jw w = begin(out, "h2_end");

	jw_end_object(&w);
}
