package grantor_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
)

// What an authorization request needs of the person: a sign-in, a fresher one,
// an account, consent, or nothing. The consent form has a file of its
// own, consent_test.go.

// wayBack is where the login page that res leads to must send the browser.
func wayBack(t *testing.T, res *reply) string {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, res.StatusCode, "%s", res.body)
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "/login", u.Path, "%s", u)
	return u.Query().Get("return_to")
}

// signIn makes user the one who is at the browser, as of now.
func (b *browser) signIn(user string) {
	b.cookies["user"] = user
	b.signedInAt(b.f.now())
}

// needs says what the answer asks of the person: "login", "select_account",
// "consent", the error that the client gets, or "" for a code.
func needs(t *testing.T, res *reply) string {
	t.Helper()
	location := res.Header.Get("Location")
	switch {
	case res.StatusCode == http.StatusOK && strings.Contains(res.body, `name="csrf"`):
		return "consent"
	case strings.HasPrefix(location, "/login?"):
		u, err := url.Parse(location)
		require.NoError(t, err)
		if p := u.Query().Get("prompt"); p != "" {
			return p
		}
		return "login"
	case res.StatusCode == http.StatusSeeOther:
		answer := res.answer(t)
		require.NotEqual(t, answer.Has("code"), answer.Has("error"), location)
		return answer.Get("error")
	}
	t.Fatalf("got %d %s", res.StatusCode, res.body)
	return ""
}

// authTime is when the holder of the tokens for a code authenticated.
func (f *fixture) authTime(t *testing.T, code string, q url.Values) time.Time {
	t.Helper()
	res := f.post("/token", q.Get("client_id"), codeForm(code, q))
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
	require.NoError(t, err)
	return claims.AuthTime
}

func TestSigningIn(t *testing.T) {
	t.Run("nobody is there: sign in, consent, and the code is for whoever signed in", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("")
		q := request("conf-a", "login_hint", "bob")
		login := b.authorize(q)
		require.Equal(t, "login", needs(t, login))
		require.Contains(t, login.Header.Get("Location"), "login_hint=bob")
		b.signIn("alice")
		page := b.open(wayBack(t, login), nil)
		require.Equal(t, "consent", needs(t, page))
		res := b.consent(page, "approve")
		require.Equal(t, "", needs(t, res))
		tokens := f.post("/token", "conf-a", codeForm(res.answer(t).Get("code"), q))
		claims, err := f.server.Verify(t.Context(), tokens.str(t, "access_token"))
		require.NoError(t, err)
		require.Equal(t, "alice", claims.Subject)
	})
	t.Run("BR-11 no parameter says who signs in", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("bob")
		page := b.authorize(request("conf-a", "subject", "alice", "sub", "alice", "user", "alice", "login_hint", "alice"))
		res := b.open(field(t, page.body, `action="`), url.Values{
			"csrf": {field(t, page.body, `name="csrf" value="`)}, "action": {"approve"}, "subject": {"alice"}, "user": {"alice"},
		})
		tokens := f.post("/token", "conf-a", codeForm(res.answer(t).Get("code"), request("conf-a")))
		claims, err := f.server.Verify(t.Context(), tokens.str(t, "access_token"))
		require.NoError(t, err)
		require.Equal(t, "bob", claims.Subject)
	})
	t.Run("coming back without having signed in asks again", func(t *testing.T) {
		b := newFixture(t).browser("")
		back := wayBack(t, b.authorize(request("first")))
		for range 3 {
			back = wayBack(t, b.open(back, nil))
		}
		b.signIn("alice")
		require.Equal(t, "", needs(t, b.open(back, nil)))
	})
	t.Run("AZ-50 somebody who may not sign in is refused, silently or not", func(t *testing.T) {
		for _, user := range []string{"disabled", "robot", "stranger"} {
			f := newFixture(t)
			b := f.browser("")
			back := wayBack(t, b.authorize(request("first")))
			b.signIn(user)
			f.goesBack(t, b.open(back, nil), "access_denied", "st-1")
			f.goesBack(t, b.authorize(request("first", "prompt", "none")), "access_denied", "st-1")
		}
	})
	t.Run("AZ-50 somebody disabled while the consent page was open is refused", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		page := b.authorize(request("conf-a"))
		f.users["alice"] = grantor.Subject{}
		f.goesBack(t, b.consent(page, "approve"), "access_denied", "st-1")
	})
	t.Run("a session that cannot be read is trouble, and the client may retry", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Session = func(*http.Request) (*grantor.Session, error) { return nil, errors.New("dsn=secret") }
		})
		f.goesBack(t, f.opens(request("first").Encode()), "temporarily_unavailable", "st-1")
	})
	t.Run("a session without a subject, or with a giant one, is trouble", func(t *testing.T) {
		for _, subject := range []string{"", strings.Repeat("s", 256)} {
			f := newFixture(t, func(f *fixture) {
				f.config.Session = func(*http.Request) (*grantor.Session, error) { return &grantor.Session{Subject: subject}, nil }
			})
			f.goesBack(t, f.opens(request("first").Encode()), "temporarily_unavailable", "st-1")
		}
	})
	t.Run("all that was accepted comes back from the login page", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("")
		raw := request("first").Encode() + "&login_hint=" + strings.Repeat(":", 15<<10)
		back := wayBack(t, b.open(issuer+"/authorize?"+raw, nil))
		b.signIn("alice")
		require.Equal(t, "", needs(t, b.open(back, nil)))
	})
}

