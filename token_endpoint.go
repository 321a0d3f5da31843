package grantor

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/store"
)

// token is the token endpoint, RFC 6749 §3.2.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	w.Header()["Pragma"] = headerNoCache
	f, c, err := s.clientRequest(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	h, req, err := s.tokenRequest(r, f, c)
	if err == nil {
		err = s.redeem(w, r, h, req)
	}
	if err != nil {
		s.refuse(w, s.refusedToken(r, c, f.Value("grant_type"), err))
	}
}

// tokenRequest checks what can be checked before the grant is looked at, and
// finds the handler for it.
func (s *Server) tokenRequest(r *http.Request, f form.Values, c *client.Client) (grant.Handler, *grant.Request, error) {
	grantType := f.Value("grant_type")
	if grantType == "" {
		return nil, nil, oautherr.InvalidRequest.Because(nil, "grant_type is missing")
	}
	h, ok := s.handlers[grantType]
	if !ok {
		return nil, nil, oautherr.UnsupportedGrantType.Because(nil, "this grant type is not supported")
	}
	if !c.MayUse(grantType) || grantType == client.ClientCredentials && c.Public() {
		return nil, nil, oautherr.UnauthorizedClient.Because(nil, "the client may not use this grant type")
	}
	scopes, err := parseScope(f.Value("scope"))
	if err != nil {
		return nil, nil, err
	}
	resources, err := s.requestedResources(f, c)
	if err != nil {
		return nil, nil, err
	}
	return h, &grant.Request{
		Client: c, Form: f, Scopes: scopes, Resources: resources,
		Remote: remote(r), Now: s.now(), Ledger: &s.ledger,
	}, nil
}

// parseScope reads a scope parameter, RFC 6749 §3.3: nil if there is none, each
// value once otherwise.
func parseScope(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	n := strings.Count(v, " ") + 1
	if n > maxScopes {
		return nil, oautherr.InvalidScope.Because(nil, "too many scopes")
	}
	scopes := make([]string, 0, n)
	for more := true; more; {
		var word string
		word, v, more = strings.Cut(v, " ")
		if !client.ValidScope(word) {
			return nil, oautherr.InvalidScope.Because(nil, "the scope is malformed")
		}
		if !contains(scopes, word) {
			scopes = append(scopes, word)
		}
	}
	return scopes, nil
}

// maxScopes and maxResources bound one request.
const (
	maxScopes    = 100
	maxResources = 16
)

// requestedResources reads the resource parameters, RFC 8707 §2: nil if there
// are none.
func (s *Server) requestedResources(f form.Values, c *client.Client) ([]string, error) {
	if len(s.resources) == 0 && f.Value("resource") == "" {
		return nil, nil
	}
	var resources []string
	for _, id := range f.All("resource") {
		if s.resources[id] == nil || !c.MayName(id) || len(resources) >= maxResources {
			return nil, oautherr.InvalidTarget.Because(rejected("resource", id), "the resource is unknown, or not for this client")
		}
		if !contains(resources, id) {
			resources = append(resources, id)
		}
	}
	return resources, nil
}

// redeemAttempts bounds how often a redemption that lost a race is decided
// again. Nearly always the state it lost to is final for it, and the second
// attempt settles it. Otherwise each round has a winner, so that so many at once
// all come through.
const redeemAttempts = 64

// redeem lets the handler decide, issues what it grants, and answers. If another
// request changed the grant in between, the handler decides again.
func (s *Server) redeem(w http.ResponseWriter, r *http.Request, h grant.Handler, req *grant.Request) error {
	ctx := r.Context()
	err := store.ErrConflict
	for range redeemAttempts {
		var g *grant.Grant
		if g, err = h.Redeem(ctx, req); err != nil {
			return err
		}
		if g == nil {
			return fmt.Errorf("grantor: the %s handler returned neither a grant nor an error", h.Type())
		}
		i := issue{req: req, grant: g}
		if err = s.issue(ctx, &i); errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		if s.observe != nil {
			s.emit(ctx, i.event())
		}
		i.write(w)
		return nil
	}
	return err
}

// refusedToken reports a refused token request, and revokes the grant if the
// refusal proves that a credential is in two hands. It returns what to answer.
func (s *Server) refusedToken(r *http.Request, c *client.Client, grantType string, err error) error {
	ctx := r.Context()
	if s.handlers[grantType] == nil {
		grantType = "" // anything could stand there
	}
	e := Event{Kind: TokenRefused, ClientID: c.ID, GrantType: grantType, Remote: remote(r), Err: err}
	if reuse := (*grant.ReuseError)(nil); errors.As(err, &reuse) {
		e.Kind, e.GrantID, e.Subject = RefreshReused, reuse.Grant.ID, reuse.Grant.Subject
		if reuse.Code {
			e.Kind = CodeReplayed
		}
		err = oautherr.InvalidGrant.Because(reuse, "the grant is invalid, expired or revoked")
		e.Err = err
		if failed := s.ledger.Revoke(ctx, reuse.Grant.ID); failed != nil {
			s.emit(ctx, e)
			e.Kind, e.Err, err = Trouble, failed, failed
		}
	} else if ours(err) {
		e.Kind = Trouble
	}
	s.emit(ctx, e)
	return err
}

func contains(list []string, v string) bool {
	for _, have := range list {
		if have == v {
			return true
		}
	}
	return false
}
