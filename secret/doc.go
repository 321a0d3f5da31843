// Package secret makes, recognises and keeps credential strings: client
// secrets, personal access tokens, codes, opaque access and refresh tokens.
//
// A credential that the server generated has one form,
//
//	<brand>_<kind>_<locator: 22><secret: 43><checksum: 6>
//
// in base62, so that a double click selects all of it and no encoding ever
// touches it. The locator finds the record, the 256-bit secret proves
// possession, and the checksum lets a scanner recognise a leak and lets [Format.Parse]
// refuse garbage before any store is asked.
//
// Three types keep the plain text where it belongs:
//
//   - a [Handle] is a credential in hand; it prints as REDACTED wherever it is
//     formatted, encoded or logged, and only [Handle.Reveal] shows it;
//   - a [Digest] is a credential at rest; it says by itself how it was made;
//   - a [Hasher] digests what a person chose or another system made. Only such
//     secrets can be guessed, so only they pay for a slow hash.
//
// [Peppers] makes and compares the fast digests of generated credentials.
// [Checker] puts all of it together for client secrets, at a cost that tells
// nobody which clients exist.
package secret
