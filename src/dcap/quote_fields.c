/* The names that the fields of a quote go by. Tables only: offsets as in Intel's layouts. */
#include "base/span.h"
#include "dcap/quote.h"

struct field {
	const char *name;
	uint16_t off, size;
};

static const struct field sgx_registers[] = {
    {"cpusvn", 0, 16},
    {"miscselect", 16, 4},
    {"isvextprodid", 32, 16},
    {"attributes", 48, 16},
    {"mrenclave", 64, 32},
    {"mrsigner", 128, 32},
    {"configid", 192, 64},
    {"isvprodid", 256, 2},
    {"isvsvn", 258, 2},
    {"configsvn", 260, 2},
    {"isvfamilyid", 304, 16},
};

static const struct field td_registers[] = {
    {"tee_tcb_svn", 0, 16},
    {"mrseam", 16, 48},
    {"mrsignerseam", 64, 48},
    {"seamattributes", 112, 8},
    {"tdattributes", 120, 8},
    {"xfam", 128, 8},
    {"mrtd", 136, 48},
    {"mrconfigid", 184, 48},
    {"mrowner", 232, 48},
    {"mrownerconfig", 280, 48},
    {"rtmr0", 328, 48},
    {"rtmr1", 376, 48},
    {"rtmr2", 424, 48},
    {"rtmr3", 472, 48},
    /* TD report 1.5 */
    {"tee_tcb_svn2", 584, 16},
    {"mrservicetd", 600, 48},
    /* 1.5 extended */
    {"vm_id", 648, 1},
    {"td_id", 649, 32},
    {"device_info_hash", 681, 48},
    {"init_servicetd_hash", 729, 48},
    {"init_servicetd_attributes", 777, 8},
    {"init_servicetd_cpusvn", 785, 16},
    {"init_servicetd_tee_tcb_svn", 801, 16},
    {"init_servicetd_fmspc", 817, 12},
    {"servicetd_hash", 829, 48},
    {"servicetd_attributes", 877, 8},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool
eedcap_quote_register_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n)
{
	bool sgx = q->q.body_type == BODY_SGX;
	const struct field *f = sgx ? sgx_registers : td_registers;
	struct span s;

	if (i >= (sgx ? COUNT(sgx_registers) : COUNT(td_registers)))
		return false;
	s = span_first(span_from(q->q.body, f[i].off), f[i].size);
	if (s.n != f[i].size) /* a field of a later body type */
		return false;
	*name = f[i].name;
	*p = s.p;
	*n = s.n;
	return true;
}

bool
eedcap_quote_register(const struct eedcap_quote *q, const char *name, const uint8_t **p, size_t *n)
{
	const uint8_t *at;
	const char *found;
	size_t size;

	for (size_t i = 0; eedcap_quote_register_at(q, i, &found, &at, &size); i++) {
		if (strcmp(found, name) != 0)
			continue;
		*p = at;
		*n = size;
		return true;
	}
	return false;
}

/* The QE's own report, by the names of an enclave's registers. */
static const struct field qe_fields[] = {
    {"qe_cpusvn", 0, 16},
    {"qe_miscselect", 16, 4},
    {"qe_attributes", 48, 16},
    {"qe_mrenclave", 64, 32},
    {"qe_mrsigner", 128, 32},
    {"qe_isvprodid", 256, 2},
    {"qe_isvsvn", 258, 2},
    {"qe_report_data", 320, 64},
};

/* Header, and what lies behind the body. Two fields changed their meaning after version 3. */
static void
list_fields(const struct quote *q, struct span s[static 15], const char *names[static 15])
{
	struct rd h = rd_of(q->header);
	size_t i = 0;
#define ADD(name, span) (names[i] = (name), s[i++] = (span))
	ADD("version", rd_span(&h, 2));
	ADD("attestation_key_type", rd_span(&h, 2));
	ADD("tee_type", rd_span(&h, 4));
	ADD(q->version == 3 ? "header_qe_svn" : "header_reserved_8", rd_span(&h, 2));
	ADD(q->version == 3 ? "header_pce_svn" : "header_reserved_10", rd_span(&h, 2));
	ADD("qe_vendor_id", rd_span(&h, 16));
	ADD("user_data", rd_span(&h, 20));
	ADD("body", q->body);
	ADD("signature", q->signature);
	ADD("attestation_key", q->key);
	ADD("qe_report", q->qe_report);
	ADD("qe_report_signature", q->qe_signature);
	ADD("qe_auth_data", q->qe_auth);
	ADD("certification_data", q->cert);
	ADD(NULL, span_of(NULL, 0));
#undef ADD
}

bool
eedcap_quote_field_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n)
{
	const char *names[15];
	struct span s[15], found;

	if (i < COUNT(qe_fields)) {
		found = span_first(span_from(q->q.qe_report, qe_fields[i].off), qe_fields[i].size);
		*name = qe_fields[i].name;
	} else {
		list_fields(&q->q, s, names);
		i -= COUNT(qe_fields);
		if (i >= COUNT(names) || !names[i])
			return false;
		found = s[i];
		*name = names[i];
	}
	*p = found.p;
	*n = found.n;
	return true;
}

unsigned
eedcap_quote_version(const struct eedcap_quote *q)
{
	return q->q.version;
}

enum eedcap_tee
eedcap_quote_tee(const struct eedcap_quote *q)
{
	return (enum eedcap_tee)q->q.tee;
}

unsigned
eedcap_quote_body_type(const struct eedcap_quote *q)
{
	return q->q.body_type;
}

const uint8_t *
eedcap_quote_report_data(const struct eedcap_quote *q)
{
	return span_from(q->q.body, q->q.body_type == BODY_SGX ? 320 : 520).p;
}

size_t
eedcap_quote_trailing(const struct eedcap_quote *q)
{
	return q->q.trailing;
}

const uint8_t *
eedcap_quote_digest(const struct eedcap_quote *q)
{
	return q->digest;
}

unsigned
eedcap_quote_cert_type(const struct eedcap_quote *q)
{
	return q->q.cert_type;
}
