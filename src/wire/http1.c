#include "wire/http1.h"

#include "base/swar.h"
#include "wire/url.h"

/* Who is being read decides which reason a refusal carries. */
static enum step
refuse(struct err *e, bool response, const char *why)
{
	err_set(e, ERR_MALFORMED, response ? REASON_INVALID_PROXY_RESPONSE : REASON_BAD_REQUEST,
	    "%s", why);
	err_show(e, "%s", why);
	return STEP_BAD;
}

static enum step
refuse_size(struct err *e, bool response, const char *why)
{
	err_set(e, ERR_LIMIT, response ? REASON_INVALID_PROXY_RESPONSE : REASON_HEADER_TOO_BIG,
	    "%s", why);
	err_show(e, "%s", why);
	return STEP_BAD;
}

/* Section 3: a request line that is longer than may be, is so by its target. */
static enum step
refuse_target_size(struct err *e)
{
	err_set(e, ERR_LIMIT, REASON_URI_TOO_LONG, "request line too long");
	err_show(e, "request line too long");
	return STEP_BAD;
}

/* -- finding the end of a head, refusing bad bytes on the way -- */

static const char *
byte_fault(const struct http1_scan *s, uint8_t c, bool response)
{
	if (c == '\n')
		return "bare LF"; /* RFC 9112 section 2.2: may be taken for CRLF; we do not */
	if ((c < ' ' && c != '\t') || c == 0x7f)
		return "control byte in the head";
	if (s->off == s->line && (c == ' ' || c == '\t'))
		return "line begins with white space"; /* sections 2.2 and 5.2, obs-fold */
	if (!response && s->line == s->start && (c == '\t' || c > 0x7e))
		return "request line is not ASCII";
	return NULL;
}

/* Pass over bytes that no rule of a head forbids, and that end nothing: all but a line's first. */
static void
skip_plain(struct http1_scan *s, struct span in)
{
	size_t end = s->start + LIMIT_HEAD < in.n ? s->start + LIMIT_HEAD : in.n;

	if (s->off == s->line)
		return;
	while (s->off + 8 <= end && swar_printable(swar_load(in.p + s->off)))
		s->off += 8;
	while (s->off < end && in.p[s->off] >= ' ' && in.p[s->off] < 0x7f)
		s->off++;
}

/* STEP_DONE: s->off is behind the blank line. */
static enum step
scan_head(struct http1_scan *s, struct span in, bool response, struct err *e)
{
	const char *fault;

	for (; s->off < in.n; s->off++) {
		skip_plain(s, in);
		if (s->off == in.n)
			break;
		if (s->off - s->start >= LIMIT_HEAD)
			return !response && s->line == s->start
				   ? refuse_target_size(e)
				   : refuse_size(e, response, "head too large");
		if (in.p[s->off] != '\r') {
			fault = byte_fault(s, in.p[s->off], response);
			if (fault)
				return refuse(e, response, fault);
			continue;
		}
		if (in.n - s->off < 2)
			return STEP_MORE;
		if (in.p[s->off + 1] != '\n')
			return refuse(e, response, "bare CR");
		if (s->off != s->line) {
			s->line = s->off + 2;
		} else if (!response && s->off == 0) {
			s->start = s->line = 2;
		} else if (s->line == s->start) {
			return refuse(e, response, "empty start line");
		} else {
			s->off += 2;
			return STEP_DONE;
		}
		s->off++;
	}
	return STEP_MORE;
}

/* -- lines -- */

/* Take a line, without its CRLF, off a scanned head; every line there ends in one. */
static struct span
take_line(struct span *head)
{
	const uint8_t *cr = memchr(head->p, '\r', head->n);
	size_t n = cr ? (size_t)(cr - head->p) : head->n;
	struct span line = span_first(*head, n);

	*head = span_from(*head, n + 2);
	return line;
}

/* Take what stands before the first space. False where there is no space. */
static bool
take_word(struct span *line, struct span *word)
{
	const uint8_t *sp = line->n ? memchr(line->p, ' ', line->n) : NULL;

	if (!sp)
		return false;
	*word = span_first(*line, (size_t)(sp - line->p));
	*line = span_from(*line, word->n + 1);
	return true;
}

static bool
parse_version(struct span v, unsigned *minor)
{
	if (span_is(v, "HTTP/1.1"))
		*minor = 1;
	else if (span_is(v, "HTTP/1.0"))
		*minor = 0;
	else
		return false;
	return true;
}

