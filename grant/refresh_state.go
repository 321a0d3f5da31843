package grant

import (
	"errors"
	"time"

	"github.com/grantor-go/grantor/secret"
)

// Rotation says how refresh tokens live.
type Rotation struct {
	Format  secret.Format
	Peppers *secret.Peppers
	Idle    time.Duration // how long a refresh token lives unused
	Retry   time.Duration // how long the previous one returns the same successor; 0: never
}

// errLocator is a mistake of a handler.
var errLocator = errors.New("grant: the grant's ID is not a locator of secret.Format, so it can have no refresh token")

// Rotate gives the grant its first refresh token, or the successor of the one
// that is being redeemed, and returns it. The tokens of the same response are
// sealed for whoever presents the redeemed one again within the retry window;
// a self-contained access token need not be sealed and is left out.
func (g *Grant) Rotate(r Rotation, t Tokens, now time.Time) (secret.Handle, error) {
	next := g.refresh
	if next == nil {
		next = &refreshState{family: secret.NewFamilyKey()}
		g.refresh = next
	}
	t.Refresh = r.Format.IssueMarked(secret.RefreshToken, g.ID, &next.family)
	if t.Refresh.IsZero() {
		return secret.Handle{}, errLocator
	}
	if !g.presented.IsZero() {
		next.previous, next.rotated, next.sealed = next.current, now, ""
	}
	if !g.presented.IsZero() && r.Retry > 0 {
		var err error
		if next.sealed, err = seal(g.presented, t); err != nil {
			return secret.Handle{}, err
		}
	}
	next.current = r.Peppers.Digest(t.Refresh)
	next.expires = now.Add(r.Idle)
	if !g.Expires.IsZero() && g.Expires.Before(next.expires) {
		next.expires = g.Expires
	}
	if g.code != nil && !now.Before(g.code.expires) {
		g.code = nil // too old to be replayed
	}
	g.changed = true
	return t.Refresh, nil
}

// Prior returns the refresh token and the opaque access token, if any, that the
// first redemption of the presented refresh token returned, when this is a
// repetition of it. Nothing is to be rotated then.
func (g *Grant) Prior() (Tokens, bool) {
	if g.prior == nil {
		return Tokens{}, false
	}
	return *g.prior, true
}

// standing is what a presented refresh token is to a grant.
type standing int

const (
	unknown    standing = iota // never issued, or not of this family
	current                    // the live one
	repeated                   // rotated within the retry window, successor unused
	reused                     // rotated, and presented too late or after its successor
	unreadable                 // of this family, but digested under a pepper that is not configured here
)

// standing finds out what h is. It is the refresh state machine:
//
//	current → repeated → reused, and never back.
//
// Expiry wins over reuse: a token of a dead family is unknown.
func (g *Grant) standing(p *secret.Peppers, h secret.Handle, retry time.Duration, now time.Time) standing {
	r := g.refresh
	if r == nil || h.Kind() != secret.RefreshToken || !now.Before(r.expires) || g.past(now) {
		return unknown
	}
	if ok, _ := p.Matches(r.current, h); ok {
		return current
	}
	if ok, _ := p.Matches(r.previous, h); ok && retry > 0 && len(r.sealed) > 0 && now.Sub(r.rotated) < retry {
		return repeated
	}
	switch {
	case !h.MarkedBy(&r.family):
		return unknown
	case p.Lacks(r.current) || p.Lacks(r.previous):
		return unreadable
	default:
		return reused
	}
}

// past reports whether the grant's absolute limit has come.
func (g *Grant) past(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

// HasRefresh reports whether h is, or was, a refresh token of this grant.
func (g *Grant) HasRefresh(p *secret.Peppers, h secret.Handle, now time.Time) bool {
	return g.standing(p, h, 0, now) != unknown
}

// LiveRefresh reports whether h is the refresh token to present next, and until
// when.
func (g *Grant) LiveRefresh(p *secret.Peppers, h secret.Handle, now time.Time) (time.Time, bool) {
	if g.standing(p, h, 0, now) != current {
		return time.Time{}, false
	}
	return g.refresh.expires, true
}
