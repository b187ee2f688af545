/* limits.h - every ceiling of the house, each with the reason for its value. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Text message before attestation: a quote is about 5 KB, base64 and claims beside it. */
#define LIMIT_TEXT_UNATTESTED (256u * 1024)
/* Text message after it: version 1 carries whole bodies as base64 inside one message. */
#define LIMIT_TEXT_ATTESTED (16u * 1024 * 1024)
/* Body that version 1 can carry: what fits the message above as base64, with head to spare. */
#define LIMIT_V1_BODY (11u * 1024 * 1024)
/* One binary message of version 2, and so one DATA frame with its head: HTTP/2's own smallest
 * frame, small enough that a text message never waits long behind one. */
#define LIMIT_H2_MESSAGE 16384u
/* Bytes of one body on their way to a reader that has not taken them: half a megabyte a second at
 * half a second of round trip, and what front and agent grant ahead anyway. */
#define LIMIT_H2_STREAM_WINDOW (256u * 1024)
/* The same, for all bodies of one tunnel together: 64 stalled streams. */
#define LIMIT_H2_TUNNEL_WINDOW (16u * 1024 * 1024)
/* Body bytes of one stream that wait for the tunnel: as much as one read of the loop gives, and a
 * small answer besides, so that its sender need not be stopped. */
#define LIMIT_H2_SEND_AHEAD (96u * 1024)
/* Requests at once on one tunnel: a tenth of what the descriptors of a host allow. */
#define LIMIT_H2_STREAMS 1000u
/* Requests of one session: stream ids end at 2^31, and every request takes two. */
#define LIMIT_H2_REQUESTS 1000000000u
/* CONTINUATION frames behind HEADERS: a head of LIMIT_HEAD, not compressed, takes three frames. */
#define LIMIT_H2_CONTINUATIONS 4u
/* Interim heads of one answer. */
#define LIMIT_H2_INTERIMS 16u
/* Entries of one SETTINGS frame; ten are defined. */
#define LIMIT_H2_SETTINGS 16u
/* Acknowledgements of SETTINGS and PING that wait to be sent. */
#define LIMIT_H2_ACKS 100u
/* Frames that carry nothing of a request's, above those that work and time allow: a burst of
 * window updates for every stream fits. */
#define LIMIT_H2_NOISE       4000u
#define LIMIT_H2_NOISE_PER_S 100u
/* Requests that are given up before their answer: all visitors of a full tunnel may leave at
 * once, and come and leave again. Above this rate it is an attack on the backend. */
#define LIMIT_H2_RESETS       3000u
#define LIMIT_H2_RESETS_PER_S 200u
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
/* Values of one collateral document, or of one with evidence: a level has about 130, genuine documents have 20 levels. */
#define LIMIT_DOCUMENT_NODES 400000u
/* Allowlist asset: a few registers; a thousand alternatives still fit. */
#define LIMIT_ALLOWLIST (1024u * 1024)
/* The lists behind pins, together, as the registry keeps them: sixty-four of the largest size, ten
 * thousand of common ones. */
#define LIMIT_PINNED_LISTS (64u * 1024 * 1024)
/* An evidence document: sixty-four replicas of a few quotes' size, collateral and allowlist once. */
#define LIMIT_EVIDENCE (32u * 1024 * 1024)
/* Networks file: sixteen networks, with lists of platforms that name each machine of a fleet. */
#define LIMIT_NETWORKS_FILE (1024u * 1024)
/* Claims: 64 members of identifiers and digests. */
#define LIMIT_CLAIMS (64u * 1024)

#endif
