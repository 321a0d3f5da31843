package grant

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// Kind is the kind of the records that grants are kept in.
const Kind store.Kind = "grant"

// A Grant is an allowance: the client may act for the subject within the scopes
// at the resources, until it expires or is revoked.
type Grant struct {
	ID       string // also the locator of every credential that belongs to it
	Type     string // the grant_type it began with
	ClientID string
	Subject  string // the user or service principal; the client itself, if none

	Scopes    []string
	Resources []string // resource indicators (RFC 8707); empty: the default audience

	Created  time.Time
	Expires  time.Time // the absolute limit; no refresh extends it. Zero: none
	AuthTime time.Time // when the user authenticated; zero: no user did

	// Refreshable says that the grant may outlive its first access token: it is
	// recorded, and a client registered for refresh tokens gets one. Handlers set
	// it on a new grant; on a stored one it is implied.
	Refreshable bool

	// Extra belongs to extensions, by name. Values are JSON.
	Extra map[string]json.RawMessage

	// Access is what the access token of the present response may do, if less
	// than the whole grant. It is not stored.
	Access Access

	code    *codeState
	refresh *refreshState
	issued  []issued
	until   time.Time // when the last self-contained access token expires

	issuer    string
	version   int64
	changed   bool
	presented secret.Handle // the refresh token that is being rotated
	prior     *Tokens       // what the rotation being repeated returned
}

// Access narrows one access token. A nil field means: as the grant.
type Access struct {
	Scopes    []string
	Resources []string
}

// Outlive makes the record live at least as long as a self-contained access
// token that refers to it and expires at the time. If it does already, nothing
// is changed.
func (g *Grant) Outlive(expires time.Time) {
	if g.ends().Before(expires) {
		g.until, g.changed = expires, true
	}
}

// Tokens are the credentials of one response.
type Tokens struct {
	Access    string // the opaque access token; empty for a self-contained one
	IssuedAt  time.Time
	Expires   time.Time
	Scopes    []string
	Resources []string
	Claims    json.RawMessage // further claims of the opaque token, a JSON object; nil: none
	Refresh   secret.Handle   // zero: none
}

// codeState is the life of the authorization code: made, then spent.
type codeState struct {
	digest      secret.Digest
	expires     time.Time
	redirectURI string
	created     time.Time
	challenge   string // empty: the client did without PKCE
	spent       bool
}

// refreshState is the life of the refresh token: each rotation makes the
// current one the previous one and seals the successor for whoever holds it.
type refreshState struct {
	family   secret.FamilyKey
	current  secret.Digest
	previous secret.Digest // empty before the first rotation
	rotated  time.Time     // when previous was rotated
	sealed   string        // the response of that rotation, see seal.go
	expires  time.Time     // the idle limit
}

// issued is one access token that the record must remember: an opaque one while
// it lives, or a self-contained one that was revoked before its time.
type issued struct {
	digest    secret.Digest // of an opaque token
	revoked   string        // the ID of a revoked self-contained token
	created   time.Time
	expires   time.Time
	scopes    []string // nil: the grant's
	resources []string // nil: the grant's
	claims    json.RawMessage
}

// New returns a grant that nothing has been issued from. Its ID is fresh; the
// caller fills in the rest.
func New(f secret.Format, grantType string, now time.Time) *Grant {
	return &Grant{ID: f.NewLocator(), Type: grantType, Created: now}
}

// Authorization is what an authorization code is bound to, RFC 6749 §4.1.3 and
// RFC 7636 §4.4.
type Authorization struct {
	RedirectURI string
	Challenge   string    // the S256 code_challenge; empty only without PKCE
	Created     time.Time // to the millisecond
	Expires     time.Time
}

// CodeIssued is when the grant got its authorization code; zero if it has none,
// or none any more.
func (g *Grant) CodeIssued() time.Time {
	if g.code == nil {
		return time.Time{}
	}
	return g.code.created
}

// IssueCode gives the grant an authorization code and returns it.
func (g *Grant) IssueCode(f secret.Format, p *secret.Peppers, a Authorization) secret.Handle {
	h := f.Issue(secret.Code, g.ID)
	g.code = &codeState{digest: p.Digest(h), expires: a.Expires, created: a.Created, redirectURI: a.RedirectURI, challenge: a.Challenge}
	g.changed = true
	return h
}

