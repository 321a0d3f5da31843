package grantor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/pkce"
)

const (
	responseTypeCode = "code"
	modeQuery        = "query"
	modeFormPost     = "form_post"

	maxState = 4 << 10 // bytes of state, echoed in full or refused
	maxQuery = 16 << 10
)

// authorizeParameters are what an authorization request may hold once, besides
// client_id, redirect_uri and state, whose repetition is answered differently.
var authorizeParameters = [...]string{
	"response_type", "scope", "response_mode", "code_challenge", "code_challenge_method",
	"nonce", "prompt", "max_age", "display", "ui_locales", "claims_locales", "id_token_hint", "login_hint",
	"acr_values", "claims", "request", "request_uri",
}

// An authorization is one authorization request on its way to a code.
type authorization struct {
	form        form.Values
	client      *client.Client
	redirectURI string
	state       string
	mode        string // response_mode

	scopes    []string
	resources []string
	challenge string

	prompt []string
	maxAge time.Duration // negative: not asked for
}

// authorize is the authorization endpoint, RFC 6749 §3.1, as one story:
// identify the client, validate the request, decide what is needed of the
// person, and finish.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	f, err := s.authorizeForm(r)
	if err != nil {
		s.errorPage(w, r, nil, err)
		return
	}
	if r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// With a form from another site the browser sent no cookie that is SameSite,
		// neither the host's nor ours; with a link it will.
		http.Redirect(w, r, s.issuer+continuePath+"?"+form.New("request", f.Encode()).Encode(), http.StatusSeeOther)
		return
	}
	s.answer(w, r, f, nil)
}

// answer takes an authorization request as far as it goes. Pending is what is
// known of an earlier round with the same person; nil in the first.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, f form.Values, pending *pending) {
	a, err := s.identify(r.Context(), f)
	if err != nil {
		s.errorPage(w, r, a.client, err)
		return
	}
	if err := s.validateRequest(a); err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	session, err := s.whoIsThere(r)
	if err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	s.decide(w, r, a, session, pending)
}

// authorizeForm reads the request from the query or, for POST, from the body
// (OpenID Connect Core §3.1.2.1). A parameter may not come in both. A body may
// be as long as a query: the request becomes one if a person must be asked.
func (s *Server) authorizeForm(r *http.Request) (form.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		e := oautherr.InvalidRequest.Because(nil, "the request is too long")
		e.Status = http.StatusRequestURITooLong
		return form.Values{}, e
	}
	q, err := form.Parse(r.URL.RawQuery)
	if err != nil {
		return q, badForm(err)
	}
	if r.Method != http.MethodPost {
		return q, nil
	}
	f, err := form.Body(r, maxQuery)
	if err != nil {
		return f, badForm(err)
	}
	for name := range q.Names() {
		switch {
		case name == "client_id", name == "redirect_uri", name == "state", name == "resource",
			slices.Contains(s.authorizeParameters, name):
			return f, oautherr.InvalidRequest.Because(nil, "parameters of a POST request belong in its body")
		}
	}
	return f, nil
}

// identify finds out which client asks, and where an answer may go. Until both
// are certain nothing may be redirected: these errors are pages. With an error
// the authorization holds no more than the client, if that is known.
func (s *Server) identify(ctx context.Context, f form.Values) (*authorization, error) {
	a := &authorization{form: f, mode: modeQuery, maxAge: -1}
	if f.Repeated("client_id") || f.Repeated("redirect_uri") {
		return a, oautherr.InvalidRequest.Because(nil, "client_id or redirect_uri is sent more than once")
	}
	c, err := client.Lookup(ctx, s.clients, f.Value("client_id"))
	if errors.Is(err, client.ErrNotFound) {
		if f.Value("client_id") == "" {
			err = rejected("client_id", "")
		}
		return a, oautherr.InvalidRequest.Because(err, "the application is unknown or disabled")
	}
	if err != nil {
		return a, err
	}
	a.client = c
	uri := f.Value("redirect_uri")
	if !c.MatchRedirectURI(uri) {
		return a, oautherr.InvalidRequest.Because(rejected("redirect_uri", originOf(uri)), "redirect_uri is missing or not registered for the application")
	}
	a.redirectURI = uri
	if state := f.Value("state"); !f.Repeated("state") && len(state) <= maxState {
		a.state = state
	}
	if !f.Repeated("response_mode") && f.Value("response_mode") == modeFormPost {
		a.mode = modeFormPost
	}
	return a, nil
}

