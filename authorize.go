package grantor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
		return a, oautherr.InvalidRequest.Because(err, "the application is unknown or disabled")
	}
	if err != nil {
		return a, err
	}
	a.client = c
	uri := f.Value("redirect_uri")
	if !c.MatchRedirectURI(uri) {
		return a, oautherr.InvalidRequest.Because(nil, "redirect_uri is missing or not registered for the application")
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
			return oautherr.InvalidRequest.Because(nil, "a parameter is sent more than once")
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

// scopeOfflineAccess asks for a refresh token that outlives the session, OpenID
// Connect Core §11. A client that gets no refresh token has no use for it.
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
		return oautherr.InvalidScope.Because(nil, "the client may not ask for any of these scopes")
	}
	return nil
}

func (s *Server) checkResource(a *authorization) (err error) {
	a.resources, err = s.requestedResources(a.form, a.client)
	return err
}

// Values of prompt, OpenID Connect Core §3.1.2.1.
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

func checkPrompt(a *authorization) error {
	a.prompt = strings.Fields(a.form.Value("prompt"))
	for _, p := range a.prompt {
		switch p {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return oautherr.InvalidRequest.Because(nil, "this prompt is not known")
		}
	}
	if len(a.prompt) > 1 && slices.Contains(a.prompt, promptNone) {
		return oautherr.InvalidRequest.Because(nil, "prompt none cannot be combined")
	}
	return nil
}

// checkMaxAge reads max_age: a number of seconds in canonical decimal, at most
// ten digits.
func checkMaxAge(a *authorization) error {
	v := a.form.Value("max_age")
	if v == "" {
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil || v != strconv.FormatUint(n, 10) {
		return oautherr.InvalidRequest.Because(err, "max_age is not a number of seconds")
	}
	a.maxAge = time.Duration(n) * time.Second
	return nil
}

// asks reports whether the prompt parameter has the value.
func (a *authorization) asks(prompt string) bool { return slices.Contains(a.prompt, prompt) }

// provable reports whether the redirect URI itself proves who receives the code,
// so that a request needs no person to look at it: a confidential client must
// authenticate to use the code, and an https URI belongs to its owner. What a
// public client registered on a device anybody can imitate (RFC 8252 §8.6).
func (a *authorization) provable() bool {
	return !a.client.Public() || strings.HasPrefix(a.redirectURI, "https://") && !a.onDevice()
}

// onDevice reports whether the answer goes to a program on the person's own
// device: to a loopback address, or to a scheme that a program there registered.
func (a *authorization) onDevice() bool {
	u, err := url.Parse(a.redirectURI)
	return err != nil || u.Scheme != "https" && u.Scheme != "http" || loopback(u.Hostname())
}
