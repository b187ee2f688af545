/* name.h - X.501 Names as RFC 5280 section 4.1.2.4 lets conforming CAs write them: attributes of
 * UTF8String or PrintableString. Owns nothing. Names are compared elsewhere, byte by byte. */
#ifndef DCAP_NAME_H
#define DCAP_NAME_H

#include "base/attr.h"
#include "base/span.h"

/* The longest Name; Intel's have 114 bytes. */
#define NAME_SIZE_MAX 255
#define NAME_CN_MAX   64 /* RFC 5280 appendix A: ub-common-name */

/* Check a Name (whole, with its tag), and copy its common name. False where it breaks its grammar, is
 * too long, or has no common name, two, or one that is not printable ASCII. */
MUST_CHECK bool name_read(struct span name, char cn[static NAME_CN_MAX]);

#endif
