/* eectl_io.h - what several commands of eectl read and write: files, quotes in any spelling, the
 * fields of a quote. Complaints go to stderr. */
#ifndef PROGRAMS_EECTL_IO_H
#define PROGRAMS_EECTL_IO_H

#include "base/buf.h"
#include "base/jcs.h"
#include "eedcap.h"

/* An option that takes a value, and where the value goes. */
struct eectl_value {
	const char *name, **value;
};

/* Where that option's value goes; NULL: none of them is of that name. */
const char **eectl_value_of(const struct eectl_value *values, size_t n, const char *arg);

/* Read a file, or standard input where path is "-", into a new buffer: its first max bytes where it
 * has more, so that whoever has a ceiling below max can say what is too big. On success the caller
 * calls buf_fini; else a complaint was made. */
MUST_CHECK bool eectl_read_file(const char *path, size_t max, struct buf *out);

/* Read a quote: binary as it is, else hex or base64 text with white space ignored. */
MUST_CHECK bool eectl_read_quote(const char *path, struct buf *out);

/* Decimal digits; seconds since 1970 or RFC 3339. False where it is none. */
MUST_CHECK bool eectl_read_number(const char *text, int64_t max, int64_t *out);
MUST_CHECK bool eectl_read_time(const char *text, int64_t *out);

/* Read a root certificate's key. False: a complaint was made. */
MUST_CHECK bool eectl_read_root(const char *path, uint8_t key[static EEDCAP_ROOT_KEY_SIZE]);

/* Write the quote's registers as an object. */
void eectl_write_registers(struct jw *w, const char *name, const struct eedcap_quote *q);

/* Write what a PCK certificate says of the platform, as members of the open object. */
void eectl_write_platform(struct jw *w, const struct eedcap_platform *p, bool show_ppid);

/* Print one JSON text and a newline to stdout; false where that failed. */
MUST_CHECK bool eectl_print_buf(const struct buf *b);

/* Names in lower case: of a TEE, a PCK CA, a kind of SGX platform. */
const char *eectl_tee_name(enum eedcap_tee tee);
const char *eectl_ca_name(enum eedcap_ca ca);
const char *eectl_sgx_type_name(uint8_t type);

#endif
