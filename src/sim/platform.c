#include "sim/platform.h"
#include "sim/vm.h"

#include <stdio.h>
#include <stdlib.h>

#define CHAIN_MAX (16u * 1024)
#define DOC_MAX   (1024u * 1024)

static bool
no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "simulated platform");
}

bool
sim_platform_init(struct sim_platform *p, const uint8_t seed[static SIM_SEED_SIZE],
    const char *base_url, int64_t now_s, struct err *e)
{
	uint8_t other[SIM_SEED_SIZE];

	memset(p, 0, sizeof *p);
	for (size_t i = 0; i < SIM_DOC_COUNT; i++)
		buf_init(&p->docs[i].body, DOC_MAX);
	for (size_t i = 0; i < SIM_FAMILIES; i++)
		for (size_t k = 0; k < 2; k++)
			buf_init(&p->families[i][k].body, DOC_MAX);
	for (size_t i = 0; i < SIM_CRL_COUNT; i++)
		buf_init(&p->crls[i].body, DOC_MAX);
	for (size_t i = 0; i < SIM_SEED_SIZE; i++)
		other[i] = (uint8_t)~seed[i];
	/* CRL numbers must rise from one to the next (RFC 5280 section 5.2.3), restarts included. */
	p->crl_number = now_s;
	return sim_pki_init(&p->pki, seed, base_url, now_s, e)
	       && sim_pki_init(&p->impostor, other, base_url, now_s, e);
}

static void
vm_free(struct sim_vm *vm)
{
	if (!vm)
		return;
	EVP_PKEY_free(vm->attestation_key);
	EVP_PKEY_free(vm->throwaway_key);
	EVP_PKEY_free(vm->pck_key);
	buf_fini(&vm->chain);
	buf_fini(&vm->certification);
	free(vm);
}

void
sim_platform_fini(struct sim_platform *p)
{
	for (size_t i = 0; i < p->n_vms; i++)
		vm_free(p->vms[i]);
	free(p->vms);
	for (size_t i = 0; i < SIM_DOC_COUNT; i++)
		buf_fini(&p->docs[i].body);
	for (size_t i = 0; i < SIM_FAMILIES; i++)
		for (size_t k = 0; k < 2; k++)
			buf_fini(&p->families[i][k].body);
	for (size_t i = 0; i < SIM_CRL_COUNT; i++)
		buf_fini(&p->crls[i].body);
	sim_pki_fini(&p->pki);
	sim_pki_fini(&p->impostor);
	memset(p, 0, sizeof *p);
}

static bool
derive(const struct sim_pki *pki, const char *what, const struct sim_vm *vm, EVP_PKEY **out,
    struct err *e)
{
	char label[160];

	snprintf(label, sizeof label, "%s %s %u", what, vm->platform, vm->pck.svn[0]);
	return sim_key_derive(pki->seed, label, out, e);
}

/* Certify the machine's platform at its TCB level: one PCK certificate for each. */
static bool
certify(const struct sim_pki *pki, struct sim_vm *vm, int64_t now_s, struct err *e)
{
	X509 *leaf = NULL;
	bool ok = derive(pki, "pck", vm, &vm->pck_key, e)
		  && derive(pki, "attestation", vm, &vm->attestation_key, e)
		  && derive(pki, "throwaway", vm, &vm->throwaway_key, e)
		  && sim_pki_issue_pck(pki, vm->pck_key, &vm->pck, now_s, &leaf, e)
		  && sim_cert_serial(leaf, vm->serial, e) && sim_cert_pem(leaf, &vm->chain, e)
		  && sim_pki_chain_pem(pki, SIM_PLATFORM_CA, &vm->chain, e);

	X509_free(leaf);
	return ok;
}

/* Provision the machine's quoting enclave. */
static bool
provision(struct sim_vm *vm, struct err *e)
{
	struct sim_qe qe = {
	    .bound_key = vm->attestation_key,
	    .pck_key = vm->pck_key,
	    .pck_chain = buf_span(&vm->chain),
	    .svn = vm->qe_svn,
	};

	memcpy(qe.cpusvn, vm->pck.svn, sizeof qe.cpusvn);
	sim_qe_measure(qe.mrenclave, qe.mrsigner);
	return sim_qe_certify(&qe, &vm->certification, e);
}

static size_t
vm_index(const struct sim_platform *p, struct span name)
{
	size_t i = 0;

	while (i < p->n_vms && !span_is(name, p->vms[i]->name))
		i++;
	return i;
}

const struct sim_vm *
sim_platform_find_vm(const struct sim_platform *p, struct span name)
{
	size_t i = vm_index(p, name);

	return i < p->n_vms ? p->vms[i] : NULL;
}

static struct sim_vm *
vm_make(struct sim_platform *p, struct span name, struct span json, int64_t now_s, struct err *e)
{
	struct sim_vm *vm = calloc(1, sizeof *vm);

	if (!vm) {
		no_memory(e);
		return NULL;
	}
	buf_init(&vm->chain, CHAIN_MAX);
	buf_init(&vm->certification, CHAIN_MAX);
	sim_vm_default(vm, name, p->recoveries);
	if (!sim_vm_configure(vm, json, p->recoveries, e)
	    || !certify(vm->forge == SIM_SELF_MADE_CHAIN ? &p->impostor : &p->pki, vm, now_s, e)
	    || !provision(vm, e)) {
		vm_free(vm);
		return NULL;
	}
	return vm;
}

/* Whatever changes what is revoked makes the next CRL a new one. */
static void
renew_crls(struct sim_platform *p)
{
	for (size_t i = 0; i < SIM_CRL_COUNT; i++)
		p->crls[i].valid = false;
}

