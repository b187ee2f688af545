#include "collateral/key.h"

#include "base/hex.h"

#include <stdio.h>

static const char *
tee_name(enum eedcap_tee tee)
{
	return tee == EEDCAP_TDX ? "tdx" : "sgx";
}

static const char *
ca_name(enum eedcap_ca ca)
{
	return ca == EEDCAP_CA_PLATFORM ? "platform" : "processor";
}

const char *
key_name(const struct collateral_key *k, char dst[static KEY_NAME_MAX])
{
	char fmspc[13];

	snprintf(dst, KEY_NAME_MAX, "%s-%s-%s", tee_name(k->tee), ca_name(k->ca),
	    hex_encode(span_of(k->fmspc, sizeof k->fmspc), fmspc));
	return dst;
}

/* What is written back is what was read, or it was spelled otherwise. */
bool
key_read(struct span name, struct collateral_key *out)
{
	struct collateral_key k = {.ca = EEDCAP_CA_PROCESSOR, .tee = EEDCAP_SGX};
	char back[KEY_NAME_MAX];

	if (name.n < 12 || !hex_decode(span_from(name, name.n - 12), k.fmspc, sizeof k.fmspc))
		return false;
	if (span_starts(name, "tdx-"))
		k.tee = EEDCAP_TDX;
	if (span_starts(span_from(name, 4), "platform-"))
		k.ca = EEDCAP_CA_PLATFORM;
	if (!span_is(name, key_name(&k, back)))
		return false;
	*out = k;
	return true;
}

bool
key_same(const struct collateral_key *a, const struct collateral_key *b)
{
	return memcmp(a->fmspc, b->fmspc, sizeof a->fmspc) == 0 && a->ca == b->ca
	       && a->tee == b->tee;
}

const char *
item_name(enum eedcap_item i)
{
	static const char *const names[EEDCAP_ITEMS] = {[EEDCAP_ROOT_CA_CRL] = "rootcrl",
	    [EEDCAP_PCK_CRL] = "pckcrl",
	    [EEDCAP_TCB_INFO] = "tcb",
	    [EEDCAP_QE_IDENTITY] = "qe"};

	return names[i];
}
