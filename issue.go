package grantor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

// An issue is one token response in the making. Everything that can fail is done
// before the grant is committed, and nothing is disclosed before that.
type issue struct {
	req      *grant.Request
	grant    *grant.Grant
	target   *target
	tokens   grant.Tokens
	access   string
	repeated bool
	extra    map[string]any
}

// issue mints what the grant allows and commits it. It returns store.ErrConflict
// if somebody else changed the grant meanwhile; then nothing was issued.
func (s *Server) issue(ctx context.Context, i *issue) error {
	if err := s.mayIssue(ctx, i.req, i.grant); err != nil {
		return err
	}
	if err := s.aim(i); err != nil {
		return err
	}
	if err := s.mint(ctx, i); err != nil {
		return err
	}
	if err := s.rotate(i); err != nil {
		return err
	}
	return s.ledger.Commit(ctx, i.grant)
}

// mayIssue checks what no handler may get wrong: the grant is the client's, is
// no wider than its registration, and its subject may act.
func (s *Server) mayIssue(ctx context.Context, req *grant.Request, g *grant.Grant) error {
	if g.ClientID != req.Client.ID {
		return fmt.Errorf("grantor: the handler of %q returned a grant whose ClientID is not the request's client", req.Form.Value("grant_type"))
	}
	if g.Subject == "" {
		return fmt.Errorf("grantor: the handler of %q returned a grant without Subject", req.Form.Value("grant_type"))
	}
	if g.Access.Scopes == nil {
		g.Access.Scopes = g.Scopes
	}
	if g.Access.Resources == nil {
		g.Access.Resources = g.Resources
	}
	for _, scope := range g.Access.Scopes {
		if !req.Client.MayAsk(scope) || !contains(g.Scopes, scope) {
			return fmt.Errorf("grantor: the %s handler widened the scope", g.Type)
		}
	}
	for _, id := range g.Access.Resources {
		if !contains(g.Resources, id) {
			return fmt.Errorf("grantor: the %s handler widened the resources", g.Type)
		}
	}
	if err := s.signedOut(ctx, req, g); err != nil {
		return err
	}
	return s.subjectMayAct(ctx, req, g)
}

// signedOut refuses a code that was decided about before a bulk revocation of
// its user, and recorded after it.
func (s *Server) signedOut(ctx context.Context, req *grant.Request, g *grant.Grant) error {
	if req.Form.Value("grant_type") != client.AuthorizationCode {
		return nil
	}
	at, version, err := s.bulkMark(ctx, "subject", g.Subject)
	if err != nil || version == 0 || g.CodeIssued().UnixMilli() >= at {
		return err
	}
	return oautherr.InvalidGrant.Because(errWasRevoked, "the grant is invalid, expired or revoked")
}

// subjectMayAct asks the host about the grant's user or service principal.
func (s *Server) subjectMayAct(ctx context.Context, req *grant.Request, g *grant.Grant) error {
	if s.subjects == nil || g.Subject == g.ClientID && g.AuthTime.IsZero() {
		return nil // the client acts for itself; a user of the same name signed in
	}
	who, err := s.subjects.Subject(ctx, g.Subject)
	switch {
	case err != nil:
		return err
	case g.Type == client.ClientCredentials:
		if !who.Active || !who.Service {
			return oautherr.UnauthorizedClient.Because(nil, "the client's service principal may not act")
		}
	case who.Active && !who.Service:
	case req.Form.Value("grant_type") == client.Password:
		// Another answer than to a wrong password would say that it was right.
		return oautherr.InvalidGrant.Because(errSubjectGone, "unknown user or wrong password")
	case !who.Active:
		return oautherr.InvalidGrant.Because(nil, "the user may not act")
	default:
		return oautherr.InvalidGrant.Because(nil, "a service principal acts through its client only")
	}
	return nil
}

// aim works out where the access token goes, with which scopes and for how long.
func (s *Server) aim(i *issue) error {
	g, resources := i.grant, i.grant.Access.Resources
	i.target = s.fallback
	if len(resources) == 0 && s.resources[i.target.audience[0]] == i.target {
		resources = i.target.audience // the default is a resource like any other
	}
	for n, id := range resources {
		t := s.resources[id]
		if t == nil || !i.req.Client.MayName(id) {
			return oautherr.InvalidTarget.Because(nil, "the resource is unknown, or not for this client")
		}
		if n > 0 && !t.agrees(i.target) {
			return oautherr.InvalidTarget.Because(nil, "these resources need different tokens; ask for one at a time")
		}
		i.target = t
	}
	scopes := s.meaningful(g.Access.Scopes, resources)
	if len(scopes) == 0 && len(g.Access.Scopes) > 0 {
		return oautherr.InvalidScope.Because(nil, "none of the scopes means anything at the resource")
	}
	expires := i.req.Now.Add(i.target.lifetime)
	if g.Expires.IsZero() && g.Refreshable {
		g.Expires = i.req.Now.Add(s.lifetimes.Refresh)
	}
	if !g.Expires.IsZero() && g.Expires.Before(expires) {
		expires = g.Expires
	}
	i.tokens = grant.Tokens{Scopes: scopes, Resources: resources, Expires: expires.Truncate(time.Second)}
	return nil
}

