package oauthtest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/pkce"
)

// sessionCookie stands for the session of a host.
const sessionCookie = "__Host-oauthtest"

// A Browser is a person at a browser. Its Client reaches what Server.Client
// reaches, keeps cookies and follows redirects, but stops before one that leads
// to a host that is not there.
type Browser struct {
	*http.Client

	s       *Server
	session *grantor.Session
}

// SignIn opens a browser and signs the subject in. The person consents to
// whatever a client asks for; see [Browser.Decline]. Where Config.Session was
// replaced, the browser is as empty as a new one: sign in on the host's own page.
func (s *Server) SignIn(subject string) *Browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	s.must(err)
	c := s.Client()
	c.Jar = jar
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if _, ok := s.host(r.URL); !ok || len(via) > 20 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	b := &Browser{Client: c, s: s, session: &grantor.Session{Subject: subject, AuthTime: s.Now(), ID: rand.Text()}}
	issuer, err := url.Parse(s.Issuer)
	s.must(err)
	value := rand.Text()
	jar.SetCookies(issuer, []*http.Cookie{{Name: sessionCookie, Value: value, Path: "/", Secure: issuer.Scheme == "https", HttpOnly: true}})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[value] = b.session
	return b
}

// Decline makes the person say no from now on, and returns b.
func (b *Browser) Decline() *Browser {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.denies[b.session.ID] = true
	return b
}

// session is Config.Session.
func (s *Server) session(r *http.Request) (*grantor.Session, error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sessions[c.Value]; found != nil {
		session := *found
		return &session, nil
	}
	return nil, nil
}

// interact is Config.Interact: the person signs in again, takes the account that
// is there, and consents or not.
func (s *Server) interact(w http.ResponseWriter, r *http.Request, in *grantor.Interaction) {
	if in.Session == nil {
		http.Error(w, "nobody is signed in: use SignIn", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	declines := s.denies[in.Session.ID]
	s.mu.Unlock()
	switch {
	case declines:
		in.Deny(w, r)
	case in.Need == grantor.NeedConsent:
		in.Approve(w, r)
	default:
		s.reauthenticate(in.Session.ID)
		http.Redirect(w, r, in.URL, http.StatusSeeOther)
	}
}

// reauthenticate makes the session one of a person who signed in just now.
func (s *Server) reauthenticate(sessionID string) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if session.ID == sessionID {
			session.AuthTime = now
		}
	}
}

// Authorize opens an authorization request, such as a client library makes, and
// returns the parameters of the response: code, state and iss, or error. It fails
// the test if the browser is not sent to an absent host in the end; an
// application that is mounted receives the response itself, so open the request
// with Get.
func (b *Browser) Authorize(authorizationURL string) url.Values {
	b.s.t.Helper()
	res, err := b.Get(authorizationURL)
	b.s.must(err)
	defer res.Body.Close()
	location, err := res.Location()
	if err != nil {
		b.s.t.Fatalf("oauthtest: the browser stays at %s://%s%s with status %d", res.Request.URL.Scheme, res.Request.URL.Host, res.Request.URL.Path, res.StatusCode)
	}
	return location.Query()
}

// Tokens is a token response, RFC 6749 §5.1.
type Tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

// Tokens runs the authorization code grant with PKCE for Confidential or Public
// and returns what the client gets, or fails the test. Resources can be asked for
// with Authorize.
func (b *Browser) Tokens(clientID string, scopes ...string) Tokens {
	b.s.t.Helper()
	verifier := pkce.NewVerifier()
	q := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {Callback}, "scope": {strings.Join(scopes, " ")},
		"code_challenge": {pkce.Challenge(verifier)}, "code_challenge_method": {pkce.S256},
	}
	answer := b.Authorize(b.s.Issuer + "/authorize?" + q.Encode())
	if e := answer.Get("error"); e != "" {
		b.s.t.Fatalf("oauthtest: the authorization request was refused: %s: %s", e, answer.Get("error_description"))
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {Callback},
		"code_verifier": {verifier}, "client_id": {clientID},
	}
	if clientID == Confidential {
		form.Set("client_secret", b.s.Secret)
	}
	res, err := b.s.Client().PostForm(b.s.Issuer+"/token", form)
	b.s.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.s.t.Fatalf("oauthtest: the token request was refused with status %d", res.StatusCode)
	}
	var t Tokens
	b.s.must(json.NewDecoder(res.Body).Decode(&t))
	return t
}
