// The other verifier, behind two commands.
// usage: peer.mjs cases                               JSON lines in (quote, collateral, at, root), verdicts out
//        peer.mjs time N QUOTE COLLATERAL AT [ROOT]   N verifications after a warm-up; one JSON object
// Files are named by path, ROOT is a certificate in DER. ./dev differential puts the package under build/.
import fs from "node:fs";
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(new URL("../../build/differential/", import.meta.url));
const { QuoteVerifier } = require("@phala/dcap-qvl");
const { TcbStatus } = require("@phala/dcap-qvl/src/tcb_info.js");
const { version } = require("@phala/dcap-qvl/package.json");

// It judges a quote's attributes last and then says only what it refused. What the TCB came to is seen here.
let evaluated;
const merge = TcbStatus.prototype.merge;
TcbStatus.prototype.merge = function (other) {
	evaluated = merge.call(this, other);
	return evaluated;
};

function read(c) {
	return {
		quote: fs.readFileSync(c.quote),
		collateral: fs.readFileSync(c.collateral, "utf8"),
		at: c.at,
		verifier: c.root ? QuoteVerifier.newWithRootCa(fs.readFileSync(c.root)) : QuoteVerifier.newProd(),
	};
}

// It takes collateral as an object; what its user cannot read as JSON is refused as well.
function parsed(c) {
	return { ...c, collateral: JSON.parse(c.collateral) };
}

function verify(c) {
	return c.verifier.verify(c.quote, c.collateral, c.at);
}

// Verifications for a JSON line; a refusal is its message with those of its causes.
function judge(line) {
	const c = read(JSON.parse(line));
	const answer = { ok: true, status: null, advisories: [] };
	const begin = process.hrtime.bigint();
	evaluated = null;
	try {
		verify(parsed(c));
	} catch (e) {
		const messages = [];
		for (let cause = e; cause; cause = cause.cause)
			messages.push(cause.message);
		answer.ok = false;
		answer.error = messages.join(": ");
	}
	answer.us = Number(process.hrtime.bigint() - begin) / 1000;
	if (evaluated?.isValid() || evaluated?.status === "Revoked") {
		answer.status = evaluated.status;
		answer.advisories = evaluated.advisoryIds;
	}
	return answer;
}

function time(n, quote, collateral, at, root) {
	const c = parsed(read({ quote, collateral, at: Number(at), root }));
	const { status } = verify(c);
	for (let i = 0; i < Math.max(20, n / 5); i++)
		verify(c);
	const begin = process.hrtime.bigint();
	for (let i = 0; i < n; i++)
		verify(c);
	const us = Number(process.hrtime.bigint() - begin) / 1000 / n;
	return { package: "@phala/dcap-qvl", version, node: process.version, status, verifications: n, us_per_verification: us };
}

const [command, n, ...files] = process.argv.slice(2);
if (command === "time" && n > 0 && files.length >= 3) {
	console.log(JSON.stringify(time(Number(n), ...files)));
} else if (command === "cases") {
	for await (const line of readline.createInterface({ input: process.stdin }))
		console.log(JSON.stringify(judge(line)));
} else {
	console.error("usage: peer.mjs cases | time N QUOTE COLLATERAL AT [ROOT]");
	process.exit(1);
}
