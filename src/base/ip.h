/* ip.h - IP addresses as 16 bytes (IPv4 as ::ffff:a.b.c.d), and lists of prefixes. No odd
 * spellings: IPv4 is four decimal numbers without leading zeros (RFC 6943 section 3.1.1). */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/attr.h"
#include "base/span.h"

/* Read an address without port, brackets or zone. */
MUST_CHECK bool ip_parse(struct span text, uint8_t ip[static 16]);

/* 127.0.0.0/8, ::1. */
bool ip_is_loopback(const uint8_t ip[static 16]);

/* Say whether an address is one of the Internet at large: neither of this machine or its networks
 * nor kept for another purpose (IANA's registries of special-purpose addresses); one that a
 * translator reaches an IPv4 address by (RFC 6052) is judged as that. */
bool ip_is_public(const uint8_t ip[static 16]);

/* Say whether every comma-separated item is an address or a prefix without bits behind it. */
bool ip_list_ok(struct span list);

/* Say whether an address lies in one of the list's items. The empty list holds none. */
bool ip_list_has(struct span list, const uint8_t ip[static 16]);

#endif
