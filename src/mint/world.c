#include "mint/world.h"

#include <openssl/sha.h>

#define YEAR (365 * MINT_DAY)

static const struct mint_kind_info kinds[MINT_KINDS] = {
    [MINT_SGX3] = {"sgx3", false, 3, 1, 384},
    [MINT_SGX4] = {"sgx4", false, 4, 1, 384},
    [MINT_SGX5] = {"sgx5", false, 5, 1, 384},
    [MINT_TDX4] = {"tdx4", true, 4, 2, 584},
    [MINT_TDX5_TD10] = {"tdx5td10", true, 5, 2, 584},
    [MINT_TDX5_TD15] = {"tdx5td15", true, 5, 3, 648},
    [MINT_TDX5_TD15EX] = {"tdx5td15ex", true, 5, 4, 885},
};

const struct mint_kind_info *
mint_kind_info(enum mint_kind k)
{
	return &kinds[k];
}

bool
mint_keys_derive(struct mint_keys *k, const uint8_t seed[static MINT_SEED_SIZE], struct err *e)
{
	return mint_key_derive(seed, "mint root", &k->root, e)
	       && mint_key_derive(seed, "mint platform ca", &k->platform_ca, e)
	       && mint_key_derive(seed, "mint processor ca", &k->processor_ca, e)
	       && mint_key_derive(seed, "mint pck", &k->leaf, e)
	       && mint_key_derive(seed, "mint other pck", &k->other_leaf, e)
	       && mint_key_derive(seed, "mint tcb signing", &k->signer, e)
	       && mint_key_derive(seed, "mint attestation", &k->attestation, e)
	       && mint_key_derive(seed, "mint stranger", &k->stranger, e);
}

/* A serial number that follows from subject and key: 20 octets, positive, the first not zero. */
static void
set_serial(struct mint_cert *c)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256(c->key->xy, 64, hash);
	memcpy(c->serial + 1, hash, 20);
	c->serial[0] = 0;
	c->serial[1] = (uint8_t)((hash[0] & 0x7f) | 0x40);
}

static struct mint_cert
authority(const char *cn, const struct mint_key *key, const struct mint_key *root)
{
	struct mint_cert c = {.subject = cn,
	    .issuer = "Intel SGX Root CA",
	    .key = key,
	    .by = root,
	    .from_s = MINT_AT - YEAR,
	    .to_s = MINT_AT + 5 * YEAR,
	    .is_ca = true,
	    .usage = MINT_CERT_SIGN | MINT_CRL_SIGN};

	set_serial(&c);
	return c;
}

static void
init_certs(struct mint_world *w)
{
	const struct mint_keys *k = w->keys;

	w->root = authority("Intel SGX Root CA", &k->root, &k->root);
	w->platform_ca = authority("Intel SGX PCK Platform CA", &k->platform_ca, &k->root);
	w->processor_ca = authority("Intel SGX PCK Processor CA", &k->processor_ca, &k->root);
	w->signer = authority("Intel SGX TCB Signing", &k->signer, &k->root);
	w->signer.is_ca = false;
	w->signer.usage = MINT_DIGITAL_SIGNATURE | MINT_NON_REPUDIATION;
	w->leaf = authority("Intel SGX PCK Certificate", &k->leaf, &k->platform_ca);
	w->leaf.issuer = w->platform_ca.subject;
	w->leaf.is_ca = false;
	w->leaf.usage = w->signer.usage;
	w->leaf.sgx = &w->sgx;
	w->other_leaf = w->leaf;
	w->other_leaf.key = &k->other_leaf;
	set_serial(&w->other_leaf);

	w->pck_chain = (struct mint_chain){
	    .cert = {&w->leaf, &w->platform_ca, &w->root}, .n = 3, .form = MINT_CHAIN_NUL};
	w->crl_chain = (struct mint_chain){
	    .cert = {&w->platform_ca, &w->root}, .n = 2, .form = MINT_CHAIN_PLAIN};
	w->tcb_chain = (struct mint_chain){
	    .cert = {&w->signer, &w->root}, .n = 2, .form = MINT_CHAIN_PLAIN};
	w->qe_chain = w->tcb_chain;
	w->root_crl = (struct mint_crl){.issuer = w->root.subject,
	    .by = &k->root,
	    .from_s = MINT_AT - 100 * MINT_DAY,
	    .to_s = MINT_AT + 265 * MINT_DAY};
	w->pck_crl = (struct mint_crl){.issuer = w->platform_ca.subject,
	    .by = &k->platform_ca,
	    .from_s = MINT_AT - 5 * MINT_DAY,
	    .to_s = MINT_AT + 25 * MINT_DAY};
}