func TestPrompts(t *testing.T) {
	t.Run("AZ-33 none without a session is login_required", func(t *testing.T) {
		f := newFixture(t)
		f.goesBack(t, f.browser("").authorize(request("first", "prompt", "none")), "login_required", "st-1")
	})
	t.Run("AZ-33 none without consent is consent_required", func(t *testing.T) {
		f := newFixture(t)
		f.goesBack(t, f.browser("alice").authorize(request("conf-a", "prompt", "none")), "consent_required", "st-1")
	})
	t.Run("AZ-33 none with an old sign-in is login_required", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice").signedInAt(f.now().Add(-time.Hour))
		f.goesBack(t, b.authorize(request("first", "prompt", "none", "max_age", "60")), "login_required", "st-1")
	})
	t.Run("AZ-33 none with session and consent gives a code, for the same sign-in", func(t *testing.T) {
		f := newFixture(t)
		at := f.now().Add(-time.Hour).Truncate(time.Second)
		b := f.browser("alice").signedInAt(at)
		b.code(request("conf-a"))
		q := request("conf-a", "prompt", "none")
		res := b.authorize(q)
		require.Equal(t, "", needs(t, res))
		require.True(t, f.authTime(t, res.answer(t).Get("code"), q).Equal(at))
	})
	t.Run("OI-03 login asks who is signed in already, until they did it again", func(t *testing.T) {
		f := newFixture(t)
		q := request("first", "prompt", "login")
		b := f.browser("alice").signedInAt(f.now())
		f.advance(time.Second)
		res := b.authorize(q)
		require.Equal(t, "login", needs(t, res))
		back := wayBack(t, res)
		f.advance(time.Minute)
		require.Equal(t, "login", needs(t, b.open(back, nil)), "coming back is not signing in")
		b.signIn("alice")
		res = b.open(back, nil)
		require.Equal(t, "", needs(t, res))
		at := f.authTime(t, res.answer(t).Get("code"), q)
		if got := f.now().Sub(at); got > time.Second {
			t.Errorf("the sign-in counts as %v old", got)
		}
	})
	t.Run("OI-03 a host that keeps whole seconds can sign in again within one", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		back := wayBack(t, b.authorize(request("first", "prompt", "login")))
		b.signedInAt(f.now().Truncate(time.Second))
		require.Equal(t, "", needs(t, b.open(back, nil)))
	})
	t.Run("OI-03 the way back of one request does not count for another", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		back, err := url.Parse(wayBack(t, b.authorize(request("first", "prompt", "login"))))
		require.NoError(t, err)
		f.advance(time.Second)
		b.signIn("alice")
		f.advance(time.Second)
		other := back.Query()
		other.Set("request", request("first", "prompt", "login", "state", "st-2").Encode())
		back.RawQuery = other.Encode()
		require.Equal(t, "login", needs(t, b.open(back.String(), nil)))
	})
	t.Run("OI-03 nor after it has expired", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		back := wayBack(t, b.authorize(request("first", "prompt", "login")))
		f.advance(time.Second)
		b.signIn("alice")
		f.advance(10 * time.Minute)
		require.Equal(t, "login", needs(t, b.open(back, nil)))
	})
	for _, c := range []struct {
		maxAge string
		age    time.Duration
		want   string
	}{
		{"1", 2 * time.Second, "login"},
		{"1", time.Second, ""},
		{"10000", time.Hour, ""},
		{"0", 0, "login"},
		{"0", time.Second, "login"},
		{"4294967295", 100 * 365 * 24 * time.Hour, ""},
	} {
		t.Run("OI-02 max_age "+c.maxAge+" after "+c.age.String(), func(t *testing.T) {
			f := newFixture(t)
			at := f.now()
			b := f.browser("alice").signedInAt(at)
			f.advance(c.age)
			q := request("first", "max_age", c.maxAge)
			res := b.authorize(q)
			require.Equal(t, c.want, needs(t, res))
			if c.want == "" {
				require.True(t, f.authTime(t, res.answer(t).Get("code"), q).Equal(at.Truncate(time.Second)), "auth_time is the sign-in's")
				return
			}
			back := wayBack(t, res)
			f.advance(time.Second)
			b.signIn("alice")
			res = b.open(back, nil)
			require.Equal(t, "", needs(t, res))
			require.True(t, f.authTime(t, res.answer(t).Get("code"), q).After(at), "auth_time is newer")
		})
	}
	t.Run("OI-02 whoever signed in for the request need not hurry over the consent page", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice").signedInAt(f.now().Add(-time.Hour))
		back := wayBack(t, b.authorize(request("conf-a", "max_age", "5")))
		b.signIn("alice")
		page := b.open(back, nil)
		f.advance(5 * time.Minute)
		require.Equal(t, "", needs(t, b.consent(page, "approve")))
	})
	t.Run("consent asks again, though it was given before", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		b.code(request("conf-a"))
		page := b.authorize(request("conf-a", "prompt", "consent"))
		require.Equal(t, "consent", needs(t, page))
		require.Equal(t, "", needs(t, b.consent(page, "approve")))
		require.Equal(t, "consent", needs(t, b.authorize(request("first", "prompt", "consent"))), "even for the operator's own client")
	})
	t.Run("select_account asks which account, once", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		res := b.authorize(request("first", "prompt", "select_account"))
		require.Equal(t, "select_account", needs(t, res))
		b.signIn("bob")
		q := request("first")
		tokens := f.post("/token", "first", codeForm(b.open(wayBack(t, res), nil).answer(t).Get("code"), q))
		claims, err := f.server.Verify(t.Context(), tokens.str(t, "access_token"))
		require.NoError(t, err)
		require.Equal(t, "bob", claims.Subject)
	})
	t.Run("all of them together are asked one after the other", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		f.advance(time.Second)
		res := b.signedInAt(f.now().Add(-time.Second)).authorize(request("first", "prompt", "consent select_account login"))
		require.Equal(t, "login", needs(t, res))
		f.advance(time.Second)
		b.signIn("alice")
		res = b.open(wayBack(t, res), nil)
		require.Equal(t, "select_account", needs(t, res))
		res = b.open(wayBack(t, res), nil)
		require.Equal(t, "consent", needs(t, res))
		require.Equal(t, "", needs(t, b.consent(res, "approve")))
	})
}

