package grantor_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// A canary run does everything there is, and remembers every credential that was
// made or presented, and everything that was written.
type canaries struct {
	*fixture
	secrets map[string]string // what it is, by the secret
	bodies  []string          // of everything that is not a token response
}

func (c *canaries) sing(what string, values ...string) {
	for _, v := range values {
		if v != "" {
			c.secrets[v] = what
		}
	}
}

// post is fixture.post; it remembers what is sent and what comes back.
func (c *canaries) post(path, id string, form url.Values) *reply {
	for _, name := range []string{"token", "refresh_token", "code", "code_verifier", "password", "client_secret", "client_assertion"} {
		c.sing(name+" sent", form.Get(name))
	}
	res := c.fixture.post(path, id, form)
	if res.StatusCode == http.StatusOK && path == "/token" {
		c.sing("access token", res.str(c.t, "access_token"))
		c.sing("refresh token", res.str(c.t, "refresh_token"))
		return res
	}
	c.bodies = append(c.bodies, fmt.Sprint(res.Header), res.body)
	return res
}

// authorize runs an authorization request to its end and returns the code.
func (c *canaries) authorize(b *browser, q url.Values) string {
	res := b.authorize(q)
	if res.StatusCode == http.StatusOK {
		c.sing("form token", field(c.t, res.body, `name="csrf" value="`))
		res = b.consent(res, "approve")
	}
	for name, value := range b.cookies {
		if name != "at" {
			c.sing("cookie "+name, value)
		}
	}
	code := res.answer(c.t).Get("code")
	c.sing("code", code)
	require.True(c.t, strings.HasPrefix(res.Header.Get("Location"), q.Get("redirect_uri")+"?code="), "the code went elsewhere")
	return code
}

// sid makes the session cookie a secret of its own.
func sid(f *fixture) {
	f.config.Session = func(r *http.Request) (*grantor.Session, error) {
		c, err := r.Cookie("user")
		if err != nil {
			return nil, nil
		}
		return &grantor.Session{Subject: strings.TrimPrefix(c.Value, "session-canary-of-"), AuthTime: f.now(), ID: "s1"}, nil
	}
}

func (c *canaries) run() {
	for _, s := range secrets {
		c.sing("client secret", s, base64.StdEncoding.EncodeToString([]byte(s)))
	}
	b := c.browser("session-canary-of-alice")
	for _, id := range []string{"conf-a", "pub", "spa", "first"} {
		q := request(id, "resource", "https://jwt.example", "scope", "read")
		c.redeem(id, c.authorize(b, q), q)
		q = request(id)
		res := c.redeem(id, c.authorize(b, q), q)
		refresh := res.str(c.t, "refresh_token")
		next := c.post("/token", id, refreshForm(refresh))
		c.post("/token", id, refreshForm(refresh))
		for _, tok := range []string{next.str(c.t, "access_token"), next.str(c.t, "refresh_token"), alterations(refresh)[0]} {
			c.post("/introspect", "conf-b", url.Values{"token": {tok}})
			c.post("/introspect", id, url.Values{"token": {tok}})
			_, err := c.server.Verify(context.Background(), tok+"x")
			c.bodies = append(c.bodies, err.Error())
		}
		c.post("/token", "conf-b", refreshForm(next.str(c.t, "refresh_token")))
		c.post("/revoke", "conf-b", url.Values{"token": {refresh}})
		c.post("/revoke", id, url.Values{"token": {next.str(c.t, "access_token")}})
		c.advance(time.Minute)
		c.post("/token", id, refreshForm(refresh))
	}
	c.authorize(b, request("conf-a"))
	c.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}})
	c.post("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"pw-alice"}})
	c.post("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wrong-password-canary"}})
	c.mistakes(b)
}

func (c *canaries) redeem(id, code string, q url.Values) *reply {
	form := codeForm(code, q)
	wrong := maps.Clone(form)
	wrong.Set("code_verifier", "wrong-verifier-canary-wrong-verifier-canary-1")
	c.post("/token", id, wrong)
	c.post("/token", "conf-b", form)
	res := c.post("/token", id, form)
	if c.config.Store == store.Store(c.memory) { // replay only where it ends the grant for sure
		defer func() { _ = c.alive(res.str(c.t, "access_token")) }()
	}
	return res
}

