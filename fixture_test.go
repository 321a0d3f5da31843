package grantor_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// The fixture every test of the server starts from: one issuer, a client of each
// sort, three users, a clock and an event log. Browsers are cookie jars without
// a network; the host's session cookie is "user=<name>".

const (
	issuer   = "https://as.example"
	callback = "https://client.example/cb"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// secrets of the confidential clients, by client_id. Those of conf-a, conf-b and
// rs are of our own format; enc:id has one that somebody chose.
var secrets = func() map[string]string {
	own := func() string { return secret.Format{}.New(secret.ClientSecret).Reveal() }
	return map[string]string{
		"conf-a": own(), "conf-b": own(), "conf-two": own(), "first": own(), "rs": own(), "m2m": own(), "bare": own(),
		"legacy": own(), "off": own(), "enc:id": "s%c+r e:t&x-chosen",
	}
}()

// digests of the secrets, made once: a slow one is slow.
var digests = sync.OnceValue(func() map[string]secret.Digest {
	checker := &secret.Checker{}
	out := map[string]secret.Digest{}
	for id, s := range secrets {
		d, err := checker.Digest(context.Background(), s)
		if err != nil {
			panic(err)
		}
		out[id] = d
	}
	return out
})

var es256 = sync.OnceValue(func() token.Key {
	k, err := token.GenerateKey(token.ES256)
	if err != nil {
		panic(err)
	}
	return k
})

type fixture struct {
	t       *testing.T
	config  grantor.Config
	server  *grantor.Server
	memory  *memory.Store
	clients clientMap
	users   userMap

	mu     sync.Mutex
	clock  time.Time
	events []grantor.Event
	logged strings.Builder
}

// clientMap is a client.Source that tests may change.
type clientMap map[string]*client.Client

func (m clientMap) Client(_ context.Context, id string) (*client.Client, error) {
	if c, ok := m[id]; ok {
		return c, nil
	}
	return nil, client.ErrNotFound
}

// userMap is the host's directory: Subjects and PasswordVerifier.
type userMap map[string]grantor.Subject

func (m userMap) Subject(_ context.Context, id string) (grantor.Subject, error) { return m[id], nil }

// VerifyPassword knows every user of the map by the password "pw-<name>".
func (m userMap) VerifyPassword(_ context.Context, username, password string) (string, error) {
	if _, ok := m[username]; !ok || password != "pw-"+username {
		return "", grant.ErrWrongPassword
	}
	return username, nil
}

// newFixture makes a server; edit may change its Config first.
func newFixture(t *testing.T, edit ...func(*fixture)) *fixture {
	t.Helper()
	f := &fixture{
		t: t, memory: memory.New(), clock: time.Now(), clients: fixtureClients(),
		users: userMap{
			"alice": {Active: true}, "bob": {Active: true}, "disabled": {},
			"robot": {Active: true, Service: true},
		},
	}
	f.memory.Now = f.now
	keys, err := token.NewStaticKeys(es256())
	require.NoError(t, err)
	f.config = grantor.Config{
		Issuer: issuer, Clients: f.clients, Store: f.memory, Keys: keys, Subjects: f.users,
		Scopes:       []string{"openid", "offline_access", "read", "write"},
		AccessTokens: token.Opaque{},
		Resources: []grantor.Resource{
			{Identifier: "https://api.example", Scopes: []string{"read", "write"}},
			{Identifier: "https://other.example"},
			{Identifier: "https://jwt.example", AccessTokens: &token.JWT{}, Scopes: []string{"read"}},
		},
		Session:  f.session,
		Interact: grantor.Pages{Login: "/login"}.Interact,
		Observe: func(_ context.Context, e grantor.Event) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, e)
		},
		Logger: slog.New(slog.NewTextHandler(lockedWriter{f}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    f.now,
	}
	for _, e := range edit {
		e(f)
	}
	f.server, err = grantor.New(f.config)
	require.NoError(t, err)
	return f
}

func fixtureClients() clientMap {
	m := clientMap{}
	add := func(c client.Client) {
		if d, ok := digests()[c.ID]; ok {
			c.Secrets = []client.Secret{{ID: "s1", Digest: d}}
		} else {
			c.AuthMethods = []string{client.MethodNone}
		}
		m[c.ID] = &c
	}
	code := []string{"authorization_code", "refresh_token", "client_credentials"}
	scopes := []string{"openid", "offline_access", "read", "write"}
	for _, id := range []string{"conf-a", "conf-b", "enc:id"} {
		add(client.Client{ID: id, Name: "Client " + id, GrantTypes: code, RedirectURIs: []string{callback}, Scopes: scopes, DefaultScopes: []string{"read"}})
	}
	add(client.Client{ID: "conf-two", GrantTypes: code, RedirectURIs: []string{callback, callback + "2"}, Scopes: scopes})
	// first is the operator's own: nobody is asked for consent.
	add(client.Client{ID: "first", FirstParty: true, GrantTypes: code, RedirectURIs: []string{callback}, Scopes: scopes, DefaultScopes: []string{"read"}})
	add(client.Client{ID: "pub", ApplicationType: client.Native, GrantTypes: code[:2], RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/cb"}, Scopes: scopes})
	add(client.Client{ID: "spa", GrantTypes: code[:2], RedirectURIs: []string{"https://spa.example/cb"}, Scopes: scopes, AllowedOrigins: []string{"https://spa.example"}})
	add(client.Client{ID: "rs", GrantTypes: nil, IntrospectAny: true})
	add(client.Client{ID: "m2m", GrantTypes: []string{"client_credentials"}, Scopes: []string{"read", "write"}, DefaultScopes: []string{"read"}})
	add(client.Client{ID: "bare", GrantTypes: code, RedirectURIs: []string{callback}, Scopes: scopes, InsecureWithoutPKCE: true, FirstParty: true})
	add(client.Client{ID: "legacy", GrantTypes: []string{"password", "refresh_token"}, Scopes: scopes, DefaultScopes: []string{"read"}})
	add(client.Client{ID: "off", Disabled: true, GrantTypes: code, RedirectURIs: []string{callback}, Scopes: scopes})
	return m
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

// advance moves the clock.
func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

// session is the host's: the cookie "user" names who signed in, "at" when.
func (f *fixture) session(r *http.Request) (*grantor.Session, error) {
	c, err := r.Cookie("user")
	if err != nil || c.Value == "" {
		return nil, nil
	}
	s := &grantor.Session{Subject: c.Value, AuthTime: f.now(), ID: "session-of-" + c.Value}
	if at, err := r.Cookie("at"); err == nil {
		if s.AuthTime, err = time.Parse(time.RFC3339Nano, at.Value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

type lockedWriter struct{ f *fixture }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	return w.f.logged.Write(p)
}

// logs is everything that was logged so far.
func (f *fixture) logs() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logged.String()
}

// kinds are the kinds of the events so far.
func (f *fixture) kinds() []grantor.EventKind {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []grantor.EventKind
	for _, e := range f.events {
		out = append(out, e.Kind)
	}
	return out
}

// A reply is what the server answered.
type reply struct {
	*http.Response
	body string
}

// do sends a request through the server.
func (f *fixture) do(r *http.Request) *reply {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.server.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return &reply{res, string(body)}
}

// post sends a form as the client: with Basic if it has a secret, with client_id
// in the body if it has not, with nothing if id is empty.
func (f *fixture) post(path, id string, form url.Values) *reply {
	f.t.Helper()
	return f.do(f.request(path, id, form))
}

func (f *fixture) request(path, id string, form url.Values) *http.Request {
	if form = maps.Clone(form); form == nil {
		form = url.Values{}
	}
	if _, confidential := secrets[id]; id != "" && !confidential {
		form.Set("client_id", id)
	}
	r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s, ok := secrets[id]; ok {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(s))
	}
	return r
}

// json is the body as a JSON object.
func (r *reply) json(t *testing.T) map[string]any {
	t.Helper()
	m := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(r.body), &m), "body: %s", r.body)
	return m
}

// str is a string member of the body, "" if it is not there.
func (r *reply) str(t *testing.T, name string) string {
	t.Helper()
	s, _ := r.json(t)[name].(string)
	return s
}

// answer is the query of the Location, an authorization response.
func (r *reply) answer(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(r.Header.Get("Location"))
	require.NoError(t, err)
	return u.Query()
}

// A browser keeps cookies and is signed in as user, or not at all.
type browser struct {
	f       *fixture
	cookies map[string]string
}

func (f *fixture) browser(user string) *browser {
	b := &browser{f: f, cookies: map[string]string{}}
	if user != "" {
		b.cookies["user"] = user
	}
	return b
}

// signedInAt says when the user authenticated, in place of just now.
func (b *browser) signedInAt(at time.Time) *browser {
	b.cookies["at"] = at.Format(time.RFC3339Nano)
	return b
}

// open follows a link, or submits a form if form is not nil, as this origin's
// own page would.
func (b *browser) open(rawURL string, form url.Values) *reply {
	b.f.t.Helper()
	r := httptest.NewRequest(http.MethodGet, rawURL, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, rawURL, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", issuer)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return b.send(r)
}

func (b *browser) send(r *http.Request) *reply {
	b.f.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res := b.f.do(r)
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return res
}

// request is the query of a good authorization request of the client; pairs
// overwrite or, with an empty value, remove parameters.
func request(clientID string, pairs ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {callback},
		"scope": {"read write"}, "state": {"st-1"},
		"code_challenge": {pkce.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	switch clientID {
	case "pub":
		q.Set("redirect_uri", "http://127.0.0.1:5000/cb")
	case "spa":
		q.Set("redirect_uri", "https://spa.example/cb")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// authorize opens an authorization request.
func (b *browser) authorize(q url.Values) *reply {
	b.f.t.Helper()
	return b.open(issuer+"/authorize?"+q.Encode(), nil)
}

// consent presses a button of the consent page in res.
func (b *browser) consent(res *reply, action string) *reply {
	b.f.t.Helper()
	return b.open(field(b.f.t, res.body, `action="`), url.Values{"csrf": {field(b.f.t, res.body, `name="csrf" value="`)}, "action": {action}})
}

// field is the HTML attribute value that follows prefix.
func field(t *testing.T, body, prefix string) string {
	t.Helper()
	_, after, ok := strings.Cut(body, prefix)
	require.True(t, ok, "%q is not in the page: %s", prefix, body)
	value, _, _ := strings.Cut(after, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(value)
}

// code runs the whole authorization request, consent included, and returns the
// code.
func (b *browser) code(q url.Values) string {
	b.f.t.Helper()
	res := b.authorize(q)
	if res.StatusCode == http.StatusOK {
		res = b.consent(res, "approve")
	}
	require.Equal(b.f.t, http.StatusSeeOther, res.StatusCode, "%s", res.body)
	code := res.answer(b.f.t).Get("code")
	require.NotEmpty(b.f.t, code, "%s", res.Header.Get("Location"))
	return code
}

// codeForm is the form that redeems a code of a request made with q.
func codeForm(code string, q url.Values) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {q.Get("redirect_uri")}, "code_verifier": {verifier},
	}
}

// tokens signs alice in at the client and returns the token response.
func (f *fixture) tokens(clientID string, pairs ...string) *reply {
	f.t.Helper()
	q := request(clientID, pairs...)
	res := f.post("/token", clientID, codeForm(f.browser("alice").code(q), q))
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	return res
}

func refreshForm(refreshToken string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}
}

// machineToken is an access token of the client credentials grant.
func (f *fixture) machineToken(clientID string) string {
	f.t.Helper()
	res := f.post("/token", clientID, url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	return res.str(f.t, "access_token")
}

// alive reports whether the resource server rs, and Verify, take the token as
// live; it fails if they disagree.
func (f *fixture) alive(accessToken string) bool {
	f.t.Helper()
	res := f.post("/introspect", "rs", url.Values{"token": {accessToken}})
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	active, _ := res.json(f.t)["active"].(bool)
	_, err := f.server.Verify(context.Background(), accessToken)
	require.Equal(f.t, active, err == nil, "introspection and Verify disagree: %v", err)
	return active
}

// refused checks that res is an OAuth error of the token endpoint.
func (f *fixture) refused(res *reply, status int, code string) {
	f.t.Helper()
	if res.StatusCode != status || res.str(f.t, "error") != code {
		f.t.Errorf("got %d %s, want %d %s", res.StatusCode, res.body, status, code)
	}
	require.Equal(f.t, "no-store", res.Header.Get("Cache-Control"))
	require.Equal(f.t, "application/json", res.Header.Get("Content-Type"))
	require.NotContains(f.t, res.body, "access_token")
}

// wrap puts a decorator around the store of the fixture.
func wrap(decorate func(store.Store) store.Store) func(*fixture) {
	return func(f *fixture) { f.config.Store = decorate(f.config.Store) }
}

var update = flag.Bool("update", false, "rewrite the golden files of testdata/golden")

// golden checks that got is what the file in testdata/golden says.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update if the change is meant")
}