bool
sim_platform_put_vm(
    struct sim_platform *p, struct span name, struct span json, int64_t now_s, struct err *e)
{
	struct sim_vm *vm, **grown;
	size_t at = vm_index(p, name);

	if (!sim_name_ok(name))
		return err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD, "name", "machine name");
	if (at == SIM_VMS_MAX)
		return err_set(e, ERR_LIMIT, REASON_LIMIT, "%u machines", SIM_VMS_MAX);
	vm = vm_make(p, name, json, now_s, e);
	if (!vm)
		return false;
	if (at == p->n_vms) {
		grown = realloc(p->vms, (p->n_vms + 1) * sizeof *grown);
		if (!grown) {
			vm_free(vm);
			return no_memory(e);
		}
		p->vms = grown;
		p->vms[p->n_vms++] = NULL;
	}
	if (vm->revoked || (p->vms[at] && p->vms[at]->revoked))
		renew_crls(p);
	vm_free(p->vms[at]);
	p->vms[at] = vm; /* ownership leaves here */
	return true;
}

bool
sim_platform_drop_vm(struct sim_platform *p, struct span name)
{
	size_t at = vm_index(p, name);

	if (at == p->n_vms)
		return false;
	if (p->vms[at]->revoked)
		renew_crls(p);
	vm_free(p->vms[at]);
	p->vms[at] = p->vms[--p->n_vms];
	return true;
}

bool
sim_platform_quote(const struct sim_platform *p, const struct sim_vm *vm,
    const uint8_t report_data[static SIM_REPORT_DATA_SIZE], struct buf *out, struct err *e)
{
	struct sim_quote q = {
	    .version = vm->version,
	    .td = &vm->td,
	    .report_data = report_data,
	    .attestation_key = vm->forge == SIM_THROWAWAY_KEY ? vm->throwaway_key
							      : vm->attestation_key,
	    .certification = buf_span(&vm->certification),
	};

	return sim_quote_write(&q, out, e);
}

/* Half of a document's life is left when it is made anew, as Intel's service does; a clock that
 * was set back makes it anew, too. */
static bool
is_fresh(const struct sim_made *m, int64_t now_s)
{
	return m->valid && now_s >= m->made_s && now_s - m->made_s < SIM_DOC_LIFE_S / 2;
}

static bool
made(struct sim_made *m, bool ok, int64_t now_s, struct span *out)
{
	m->made_s = now_s;
	m->valid = ok;
	*out = buf_span(&m->body);
	return ok;
}

static struct sim_made *
find_doc(struct sim_platform *p, enum sim_doc doc, unsigned family)
{
	if (family > 0 && (doc == SIM_TCB_SGX || doc == SIM_TCB_TDX))
		return &p->families[family % SIM_FAMILIES][doc == SIM_TCB_TDX];
	return &p->docs[doc];
}

bool
sim_platform_doc(struct sim_platform *p, enum sim_doc doc, unsigned family, int64_t now_s,
    struct span *out, struct err *e)
{
	struct sim_made *m = find_doc(p, doc, family);

	*out = buf_span(&m->body);
	if (is_fresh(m, now_s))
		return true;
	buf_clear(&m->body);
	return made(
	    m, sim_doc_write(&p->pki, doc, family, p->recoveries, now_s, &m->body, e), now_s, out);
}

static bool
write_crl(struct sim_platform *p, enum sim_crl crl, int64_t now_s, struct buf *out, struct err *e)
{
	static const enum sim_authority issuers[] = {SIM_ROOT, SIM_PLATFORM_CA, SIM_PROCESSOR_CA};
	uint8_t(*serials)[SIM_SERIAL_SIZE] = calloc(
	    p->n_vms + SIM_AUTHORITY_COUNT, sizeof *serials);
	size_t n = 0;
	bool ok = serials != NULL || no_memory(e);

	for (size_t i = 0; ok && crl == SIM_CRL_ROOT && i < SIM_AUTHORITY_COUNT; i++)
		if (p->revoked[i])
			ok = sim_cert_serial(p->pki.cert[i], serials[n++], e);
	for (size_t i = 0; ok && crl == SIM_CRL_PLATFORM && i < p->n_vms; i++)
		if (p->vms[i]->revoked)
			memcpy(serials[n++], p->vms[i]->serial, SIM_SERIAL_SIZE);
	ok = ok
	     && sim_pki_crl(&p->pki, issuers[crl], (const uint8_t(*)[SIM_SERIAL_SIZE])serials, n,
		 p->crl_number++, now_s, out, e);
	free(serials);
	return ok;
}

bool
sim_platform_crl(
    struct sim_platform *p, enum sim_crl crl, int64_t now_s, struct span *out, struct err *e)
{
	struct sim_made *m = &p->crls[crl];

	*out = buf_span(&m->body);
	if (is_fresh(m, now_s))
		return true;
	buf_clear(&m->body);
	return made(m, write_crl(p, crl, now_s, &m->body, e), now_s, out);
}

void
sim_platform_revoke(struct sim_platform *p, enum sim_authority who, bool revoked)
{
	p->revoked[who] = revoked;
	renew_crls(p);
}

static void
renew_docs(struct sim_platform *p)
{
	for (size_t i = 0; i < SIM_DOC_COUNT; i++)
		p->docs[i].valid = false;
	for (size_t i = 0; i < SIM_FAMILIES; i++)
		p->families[i][0].valid = p->families[i][1].valid = false;
}

void
sim_platform_recover(struct sim_platform *p, unsigned recoveries)
{
	p->recoveries = recoveries;
	renew_docs(p);
}

void
sim_platform_renew(struct sim_platform *p)
{
	renew_docs(p);
	renew_crls(p);
}