static void
init_sgx(struct mint_world *w)
{
	static const uint8_t fmspc[6] = {0xee, 0x52, 0xab}; /* no processor's */

	for (int i = 0; i < 16; i++)
		w->sgx.component[i] = 20 - i;
	w->sgx.pcesvn = 13;
	w->sgx.type = 1;
	w->sgx.platform = true;
	memset(w->sgx.ppid, 0xa1, sizeof w->sgx.ppid);
	memset(w->sgx.instance_id, 0xb2, sizeof w->sgx.instance_id);
	memcpy(w->sgx.fmspc, fmspc, sizeof fmspc);
	mint_sgx_settle(&w->sgx);
}

/* Three levels, each below the one before in every component and in PCESVN. */
static void
init_levels(struct mint_tcb_info *t)
{
	static const struct mint_judgement is[] = {
	    {"2026-11-11T00:00:00Z", "UpToDate", NULL},
	    {"2025-08-13T00:00:00Z", "OutOfDate", "INTEL-SA-91001,INTEL-SA-91002"},
	    {"2024-02-14T00:00:00Z", "OutOfDateConfigurationNeeded", "INTEL-SA-91003"},
	};
	static const uint8_t tdx[3][16] = {{5, 0, 9}, {4, 0, 7}, {2, 0, 3}};
	static const uint16_t pcesvn[3] = {13, 11, 5};

	for (size_t i = 0; i < 3; i++) {
		struct mint_level *l = &t->level[i];

		for (size_t k = 0; k < 16; k++)
			l->sgx[k] = (uint8_t)(i == 2 ? 1 : 20 - k - 3 * i);
		memcpy(l->tdx, tdx[i], 16);
		l->pcesvn = pcesvn[i];
		l->is = is[i];
	}
	t->n_levels = 3;
}

static struct mint_isv_levels
isv_levels(unsigned newest, const char *advisories)
{
	return (struct mint_isv_levels){
	    .v = {{newest, {"2026-11-11T00:00:00Z", "UpToDate", NULL}},
		{newest - 2, {"2025-02-12T00:00:00Z", "OutOfDate", advisories}},
		{1, {"2023-08-09T00:00:00Z", "Revoked", NULL}}},
	    .n = 3};
}

