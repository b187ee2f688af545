/* One tunnel's session, its agent, the verifier, the admin and the clock, as far as they concern
 * who may carry traffic. session_table.pml is printed by the program's own table (session_table.c);
 * here stands what its actions do to nonce, lease and deadline, and what must always hold.
 * Checked by scripts/check-model, which also bends table and actions and wants each refused. */

#define SESSION_NAMES
#include "session_table.pml"
#undef SESSION_NAMES

#define FAULTS_MAX 1 /* enough to see what the last one does */

byte st, ev;
bool absent;

/* What the code knows. */
bool nonce_live, lease, again;
bool due;        /* the session's deadline has passed */
bool over;       /* the lease's time has passed */
byte faults;

/* What the event is like. */
bool stale, other;

/* What only the model knows. */
bool nonce_used;  /* the last challenge was answered */
bool first_over;  /* the deadline of the first unanswered challenge has passed */
bool earned;      /* an answer to the last challenge, in time, waits for its verdict */
bool routed;      /* visitors' requests go there */
byte was;         /* what an event found */
bool was_over, was_due;

#define LEASED     (st == S_attested || st == S_rechallenged || st == S_reverifying)
#define OUT        (st == S_challenged || st == S_rechallenged)
#define MAY_CARRY  (LEASED && lease && !over)

#define P_lease_over     (LEASED && (!lease || over))
#define P_early          (!due)
#define P_late           (OUT && due)
#define P_other_identity (st != S_connected && other)
#define P_other_attempt  (stale)

inline challenge()
{
	if
	:: !OUT -> due = false; first_over = false /* asking again buys no time */
	:: else
	fi;
	nonce_live = true; nonce_used = false; earned = false
}

inline A_take()         { challenge() }
inline A_take_again()   { challenge() }
inline A_take_later()   { again = true }
inline A_ask()          { challenge() }
inline A_ask_when_due() { again = false; challenge() }

inline A_verify()
{
	assert(nonce_live && !nonce_used); /* a nonce serves once */
	assert(!first_over);               /* and not after its deadline */
	nonce_live = false; nonce_used = true;
	earned = true;
	due = false
}

inline A_admit()
{
	assert(earned && !stale); /* no lease without a verified answer to the last challenge */
	earned = false;
	lease = true; over = false; routed = true;
	due = again
}

inline A_health()         { skip }
inline A_refuse()         { skip }
inline A_refuse_unknown() { skip }
inline A_refuse_early()   { skip }
inline A_refuse_unasked() { skip }

inline finish()
{
	if
	:: LEASED -> routed = false
	:: else
	fi;
	nonce_live = false; lease = false; earned = false
}

inline A_end()              { finish() }
inline A_end_unregistered() { finish() }
inline A_end_identity()     { finish() }
inline A_end_missed()       { finish() }
inline A_end_unverified()   { finish() }
inline A_end_replaced()     { finish() }
inline A_end_expired()      { finish() }
inline A_end_removed()      { finish() }
inline A_end_banned()       { finish() }
inline A_end_drain()        { finish() }
inline A_end_gone()         { finish() }

#include "session_table.pml"

inline hold()
{
	assert(routed == LEASED);                         /* routed with a lease, and only then */
	assert(!LEASED || lease);
	assert(!MAY_CARRY || routed);
	assert(st != S_closed || !lease && !nonce_live);  /* nothing is left of it */
	assert(!OUT || nonce_live);
	assert(st == S_closed || !nonce_live || OUT)
}

inline step()
{
	absent = false;
	was = st;
	was_over = P_lease_over && ev != E_gone;
	was_due = due && (ev == E_timer || ev == E_answer && OUT);
	judge();
	if
	:: ev != E_nothing && IS_FAULT ->
		faults++;
		if
		:: faults > FAULTS_MAX -> ev = E_too_many
		:: else
		fi
	:: else
	fi;
	if
	:: ev != E_nothing -> move()
	:: else -> absent = true
	fi;
	hold();
	assert(!was_over || st == S_closed); /* trust that is over ends at any event */
	assert(!was_due || st != was || st == S_closed); /* a deadline that passed moves */
	ev = E_nothing; stale = false; other = false
}

/* Time passes: a deadline, or the lease, which is never shorter than a deadline under it. */
inline pass()
{
	if
	:: !due -> due = true; if :: OUT -> first_over = true :: else fi
	:: LEASED && lease && due -> over = true
	:: else
	fi;
	if
	:: st == S_reverifying && due -> over = true /* there the deadline is the lease's end */
	:: else
	fi
}

/* Anything may happen, in any order: a verdict that names the last attempt, too, at any time. */
inline choose()
{
	if
	:: ev = E_register
	:: ev = E_register; other = true
	:: ev = E_answer
	:: ev = E_verified
	:: ev = E_verified; stale = true
	:: ev = E_refused
	:: ev = E_refused; stale = true
	:: ev = E_challenge
	:: ev = E_timer
	:: ev = E_health
	:: ev = E_soft_error
	:: ev = E_fatal_error
	:: ev = E_replaced
	:: ev = E_expired
	:: ev = E_removed
	:: ev = E_banned
	:: ev = E_drain
	:: ev = E_gone
	fi
}

active proctype world()
{
	byte n = 0;
	bool silent = false;

	do
	:: st == S_closed -> break
	:: st != S_closed && !silent -> pass()
	:: st != S_closed && !silent -> silent = true
	:: st != S_closed -> atomic {
		if
		:: silent -> /* the clock alone must close it: no state to be stuck in */
			assert(n < 4);
			n++;
			pass();
			ev = E_timer
		:: else -> choose()
		fi;
		step()
	}
	od;
	/* Nothing moves what is closed. */
	atomic {
		choose();
		step();
		assert(absent && st == S_closed && !routed && !lease)
	}
}
