// Package resource protects a host's own APIs with access tokens.
//
// A [Guard] makes middleware of a [Verifier] and the scopes an endpoint needs,
// and answers who may not pass so that a client knows what to do next: sign in,
// refresh, or ask for more. A handler behind it finds the token's claims with
// [Claims].
//
// Three things verify tokens. A *grantor.Server in the same program asks its
// store, so that a revocation bites at once. A [JWT] verifies signatures with
// the public keys of the authorization server, its own or fetched, and asks
// nobody: a token lives until it expires. An [Introspection] asks the
// authorization server about each token (RFC 7662), whatever its format.
//
// Tokens are read from the Authorization header and nowhere else: in a URL or a
// form they end up in logs and caches (RFC 6750 §5.3, RFC 9700 §4.3.2). Whatever
// is wrong with a token is 401; a verifier that cannot tell is 503, never the
// client's fault.
package resource
