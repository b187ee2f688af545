/* stream_impl.h - inside of a stream, for stream*.c, listener.c and tests only. */
#ifndef NET_STREAM_IMPL_H
#define NET_STREAM_IMPL_H

#include <uv.h>

#include "base/buf.h"
#include "net/stream.h"
#include "net/tls_session.h"
#include "wire/proxy_protocol.h"

struct stream_dialling;

/* A PROXY protocol header that is due before anything else. */
struct stream_preface {
	struct buf bytes;
	size_t want; /* read so far, not a byte further */
	void (*on_done)(struct stream *s, const struct proxy_header *h);
};

struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} io;
	struct net_item item;
	struct net_defer work; /* flush, pump and, without a descriptor, the end */
	struct net_timer timer; /* dial, handshake, or the end of a finish */
	struct net_loop *loop;
	const struct stream_ops *ops;
	void *ctx;
	struct tls_session *tls;
	struct stream_dialling *dialling; /* until connected */
	struct stream_preface *preface; /* until it is read */
	struct err *why; /* NULL: good order */
	void (*on_gone)(void *owner); /* the listener's count */
	void *owner;
	struct buf plain; /* what was written and not yet handed on */
	uint64_t handed; /* bytes given to libuv so far */
	uint64_t finish_taken; /* stream_taken when a finish was last looked at */
	size_t flying; /* bytes that the system has not taken yet */
	size_t high, max;
	size_t read_max; /* 0: as much as there is room for */
	uint32_t peer_timeout_ms;
	uint16_t peer_port;
	char peer[46];
	bool has_io; /* the descriptor's handle is initialised */
	bool is_pipe;
	bool connected; /* the descriptor can be read and written */
	bool is_open; /* ... and TLS is up: on_open is due or was called */
	bool announce; /* on_open has to be called */
	bool paused, reading;
	bool got_eof, eof_told;
	bool end_asked, end_told, end_sent, ended; /* asked for; told by TLS; under way; done */
	bool finishing, closing;
	bool was_full;
	bool read_on, write_failed; /* a failed write leaves reading on; it has */
};

/* Make one, not connected, with no descriptor. */
MUST_CHECK struct stream *stream_new(struct net_loop *l, struct err *e);

/* The descriptor is connected and the peer noted: begin. */
void stream_start(struct stream *s);

/* Read a PROXY protocol header, then call on_done; a bad one closes. Before stream_start. */
MUST_CHECK bool stream_expect_preface(struct stream *s,
    void (*on_done)(struct stream *s, const struct proxy_header *h), struct err *e);

/* Take bytes of the preface, which are no more than it wants. */
void stream_take_preface(struct stream *s, struct span bytes);

/* Set what every TCP connection of ours has: no delay, probes. On a listening socket Linux hands it
 * on to what is accepted. */
void stream_set_options(int fd, uint32_t peer_timeout_ms);

/* Have the deferred work done before the loop waits. */
void stream_kick(struct stream *s);

/* Start or stop reading from the descriptor as the state asks. */
void stream_update_reading(struct stream *s);

/* Bytes that were written and not handed to the system. */
size_t stream_waiting(const struct stream *s);

/* Hand to the system what is queued; then the end, if asked for. */
void stream_flush(struct stream *s);

/* Call on_drain where it is due. */
void stream_tell_drain(struct stream *s);

/* Close with a fresh cause. */
PRINTF(4, 5)
void stream_fail(struct stream *s, enum err_code c, enum reason r, const char *fmt, ...);

/* Forget a dial that is under way: its callbacks find no stream any more. */
void stream_dial_drop(struct stream *s);

/* Try the next address after a failed one (its descriptor is closed). */
void stream_dial_next(struct stream *s);

/* Note the peer's address; of a balancer's header, whose connection it is. */
void stream_note_peer(struct stream *s);
void stream_note_proxied(struct stream *s, const struct proxy_header *h);

#endif