static void
init_docs(struct mint_world *w, bool tdx)
{
	static const uint8_t init_provision[16] = {0x11},
			     all_but_mode64[16] = {0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct mint_tcb_info *t = &w->tcb_info;
	struct mint_qe_identity *q = &w->qe_identity;

	t->id = tdx ? "TDX" : "SGX";
	t->version = 3;
	t->issued_s = q->issued_s = MINT_AT - 5 * MINT_DAY;
	t->next_s = q->next_s = MINT_AT + 25 * MINT_DAY;
	t->fmspc = "EE52AB000000";
	t->pceid = "0000";
	t->number = q->number = 18;
	t->tdx = tdx;
	memset(t->module.mask, 0xff, sizeof t->module.mask);
	t->identity[0] = t->module;
	t->identity[0].id = "TDX_01";
	t->identity[0].levels = isv_levels(5, "INTEL-SA-93001");
	t->identity[1] = t->identity[0];
	t->identity[1].id = "TDX_03";
	t->n_identities = 2;
	init_levels(t);

	q->id = tdx ? "TD_QE" : "QE";
	q->prodid = tdx ? 2 : 1;
	memset(q->miscselect_mask, 0xff, sizeof q->miscselect_mask);
	memcpy(q->attributes, init_provision, sizeof init_provision);
	memcpy(q->attributes_mask, all_but_mode64, sizeof all_but_mode64);
	memset(q->mrsigner, tdx ? 0xd2 : 0xc1, sizeof q->mrsigner);
	q->levels = isv_levels(8, "INTEL-SA-92001");
	w->tcb_info_signing.by = w->qe_identity_signing.by = &w->keys->signer;
}

static void
init_body(struct mint_quote *q, const struct mint_kind_info *kind)
{
	static const uint8_t svn[16] = {5, 1, 9};

	q->body_n = kind->body_size;
	if (!kind->tdx) {
		q->body[MINT_SGX_ATTRIBUTES] = 0x05; /* INIT, MODE64 */
		q->body[MINT_SGX_ATTRIBUTES + 8] = 0xe7; /* XFRM */
		memset(q->body + MINT_SGX_MRENCLAVE, 0x44, 32);
		memset(q->body + MINT_SGX_MRSIGNER, 0x55, 32);
		memset(q->body + 320, 0x66, 64);
		return;
	}
	memcpy(q->body + MINT_TD_SVN, svn, sizeof svn);
	memset(q->body + 16, 0x77, 48); /* MRSEAM */
	q->body[MINT_TD_ATTRIBUTES + 3] = 0x10; /* SEPT_VE_DISABLE */
	q->body[128] = 0xe7; /* XFAM */
	memset(q->body + 136, 0x88, 48); /* MRTD */
	memset(q->body + 328, 0x99, (size_t)4 * 48); /* RTMRs */
	memset(q->body + 520, 0x66, 64);
	if (kind->body_size > MINT_TD_SVN2)
		memcpy(q->body + MINT_TD_SVN2, svn, sizeof svn);
}

static void
init_quote(struct mint_world *w, const struct mint_kind_info *kind)
{
	static const uint8_t vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94,
	    0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
	struct mint_quote *q = &w->quote;

	q->version = kind->version;
	q->key_type = 2;
	q->tee = kind->tdx ? 0x81 : 0;
	if (kind->version == 3) { /* SVNs of QE and PCE: 8 and 13 */
		q->reserved[0] = 8;
		q->reserved[2] = 13;
	}
	memcpy(q->vendor, vendor, sizeof vendor);
	q->descriptor = kind->version == 5;
	q->body_type = kind->body_type;
	init_body(q, kind);
	q->key = w->keys->attestation;

	q->qe_report[MINT_SGX_ATTRIBUTES] = 0x15; /* INIT, MODE64, PROVISION_KEY */
	q->qe_report[MINT_SGX_ATTRIBUTES + 8] = 0xe7;
	memset(q->qe_report + MINT_SGX_MRENCLAVE, 0xe5, 32);
	memcpy(q->qe_report + MINT_SGX_MRSIGNER, w->qe_identity.mrsigner, 32);
	q->qe_report[MINT_SGX_ISVPRODID] = (uint8_t)w->qe_identity.prodid;
	q->qe_report[MINT_SGX_ISVSVN] = 8;
	q->qe_signed_by = &w->keys->leaf;
	q->auth_n = 32;
	for (size_t i = 0; i < MINT_AUTH_MAX; i++)
		q->auth[i] = (uint8_t)i;

	q->nested = kind->version > 3;
	q->outer_type = 6;
	q->cert_type = 5;
	q->body_size = q->signature_length = q->outer_length = MINT_TRUE_LENGTH;
	q->auth_length = q->cert_length = q->cut = MINT_TRUE_LENGTH;
}

void
mint_world_init(struct mint_world *w, enum mint_kind kind, const struct mint_keys *keys)
{
	memset(w, 0, sizeof *w);
	w->kind = kind;
	w->keys = keys;
	init_certs(w);
	init_sgx(w);
	init_docs(w, kinds[kind].tdx);
	init_quote(w, &kinds[kind]);
}

void
mint_world_set_component(struct mint_world *w, unsigned i, int32_t v)
{
	w->sgx.component[i] = v;
	mint_sgx_settle(&w->sgx);
}
