/* swar.h - questions about eight bytes at once, in a 64-bit word, where a loop over single bytes
 * would be the slow part of a message (SWAR: SIMD within a register). Nothing here depends on
 * the byte order: each byte of the word is asked the same. */
#ifndef BASE_SWAR_H
#define BASE_SWAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SWAR_EACH(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

/* The eight bytes at p, which need not be aligned. */
static inline uint64_t
swar_load(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return w;
}

static inline void
swar_store(uint8_t *p, uint64_t w)
{
	memcpy(p, &w, sizeof w);
}

/* Say whether all bytes are below 0x80. */
static inline bool
swar_ascii(uint64_t w)
{
	return (w & SWAR_EACH(0x80)) == 0;
}

/* Say whether a byte below n (n <= 0x80) is there. Of a word that is not ASCII the answer may be
 * yes when it is no. */
static inline bool
swar_has_below(uint64_t w, uint8_t n)
{
	return ((w - SWAR_EACH(n)) & SWAR_EACH(0x80)) != 0;
}

/* Say whether this byte (below 0x80) is there; of a word that is not ASCII as above. */
static inline bool
swar_has(uint64_t w, uint8_t byte)
{
	return swar_has_below(w ^ SWAR_EACH(byte), 1);
}

/* Say whether all eight are letters or hyphens, which is what most names of the field are made of. */
static inline bool
swar_letters_or_hyphens(uint64_t w)
{
	uint64_t lower = w | SWAR_EACH(0x20);
	uint64_t letter = (lower + SWAR_EACH(0x80 - 'a')) & ~(lower + SWAR_EACH(0x80 - 'z' - 1));
	uint64_t hyphen = ~((w ^ SWAR_EACH('-')) + SWAR_EACH(0x7f));

	/* No sum carries into the next byte, since no byte is above 0x7f. */
	return swar_ascii(w) && ((letter | hyphen) & SWAR_EACH(0x80)) == SWAR_EACH(0x80);
}

/* Say whether all eight are printable ASCII or a space: 0x20 to 0x7e. */
static inline bool
swar_printable(uint64_t w)
{
	return swar_ascii(w) && !swar_has_below(w, ' ') && !swar_has(w, 0x7f);
}

#endif
