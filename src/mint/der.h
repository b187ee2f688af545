/* der.h - DER (X.690), written from the inside out: append the content, then wrap all that lies
 * behind an offset into one element. Writes whatever it is told to, right or wrong, since what is
 * written here is there to be refused. Errors are the buffer's. */
#ifndef MINT_DER_H
#define MINT_DER_H

#include "base/buf.h"

enum mint_tag {
	MINT_BOOLEAN = 0x01,
	MINT_INTEGER = 0x02,
	MINT_BITS = 0x03,
	MINT_OCTETS = 0x04,
	MINT_OID = 0x06,
	MINT_ENUMERATED = 0x0a,
	MINT_UTF8 = 0x0c,
	MINT_PRINTABLE = 0x13,
	MINT_UTC_TIME = 0x17,
	MINT_GENERALIZED_TIME = 0x18,
	MINT_SEQUENCE = 0x30,
	MINT_SET = 0x31,
	MINT_CONTEXT = 0xa0, /* constructed; the number is added */
};

/* Append one element. */
void mint_der_put(struct buf *out, uint8_t tag, struct span content);

/* Make everything from offset `from` on the content of one element. */
void mint_der_wrap(struct buf *out, size_t from, uint8_t tag);

/* The same with a needless zero octet in the length, which BER allows and DER does not. */
void mint_der_wrap_long(struct buf *out, size_t from, uint8_t tag);

/* Append the bytes that hex digits spell: for DER that never varies. */
void mint_der_hex(struct buf *out, const char *hex);

/* Append an object identifier, given with dots. */
void mint_der_oid(struct buf *out, const char *dotted);

/* Append an integer under a tag, in the fewest octets. */
void mint_der_int(struct buf *out, uint8_t tag, int64_t v);

/* Append an INTEGER of unsigned big-endian bytes, in the fewest octets. */
void mint_der_number(struct buf *out, struct span big_endian);

/* Append a time: UTCTime until 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). With
 * `offset` the zone is spelled +0000, which the RFC forbids. */
void mint_der_time(struct buf *out, int64_t s, bool offset);

#endif
