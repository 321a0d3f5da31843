package oauthtest

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

// As says what an access token is to be like. The zero As is a live JWT of
// Machine, for the default audience, without scopes. Nothing is checked: a token
// may be one that the server would never issue.
type As struct {
	Subject  string   // empty: the client itself
	Client   string   // client_id; empty: Confidential, or Machine if there is no Subject
	Scopes   []string // none: the token has no scope
	Resource string   // the audience; empty: Config.Audience, or the issuer

	// Lifetime is how long the token lives from now, in whole seconds; negative:
	// it expired that long ago. Zero: 10 minutes.
	Lifetime time.Duration

	// Opaque makes a reference token in place of a JWT.
	Opaque bool
	// Confirmation binds the token to a key, as claim cnf does, in a JWT: an API
	// that takes bearer tokens must refuse it.
	Confirmation map[string]string
	// Claims are further claims.
	Claims map[string]any

	// Issuer is what a JWT says of its issuer. Empty: the server.
	Issuer string
	// Forged makes a JWT signed with a key that is not the server's, though it
	// claims to be: a forgery.
	Forged bool
}

// Token makes an access token, or fails the test. The server knows it like one
// that it issued: Verify and introspection speak of it, revocation ends it.
func (s *Server) Token(as As) string {
	s.t.Helper()
	now := s.Now()
	lifetime := cmp.Or(as.Lifetime, 10*time.Minute)
	g := grant.New(s.ledger.Format, client.AuthorizationCode, now)
	g.ClientID, g.Subject, g.Scopes, g.Refreshable = as.Client, as.Subject, as.Scopes, true
	if as.Client == "" {
		g.ClientID = Confidential
		if as.Subject == "" {
			g.ClientID = Machine
		}
	}
	if as.Subject == "" {
		g.Subject, g.Type = g.ClientID, client.ClientCredentials
	}
	if as.Resource != "" {
		g.Resources = []string{as.Resource}
	}
	expires := now.Add(lifetime).Truncate(time.Second)
	if as.Opaque {
		return s.opaque(g, as, expires)
	}
	return s.jwt(g, as, expires)
}

// opaque makes a reference token of the grant.
func (s *Server) opaque(g *grant.Grant, as As, expires time.Time) string {
	s.t.Helper()
	h := s.ledger.Format.Issue(secret.AccessToken, g.ID)
	t := grant.Tokens{Expires: expires, Scopes: g.Scopes, Resources: g.Resources}
	if as.Claims != nil {
		claims, err := json.Marshal(as.Claims)
		s.must(err)
		t.Claims = claims
	}
	g.Remember(s.ledger.Peppers.Digest(h), t, s.Now())
	s.must(s.ledger.Commit(context.Background(), g))
	return h.Reveal()
}

// jwt makes a JWT of the grant.
func (s *Server) jwt(g *grant.Grant, as As, expires time.Time) string {
	s.t.Helper()
	ctx := context.Background()
	if s.Config.Keys == nil {
		s.t.Fatalf("oauthtest: Config.Keys is nil, so there are no JWTs; ask for an Opaque token")
	}
	issued := s.Now()
	if as.Lifetime < 0 {
		issued = expires.Add(-10 * time.Minute)
	}
	format := &token.JWT{Issuer: cmp.Or(as.Issuer, s.Issuer), Keys: s.Config.Keys, Now: s.Now}
	if as.Forged {
		format.Keys = s.forger()
	}
	minted, err := format.Mint(ctx, token.Claims{
		Subject: g.Subject, ClientID: g.ClientID, Scopes: as.Scopes,
		Audience: []string{cmp.Or(as.Resource, s.Config.Audience, s.Issuer)},
		ID:       g.ID + "." + s.ledger.Format.NewLocator()[:12], GrantID: g.ID,
		IssuedAt: issued, Expires: expires, Confirmation: as.Confirmation, Extra: as.Claims,
	})
	s.must(err)
	g.Outlive(expires)
	s.must(s.ledger.Commit(ctx, g))
	return minted
}

// forger has another key under the ID of the key that signs.
func (s *Server) forger() token.KeySource {
	s.t.Helper()
	keys, err := s.Config.Keys.Keys(context.Background())
	s.must(err)
	forged, err := token.GenerateKey(token.ES256)
	s.must(err)
	for _, k := range keys {
		if k.Signer != nil {
			forged.ID = k.ID
			break
		}
	}
	source, err := token.NewStaticKeys(forged)
	s.must(err)
	return source
}
