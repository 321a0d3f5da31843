// Package token writes and reads access tokens and keeps the keys that sign
// them.
//
// [Claims] is what a token says; a [Format] turns it into a string and back.
// [JWT] is the format of RFC 9068, which an API verifies on its own; [Opaque] is
// a reference that only the authorization server can resolve.
//
// A [Key] signs through any crypto.Signer, so a key in a KMS or an HSM fits. A
// [KeySource] says which keys there are: [StaticKeys] never change, a [Ring]
// replaces its keys on its own and publishes each before it signs. [JWKSet]
// writes their public halves for others, and [ParseJWKSet] reads such a document
// where an API runs in another process.
//
// Reading is strict. A token names its key, the key decides the algorithm, and a
// token that could be read in two ways (duplicate members, names in another
// case, loose base64, broken UTF-8) is refused. Nothing a token points to is ever
// fetched. Whatever is wrong with a token is oautherr.InvalidToken; every other
// error is trouble of ours.
package token
