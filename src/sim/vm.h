/* vm.h - one simulated machine: defaults that follow from its name, and the settings that a test
 * gives. Fills a struct sim_vm; makes no keys (platform.c does). */
#ifndef SIM_VM_H
#define SIM_VM_H

#include "sim/platform.h"

/* Say whether a name can be one: letters, digits, '.', '_', '-', not first a '.'. */
bool sim_name_ok(struct span name);

/* Fill in the defaults. */
void sim_vm_default(struct sim_vm *vm, struct span name, unsigned recoveries);

/* Take the settings of a JSON object; empty text changes nothing. */
MUST_CHECK bool sim_vm_configure(
    struct sim_vm *vm, struct span json, unsigned recoveries, struct err *e);

#endif