// mistakes puts secrets where they do not belong.
func (c *canaries) mistakes(b *browser) {
	c.post("/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"conf-a"}, "client_secret": {"wrong-secret-canary"}})
	c.post("/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"ghost"}, "client_secret": {"ghost-secret-canary"}})
	c.post("/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"m2m"}, "client_assertion": {"assertion.canary.x"}})
	c.post("/token", "conf-a", url.Values{"grant_type": {"grant-type-canary"}})
	c.sing("misplaced", "grant-type-canary", "query-canary", "header-canary", "client-id-canary", "state-canary", "assertion.canary.x")
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		c.post(path+"?client_secret=query-canary&token=query-canary", "conf-a", url.Values{"token": {"query-canary"}})
		c.post(path+"?%zzquery-canary", "conf-a", nil)
		for _, value := range []string{"Bearer header-canary", "Basic header-canary", "Basic " + base64.StdEncoding.EncodeToString([]byte("conf-a:header-canary%zz")), "header-canary"} {
			r := c.request(path, "", url.Values{"token": {"x"}, "grant_type": {"refresh_token"}})
			r.Header.Set("Authorization", value)
			res := c.do(r)
			c.bodies = append(c.bodies, fmt.Sprint(res.Header), res.body)
		}
	}
	for _, q := range []string{
		"client_id=client-id-canary&redirect_uri=https://evil.example/client-id-canary", "%zzquery-canary", "client_secret=query-canary",
		request("conf-a", "redirect_uri", "https://evil.example/query-canary", "state", "state-canary").Encode(),
	} {
		res := b.open(issuer+"/authorize?"+q, nil)
		c.bodies = append(c.bodies, fmt.Sprint(res.Header), res.body)
	}
	res := b.open(issuer+"/authorize/continue?request=query-canary&interaction=query-canary", url.Values{"csrf": {"query-canary"}, "action": {"approve"}})
	c.bodies = append(c.bodies, fmt.Sprint(res.Header), res.body)
}

func TestNoSecretLeavesItsPlace(t *testing.T) {
	for name, edit := range map[string]func(*fixture){
		"opaque": func(*fixture) {}, "JWT": jwts,
		"a store in trouble": wrap(func(s store.Store) store.Store {
			return &storetest.Faulty{Store: s, Fail: func(c storetest.Call) storetest.Fault {
				if c.N > 60 && c.N%7 == 0 && c.Op == "delete" {
					return storetest.After
				}
				return storetest.None
			}}
		}),
	} {
		t.Run("LG-01, LG-02, LG-08, PK-17, INV-10, RG-10 "+name+": no secret is in a log, an event, an error or the store", func(t *testing.T) {
			f := newFixture(t, sid, edit, func(f *fixture) { f.config.Password = f.users })
			c := &canaries{fixture: f, secrets: map[string]string{}}
			c.run()
			require.Greater(t, len(c.secrets), 60)
			require.Greater(t, len(c.events), 100)

			places := map[string]string{"log": f.logs(), "bodies": strings.Join(c.bodies, "\n"), "store": dump(t, f)}
			for _, e := range c.events {
				raw, err := json.Marshal(e)
				require.NoError(t, err)
				places["event"] += fmt.Sprintf("%v\n%+v\n%#v\n%s\n", e, e, e, raw)
				if e.Err != nil {
					places["event"] += fmt.Sprintf("%v\n%+v\n%#v\n", e.Err, e.Err, e.Err)
				}
			}
			for place, text := range places {
				require.NotEmpty(t, text)
				for value, what := range c.secrets {
					for _, spelling := range []string{value, url.QueryEscape(value), base64.RawURLEncoding.EncodeToString([]byte(value))} {
						if strings.Contains(text, spelling) {
							t.Errorf("%s is in the %s: %s", what, place, excerpt(text, spelling))
						}
					}
				}
			}
		})
	}
}

func excerpt(text, around string) string {
	i := strings.Index(text, around)
	return text[max(0, i-120):min(len(text), i+len(around)+60)]
}

// dump is everything in the store.
func dump(t *testing.T, f *fixture) string {
	t.Helper()
	var out strings.Builder
	for _, kind := range []store.Kind{"grant", "consent", "interaction", "revoked", "not-before"} {
		records, err := f.memory.Find(t.Context(), store.Query{Kind: kind})
		require.NoError(t, err)
		for _, r := range records {
			fmt.Fprintf(&out, "%s %s %s %s %s %s\n", r.Kind, r.ID, r.Grant, r.Client, r.Subject, r.Data)
		}
	}
	return out.String()
}

func TestLogLines(t *testing.T) {
	hostile := "x\r\nlevel=ERROR msg=forged \x1b[31mred\x1b[0m \u202eevil\u2066 \u2028 \u0085\x00\x7f\t" + strings.Repeat("A", 30<<10)
	provoke := func(f *fixture) {
		for _, path := range []string{"/token", "/introspect", "/revoke"} {
			f.post(path, "conf-a", url.Values{"grant_type": {hostile}, "token": {hostile}, "scope": {hostile}})
			f.post(path, "conf-a", url.Values{"grant_type": {"forged\r\n\x1b[31m\u202e"}, "token": {"forged\r\n\u202e"}})
			f.post(path, "", url.Values{"client_id": {hostile}, "client_secret": {hostile}})
			r := f.request(path, "", url.Values{"client_id": {"forged \u202e"}})
			r.Header.Set("Content-Type", "text/"+strings.ReplaceAll(hostile, "\x00", ""))
			f.do(r)
		}
		b := f.browser("alice")
		for _, name := range []string{"client_id", "redirect_uri", "scope", "state", "prompt", "max_age", "response_type", "login_hint"} {
			b.authorize(request("conf-a", name, "forged\u202e \x1b[31m\n"+strings.Repeat("9", 5000)))
		}
		f.browser("alice").code(request("first"))
	}
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"JSON": func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		t.Run("LG-03, DS-09 "+name+" lines are short, and hold no character that forges, hides or turns", func(t *testing.T) {
			f := newFixture(t, func(f *fixture) {
				f.config.Logger, f.config.Subjects = slog.New(handler(lockedWriter{f})), nil
				f.config.Session = func(r *http.Request) (*grantor.Session, error) {
					if _, err := r.Cookie("user"); err != nil {
						return nil, fmt.Errorf("no session %s", hostile) // hosts are careless
					}
					return &grantor.Session{Subject: hostile[:100], AuthTime: f.now()}, nil
				}
			})
			provoke(f)
			f.browser("").authorize(request("conf-a"))
			f.post("/token", "pub", refreshForm(f.tokens("pub").str(t, "refresh_token")))
			lines := strings.Split(strings.TrimSpace(f.logs()), "\n")
			require.Greater(t, len(lines), 15)
			for _, line := range lines {
				if !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, `{"time":`) {
					t.Errorf("a line of somebody else's: %.200s", line)
				}
				if len(line) > 2048 {
					t.Errorf("a line of %d bytes: %.200s", len(line), line)
				}
				for _, c := range line {
					if !unicode.IsPrint(c) || unicode.Is(unicode.Bidi_Control, c) {
						t.Errorf("%U in %q", c, line)
					}
				}
			}
		})
	}
	t.Run("LG-05 events name clients that exist and grant types that are served, and nothing a stranger makes up", func(t *testing.T) {
		f := newFixture(t)
		provoke(f)
		for _, e := range f.events {
			if _, known := f.clients[e.ClientID]; e.ClientID != "" && !known {
				t.Errorf("%s: client %q", e.Kind, e.ClientID)
			}
			if known := []string{"", "authorization_code", "refresh_token", "client_credentials"}; !slices.Contains(known, e.GrantType) {
				t.Errorf("%s: grant type %.40q", e.Kind, e.GrantType)
			}
		}
	})
	t.Run("LG-04 a configuration and what hooks are given print without secrets", func(t *testing.T) {
		var seen []string
		peppers, err := secret.NewPeppers(secret.Pepper{ID: "p1", Key: []byte(strings.Repeat("pepper-canary-", 4))})
		require.NoError(t, err)
		f := newFixture(t, func(f *fixture) {
			f.config.Secrets.Peppers = peppers
			f.config.Claims = func(_ context.Context, i grantor.Issuance) (map[string]any, error) {
				raw, err := json.Marshal(i.Claims)
				seen = append(seen, fmt.Sprintf("%v %+v %#v %s", i, i, i, raw))
				return nil, err
			}
			f.clients["pub"].Secrets = nil
		})
		tokens := f.tokens("pub")
		for _, text := range append(seen, fmt.Sprintf("%v %+v %#v", f.config, f.config, f.config), fmt.Sprintf("%v %+v", f.server, f.server)) {
			for _, value := range []string{"pepper-canary", tokens.str(t, "access_token"), tokens.str(t, "refresh_token"), verifier} {
				if strings.Contains(text, value) {
					t.Errorf("%s", excerpt(text, value))
				}
			}
		}
	})
	t.Run("nothing is logged of what went well, nor anything without a Logger", func(t *testing.T) {
		f := newFixture(t)
		require.True(t, f.alive(f.tokens("conf-a").str(t, "access_token")))
		require.Empty(t, f.logs())
		f = newFixture(t, func(f *fixture) { f.config.Logger, f.config.Observe = nil, nil })
		f.post("/token", "conf-a", url.Values{"grant_type": {"nonsense"}})
	})
}

