/* stream.h - one byte stream to a peer: TCP or a unix socket, plain or TLS, dialled or accepted.
 * Owns the descriptor, the TLS state and what is queued to be written. Never blocks, never grows
 * its queue above the maximum, never hands out a byte before the TLS peer is verified.
 * Rules of lifetime: loop.h. The stream frees itself after on_close. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/err.h"
#include "base/span.h"
#include "net/loop.h"
#include "net/tls.h"

struct stream;

struct stream_ops {
	/* Dialled streams: connected, and TLS verified. Accepted TLS streams: handshake done. Plain
	 * accepted streams are open from the start and do not get it. May be NULL. */
	void (*on_open)(struct stream *s, void *ctx);
	/* Bytes came; valid, and the reader's to change, until the callback returns. */
	void (*on_read)(struct stream *s, struct span bytes, void *ctx);
	/* The peer will send no more; writing is still possible, and once both sides have ended the
	 * stream closes by itself. NULL: what is queued is written and the stream closes. A TLS stream cut without close_notify closes with TLS_FAILED. */
	void (*on_eof)(struct stream *s, void *ctx);
	/* The queue was full (stream_is_full) and is now below half of the high mark. May be NULL. */
	void (*on_drain)(struct stream *s, void *ctx);
	/* The end, always. why->code is ERR_NONE for an end in good order. */
	void (*on_close)(struct stream *s, const struct err *why, void *ctx);
};

struct stream_dial {
	const char *host; /* name or IP literal without brackets; also what TLS verifies */
	uint16_t port;
	const char *unix_path; /* instead of host and port */
	struct tls_ctx *tls; /* NULL: plain */
	uint64_t timeout_ms; /* for name, connection and TLS together; 0: 10 s */
};

/* Dial. Reading starts by itself at on_open. A refused call (NULL, e set) gives no callback; every
 * later failure comes by on_close (CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED). */
MUST_CHECK struct stream *stream_connect(struct net_loop *l, const struct stream_dial *d,
    const struct stream_ops *ops, void *ctx, struct err *e);

/* Change who is called. ops must outlive the stream (make them static const). */
void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *ctx);

/* Queue a copy of bytes; all that is queued in one round of the loop goes out together. False when
 * the stream is closing, or when the queue would pass its maximum: then it closes with QUEUE_FULL
 * (respect stream_is_full and that does not happen). May be called before on_open. */
bool stream_write(struct stream *s, struct span bytes);

/* Take back the last n bytes that were queued. False where some of them have gone. */
bool stream_take_back(struct stream *s, size_t n);

/* Set the marks of the queue: full at `high`, an error above `max`. Default 256 KiB and 4 MiB. */
void stream_set_queue(struct stream *s, size_t high, size_t max);

/* Say whether a producer should wait for on_drain. */
bool stream_is_full(const struct stream *s);

/* Bytes queued and not yet taken by the system. */
size_t stream_queued(const struct stream *s);

/* Bytes that the system has taken since the start: it grows while the peer reads. */
uint64_t stream_taken(const struct stream *s);

/* Stop and start on_read (an accepted stream begins paused). After a pause not one more byte is
 * handed out until stream_resume; neither calls back by itself. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Hand out at most n bytes at once, from the next read on. 0: NET_SCRATCH. */
void stream_set_read_max(struct stream *s, size_t n);

/* Say that nothing more will be written: the peer sees the end after what is queued. Reading goes
 * on. Further writes are refused. */
void stream_end(struct stream *s);

/* Write what is queued, end, drop what the peer still sends (at most 2 s, so that it can read the
 * answer before a reset reaches it), then close. */
void stream_finish(struct stream *s);

/* Close now; what is queued is dropped. why may be NULL (good order). The first why stands. */
void stream_close(struct stream *s, const struct err *why);

/* As stream_close, so that the peer sees a reset and takes nothing for whole. */
void stream_reset(struct stream *s, const struct err *why);

/* Say whether no end, finish or close was asked for and none came. */
bool stream_is_writable(const struct stream *s);

/* Close with PEER_LOST once the peer's machine has shown no life for about that long, whether
 * bytes are under way to it (TCP_USER_TIMEOUT) or not (keepalive probes): it was unplugged, or lost
 * its power. Says little of the peer's program: only that one which lets bytes wait unread for that
 * long counts as gone, too (RFC 9293 section 3.8.6.1's zero window). 0, and at first: 90 s, and as long as the
 * system retransmits. For TCP; may be called before on_open. */
void stream_set_peer_timeout(struct stream *s, uint64_t ms);

/* When a write fails, hand out what the peer had sent before its reset, then close with why the
 * write failed: it may have answered early (RFC 9112 section 9.6). Off at first. */
void stream_read_on(struct stream *s);

/* Bytes written since the start, and those of them that the peer's system has acknowledged, which
 * its program may not have read. acked asks the system. */
uint64_t stream_written(const struct stream *s);
uint64_t stream_acked(const struct stream *s);

/* Bytes that have come and that a pause leaves in the system. Asks the system. */
size_t stream_unread(const struct stream *s);

/* Say whether a stream of which nothing is expected has ended, failed or got bytes, which the loop
 * may not have noticed yet. Asks the system. */
bool stream_is_stale(const struct stream *s);

/* The peer's address as text: `192.0.2.1`, `2001:db8::1`, or `unix`; IPv4-mapped addresses as
 * IPv4. Behind a balancer's PROXY protocol header (listener.h) what that says, `unknown` where it
 * does not say. Valid as long as the stream. "" before on_open. */
const char *stream_peer(const struct stream *s);
uint16_t stream_peer_port(const struct stream *s);

/* The loop that the stream lives on. */
struct net_loop *stream_loop(const struct stream *s);

bool stream_is_tls(const struct stream *s);

/* Write the TLS exporter of this connection (RFC 9266, label EXPORTER-Channel-Binding). False when
 * the stream is not TLS, not open, or TLS 1.2 without extended master secret. */
MUST_CHECK bool stream_tls_exporter(const struct stream *s, uint8_t out[static TLS_EXPORTER_SIZE]);

#endif
