#include "wire/http1.h"

void
http1_write_request_line(struct buf *out, struct span method, struct span target)
{
	if (!http_token_ok(method) || !http1_target_ok(target)) {
		out->failed = true;
		return;
	}
	buf_add(out, method);
	buf_add_str(out, " ");
	buf_add(out, target);
	buf_add_str(out, " HTTP/1.1\r\n");
}

void
http1_write_status_line(struct buf *out, int status)
{
	if (status < 100 || status > 599) {
		out->failed = true;
		return;
	}
	buf_add_str(out, "HTTP/1.1 ");
	buf_add_dec(out, (unsigned)status);
	buf_add_u8(out, ' ');
	buf_add_str(out, http_status_phrase(status));
	buf_add_str(out, "\r\n");
}

void
http1_write_field_of(struct buf *out, struct http_field f)
{
	uint8_t *p;

	if (!http_token_ok(f.name) || !http_value_ok(f.value)) {
		out->failed = true;
		return;
	}
	p = buf_grow(out, f.name.n + f.value.n + 4);
	if (!p)
		return;
	memcpy(p, f.name.p, f.name.n);
	p += f.name.n;
	*p++ = ':';
	*p++ = ' ';
	if (f.value.n)
		memcpy(p, f.value.p, f.value.n);
	p += f.value.n;
	*p++ = '\r';
	*p++ = '\n';
	buf_grow_commit(out, f.name.n + f.value.n + 4);
}

void
http1_write_field(struct buf *out, const char *name, struct span value)
{
	http1_write_field_of(out, (struct http_field){span_str(name), value});
}

void
http1_write_fields(struct buf *out, const struct fields *f)
{
	for (size_t i = 0; i < f->n; i++)
		http1_write_field_of(out, fields_at(f, i));
}

void
http1_write_end(struct buf *out)
{
	buf_add_str(out, "\r\n");
}

void
http1_write_chunk(struct buf *out, struct span data)
{
	if (!data.n)
		return; /* size 0 would end the body */
	buf_printf(out, "%zx\r\n", data.n);
	buf_add(out, data);
	buf_add_str(out, "\r\n");
}

void
http1_write_last_chunk(struct buf *out, const struct fields *trailers)
{
	buf_add_str(out, "0\r\n");
	for (size_t i = 0; trailers && i < trailers->n; i++) {
		struct http_field f = fields_at(trailers, i);

		if (headers_is_trailer(f.name))
			http1_write_field_of(out, f);
	}
	buf_add_str(out, "\r\n");
}

const char *
http_status_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} known[] = {{100, "Continue"}, {101, "Switching Protocols"}, {103, "Early Hints"},
	    {200, "OK"}, {201, "Created"}, {202, "Accepted"},
	    {203, "Non-Authoritative Information"}, {204, "No Content"}, {205, "Reset Content"},
	    {206, "Partial Content"}, {300, "Multiple Choices"}, {301, "Moved Permanently"},
	    {302, "Found"}, {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"},
	    {402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
	    {405, "Method Not Allowed"}, {406, "Not Acceptable"},
	    {407, "Proxy Authentication Required"}, {408, "Request Timeout"}, {409, "Conflict"},
	    {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
	    {413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
	    {416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
	    {421, "Misdirected Request"}, {422, "Unprocessable Content"}, {426, "Upgrade Required"},
	    {428, "Precondition Required"}, {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
	    {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
	    {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status)
			return known[i].phrase;
	return "";
}