static enum step
parse_fields(struct span head, struct http_head *out, bool response, struct err *e)
{
	for (;;) {
		struct span line = take_line(&head);
		const char *fault;

		if (!line.n)
			return STEP_DONE;
		if (out->n == LIMIT_HEAD_FIELDS)
			return refuse_size(e, response, "too many fields");
		fault = http_field_parse(line, &out->fields[out->n]);
		if (fault)
			return refuse(e, response, fault);
		out->n++;
	}
}

struct span
http_head_get(const struct http_head *h, const char *name)
{
	const struct http_field *f = http_field_find(h->fields, h->n, name);

	if (!f)
		return span_of(NULL, 0);
	return f->value.n ? f->value : span_of("", 0);
}

static bool
any_field_has(const struct http_head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->n; i++)
		if (span_iis(h->fields[i].name, name) && http_list_has(h->fields[i].value, token))
			return true;
	return false;
}

/* -- framing (RFC 9112 section 6) -- */

/* Read both framing fields; *length_given and *chunked say what was there. */
static const char *
parse_framing(struct http_head *h, bool *length_given, bool *chunked)
{
	size_t lengths = http_field_count(h->fields, h->n, "content-length");
	size_t codings = http_field_count(h->fields, h->n, "transfer-encoding");

	*length_given = lengths > 0;
	*chunked = codings > 0;
	if (lengths > 1)
		return "more than one Content-Length"; /* section 6.3, rule 5 */
	if (lengths && codings)
		return "Content-Length with Transfer-Encoding"; /* section 6.3, rule 3 */
	if (codings && h->minor == 0)
		return "Transfer-Encoding in HTTP/1.0"; /* section 6.1 */
	if (codings > 1 || (codings && !span_iis(http_head_get(h, "transfer-encoding"), "chunked")))
		return "Transfer-Encoding other than chunked";
	if (lengths && !http_length_parse(http_head_get(h, "content-length"), &h->length))
		return "bad Content-Length";
	return NULL;
}

static void
judge_keep_alive(struct http_head *h)
{
	/* Section 9.3. */
	h->keep_alive = h->minor == 1 ? !any_field_has(h, "connection", "close")
				      : any_field_has(h, "connection", "keep-alive")
					    && !any_field_has(h, "connection", "close");
}

/* RFC 9110 section 7.8 by way of RFC 6455: both fields, and HTTP/1.1 at least. */
static bool
names_websocket(const struct http_head *h)
{
	return h->minor >= 1 && any_field_has(h, "connection", "upgrade")
	       && any_field_has(h, "upgrade", "websocket");
}

/* -- requests -- */

bool
http1_target_ok(struct span t)
{
	struct span path, query;

	if (span_is(t, "*"))
		return true;
	if (!t.n || t.p[0] != '/')
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] <= ' ' || t.p[i] > 0x7e || t.p[i] == '#')
			return false;
	url_split_target(t, &path, &query);
	return url_path_ok(path);
}

/* Split absolute-form (section 3.2.2) into authority and the target in origin-form; `root` is the
 * target where nothing follows the authority. */
static bool
split_absolute(struct span *target, struct span *authority, const char *root)
{
	struct span rest;
	size_t n = 0;

	if (target->n > 7 && span_iis(span_first(*target, 7), "http://"))
		rest = span_from(*target, 7);
	else if (target->n > 8 && span_iis(span_first(*target, 8), "https://"))
		rest = span_from(*target, 8);
	else
		return false;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	*authority = span_first(rest, n);
	*target = n < rest.n ? span_from(rest, n) : span_str(root);
	return true;
}

static const char *
judge_target(struct http_head *h, struct span *authority)
{
	/* Section 3.2.4: without a path, it is the server's options that are asked for. */
	const char *root = span_is(h->method, "OPTIONS") ? "*" : "/";

	if (span_is(h->method, "CONNECT")) {
		/* Authority-form: kept as it is, for a 405 from whoever handles it. */
		struct host host;
		struct err ignored = {0};

		return host_parse(&host, h->target, &ignored) ? NULL : "bad target of CONNECT";
	}
	if (h->target.n && h->target.p[0] != '/' && !span_is(h->target, "*")
	    && !split_absolute(&h->target, authority, root))
		return "bad request target";
	if (!http1_target_ok(h->target))
		return "bad request target";
	if (span_is(h->target, "*") && !span_is(h->method, "OPTIONS"))
		return "target * without OPTIONS";
	return NULL;
}