func TestRememberedConsent(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  []string // the request that alice agrees to, of conf-a unless it says otherwise
		then   []string
		as     string
		passed time.Duration
		want   string
	}{
		{"the same request is not asked about again", nil, []string{"state", "st-2"}, "alice", 0, ""},
		{"nor is a part of it", nil, []string{"scope", "write"}, "alice", 0, ""},
		{"nor is it for half a year", nil, nil, "alice", 179 * 24 * time.Hour, ""},
		{"after half a year it is", nil, nil, "alice", 180 * 24 * time.Hour, "consent"},
		{"another scope is asked about", []string{"scope", "read"}, []string{"scope", "read write"}, "alice", 0, "consent"},
		{"another resource is asked about", []string{"resource", "https://api.example"}, []string{"resource", "https://other.example"}, "alice", 0, "consent"},
		{"the same resource is not", []string{"resource", "https://api.example"}, []string{"resource", "https://api.example"}, "alice", 0, ""},
		{"another person is asked", nil, nil, "bob", 0, "consent"},
		{"another client is asked about", nil, []string{"client_id", "conf-b"}, "alice", 0, "consent"},
		{"AZ-38 a public client at an https address is not", []string{"client_id", "spa", "redirect_uri", "https://spa.example/cb"}, []string{"client_id", "spa", "redirect_uri", "https://spa.example/cb"}, "alice", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			b := f.browser("alice")
			b.code(request("conf-a", c.first...))
			f.advance(c.passed)
			b.signIn(c.as)
			require.Equal(t, c.want, needs(t, b.authorize(request("conf-a", c.then...))))
		})
	}
	t.Run("what was agreed to adds up", func(t *testing.T) {
		b := newFixture(t).browser("alice")
		b.code(request("conf-a", "scope", "read"))
		b.code(request("conf-a", "scope", "write"))
		require.Equal(t, "", needs(t, b.authorize(request("conf-a", "scope", "read write"))))
	})
	t.Run("saying no is not remembered as a yes", func(t *testing.T) {
		b := newFixture(t).browser("alice")
		require.Equal(t, "access_denied", needs(t, b.consent(b.authorize(request("conf-a")), "deny")))
		require.Equal(t, "consent", needs(t, b.authorize(request("conf-a"))))
	})
	for _, uri := range []string{"http://127.0.0.1:5000/cb", "http://[::1]:5000/cb", "com.example.app:/cb", "https://localhost:5000/cb", "https://127.0.0.1/cb", "http://lan.example/cb"} {
		for _, firstParty := range []bool{false, true} {
			t.Run("AZ-38 a public client at "+uri+" is asked about each time, and gets nothing silently", func(t *testing.T) {
				f := newFixture(t)
				f.clients["pub"] = &client.Client{
					ID: "pub", AuthMethods: []string{client.MethodNone}, ApplicationType: client.Native, GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{uri},
					Scopes: []string{"read"}, FirstParty: firstParty,
				}
				b := f.browser("alice")
				q := request("pub", "redirect_uri", uri, "scope", "read")
				b.code(q)
				require.Equal(t, "consent", needs(t, b.authorize(q)))
				require.Equal(t, "consent_required", needs(t, b.authorize(request("pub", "redirect_uri", uri, "scope", "read", "prompt", "none"))))
			})
		}
	}
	t.Run("the operator's own client is never asked about", func(t *testing.T) {
		require.Equal(t, "", needs(t, newFixture(t).browser("alice").authorize(request("first"))))
	})
}