// TestEvents has one line for each decision the server makes.
func TestEvents(t *testing.T) {
	f := newFixture(t, func(f *fixture) {
		f.config.Password = f.users
		f.config.Limiter = nil
	})
	tokens := f.tokens("conf-a")
	access, refresh := tokens.str(t, "access_token"), tokens.str(t, "refresh_token")
	q := request("conf-a")
	code := f.browser("alice").code(q)
	b := f.browser("alice")
	page := b.authorize(request("conf-b"))

	for _, c := range []struct {
		name string
		do   func()
		want grantor.Event // kind, client, subject, grant type; a GrantID means that there is one
		err  error
	}{
		{"a code that is issued", func() { f.browser("alice").code(q) }, grantor.Event{Kind: grantor.CodeIssued, ClientID: "conf-a", Subject: "alice", GrantType: "authorization_code", GrantID: "*"}, nil},
		{"a request that is refused", func() { b.authorize(request("conf-a", "response_type", "token")) }, grantor.Event{Kind: grantor.AuthorizeRefused, ClientID: "conf-a"}, oautherr.UnsupportedResponseType},
		{"a request that is answered on a page", func() { b.authorize(request("conf-a", "redirect_uri", "https://evil.example")) }, grantor.Event{Kind: grantor.AuthorizeRefused, ClientID: "conf-a"}, oautherr.InvalidRequest},
		{"a consent", func() { b.consent(page, "approve") }, grantor.Event{Kind: grantor.ConsentGiven, ClientID: "conf-b", Subject: "alice"}, nil},
		{"a consent that is declined", func() { b.consent(b.authorize(request("conf-b", "prompt", "consent")), "deny") }, grantor.Event{Kind: grantor.ConsentDenied, ClientID: "conf-b", Subject: "alice"}, nil},
		{"tokens for a code", func() { f.post("/token", "conf-a", codeForm(code, q)) }, grantor.Event{Kind: grantor.TokenIssued, ClientID: "conf-a", Subject: "alice", GrantType: "authorization_code", GrantID: "*"}, nil},
		{"a code that comes again", func() { f.post("/token", "conf-a", codeForm(code, q)) }, grantor.Event{Kind: grantor.CodeReplayed, ClientID: "conf-a", Subject: "alice", GrantType: "authorization_code", GrantID: "*"}, oautherr.InvalidGrant},
		{"a refresh", func() { f.post("/token", "conf-a", refreshForm(refresh)) }, grantor.Event{Kind: grantor.TokenRefreshed, ClientID: "conf-a", Subject: "alice", GrantType: "refresh_token", GrantID: "*"}, nil},
		{"a refresh that is repeated", func() { f.post("/token", "conf-a", refreshForm(refresh)) }, grantor.Event{Kind: grantor.TokenRepeated, ClientID: "conf-a", Subject: "alice", GrantType: "refresh_token", GrantID: "*"}, nil},
		{"tokens for a machine", func() { f.machineToken("m2m") }, grantor.Event{Kind: grantor.TokenIssued, ClientID: "m2m", Subject: "m2m", GrantType: "client_credentials", GrantID: "*"}, nil},
		{"a wrong password", func() {
			f.post("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"x"}})
		}, grantor.Event{Kind: grantor.TokenRefused, ClientID: "legacy", GrantType: "password"}, oautherr.InvalidGrant},
		{"a lockout", func() {
			for range 20 {
				f.post("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {"x"}})
			}
		}, grantor.Event{Kind: grantor.TokenRefused, ClientID: "legacy", GrantType: "password"}, oautherr.TemporarilyUnavailable},
		{"a token request that is refused", func() { f.post("/token", "conf-a", url.Values{"grant_type": {"made-up"}}) }, grantor.Event{Kind: grantor.TokenRefused, ClientID: "conf-a"}, oautherr.UnsupportedGrantType},
		{"a client that does not authenticate", func() {
			f.post("/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"m2m"}, "client_secret": {"x"}})
		}, grantor.Event{Kind: grantor.ClientRefused, ClientID: "m2m"}, oautherr.InvalidClient},
		{"a client that does not exist", func() { f.post("/token", "ghost", url.Values{"grant_type": {"client_credentials"}}) }, grantor.Event{Kind: grantor.ClientRefused}, oautherr.InvalidClient},
		{"a request that is malformed", func() { f.post("/token", "conf-a", url.Values{"scope": {"a", "b"}}) }, grantor.Event{Kind: grantor.RequestRefused}, oautherr.InvalidRequest},
		{"a question about nothing", func() { f.post("/introspect", "rs", nil) }, grantor.Event{Kind: grantor.RequestRefused, ClientID: "rs"}, oautherr.InvalidRequest},
		{"a secret in a URL", func() { f.post("/token?client_secret=x", "conf-a", nil) }, grantor.Event{Kind: grantor.CredentialInURL}, oautherr.InvalidRequest},
		{"a question of a stranger", func() { f.introspect("conf-b", access) }, grantor.Event{Kind: grantor.IntrospectRefused, ClientID: "conf-b", GrantID: "*"}, oautherr.InvalidToken},
		{"a revocation", func() { f.revoke("conf-a", access) }, grantor.Event{Kind: grantor.TokenRevoked, ClientID: "conf-a", Subject: "alice", GrantID: "*"}, nil},
		{"a revocation of nothing", func() { f.revoke("conf-a", access) }, grantor.Event{Kind: grantor.RevokeIgnored, ClientID: "conf-a"}, oautherr.InvalidToken},
		{"a refresh token that is reused", func() { f.advance(time.Minute); f.post("/token", "conf-a", refreshForm(refresh)) }, grantor.Event{Kind: grantor.RefreshReused, ClientID: "conf-a", Subject: "alice", GrantType: "refresh_token", GrantID: "*"}, oautherr.InvalidGrant},
		{"a revocation in bulk", func() { _ = f.server.Revoke(context.Background(), store.Query{Subject: "alice"}) }, grantor.Event{Kind: grantor.TokensRevoked, Subject: "alice"}, nil},
	} {
		t.Run("LG-06 "+c.name+" is one event that says who, what and why", func(t *testing.T) {
			before := len(f.events)
			c.do()
			if len(f.events) == before {
				t.Fatalf("no event")
			}
			got := f.events[len(f.events)-1]
			if c.want.Kind == grantor.ConsentGiven { // the code's event goes before it or after it
				i := slices.IndexFunc(f.events[before:], func(e grantor.Event) bool { return e.Kind == grantor.ConsentGiven })
				require.GreaterOrEqual(t, i, 0)
				got = f.events[before+i]
			}
			if c.want.Kind == grantor.ConsentDenied {
				got = f.events[len(f.events)-2] // the refusal to the client comes last
			}
			if got.Kind != c.want.Kind || got.ClientID != c.want.ClientID || got.Subject != c.want.Subject || got.GrantType != c.want.GrantType || (got.GrantID != "") != (c.want.GrantID != "") {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
			if !errors.Is(got.Err, c.err) {
				t.Errorf("got error %v, want %v", got.Err, c.err)
			}
			if got.Time != f.now() || got.Remote == "" && got.Kind != grantor.TokensRevoked {
				t.Errorf("when or from where is missing: %+v", got)
			}
		})
	}
	t.Run("LG-06 the event is there although the answer cannot be delivered", func(t *testing.T) {
		refresh := f.tokens("pub").str(t, "refresh_token")
		before := len(f.events)
		f.server.ServeHTTP(&gone{header: http.Header{}}, f.request("/token", "pub", refreshForm(refresh)))
		require.Len(t, f.events, before+1)
		require.Equal(t, grantor.TokenRefreshed, f.events[before].Kind)
	})
	t.Run("LG-06 the observer gets the request's context, for a correlation id", func(t *testing.T) {
		type key struct{}
		var got any
		f := newFixture(t, func(f *fixture) {
			f.config.Observe = func(ctx context.Context, _ grantor.Event) { got = ctx.Value(key{}) }
		})
		r := f.request("/token", "m2m", url.Values{"grant_type": {"client_credentials"}})
		f.do(r.WithContext(context.WithValue(r.Context(), key{}, "request-7")))
		require.Equal(t, "request-7", got)
	})
}

// gone is a client that hung up.
type gone struct{ header http.Header }

func (g *gone) Header() http.Header       { return g.header }
func (g *gone) WriteHeader(int)           {}
func (g *gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