// Remember records an opaque access token, so that it can be introspected and
// revoked. Scopes and resources are those of the token. Tokens that expired
// before now are forgotten.
func (g *Grant) Remember(d secret.Digest, t Tokens, now time.Time) {
	g.forget(now)
	i := issued{digest: d, created: now, expires: t.Expires, claims: t.Claims}
	if !slices.Equal(t.Scopes, g.Scopes) {
		i.scopes = append([]string{}, t.Scopes...)
	}
	if !slices.Equal(t.Resources, g.Resources) {
		i.resources = append([]string{}, t.Resources...)
	}
	g.makeRoom(i)
	g.issued = append(g.issued, i)
	g.changed = true
}

// Live opaque access tokens of one grant: for each target, which is a set of
// scopes and resources, the newest and the one before it, so that requests under
// way at a refresh still pass; and so many in all.
const (
	maxPerTarget = 2
	maxIssued    = 32
	maxRevoked   = 64 // self-contained tokens that were revoked before their time
)

// forget drops the tokens that expired before now. What was revoked before its
// time is remembered until then.
func (g *Grant) forget(now time.Time) {
	g.issued = slices.DeleteFunc(g.issued, func(i issued) bool { return !now.Before(i.expires) })
}

// makeRoom drops the oldest opaque tokens that there are too many of, before one
// more like next is added.
func (g *Grant) makeRoom(next issued) {
	alike, opaque := 0, 0
	for n := len(g.issued) - 1; n >= 0; n-- {
		have := &g.issued[n]
		if have.revoked != "" {
			continue
		}
		opaque++
		if have.alike(&next) {
			alike++
		}
		if opaque >= maxIssued || have.alike(&next) && alike >= maxPerTarget {
			g.issued = slices.Delete(g.issued, n, n+1)
		}
	}
}

// alike reports whether two tokens are for the same target.
func (i *issued) alike(j *issued) bool {
	return slices.Equal(i.scopes, j.scopes) && slices.Equal(i.resources, j.resources)
}

// Opaque returns what the presented opaque access token may do, if it is live.
func (g *Grant) Opaque(p *secret.Peppers, h secret.Handle, now time.Time) (Tokens, bool) {
	if h.Kind() != secret.AccessToken {
		return Tokens{}, false
	}
	for _, i := range g.issued {
		if ok, _ := p.Matches(i.digest, h); !ok || !now.Before(i.expires) {
			continue
		}
		t := Tokens{IssuedAt: i.created, Expires: i.expires, Scopes: i.scopes, Resources: i.resources, Claims: i.claims}
		if t.Scopes == nil {
			t.Scopes = g.Scopes
		}
		if t.Resources == nil {
			t.Resources = g.Resources
		}
		return t, true
	}
	return Tokens{}, false
}

// RevokeOpaque ends the one access token and reports whether it was live.
func (g *Grant) RevokeOpaque(p *secret.Peppers, h secret.Handle) bool {
	n := len(g.issued)
	g.issued = slices.DeleteFunc(g.issued, func(i issued) bool {
		ok, _ := p.Matches(i.digest, h)
		return ok && h.Kind() == secret.AccessToken
	})
	g.changed = g.changed || len(g.issued) != n
	return len(g.issued) != n
}

// RevokeID ends the one self-contained access token with this ID, which would
// have lived until expires. It reports false if the record has no room for one
// more: then revoke the whole grant, for what is revoked must stay so.
func (g *Grant) RevokeID(id string, expires, now time.Time) bool {
	if g.RevokedID(id) {
		return true
	}
	g.forget(now)
	revoked := 0
	for _, i := range g.issued {
		if i.revoked != "" {
			revoked++
		}
	}
	if revoked >= maxRevoked {
		return false
	}
	g.issued = append(g.issued, issued{revoked: id, expires: expires})
	g.changed = true
	return true
}

// RevokedID reports whether the self-contained access token with this ID was
// revoked.
func (g *Grant) RevokedID(id string) bool {
	return slices.ContainsFunc(g.issued, func(i issued) bool { return i.revoked == id && id != "" })
}

// Recorded reports whether the grant has, or will have, a record of its own even
// if nothing opaque is issued from it.
func (g *Grant) Recorded() bool { return g.version > 0 || g.Refreshable }

// Changed reports whether there is anything to commit.
func (g *Grant) Changed() bool { return g.changed }

// Spent reports whether the grant has nothing left to give: no refresh token,
// and no live access token that was remembered.
func (g *Grant) Spent() bool { return g.refresh == nil && len(g.issued) == 0 && g.code == nil }

// verifies reports whether the verifier is the one the code was asked for with.
// A verifier for a code without a challenge is a downgrade, RFC 9700 §4.8.2.
func (c *codeState) verifies(verifier string) bool {
	if c.challenge == "" {
		return verifier == ""
	}
	return pkce.Verify(c.challenge, verifier)
}