func TestInteractionsOfTheHost(t *testing.T) {
	// serve is a server whose host answers interactions by the function.
	serve := func(t *testing.T, interact func(http.ResponseWriter, *http.Request, *grantor.Interaction)) *fixture {
		return newFixture(t, func(f *fixture) { f.config.Interact = interact })
	}
	approve := func(w http.ResponseWriter, r *http.Request, in *grantor.Interaction) { in.Approve(w, r) }
	deny := func(w http.ResponseWriter, r *http.Request, in *grantor.Interaction) { in.Deny(w, r) }
	t.Run("a host may approve in the person's stead", func(t *testing.T) {
		f := serve(t, approve)
		require.Equal(t, "", needs(t, f.browser("alice").authorize(request("conf-a"))))
		require.Equal(t, []grantor.EventKind{grantor.CodeIssued, grantor.ConsentGiven}, f.kinds())
	})
	t.Run("but not sign anybody in", func(t *testing.T) {
		f := serve(t, approve)
		f.goesBack(t, f.browser("").authorize(request("first")), "login_required", "st-1")
		f.goesBack(t, f.browser("alice").authorize(request("first", "prompt", "select_account")), "interaction_required", "st-1")
	})
	t.Run("AZ-50 AZ-51 a host may deny at any time", func(t *testing.T) {
		f := serve(t, deny)
		f.goesBack(t, f.browser("").authorize(request("first")), "access_denied", "st-1")
		f.goesBack(t, f.browser("alice").authorize(request("first", "prompt", "select_account")), "access_denied", "st-1")
		f.goesBack(t, f.browser("alice").authorize(request("conf-a")), "access_denied", "st-1")
	})
	t.Run("it is told all that a page needs", func(t *testing.T) {
		var got *grantor.Interaction
		f := serve(t, func(_ http.ResponseWriter, _ *http.Request, in *grantor.Interaction) { got = in })
		f.browser("alice").authorize(request("conf-a", "scope", "read admin", "resource", "https://api.example", "login_hint", "al",
			"acr_values", "1 2", "ui_locales", "de fr", "display", "popup"))
		require.Equal(t, grantor.NeedConsent, got.Need)
		require.Equal(t, "conf-a", got.Client.ID)
		require.Equal(t, []string{"read"}, got.Scopes)
		require.Equal(t, []string{"https://api.example"}, got.Resources)
		require.Equal(t, "alice", got.Session.Subject)
		require.Equal(t, "client.example", got.RedirectHost)
		require.Equal(t, []any{"al", []string{"1", "2"}, []string{"de", "fr"}, "popup"}, []any{got.LoginHint, got.ACRValues, got.UILocales, got.Display})
		require.True(t, f.server.Resumes(got.URL))
		require.NotEmpty(t, got.CSRF)
		f.browser("").authorize(request("conf-a"))
		require.Equal(t, grantor.NeedLogin, got.Need)
		require.Nil(t, got.Session)
		require.Empty(t, got.CSRF)
	})
	for uri, host := range map[string]string{
		"http://127.0.0.1:5000/cb": "127.0.0.1:5000", "http://[::1]:5/cb": "[::1]:5", "com.example.app:/cb": "com.example.app",
		"com.example.app://bank.example/cb": "com.example.app", "https://Ünsinn.example/cb": "",
	} {
		t.Run("A12 the host of "+uri+" is shown as "+host, func(t *testing.T) {
			var got *grantor.Interaction
			f := serve(t, func(_ http.ResponseWriter, _ *http.Request, in *grantor.Interaction) { got = in })
			f.clients["pub"].RedirectURIs = []string{uri}
			f.browser("alice").authorize(request("pub", "redirect_uri", uri))
			if host == "" {
				require.Nil(t, got, "it is not ASCII")
				return
			}
			require.Equal(t, host, got.RedirectHost)
		})
	}
	t.Run("HT-13 a panic of the host's page is an error and nothing more", func(t *testing.T) {
		f := serve(t, func(http.ResponseWriter, *http.Request, *grantor.Interaction) { panic("canary") })
		res := f.browser("alice").authorize(request("conf-a"))
		require.Equal(t, http.StatusInternalServerError, res.StatusCode)
		require.NotContains(t, res.body, "canary")
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
	})
	t.Run("an error page of the host's gets the status, and the headers are set", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.ErrorPage = hostErrorPage })
		res := f.opens("client_id=nobody")
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
		require.Equal(t, "invalid_request", res.body)
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	})
	t.Run("AZ-32 a page with an error in its own query does not exist", func(t *testing.T) {
		f := newFixture(t)
		for _, path := range []string{"/error", "/authorize/error", "/login"} {
			res := f.do(httptest.NewRequest(http.MethodGet, issuer+path+"?error=x&error_description=<svg+onload=alert(1)>", nil))
			require.Equal(t, http.StatusNotFound, res.StatusCode)
			require.Empty(t, res.body)
		}
		f.staysHere(t, f.opens("error=x&error_description=%3Csvg%3E"), http.StatusBadRequest)
		require.NotContains(t, f.opens("error=x&error_description=%3Csvg%3E").body, "svg")
	})
}

func hostErrorPage(w http.ResponseWriter, _ *http.Request, err *oautherr.Error) {
	w.WriteHeader(err.HTTPStatus())
	_, _ = io.WriteString(w, string(err.Code))
}
