// Verifies bundles as npm does, and prints a line of JSON for each:
//
//	node verify.cjs MODULES TRUSTED-ROOT IDENTITY ISSUER BUNDLE...
//
// MODULES is the directory where the packages of package.json are installed.
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');

const [modules, trustedRoot, identity, issuer, ...bundles] = process.argv.slice(2);
const load = createRequire(modules + '/');
const { bundleFromJSON } = load('@sigstore/bundle');
const { TrustedRoot } = load('@sigstore/protobuf-specs');
const { toSignedEntity, toTrustMaterial, Verifier } = load('@sigstore/verify');

const readJSON = (file) => JSON.parse(readFileSync(file, 'utf8'));
const exactly = (text) => '^' + text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') + '$';

const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(readJSON(trustedRoot))));
const policy = { subjectAlternativeName: exactly(identity), extensions: { issuer } };
for (const bundle of bundles) {
  let error = '';
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(readJSON(bundle))), policy);
  } catch (e) {
    error = `${e.name} ${e.code || ''}: ${e.message}`;
  }
  console.log(JSON.stringify({ bundle, error }));
}