// validateRequest checks everything else. From here on errors are redirects.
func (s *Server) validateRequest(a *authorization) error {
	f := a.form
	for name := range f.Repetitions() {
		if name == "state" || slices.Contains(s.authorizeParameters, name) {
			return oautherr.InvalidRequest.Because(rejected("parameter", name), "a parameter is sent more than once")
		}
	}
	if bracketed(f, s.authorizeParameters) {
		return errBracketed()
	}
	if len(f.Value("state")) > maxState {
		return oautherr.InvalidRequest.Because(nil, "state is longer than 4096 bytes")
	}
	if m := f.Value("response_mode"); m != "" && m != modeQuery && m != modeFormPost {
		return oautherr.InvalidRequest.Because(nil, "this response_mode is not supported")
	}
	if f.Value("request") != "" {
		return oautherr.RequestNotSupported.Because(nil, "request objects are not supported")
	}
	if f.Value("request_uri") != "" {
		return oautherr.RequestURINotSupported.Because(nil, "request_uri is not supported")
	}
	switch f.Value("response_type") {
	case responseTypeCode:
	case "":
		return oautherr.InvalidRequest.Because(nil, "response_type is missing")
	default:
		return oautherr.UnsupportedResponseType.Because(nil, "the only response_type is code")
	}
	if !a.client.MayUse(client.AuthorizationCode) {
		return oautherr.UnauthorizedClient.Because(nil, "the client may not use the authorization code grant")
	}
	for _, check := range []func(*authorization) error{checkPKCE, s.checkScope, s.checkResource, checkPrompt, checkMaxAge} {
		if err := check(a); err != nil {
			return err
		}
	}
	return nil
}

// checkPKCE requires an S256 challenge of every client, RFC 9700 §2.1.1.
func checkPKCE(a *authorization) error {
	challenge, method := a.form.Value("code_challenge"), a.form.Value("code_challenge_method")
	switch {
	case challenge == "" && method == "" && a.client.InsecureWithoutPKCE && !a.client.Public():
		return nil
	case challenge == "":
		return oautherr.InvalidRequest.Because(nil, "code_challenge is missing; use PKCE")
	case method != pkce.S256:
		return oautherr.InvalidRequest.Because(nil, "code_challenge_method must be S256")
	case !pkce.ValidChallenge(challenge):
		return oautherr.InvalidRequest.Because(nil, "code_challenge is not an S256 challenge")
	}
	a.challenge = challenge
	return nil
}

// scopeOfflineAccess asks that the grant outlive a sign-out, OpenID Connect Core
// §11. It does not decide whether there is a refresh token: the client's
// registration does, and a client that gets none has no use for this scope.
const scopeOfflineAccess = "offline_access"

// checkScope drops scopes that the client may not ask for, RFC 6749 §3.3; the
// token response says what is left. With none left the request is refused.
func (s *Server) checkScope(a *authorization) error {
	asked, err := parseScope(a.form.Value("scope"))
	if err != nil {
		return err
	}
	if asked == nil {
		a.scopes = a.client.DefaultScopes
		return nil
	}
	a.scopes = slices.DeleteFunc(asked, func(scope string) bool {
		return !a.client.MayAsk(scope) || scope == scopeOfflineAccess && !a.client.MayUse(client.RefreshToken)
	})
	if len(a.scopes) == 0 {
		return oautherr.InvalidScope.Because(rejected("scope", a.form.Value("scope")), "the client may not ask for any of these scopes")
	}
	return nil
}

func (s *Server) checkResource(a *authorization) (err error) {
	a.resources, err = s.requestedResources(a.form, a.client)
	return err
}
