/* http_respond.c - the answer's side of the HTTP server: interim heads, head, body, trailers. */
#include <stdio.h>
#include <time.h>

#include "net/http_impl.h"

#define CRLF "\r\n"
/* Room for it is had at once, not by doubling. */
#define USUAL_HEAD 1024

/* The Date field's value (RFC 9110 section 6.6.1), made once a second. */
static const char *
server_date(struct http_server *s)
{
	time_t now = time(NULL);
	struct tm tm;

	if ((int64_t)now != s->date_s || s->date[0] == '\0') {
		s->date_s = now;
		gmtime_r(&now, &tm);
		strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return s->date;
}

/* Fields that are the server's own. */
static bool
is_ours(const struct http_server *s, struct span name)
{
	return span_iis(name, "date") || (s->name && span_iis(name, "server"))
	       || span_iis(name, "content-length") || span_iis(name, "transfer-encoding")
	       || span_iis(name, "connection") || span_iis(name, "keep-alive");
}

void
http_respond_fields(
    const struct http_server *s, struct buf *b, const struct http_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_ours(s, fields[i].name))
			http1_write_field_of(b, fields[i]);
}

/* Decide how the body goes, and write the fields that say so. */
static void
add_framing(struct http_req *r, struct buf *b, int status, int64_t length)
{
	bool head = span_is(r->head.method, "HEAD");

	r->no_body = head || status == 204 || status == 304;
	r->left = length;
	/* RFC 9112 section 6.1, 6.2: neither field with 204. */
	if (length >= 0 && status != 204 && !(status == 304 && length == 0)) {
		buf_add_str(b, "Content-Length: ");
		buf_add_dec(b, (uint64_t)length);
		buf_add_str(b, CRLF);
	}
	if (length < 0 && !r->no_body) {
		r->chunked = r->head.minor >= 1;
		if (r->chunked)
			buf_add_str(b, "Transfer-Encoding: chunked" CRLF);
		else
			r->keep = false;
	}
}

static void
add_connection(const struct http_req *r, struct buf *b, bool upgrade)
{
	const char *option = !r->keep ? "close" : r->head.minor == 0 ? "keep-alive" : "";

	if (option[0] || upgrade)
		buf_printf(b, "Connection: %s%s%s" CRLF, option, option[0] && upgrade ? ", " : "",
		    upgrade ? "Upgrade" : "");
}

bool
http_req_can_answer(const struct http_req *r)
{
	return r->conn->stream && !r->conn->stopped && stream_is_writable(r->conn->stream);
}

bool
http_respond_interim(struct http_req *r, int status, const struct http_field *fields, size_t n)
{
	struct buf b;
	bool ok;

	if (!http_req_can_answer(r) || r->answered || status < 100 || status == 101 || status > 199)
		return false;
	buf_init(&b, 2 * LIMIT_HEAD);
	http1_write_status_line(&b, status);
	http_respond_fields(r->conn->server, &b, fields, n);
	http1_write_end(&b);
	ok = buf_ok(&b);
	/* RFC 9110 section 15.2: HTTP/1.0 knows no 1xx. */
	if (r->head.minor > 0)
		ok = ok && stream_write(r->conn->stream, buf_span(&b));
	r->continued = r->continued || (ok && status == 100);
	buf_fini(&b);
	return ok;
}

static bool
say(struct http_req *r, struct span bytes)
{
	r->said += bytes.n;
	return stream_write(r->conn->stream, bytes);
}

bool
http_respond_take_back(struct http_req *r)
{
	if (!r->answered || r->answer_done || r->piped || !http_req_can_answer(r)
	    || r->said > SIZE_MAX || !stream_take_back(r->conn->stream, (size_t)r->said))
		return false;
	r->answered = r->chunked = r->no_body = false;
	r->left = -1;
	r->said = r->stats.bytes_out = 0;
	return true;
}

bool
http_respond_head(
    struct http_req *r, int status, const struct http_field *fields, size_t n, int64_t length)
{
	struct http_server *s = r->conn->server;
	struct buf *b = &s->head;
	bool ok;

	if (!http_req_can_answer(r) || r->answered || status < 200 || status > 999)
		return false;
	buf_clear(b);
	(void)buf_grow(b, USUAL_HEAD);
	/* The body that a client holds back for a 100 that it did not get may never come. */
	r->keep = r->head.keep_alive && !s->draining
		  && !(r->head.expect_continue && !r->continued && !r->body_done);
	http1_write_status_line(b, status);
	http1_write_field(b, "Date", span_str(server_date(s)));
	if (s->name)
		http1_write_field(b, "Server", span_str(s->name));
	http_respond_fields(s, b, fields, n);
	add_framing(r, b, status, length);
	add_connection(r, b, http_field_find(fields, n, "upgrade") != NULL);
	http1_write_end(b);
	ok = buf_ok(b) && say(r, buf_span(b));
	r->answered = ok;
	if (ok)
		http_req_note_answer(r, status);
	if (b->cap > 4 * USUAL_HEAD)
		buf_fini(b);
	return ok;
}

bool
http_respond_body(struct http_req *r, struct span piece)
{
	char size[24];
	int n;

	if (!http_req_can_answer(r) || !r->answered || r->answer_done)
		return false;
	if (r->no_body || piece.n == 0)
		return true;
	if (r->left >= 0) {
		if (piece.n > (uint64_t)r->left)
			return false;
		r->left -= (int64_t)piece.n;
	}
	r->stats.bytes_out += piece.n;
	if (!r->chunked)
		return say(r, piece);
	n = snprintf(size, sizeof size, "%zx" CRLF, piece.n);
	return n > 0 && say(r, span_of(size, (size_t)n)) && say(r, piece) && say(r, span_str(CRLF));
}

bool
http_respond_is_full(const struct http_req *r)
{
	return r->conn->stream && stream_is_full(r->conn->stream);
}

void
http_respond_end(struct http_req *r)
{
	http_respond_end_with(r, NULL);
}

static bool
write_last_chunk(struct http_req *r, const struct fields *trailers)
{
	struct buf b;
	bool ok;

	buf_init(&b, 2 * LIMIT_HEAD);
	http1_write_last_chunk(&b, r->head.takes_trailers ? trailers : NULL);
	ok = buf_ok(&b) && stream_write(r->conn->stream, buf_span(&b));
	buf_fini(&b);
	return ok;
}

void
http_respond_end_with(struct http_req *r, const struct fields *trailers)
{
	if (!http_req_can_answer(r) || !r->answered || r->answer_done)
		return;
	if (r->left > 0 && !r->no_body) {
		http_req_cut(r, ERR_IO, REASON_INTERNAL, "less body than was announced");
		return;
	}
	if (r->chunked && !write_last_chunk(r, trailers)) {
		http_req_cut(r, ERR_NOMEM, REASON_NO_MEMORY, "last chunk");
		return;
	}
	if (r->piped)
		stream_end(r->conn->stream);
	r->answer_done = true;
	http_conn_kick(r->conn);
}

bool
http_respond_full(struct http_req *r, int status, const char *content_type,
    const struct http_field *fields, size_t n, struct span body)
{
	struct http_field all[LIMIT_HEAD_FIELDS + 1];
	size_t k = 0;

	if (n > LIMIT_HEAD_FIELDS)
		return false;
	if (content_type)
		all[k++] = (struct http_field){span_str("Content-Type"), span_str(content_type)};
	for (size_t i = 0; i < n; i++)
		all[k++] = fields[i];
	if (!http_respond_head(r, status, all, k, (int64_t)body.n) || !http_respond_body(r, body))
		return false;
	http_respond_end(r);
	return true;
}
