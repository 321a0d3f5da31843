// Package grant is about what was allowed: to which client, by whom, for what.
//
// A [Grant] is one such allowance and everything that hangs on it. The
// authorization code, the refresh token and the live opaque access tokens are
// states of one record, so redeeming any of them is one compare-and-swap.
//
// A [Handler] answers one grant_type. It decides; it never issues and never
// writes. The server mints, commits with [Ledger.Commit], and only then
// discloses, so a failure anywhere before spends nothing. The handlers of RFC
// 6749 are here, and reach the server the way a host's own do.
package grant
