package host_test

import (
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/examples/server/internal/host"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/secret"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// configuration has a client of each sort. ISSUER is replaced.
const configuration = `{
  "issuer": "ISSUER", "listen": "127.0.0.1:1",
  "scopes": ["read", "write"],
  "users": [
    {"username": "alice", "password": "wonderland", "claims": {"sub": "user-1"}},
    {"username": "bob", "password": "builder", "claims": {"sub": "user-2"}}
  ],
  "clients": [
    {"client_id": "web", "client_secret": "web-secret", "client_name": "The Web", "redirect_uris": ["https://web.example/cb"],
     "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "scope": "read write offline_access",
     "allowed_cors_origins": ["https://web.example"]},
    {"client_id": "second", "client_secret": "second-secret", "redirect_uris": ["https://second.example/cb"], "scope": "read"},
    {"client_id": "app", "application_type": "native", "token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/cb"],
     "grant_types": ["authorization_code", "refresh_token"], "scope": "read"},
    {"client_id": "a b+c", "client_secret": "s%c+r e:t&x", "grant_types": ["client_credentials"], "scope": "read"},
    {"client_id": "api", "client_secret": "api-secret", "introspection_allowed": true}
  ],
  "resources": [
    {"identifier": "https://jwt.example", "scopes": ["read"], "access_token_format": "jwt"},
    {"identifier": "https://opaque.example", "access_token_format": "opaque"}
  ]
}`

// A fixture is a server that listens, with or without TLS.
type fixture struct {
	t      *testing.T
	issuer string
	http   *http.Client // follows no redirects, keeps no cookies
}

// start runs the server of a configuration, at a path below the listener's root.
func start(t *testing.T, text, path string, secure bool) *fixture {
	t.Helper()
	var h http.Handler
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	s.Config.MaxHeaderBytes = host.MaxHeaderBytes
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	issuer := s.URL + path
	hasher := &secret.Slow{}
	f, err := config.Read(t.Context(), []byte(strings.ReplaceAll(text, "ISSUER", issuer)), hasher)
	require.NoError(t, err)
	h, err = host.New(f, hasher, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fixture{t: t, issuer: issuer, http: c}
}

func newFixture(t *testing.T) *fixture { return start(t, configuration, "", false) }

// A reply is what the server answered.
type reply struct {
	*http.Response
	body string
}

func (f *fixture) do(c *http.Client, r *http.Request) *reply {
	f.t.Helper()
	res, err := c.Do(r)
	require.NoError(f.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return &reply{res, string(body)}
}

// post sends a form as the client.
func (f *fixture) post(path, id, password string, pairs ...string) *reply {
	f.t.Helper()
	v := values(pairs)
	if password == "" {
		v.Set("client_id", id)
	}
	r, err := http.NewRequest(http.MethodPost, f.issuer+path, strings.NewReader(v.Encode()))
	require.NoError(f.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if password != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	}
	return f.do(f.http, r)
}

func (r *reply) json(t *testing.T) map[string]any {
	t.Helper()
	m := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(r.body), &m), "%s", r.body)
	return m
}

func (r *reply) str(t *testing.T, member string) string {
	t.Helper()
	s, _ := r.json(t)[member].(string)
	return s
}

func values(pairs []string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// A browser is a person's: it keeps cookies, and remembers the page it shows.
type browser struct {
	f    *fixture
	http *http.Client
	page *reply
}

func (f *fixture) browser() *browser {
	f.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(f.t, err)
	c := *f.http
	c.Jar = jar
	return &browser{f: f, http: &c}
}

// open follows a link, and the redirects within the server.
func (b *browser) open(rawURL string) *reply {
	b.f.t.Helper()
	r, err := http.NewRequest(http.MethodGet, rawURL, nil)
	require.NoError(b.f.t, err)
	return b.follow(r)
}

func (b *browser) follow(r *http.Request) *reply {
	b.f.t.Helper()
	for range 10 {
		b.page = b.f.do(b.http, r)
		to := b.page.Header.Get("Location")
		if to == "" {
			return b.page
		}
		next, err := r.URL.Parse(to)
		require.NoError(b.f.t, err)
		if next.Host != r.URL.Host {
			return b.page
		}
		r, err = http.NewRequest(http.MethodGet, next.String(), nil)
		require.NoError(b.f.t, err)
	}
	b.f.t.Fatal("a redirect loop")
	return nil
}

// submit sends the form of the page with its hidden fields and the pairs, as the
// page itself would.
func (b *browser) submit(pairs ...string) *reply {
	b.f.t.Helper()
	return b.follow(b.form(pairs...))
}

// form is the request that submit sends.
func (b *browser) form(pairs ...string) *http.Request {
	b.f.t.Helper()
	v := values(pairs)
	_, rest, found := strings.Cut(b.page.body, `<form method="post" action="`)
	require.True(b.f.t, found, "no form: %s", b.page.body)
	action, rest, _ := strings.Cut(rest, `"`)
	for {
		var input string
		if _, rest, found = strings.Cut(rest, `<input type="hidden" name="`); !found {
			break
		}
		input, rest, _ = strings.Cut(rest, `">`)
		name, value, _ := strings.Cut(input, `" value="`)
		if !v.Has(name) {
			v.Set(name, html.UnescapeString(value))
		}
	}
	target, err := b.page.Request.URL.Parse(html.UnescapeString(action))
	require.NoError(b.f.t, err)
	r, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(v.Encode()))
	require.NoError(b.f.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// signIn opens the sign-in page and signs in.
func (b *browser) signIn(username, password string) *reply {
	b.f.t.Helper()
	b.open(b.f.issuer + "/signin")
	return b.submit("username", username, "password", password)
}

// authorizeURL is a good request of the client.
func (f *fixture) authorizeURL(id, redirect, scope string, pairs ...string) string {
	v := values(pairs)
	for name, value := range map[string]string{
		"response_type": "code", "client_id": id, "redirect_uri": redirect, "scope": scope, "state": "xyz",
		"code_challenge": pkce.Challenge(verifier), "code_challenge_method": "S256",
	} {
		if !v.Has(name) {
			v.Set(name, value)
		}
	}
	return f.issuer + "/authorize?" + v.Encode()
}

// answer is what the client gets in the redirect.
func (r *reply) answer(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(r.Header.Get("Location"))
	require.NoError(t, err)
	return u.Query()
}

// formAfter opens a page and is the request that its form sends.
func (b *browser) formAfter(rawURL string) *http.Request {
	b.f.t.Helper()
	b.open(rawURL)
	return b.form()
}

func (b *browser) mustURL(rawURL string) *url.URL {
	b.f.t.Helper()
	u, err := url.Parse(rawURL)
	require.NoError(b.f.t, err)
	return u
}
