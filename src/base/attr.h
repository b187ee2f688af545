/* attr.h - the two compiler attributes that the house uses. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
