#include "tunnel/h2.h"

#include "base/limits.h"
#include <nghttp2/nghttp2.h>

/* HTTP/2's own ceiling is just above (RFC 9113 section 6.9.1). */
#define WINDOW_MAX (1u << 30)

struct h2_opts
h2_opts_of(const struct h2_opts *o)
{
	struct h2_opts f = o ? *o : (struct h2_opts){0};

	f.stream_window = f.stream_window ? f.stream_window : LIMIT_H2_STREAM_WINDOW;
	f.tunnel_window = f.tunnel_window ? f.tunnel_window : LIMIT_H2_TUNNEL_WINDOW;
	f.max_streams = f.max_streams ? f.max_streams : LIMIT_H2_STREAMS;
	f.head_max = f.head_max ? f.head_max : LIMIT_HEAD;
	f.stream_window = f.stream_window < WINDOW_MAX ? f.stream_window : WINDOW_MAX;
	f.tunnel_window = f.tunnel_window < WINDOW_MAX ? f.tunnel_window : WINDOW_MAX;
	f.idle_ms = f.idle_ms ? f.idle_ms : 10000;
	f.echo_ms = f.echo_ms ? f.echo_ms : 30000;
	f.max_requests = f.max_requests ? f.max_requests : LIMIT_H2_REQUESTS;
	return f;
}

uint32_t
h2_code_of(enum reason r)
{
	switch (r) {
	case REASON_AGENT_BUSY:
	case REASON_AGENT_DRAINING:
		return NGHTTP2_REFUSED_STREAM;
	case REASON_BACKEND_UNREACHABLE:
	case REASON_CONNECT_FAILED:
	case REASON_CONNECT_TIMEOUT:
	case REASON_TLS_FAILED:
		return NGHTTP2_CONNECT_ERROR;
	case REASON_PROXY_TIMEOUT:
	case REASON_PEER_IDLE:
		return NGHTTP2_CANCEL;
	default:
		return NGHTTP2_INTERNAL_ERROR;
	}
}

enum reason
h2_reason_of(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM:
		return REASON_AGENT_BUSY;
	case NGHTTP2_CONNECT_ERROR:
		return REASON_BACKEND_UNREACHABLE;
	case NGHTTP2_CANCEL:
		return REASON_PROXY_TIMEOUT;
	default:
		return REASON_INVALID_PROXY_RESPONSE;
	}
}
