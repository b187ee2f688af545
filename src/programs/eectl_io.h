/* eectl_io.h - what several commands of eectl read and write: files, quotes in any spelling, the
 * fields of a quote. Complaints go to stderr. */
#ifndef PROGRAMS_EECTL_IO_H
#define PROGRAMS_EECTL_IO_H

#include "base/buf.h"
#include "base/jcs.h"
#include "eedcap.h"

/* Read a file, or standard input where path is "-", into a new buffer of at most max bytes. On
 * success the caller calls buf_fini; else a complaint was made. */
MUST_CHECK bool eectl_read_file(const char *path, size_t max, struct buf *out);

/* Read a quote: binary as it is, else hex or base64 text with white space ignored. */
MUST_CHECK bool eectl_read_quote(const char *path, struct buf *out);

/* Write the quote's registers as an object. */
void eectl_write_registers(struct jw *w, const char *name, const struct eedcap_quote *q);

/* Print one JSON text and a newline to stdout; false where that failed. */
MUST_CHECK bool eectl_print_buf(const struct buf *b);

/* The TEE's name, in lower case. */
const char *eectl_tee_name(enum eedcap_tee tee);

#endif
