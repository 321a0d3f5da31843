package grant

import (
	"context"
	"errors"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
)

// RefreshToken is the refresh grant with rotation, RFC 6749 §6 and RFC 9700
// §4.14.2. A token that was just rotated returns the same successor for a short
// while, so that a lost response or a second tab logs nobody out; presented
// later, or after its successor was used, it ends the whole family.
type RefreshToken struct {
	Retry time.Duration // how long a rotated token may be repeated; 0: never
}

// Type is "refresh_token".
func (RefreshToken) Type() string { return client.RefreshToken }

var (
	errNotCurrent = errors.New("grant: no refresh token of this family")
	// errPepper is trouble of ours: what looks like reuse may be the live token.
	errPepper = errors.New("grant: the refresh token's digest is under a pepper that is not configured here")
)

// Redeem decides what the presented token is worth.
func (t RefreshToken) Redeem(ctx context.Context, r *Request) (*Grant, error) {
	h, err := credential(r, "refresh_token", secret.RefreshToken)
	if err != nil {
		return nil, err
	}
	g, err := r.Ledger.of(ctx, h)
	if err != nil {
		return nil, err
	}
	if g.ClientID != r.Client.ID {
		return nil, invalidGrant(errNotYours)
	}
	standing := g.standing(r.Ledger.Peppers, h, t.Retry, r.Now)
	switch standing {
	case unknown:
		return nil, invalidGrant(errNotCurrent)
	case unreadable:
		return nil, errPepper
	case reused:
		return nil, &ReuseError{Grant: g}
	}
	if err := g.narrowScopes(r); err != nil {
		return nil, err
	}
	if err := g.narrow(r); err != nil {
		return nil, err
	}
	if standing == repeated {
		g.prior, err = unseal(r.Ledger.Format, h, g.refresh.sealed)
		return g, err
	}
	g.presented = h
	return g, nil
}

// narrowScopes gives the access token the scopes that are asked for, or all of
// the grant's, as far as the client is still registered for them.
func (g *Grant) narrowScopes(r *Request) error {
	want := g.Scopes
	if r.Scopes != nil {
		if !subset(r.Scopes, g.Scopes) {
			return oautherr.InvalidScope.Because(nil, "the scope exceeds what was granted")
		}
		want = r.Scopes
	}
	return g.register(r.Client, want)
}

// register gives the access token those of the scopes that the client is still
// registered for.
func (g *Grant) register(c *client.Client, want []string) error {
	if subset(want, c.Scopes) {
		g.Access.Scopes = want
		return nil
	}
	kept := make([]string, 0, len(want))
	for _, s := range want {
		if c.MayAsk(s) {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return oautherr.InvalidScope.Because(nil, "the client is no longer registered for any scope of the grant")
	}
	g.Access.Scopes = kept
	return nil
}
