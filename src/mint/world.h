/* world.h - one platform, the authorities above it, the collateral that judges it and a quote of
 * it: all in order until a test bends it, one thing at a time. A world is a value that borrows its
 * keys; its certificates point to one another, so it is never copied. */
#ifndef MINT_WORLD_H
#define MINT_WORLD_H

#include "mint/crl.h"
#include "mint/doc.h"
#include "mint/quote.h"

/* The moment of every judgement: 2027-01-15T08:00:00Z. */
#define MINT_AT  INT64_C(1800000000)
#define MINT_DAY INT64_C(86400)

enum mint_kind {
	MINT_SGX3,
	MINT_SGX4,
	MINT_SGX5,
	MINT_TDX4,
	MINT_TDX5_TD10,
	MINT_TDX5_TD15,
	MINT_TDX5_TD15EX,
	MINT_KINDS
};

/* What a kind of quote is called, and its numbers. */
struct mint_kind_info {
	const char *name; /* sgx3, tdx5td15, ... */
	bool tdx;
	uint16_t version, body_type;
	size_t body_size;
};
const struct mint_kind_info *mint_kind_info(enum mint_kind k);

struct mint_keys {
	struct mint_key root, platform_ca, processor_ca, leaf, signer, attestation;
	struct mint_key stranger, other_leaf;
};

/* Where in a TD report: offsets of its fields. */
enum mint_td {
	MINT_TD_SVN = 0,
	MINT_TD_MRSIGNERSEAM = 64,
	MINT_TD_SEAMATTRIBUTES = 112,
	MINT_TD_ATTRIBUTES = 120,
	MINT_TD_SVN2 = 584,
	MINT_TD_MRSERVICETD = 600,
};

/* And in an SGX report. */
enum mint_sgx_report {
	MINT_SGX_CPUSVN = 0,
	MINT_SGX_MISCSELECT = 16,
	MINT_SGX_ATTRIBUTES = 48,
	MINT_SGX_MRENCLAVE = 64,
	MINT_SGX_MRSIGNER = 128,
	MINT_SGX_ISVPRODID = 256,
	MINT_SGX_ISVSVN = 258,
};

/* What stands in the quote as certification data. */
enum mint_cert_data {
	MINT_DATA_CHAIN,
	MINT_DATA_LEAF, /* the leaf alone, as PEM */
	MINT_DATA_OTHER_LEAF, /* another one of the same CA */
	MINT_DATA_TAIL, /* a PPID of tail.id_size bytes, CPUSVN, PCESVN, PCEID */
};

struct mint_tail {
	size_t id_size;
	bool other_cpusvn, other_pcesvn, other_pceid, swapped_pcesvn;
	int grow; /* bytes more, or less */
};

/* How a document is signed. */
struct mint_doc_signing {
	const struct mint_key *by;
	enum mint_sig kind;
	const char *text; /* stands for the signature, where not NULL */
	bool upper; /* in upper case */
};

struct mint_world {
	enum mint_kind kind;
	const struct mint_keys *keys;

	struct mint_cert root, platform_ca, processor_ca, leaf, other_leaf, signer;
	struct mint_cert spare[3]; /* for what a test makes of the others */
	struct mint_sgx sgx;
	struct mint_chain pck_chain, crl_chain, tcb_chain, qe_chain;
	struct mint_chain beside; /* n is 0: absent */
	struct mint_crl root_crl, pck_crl;

	struct mint_tcb_info tcb_info;
	struct mint_qe_identity qe_identity;
	struct mint_doc_signing tcb_info_signing, qe_identity_signing;

	struct mint_quote quote;
	enum mint_cert_data cert_data;
	struct mint_tail tail;

	const char *omit; /* a member that the collateral lacks */
	struct mint_edit edit[MINT_EDITS]; /* of the collateral's text */
};

/* Derive the keys of a seed. */
MUST_CHECK bool mint_keys_derive(
    struct mint_keys *k, const uint8_t seed[static MINT_SEED_SIZE], struct err *e);

/* Make the world of a kind, everything in order. Borrows the keys. */
void mint_world_init(struct mint_world *w, enum mint_kind kind, const struct mint_keys *keys);

/* Set the SGX components of the PCK certificate, or one of them. */
void mint_world_set_component(struct mint_world *w, unsigned i, int32_t v);

/* Append the quote and the collateral. */
MUST_CHECK bool mint_world_build(
    const struct mint_world *w, struct buf *quote, struct buf *collateral, struct err *e);

#endif
