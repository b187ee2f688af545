/* step.h - what a decoder says that is fed a stream in pieces. It consumes only what it used. */
#ifndef WIRE_STEP_H
#define WIRE_STEP_H

enum step {
	STEP_MORE, /* feed on: the bytes so far are right, but not the end */
	STEP_DONE, /* what was asked for is whole */
	STEP_BAD /* the bytes are refused; the struct err says why. Do not feed again */
};

#endif
