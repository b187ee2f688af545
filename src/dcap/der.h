/* der.h - reads DER (X.690) one element at a time from a bounded reader: definite lengths in
 * their shortest form, one-byte tags, no recursion. As in base/rd.h the error is sticky: after a
 * bad element everything is empty, so read all, check `bad` or rd_end once. Owns nothing. */
#ifndef DCAP_DER_H
#define DCAP_DER_H

#include "base/rd.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0xa0 /* constructed, plus the number */
};

/* Take the next element, whatever its tag: *body its content. Returns all its bytes. */
struct span der_any(struct rd *r, uint8_t *tag, struct span *body);

/* Take the next element, which must have that tag, and return its content. */
struct span der_take(struct rd *r, uint8_t tag);

/* The same, with the tag and length bytes before it. */
struct span der_take_whole(struct rd *r, uint8_t tag);

/* The same as a reader of its own over the content. */
struct rd der_enter(struct rd *r, uint8_t tag);

/* Say whether bytes begin as certificates and CRLs do in DER, a SEQUENCE of 128 bytes or more: no
 * text begins so. */
bool der_begins(struct span bytes);

/* Say whether an element with that tag comes next. */
bool der_next_is(const struct rd *r, uint8_t tag);

/* Take an OBJECT IDENTIFIER, each of its numbers in its shortest form (X.690 section 8.19). */
struct span der_take_oid(struct rd *r);

/* Take an INTEGER that is not negative, in its shortest form, and return its magnitude without leading
 * zeros: zero is empty. */
struct span der_take_magnitude(struct rd *r);

/* Take a BOOLEAN (DER: 00 or ff). */
bool der_take_bool(struct rd *r);

/* Take an INTEGER (or, by tag, an ENUMERATED) within [0, max]. */
uint32_t der_take_uint(struct rd *r, uint8_t tag, uint32_t max);

/* Take a UTCTime or GeneralizedTime with seconds and Z (RFC 5280 section 4.1.2.5), as seconds
 * since 1970. */
int64_t der_take_time(struct rd *r);

#endif