static const char *
judge_host(struct http_head *h, struct span authority)
{
	size_t hosts = http_field_count(h->fields, h->n, "host");
	struct host host;
	struct err ignored = {0};

	/* Section 3.2. */
	if (hosts > 1)
		return "more than one Host";
	if (!hosts && h->minor == 1)
		return "no Host";
	h->host = hosts ? http_head_get(h, "host") : authority;
	if ((hosts || authority.p) && !host_parse(&host, h->host, &ignored))
		return "bad Host";
	/* The target wins over Host by the RFC; that they differ serves no honest client. */
	if (authority.p && !span_ieq(authority, h->host))
		return "Host differs from the target";
	return NULL;
}

static const char *
judge_request(struct http_head *h)
{
	struct span authority = span_of(NULL, 0);
	bool length_given, chunked;
	const char *fault = judge_target(h, &authority);

	if (!fault)
		fault = judge_host(h, authority);
	if (!fault)
		fault = parse_framing(h, &length_given, &chunked);
	if (fault)
		return fault;
	h->framing = chunked ? HTTP_CHUNKED : length_given ? HTTP_LENGTH : HTTP_NO_BODY;
	judge_keep_alive(h);
	h->expect_continue = h->minor == 1 && any_field_has(h, "expect", "100-continue");
	h->takes_trailers = h->minor == 1 && any_field_has(h, "te", "trailers");
	/* With a body it would be open what is body and what is the new protocol's. */
	h->upgrade = span_is(h->method, "GET") && !chunked && h->length == 0 && names_websocket(h);
	return NULL;
}

enum step
http1_request(
    struct http1_scan *s, struct span in, struct http_head *out, size_t *used, struct err *e)
{
	struct span head, line;
	const char *fault;
	enum step step = scan_head(s, in, false, e);

	*used = 0;
	if (step != STEP_DONE)
		return step;
	out->n = 0;
	out->status = 0;
	out->length = 0;
	head = span_of(in.p + s->start, s->off - s->start);
	line = take_line(&head);
	if (!take_word(&line, &out->method) || !take_word(&line, &out->target))
		return refuse(e, false, "bad request line");
	if (!http_token_ok(out->method) || out->method.n > 32)
		return refuse(e, false, "bad method");
	if (!parse_version(line, &out->minor))
		return refuse(e, false, "bad HTTP version");
	step = parse_fields(head, out, false, e);
	if (step != STEP_DONE)
		return step;
	fault = judge_request(out);
	if (fault)
		return refuse(e, false, fault);
	*used = s->off;
	return STEP_DONE;
}

/* -- responses -- */

static const char *
judge_response(struct http_head *h, bool to_head)
{
	bool length_given, chunked, bodiless = h->status < 200 || h->status == 204;
	const char *fault = parse_framing(h, &length_given, &chunked);

	if (fault)
		return fault;
	/* Section 6.1 and RFC 9110 section 8.6: must not be sent; a neighbour might wait for it. */
	if (bodiless && (chunked || h->length))
		return "body announced where there is none";
	judge_keep_alive(h);
	h->expect_continue = h->takes_trailers = false;
	h->upgrade = h->status == 101 && names_websocket(h);
	if (bodiless || to_head || h->status == 304) {
		h->framing = HTTP_NO_BODY;
	} else if (chunked) {
		h->framing = HTTP_CHUNKED;
	} else if (length_given) {
		h->framing = HTTP_LENGTH;
	} else {
		h->framing = HTTP_UNTIL_CLOSE;
		h->keep_alive = false;
	}
	return NULL;
}

static bool
parse_status_line(struct span line, struct http_head *out)
{
	struct span version;

	if (!take_word(&line, &version) || !parse_version(version, &out->minor) || line.n < 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
	out->status = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
	/* Some servers leave out the space before an empty phrase; no neighbour reads it amiss. */
	return out->status >= 100 && out->status <= 599 && (line.n == 3 || line.p[3] == ' ');
}

enum step
http1_response(struct http1_scan *s, struct span in, bool to_head, struct http_head *out,
    size_t *used, struct err *e)
{
	struct span head;
	const char *fault;
	enum step step = scan_head(s, in, true, e);

	*used = 0;
	if (step != STEP_DONE)
		return step;
	out->n = 0;
	out->length = 0;
	out->method = out->target = out->host = span_of(NULL, 0);
	head = span_first(in, s->off);
	if (!parse_status_line(take_line(&head), out))
		return refuse(e, true, "bad status line");
	step = parse_fields(head, out, true, e);
	if (step != STEP_DONE)
		return step;
	fault = judge_response(out, to_head);
	if (fault)
		return refuse(e, true, fault);
	*used = s->off;
	return STEP_DONE;
}
