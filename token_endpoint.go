package grantor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/store"
)

// maxBody bounds the body of every request, in bytes.
const maxBody = 64 << 10

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

// clientRequest reads a request that a client makes directly, and finds out
// which client that is. Refusals are reported; the caller answers them.
func (s *Server) clientRequest(w http.ResponseWriter, r *http.Request) (form.Values, *client.Client, error) {
	f, err := s.readForm(r)
	if err != nil {
		return f, nil, err
	}
	ctx := r.Context()
	c, named, err := s.authenticator.Authenticate(ctx, r, f)
	allowOrigin(w, r, named)
	if err != nil {
		e := Event{Kind: ClientRefused, Remote: remote(r), Err: err}
		if named != nil {
			e.ClientID = named.ID
		}
		if ours(err) {
			e.Kind = Trouble
		}
		s.emit(ctx, e)
		return f, nil, err
	}
	return f, c, nil
}

// readForm reads the body of a client's request: bounded, of the right type,
// with nothing sent twice and nothing that belongs in it in the URL.
func (s *Server) readForm(r *http.Request) (form.Values, error) {
	if r.URL.RawQuery != "" {
		if err := s.checkQuery(r); err != nil {
			return form.Values{}, err
		}
	}
	f, err := form.Body(r, maxBody)
	if err != nil {
		return f, badForm(err)
	}
	for name := range f.Repetitions() {
		if contains(s.tokenParameters, name) {
			return f, oautherr.InvalidRequest.Because(nil, "a parameter is sent more than once")
		}
	}
	if bracketed(f, s.tokenParameters) {
		return f, errBracketed()
	}
	return f, nil
}

// bracketed reports whether a name such as "scope[]" or "resource[0]" makes a
// list or an object of one of the parameters. Frameworks of other languages write
// and read such names; to ignore one would be to grant something else than what
// was meant.
func bracketed(f form.Values, parameters []string) bool {
	for name := range f.Names() {
		if base, _, found := strings.Cut(name, "["); found && (base == "resource" || contains(parameters, base)) {
			return true
		}
	}
	return false
}

func errBracketed() error {
	return oautherr.InvalidRequest.Because(nil, "a parameter has brackets in its name; write plain names")
}

// checkQuery refuses parameters of the protocol in the URL, where logs and
// proxies see them (RFC 6749 §2.3.1, OAuth 2.1 §3.2).
func (s *Server) checkQuery(r *http.Request) error {
	q, err := form.Parse(r.URL.RawQuery)
	if err != nil {
		return badForm(err)
	}
	for _, name := range s.tokenParameters {
		if q.Value(name) == "" {
			continue
		}
		err := oautherr.InvalidRequest.Because(nil, "parameters belong in the body, not in the URL")
		s.emit(r.Context(), Event{Kind: CredentialInURL, Remote: remote(r), Err: err})
		return err
	}
	return nil
}

// badForm turns an error of package form into the answer for it.
func badForm(err error) error {
	e := oautherr.InvalidRequest.Because(err, "the request is not a well-formed form")
	switch {
	case errors.Is(err, form.ErrTooLarge):
		e.Status, e.Description = http.StatusRequestEntityTooLarge, "the request is too large"
	case errors.Is(err, form.ErrEncoding):
		e.Status, e.Description = http.StatusUnsupportedMediaType, "content codings are not supported"
	case errors.Is(err, form.ErrContentType):
		e.Description = "the content type must be application/x-www-form-urlencoded"
	}
	return e
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
	for len(v) > 0 {
		var word string
		word, v, _ = strings.Cut(v, " ")
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
			return nil, oautherr.InvalidTarget.Because(nil, "the resource is unknown, or not for this client")
		}
		if !contains(resources, id) {
			resources = append(resources, id)
		}
	}
	return resources, nil
}

// redeemAttempts bounds how often a redemption that lost a race is decided
// again. The state it lost to is final for it, so the second attempt settles
// nearly all.
const redeemAttempts = 4

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
		i := issue{req: req, grant: g}
		if err = s.issue(ctx, &i); errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		s.emit(ctx, i.event())
		i.write(w)
		return nil
	}
	return err
}

// refusedToken reports a refused token request, and revokes the grant if the
// refusal proves that a credential is in two hands. It returns what to answer.
func (s *Server) refusedToken(r *http.Request, c *client.Client, grantType string, err error) error {
	ctx := r.Context()
	e := Event{Kind: TokenRefused, ClientID: c.ID, GrantType: grantType, Remote: remote(r), Err: err}
	if reuse := (*grant.ReuseError)(nil); errors.As(err, &reuse) {
		e.Kind, e.GrantID, e.Subject = RefreshReused, reuse.Grant.ID, reuse.Grant.Subject
		if reuse.Code {
			e.Kind = CodeReplayed
		}
		err = oautherr.InvalidGrant.Because(reuse, "the grant is invalid, expired or revoked")
		e.Err = err
		if failed := s.revokeGrant(ctx, reuse.Grant.ID); failed != nil {
			s.emit(ctx, e)
			e.Kind, e.Err, err = Trouble, failed, failed
		}
	} else if ours(err) {
		e.Kind = Trouble
	}
	s.emit(ctx, e)
	return err
}

func (s *Server) revokeGrant(ctx context.Context, id string) error {
	return s.ledger.Revoke(ctx, id)
}

// remote is the peer's IP address. Forwarding headers are the business of a
// proxy that the host trusts, and of middleware that knows it.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func contains(list []string, v string) bool {
	for _, have := range list {
		if have == v {
			return true
		}
	}
	return false
}
