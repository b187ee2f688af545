/* limits.h - every ceiling of the house, each with the reason for its value. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Text message before attestation: a quote is about 5 KB, base64 and claims beside it. */
#define LIMIT_TEXT_UNATTESTED (256u * 1024)
/* Text message after it: version 1 carries whole bodies as base64 inside one message. */
#define LIMIT_TEXT_ATTESTED (16u * 1024 * 1024)
/* Body that version 1 can carry: what fits the message above as base64, with head to spare. */
#define LIMIT_V1_BODY (11u * 1024 * 1024)
/* Request or response head: what nginx takes by default in four large buffers. */
#define LIMIT_HEAD        (32u * 1024)
#define LIMIT_HEAD_FIELDS 128
/* PROXY protocol header: addresses are 216 bytes at most; the TLVs that balancers send (names, TLS
 * version, endpoint ids) fit many times. */
#define LIMIT_PROXY_HEADER 4096u
/* JSON of protocol messages: nesting and values far above any that is defined. */
#define LIMIT_JSON_DEPTH 32
#define LIMIT_JSON_NODES 65536
/* Quote: genuine ones are 4.6 to 8 KB with padding. */
#define LIMIT_QUOTE (64u * 1024)
/* Certification data inside it: a chain of three is about 3.7 KB. */
#define LIMIT_CERT_DATA (32u * 1024)
/* Collateral: TCB info is 2 to 25 KB, a CRL below 10 KB today. */
#define LIMIT_TCB_INFO   (2u * 1024 * 1024)
#define LIMIT_CRL        (1024u * 1024)
#define LIMIT_COLLATERAL (8u * 1024 * 1024)
/* Platforms whose certificates and signatures are remembered: 6 MB when all are there. */
#define LIMIT_PLATFORMS_KNOWN 4096u
/* Values of one collateral document: a level has about 130, genuine documents have 20 levels. */
#define LIMIT_DOCUMENT_NODES 400000u
/* Allowlist asset: a few registers; a thousand alternatives still fit. */
#define LIMIT_ALLOWLIST (1024u * 1024)
/* Claims: 64 members of identifiers and digests. */
#define LIMIT_CLAIMS (64u * 1024)

#endif
