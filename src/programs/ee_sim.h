/* ee_sim.h - what the parts of ee-sim share. Internal to the program. */
#ifndef PROGRAMS_EE_SIM_H
#define PROGRAMS_EE_SIM_H

#include "base/err.h"
#include "os/config.h"

/* Exit codes of the program's commands. */
#define SIM_EXIT_USAGE CONFIG_EXIT_USAGE

/* Say on standard error what went wrong; returns the exit code. */
int sim_fail(const struct err *e);

/* ee-sim attack --list | --run NAME --target URL. Returns the exit code. */
int sim_run_attack(int argc, char **argv);

/* ee-sim vectors DIR. Returns the exit code. */
int sim_run_vectors(int argc, char **argv);

#endif