// meaningful keeps the scopes that one of the resources knows.
func (s *Server) meaningful(scopes, resources []string) []string {
	known := func(scope string) bool {
		return slices.ContainsFunc(resources, func(id string) bool {
			t := s.resources[id]
			return len(t.scopes) == 0 || contains(t.scopes, scope)
		})
	}
	if len(resources) == 0 || !slices.ContainsFunc(scopes, func(scope string) bool { return !known(scope) }) {
		return scopes
	}
	kept := make([]string, 0, len(scopes))
	for _, scope := range scopes {
		if known(scope) {
			kept = append(kept, scope)
		}
	}
	return kept
}

// mint makes the access token. A reference token is one of our own credential
// strings under the grant's locator, so the record must remember it; anything
// else speaks for itself.
func (s *Server) mint(ctx context.Context, i *issue) error {
	claims := s.claims(i)
	issuance := Issuance{Client: i.req.Client, Grant: i.grant, Claims: claims}
	var err error
	if claims.Extra, err = collect(ctx, s.claimHooks, issuance, token.Reserved); err != nil {
		return err
	}
	if i.extra, err = collect(ctx, s.responseHooks, issuance, reservedMember); err != nil {
		return err
	}
	if prior, ok := i.grant.Prior(); ok {
		i.repeated, i.tokens.Refresh = true, prior.Refresh
		if expires, ok := s.stillGood(prior.Access, i); ok {
			i.access, i.tokens.Expires = prior.Access, expires
			return nil
		}
	}
	if i.target.opaque {
		return s.reference(i, s.ledger.Format.Issue(secret.AccessToken, i.grant.ID), claims.Extra)
	}
	if i.access, err = i.target.format.Mint(ctx, claims); err != nil {
		return err
	}
	if h, err := s.ledger.Format.Parse(i.access); err == nil && h.Kind() == secret.AccessToken && h.Locator() == i.grant.ID {
		return s.reference(i, h, claims.Extra) // a format of the host's that makes reference tokens
	}
	if i.grant.Recorded() {
		i.grant.Outlive(claims.Expires)
	}
	return nil
}

// reference makes h the access token, and the grant remember what it stands for.
func (s *Server) reference(i *issue, h secret.Handle, extra map[string]any) (err error) {
	if h.IsZero() {
		return fmt.Errorf("grantor: the %s handler returned a grant whose ID is not a locator of secret.Format", i.grant.Type)
	}
	if len(extra) > 0 {
		if i.tokens.Claims, err = json.Marshal(extra); err != nil {
			return err
		}
	}
	i.access = h.Reveal()
	i.tokens.Access = i.access
	i.grant.Remember(s.ledger.Peppers.Digest(h), i.tokens, i.req.Now)
	return nil
}

// stillGood reports whether the opaque access token of an earlier response is
// live and says what the one to be issued would, and until when.
func (s *Server) stillGood(access string, i *issue) (expires time.Time, ok bool) {
	h, err := s.ledger.Format.Parse(access)
	if err != nil {
		return expires, false
	}
	t, live := i.grant.Opaque(s.ledger.Peppers, h, i.req.Now)
	return t.Expires, live && slices.Equal(t.Scopes, i.tokens.Scopes) && slices.Equal(t.Resources, i.tokens.Resources)
}

// claims are what the access token will say.
func (s *Server) claims(i *issue) token.Claims {
	g := i.grant
	c := token.Claims{
		Issuer: s.issuer, Subject: g.Subject, ClientID: g.ClientID, ID: g.ID,
		Audience: i.tokens.Resources, Scopes: i.tokens.Scopes,
		IssuedAt: i.req.Now, Expires: i.tokens.Expires, AuthTime: g.AuthTime,
	}
	if len(c.Audience) == 0 {
		c.Audience = i.target.audience
	}
	if i.target.opaque {
		c.GrantID = g.ID
	} else if g.Recorded() {
		// The grant is found by what stands before the dot; the rest makes the ID
		// unique among the grant's tokens.
		c.GrantID, c.ID = g.ID, g.ID+"."+s.ledger.Format.NewLocator()[:12]
	}
	return c
}

// rotate gives the client a refresh token if it may have one: the first of the
// grant, or the successor of the one it presented.
func (s *Server) rotate(i *issue) error {
	if i.repeated || !i.req.Client.MayUse(client.RefreshToken) || !i.grant.Recorded() {
		return nil
	}
	var err error
	i.tokens.Refresh, err = i.grant.Rotate(grant.Rotation{
		Format: s.ledger.Format, Peppers: s.ledger.Peppers,
		Idle: s.lifetimes.RefreshIdle, Retry: s.lifetimes.RefreshRetry,
	}, i.tokens, i.req.Now)
	return err
}

// event describes the finished issue.
func (i *issue) event() Event {
	e := Event{
		Kind: TokenIssued, ClientID: i.grant.ClientID, Subject: i.grant.Subject, GrantID: i.grant.ID,
		GrantType: i.req.Form.Value("grant_type"), Scopes: i.tokens.Scopes, Remote: i.req.Remote,
	}
	switch {
	case i.repeated:
		e.Kind = TokenRepeated
	case e.GrantType == client.RefreshToken:
		e.Kind = TokenRefreshed
	}
	return e
}

// write sends the token response, RFC 6749 §5.1.
func (i *issue) write(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, func(j *jsonw.Writer) {
		j.String("access_token", i.access)
		j.String("token_type", "Bearer")
		j.Int("expires_in", max(1, i.tokens.Expires.Unix()-i.req.Now.Unix()))
		if len(i.tokens.Scopes) > 0 {
			j.Words("scope", i.tokens.Scopes)
		}
		if !i.tokens.Refresh.IsZero() {
			j.String("refresh_token", i.tokens.Refresh.Reveal())
		}
		writeExtra(j, i.extra)
	})
}
