package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// A Verifier says what an access token means. A *grantor.Server is one.
type Verifier interface {
	// Verify returns the claims of a token that is live. A token that is not, for
	// whatever reason, is oautherr.InvalidToken; any other error means that the
	// verifier cannot tell.
	Verify(ctx context.Context, accessToken string) (token.Claims, error)
}

// A Guard lets those requests to an API pass that carry an access token for it.
// Verifier is required; every other field may be zero, and is then strict.
type Guard struct {
	Verifier Verifier

	// Resource identifies the API as clients name it in the resource parameter
	// (RFC 8707 §2): an absolute URI without fragment. A token must have it,
	// spelled the same way, in its audience. Empty: the API is the authorization
	// server's own, and a token must have its issuer in its audience, as those
	// have that were asked for without naming a resource.
	Resource string

	// AuthorizationServers are the issuers whose tokens the API takes. If set,
	// challenges point clients to the API's metadata (RFC 9728 §5.1), which must
	// then be served: see Metadata.
	AuthorizationServers []string

	// Scopes are advertised in the metadata as scopes_supported.
	Scopes []string

	// Realm is sent in challenges. Empty: the Resource, or "api" without one.
	Realm string

	// Implies, if set, reports whether the held scope includes the needed one, as
	// "write" may include "read": a client with the broader scope is not sent back
	// for the narrower. A scope always includes itself.
	Implies func(held, needed string) bool

	// Logger gets refused tokens at level Info and trouble at level Error, with
	// causes that are never sent, and no token. Nil: nothing is logged.
	Logger *slog.Logger
}

// Validate returns every problem of the Guard, joined, or nil.
func (g Guard) Validate() error {
	var problems []error
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("resource: Guard."+format, args...))
	}
	if g.Verifier == nil {
		say("Verifier is nil; set a *grantor.Server, a *JWT or an *Introspection")
	}
	if u, err := url.Parse(g.Resource); g.Resource != "" && (err != nil || !u.IsAbs() || strings.ContainsAny(g.Resource, "# ") || !quotable(g.Resource)) {
		say("Resource is %q, which is not an absolute URI without fragment (RFC 8707 §2)", g.Resource)
	}
	if !quotable(g.Realm) {
		say("Realm is %q; write printable ASCII without quotation mark and backslash", g.Realm)
	}
	for _, s := range g.Scopes {
		if !client.ValidScope(s) {
			say("Scopes has %q, which is not a scope-token (RFC 6749 §3.3)", s)
		}
	}
	for _, issuer := range g.AuthorizationServers {
		u, err := url.Parse(issuer)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(issuer, "?#") {
			say("AuthorizationServers has %q, which is no issuer: an absolute URL without query and fragment (RFC 8414 §2)", issuer)
		}
	}
	if len(g.AuthorizationServers) > 0 {
		if _, _, err := g.metadataURL(); err != nil {
			say("Resource %w", err)
		}
	}
	return errors.Join(problems...)
}

// quotable reports whether s can stand in a quoted string of a header as it is.
func quotable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// Require returns middleware for endpoints that need all of the scopes; with
// none, any token for the API will do. It panics if Validate has something to
// say, or a scope is malformed: both are a programmer's mistake.
//
// The next handler gets only requests with a live token for this API that has
// the scopes and is bound to no key (RFC 9449, RFC 8705), which a bearer would
// have to prove. Everybody else is answered with a challenge of RFC 6750 §3.
func (g Guard) Require(scopes ...string) func(http.Handler) http.Handler {
	err := g.Validate()
	for _, s := range scopes {
		if !client.ValidScope(s) {
			err = errors.Join(err, fmt.Errorf("resource: Require: %q is not a scope-token (RFC 6749 §3.3)", s))
		}
	}
	if err != nil {
		panic(err)
	}
	d := &door{Guard: g, needs: slices.Clone(scopes)}
	d.challenge = d.invitation()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := d.admit(r)
			if err != nil {
				d.refuse(w, r, c, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, c)))
		})
	}
}

// claimsKey is where Require leaves the claims for Claims.
type claimsKey struct{}

// Claims returns what the access token of the request says, and whether a Guard
// let the request pass. The claims are read-only.
func Claims(r *http.Request) (token.Claims, bool) {
	c, ok := r.Context().Value(claimsKey{}).(token.Claims)
	return c, ok
}

// A door is a Guard and what it takes to pass at one place.
type door struct {
	Guard
	needs     []string // scopes
	challenge string   // to a client without a token
}

// Causes of refusals, for the log: clients see one answer for all of them.
var (
	errAudience = errors.New("resource: the token is for another audience")
	errBound    = errors.New("resource: the token is bound to a key and was presented as a bearer token")
	errScope    = errors.New("resource: the token lacks a scope")
)

// admit returns the claims of the token that the request carries, or why it may
// not pass. Claims that come with an error say whose token it was.
func (d *door) admit(r *http.Request) (token.Claims, error) {
	presented, err := bearer(r.Header)
	if err != nil {
		return token.Claims{}, err
	}
	c, err := d.Verifier.Verify(r.Context(), presented)
	switch {
	case errors.Is(err, oautherr.InvalidToken):
		return token.Claims{}, invalidToken(err)
	case err != nil:
		return token.Claims{}, trouble(err)
	case !d.intended(c):
		return c, invalidToken(errAudience)
	case c.Confirmation != nil:
		return c, invalidToken(errBound)
	case !d.suffices(c):
		return c, oautherr.InsufficientScope.Because(errScope, "the access token lacks a scope that is needed here")
	}
	return c, nil
}

// intended reports whether the token was issued for this API, RFC 9068 §4.
func (d *door) intended(c token.Claims) bool {
	audience := d.Resource
	if audience == "" {
		audience = c.Issuer
	}
	return audience != "" && slices.Contains(c.Audience, audience)
}

// suffices reports whether the token has every scope that is needed, or one that
// implies it.
func (d *door) suffices(c token.Claims) bool {
	for _, needed := range d.needs {
		if c.HasScope(needed) {
			continue
		}
		implied := func(held string) bool { return d.Implies(held, needed) }
		if d.Implies == nil || !slices.ContainsFunc(c.Scopes, implied) {
			return false
		}
	}
	return true
}
