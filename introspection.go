package grantor

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

var (
	errPublicCaller = errors.New("grantor: a public client may not introspect")
	errStranger     = errors.New("grantor: the caller is neither the token's client nor its audience")
)

// introspect is the introspection endpoint, RFC 7662. The caller authenticates;
// it is told of tokens issued to it and of tokens it is the audience of, and
// that every other is inactive.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	presented, c, err := s.tokenInHand(w, r)
	if err == nil && c.Public() {
		err = oautherr.InvalidClient.Because(errPublicCaller, "client authentication failed")
		s.emit(r.Context(), Event{Kind: ClientRefused, ClientID: c.ID, Remote: remote(r), Err: err})
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	ctx := r.Context()
	claims, kind, err := s.inspect(ctx, c, presented)
	if err == nil && claims.ClientID != c.ID {
		err = s.clientMayAct(ctx, claims)
	}
	if err == nil {
		err = s.userMayAct(ctx, claims)
	}
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, func(j *jsonw.Writer) { active(j, claims, kind) })
	case errors.Is(err, oautherr.InvalidToken):
		if errors.Is(err, errStranger) {
			s.emit(ctx, Event{Kind: IntrospectRefused, ClientID: c.ID, GrantID: claims.GrantID, Remote: remote(r), Err: err})
		}
		writeJSON(w, http.StatusOK, func(j *jsonw.Writer) { j.Name("active"); j.B = append(j.B, "false"...) })
	default:
		s.trouble(ctx, r, err)
		s.refuse(w, err)
	}
}

// inspect returns what the caller may know of the token, and its token_type:
// oautherr.InvalidToken if that is nothing.
func (s *Server) inspect(ctx context.Context, caller *client.Client, presented string) (token.Claims, string, error) {
	var c token.Claims
	h, err := s.ledger.Format.Parse(presented)
	switch {
	case err != nil:
		c, err = s.verifyForeign(ctx, presented)
	case h.Kind() == secret.RefreshToken:
		c, err = s.inspectRefresh(ctx, caller, h)
		return c, "", err
	default:
		c, err = s.verifyOpaque(ctx, h)
	}
	if err != nil {
		return c, "", err
	}
	if caller.ID != c.ClientID && !caller.IntrospectAny && !audience(caller, c.Audience) {
		return c, "", invalidToken(errStranger)
	}
	return c, "Bearer", nil
}

// audience reports whether the caller is, or serves, one of the audience.
func audience(caller *client.Client, aud []string) bool {
	return slices.ContainsFunc(aud, func(a string) bool { return a == caller.ID || slices.Contains(caller.Serves, a) })
}

// inspectRefresh tells a client about its own refresh token. Nobody else, not
// even a resource server, is told anything of one (RFC 7662 §4).
func (s *Server) inspectRefresh(ctx context.Context, caller *client.Client, h secret.Handle) (token.Claims, error) {
	g, err := s.ledger.Load(ctx, h.Locator())
	if errors.Is(err, store.ErrNotFound) {
		return token.Claims{}, invalidToken(errNotLive)
	}
	if err != nil {
		return token.Claims{}, err
	}
	expires, ok := g.LiveRefresh(s.ledger.Peppers, h, s.now())
	if !ok || g.ClientID != caller.ID {
		return token.Claims{}, invalidToken(errNotLive)
	}
	return token.Claims{
		Issuer: s.issuer, Subject: g.Subject, ClientID: g.ClientID, GrantID: g.ID,
		Scopes: g.Scopes, Audience: g.Resources, IssuedAt: g.Created, Expires: expires, AuthTime: g.AuthTime,
	}, nil
}

// active writes the members of RFC 7662 §2.2 for a live token.
func active(j *jsonw.Writer, c token.Claims, tokenType string) {
	j.True("active", true)
	j.String("iss", c.Issuer)
	j.String("client_id", c.ClientID)
	j.String("sub", c.Subject)
	if len(c.Audience) == 1 {
		j.String("aud", c.Audience[0])
	} else if len(c.Audience) > 1 {
		_ = j.Value("aud", c.Audience) // strings always marshal
	}
	if len(c.Scopes) > 0 {
		j.Words("scope", c.Scopes)
	}
	j.Time("iat", c.IssuedAt)
	j.Time("exp", c.Expires)
	j.Time("auth_time", c.AuthTime)
	j.Text("jti", c.ID)
	j.Text("token_type", tokenType)
	if len(c.Confirmation) > 0 {
		_ = j.Value("cnf", c.Confirmation)
	}
	writeExtra(j, c.Extra) // Parse and the claims hook let no reserved name through
}
