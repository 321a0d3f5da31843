package token

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Claims is what an access token says, whatever its format.
//
// Claims that a Format returned may be shared with other callers: do not modify
// their slices and maps.
type Claims struct {
	Issuer   string   // iss; Mint: empty means the format's own
	Subject  string   // sub
	ClientID string   // client_id
	Audience []string // aud: the resources the token is for
	Scopes   []string // scope; none: the claim is absent

	// ID is the jti. GrantID is the grant the token came from, empty when there is
	// none. A JWT carries it as the part of the ID before the first dot, so no
	// private claim is needed: ID is "<GrantID>.<suffix>", or has no dot.
	ID      string
	GrantID string

	// Times have a precision of one second. A zero AuthTime is absent.
	IssuedAt, Expires, AuthTime time.Time

	// Confirmation is cnf: what a sender must prove to possess, as "jkt" (RFC 9449)
	// or "x5t#S256" (RFC 8705). Nil: a plain bearer token.
	Confirmation map[string]string

	// Extra holds further claims, which stand beside the protocol's own. Mint
	// refuses names that are Reserved. In what Parse returns, numbers are
	// json.Number, so that none is rounded.
	Extra map[string]any
}

// HasScope reports whether the token carries the scope, compared byte by byte.
func (c Claims) HasScope(scope string) bool { return slices.Contains(c.Scopes, scope) }

// A Format writes and reads access tokens. It is safe for concurrent use.
type Format interface {
	// Mint makes a token that says c, or refuses claims that its format cannot
	// carry. No error of Mint is the client's fault.
	Mint(ctx context.Context, c Claims) (string, error)

	// Parse verifies a token and returns what it says. An error that is
	// oautherr.InvalidToken speaks of the token; any other is an outage.
	Parse(ctx context.Context, token string) (Claims, error)
}

// Reserved reports whether name is, in whatever case, a claim that the protocol
// itself sets in an access token or in its introspection (RFC 9068 §2.2, RFC 7662
// §2.2). Custom claims cannot have such a name.
func Reserved(name string) bool {
	_, ok := reservedName(name)
	return ok
}

// reservedName returns the proper spelling of a reserved claim. The folding is
// that of encoding/json: a reader less strict than ours would take such a
// variant for the real claim.
func reservedName(name string) (proper string, ok bool) {
	return foldedName(name, "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id",
		"scope", "cnf", "act", "auth_time", "active", "token_type")
}

func foldedName(name string, known ...string) (proper string, ok bool) {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return k, true
		}
	}
	return "", false
}

// grantOf returns the grant that a jti names, see [Claims].
func grantOf(id string) string {
	grant, _, ok := strings.Cut(id, ".")
	if !ok {
		return ""
	}
	return grant
}
