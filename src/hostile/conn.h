/* conn.h - a visitor's connection: bytes out exactly as given, bytes in as they came. Owned by the
 * kit until its end. An answer's spans live until the next call on its connection. */
#ifndef HOSTILE_CONN_H
#define HOSTILE_CONN_H

#include "hostile/kit.h"
#include "net/stream.h"

#define CONN_IN_MAX (32u * 1024 * 1024)

struct conn {
	struct conn *next;
	struct kit *k;
	struct stream *s; /* NULL once it has ended */
	struct buf in;
	bool open;
	struct err why;
};

struct conn_answer {
	int status; /* 0: none came */
	struct span head, body; /* body as far as it came, chunks and all */
	long length; /* Content-Length; -1: none, -2: no number */
	bool whole;
};

/* Dial and wait until it is open. NULL when it cannot be: kit_cannot has been told. */
struct conn *conn_open(struct kit *k, const struct url *to);

/* The same without waiting, and telling nobody: for floods. */
struct conn *conn_dial(struct kit *k, const struct url *to);

/* Write bytes; false when the other end is gone. */
bool conn_send(struct conn *c, struct span bytes);

/* Wait for an answer to be whole, or the connection's end, or the patience's. False: none came. */
bool conn_answer(struct conn *c, struct conn_answer *a);

/* What has come so far, as an answer; waits for nothing. */
void conn_look(const struct conn *c, struct conn_answer *a);

/* Say whether everything that came has these bytes in it (ASCII letters without case). */
bool conn_has(const struct conn *c, const char *text);

/* Open, send, wait. NULL when it cannot be opened. */
struct conn *conn_ask(
    struct kit *k, const struct url *to, struct span bytes, struct conn_answer *a);

void conn_close(struct conn *c);
void conn_free_all(struct kit *k);

/* Say whether a span has a text in it, ASCII letters without case. */
bool span_has(struct span s, const char *text);

/* Cut an answer's first line for evidence. */
const char *conn_first_line(const struct conn *c, char dst[static 100]);

#endif
