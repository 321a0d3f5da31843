package oauthtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/oauthtest"
	"github.com/grantor-go/grantor/resource"
)

// failing is a test that may fail without failing ours.
type failing struct{ testing.TB }

type failure string

func (f *failing) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// failure runs what should fail the test, and returns with which words.
func (f *failing) failure(run func()) (words string) {
	f.Helper()
	defer func() {
		v := recover()
		said, ok := v.(failure)
		require.True(f, ok, "it did not fail the test: %v", v)
		words = string(said)
	}()
	run()
	return ""
}

func TestNew(t *testing.T) {
	t.Run("an edit may change what the server is made of", func(t *testing.T) {
		as := oauthtest.New(t, func(c *grantor.Config) {
			c.Issuer = "https://login.example/tenant"
			c.Scopes = []string{"notes:read"}
		}, func(c *grantor.Config) { c.Lifetimes.AccessToken = time.Minute })
		require.Equal(t, "https://login.example/tenant", as.Issuer)
		tokens := as.SignIn("alice").Tokens(oauthtest.Public, "notes:read")
		require.Equal(t, int64(60), tokens.ExpiresIn)
		require.Equal(t, "notes:read", tokens.Scope)
	})
	t.Run("an edit may bring clients of its own", func(t *testing.T) {
		source, err := client.NewStatic(client.Client{ID: "mine", AuthMethods: []string{client.MethodNone}, GrantTypes: []string{client.AuthorizationCode}, RedirectURIs: []string{oauthtest.Callback}, Scopes: []string{"read"}})
		require.NoError(t, err)
		as := oauthtest.New(t, func(c *grantor.Config) { c.Clients = source })
		require.NotEmpty(t, as.SignIn("alice").Tokens("mine", "read").AccessToken)
		_, err = as.Verify(t.Context(), as.Token(oauthtest.As{}))
		require.ErrorIs(t, err, oautherr.InvalidToken, "the usual clients are not there")
	})
	t.Run("a Config that is wrong fails the test with its problems", func(t *testing.T) {
		f := &failing{TB: t}
		got := f.failure(func() { oauthtest.New(f, func(c *grantor.Config) { c.Issuer = "as.example" }) })
		require.Contains(t, got, "Config.Issuer")
	})
	t.Run("servers have nothing in common", func(t *testing.T) {
		one, two := oauthtest.New(t), oauthtest.New(t)
		require.NotEqual(t, one.Secret, two.Secret)
		for _, opaque := range []bool{false, true} {
			_, err := two.Verify(t.Context(), one.Token(oauthtest.As{Opaque: opaque}))
			require.ErrorIs(t, err, oautherr.InvalidToken)
		}
	})
}

func TestTime(t *testing.T) {
	t.Run("in a bubble, sleeping makes tokens expire", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			as := oauthtest.New(t)
			guard := resource.Guard{Verifier: as}
			tokens := as.SignIn("alice").Tokens(oauthtest.Confidential, "read")
			made := []string{tokens.AccessToken, as.Token(oauthtest.As{Scopes: []string{"read"}}), as.Token(oauthtest.As{Scopes: []string{"read"}, Opaque: true})}
			lifetime := time.Duration(tokens.ExpiresIn) * time.Second
			require.Equal(t, 10*time.Minute, lifetime)
			for _, tok := range made {
				require.Equal(t, 200, call(guard, tok).StatusCode)
			}
			time.Sleep(lifetime - time.Second)
			for _, tok := range made {
				require.Equal(t, 200, call(guard, tok).StatusCode)
			}
			time.Sleep(time.Second)
			for _, tok := range made {
				if got := call(guard, tok).StatusCode; got != 401 {
					t.Errorf("got %d", got)
				}
			}
		})
	})
	t.Run("elsewhere Advance does", func(t *testing.T) {
		as := oauthtest.New(t)
		guard := resource.Guard{Verifier: as}
		tok := as.Token(oauthtest.As{Scopes: []string{"read"}})
		as.Advance(9 * time.Minute)
		require.Equal(t, 200, call(guard, tok).StatusCode)
		as.Advance(time.Minute)
		require.Equal(t, 401, call(guard, tok).StatusCode)
		require.Equal(t, 200, call(guard, as.Token(oauthtest.As{Scopes: []string{"read"}})).StatusCode)
	})
}

func TestClient(t *testing.T) {
	as := oauthtest.New(t)
	ask := func(t *testing.T, method, url string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, body)
		require.NoError(t, err)
		return as.Client().Do(r)
	}
	t.Run("the server answers at its issuer", func(t *testing.T) {
		res, err := ask(t, http.MethodGet, as.Issuer+"/.well-known/oauth-authorization-server", nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		if res.StatusCode != 200 || !strings.Contains(string(body), `"issuer":"https://as.example"`) {
			t.Errorf("got %d %s", res.StatusCode, body)
		}
	})
	t.Run("HEAD has no body", func(t *testing.T) {
		res, err := ask(t, http.MethodHead, as.Issuer+"/jwks", nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Empty(t, body)
		require.Equal(t, 200, res.StatusCode)
	})
	for _, url := range []string{"https://www.example/", "http://as.example/jwks", "https://as.example:8443/jwks"} {
		t.Run("nothing else is there: "+url, func(t *testing.T) {
			_, err := ask(t, http.MethodGet, url, nil)
			require.ErrorContains(t, err, "nothing is mounted at")
		})
	}
	t.Run("what is mounted sees a request as a server does", func(t *testing.T) {
		var got *http.Request
		var body string
		as.Mount("https://api.example:8443", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			got, body = r, string(raw)
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			w.WriteHeader(http.StatusTeapot)
		}))
		res, err := ask(t, http.MethodPost, "https://api.example:8443/a%2Fb?q=1#f", strings.NewReader("hello"))
		require.NoError(t, err)
		require.Equal(t, http.StatusTeapot, res.StatusCode)
		require.Len(t, res.Cookies(), 1)
		require.Equal(t, "api.example:8443", got.Host)
		require.Equal(t, "/a%2Fb?q=1", got.RequestURI)
		require.Equal(t, "/a/b", got.URL.Path)
		require.Empty(t, got.URL.Host+got.URL.Scheme)
		require.NotNil(t, got.TLS)
		require.Equal(t, "hello", body)
		require.NotEmpty(t, got.RemoteAddr)
		_, err = ask(t, http.MethodGet, "https://api.example:8443", nil)
		require.NoError(t, err)
		require.Equal(t, "/", got.RequestURI)
	})
	t.Run("a handler that panics breaks the connection", func(t *testing.T) {
		as.Mount("https://broken.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		_, err := ask(t, http.MethodGet, "https://broken.example/", nil)
		require.ErrorContains(t, err, "panicked")
	})
	t.Run("a request that is given up is an error", func(t *testing.T) {
		as.Mount("https://slow.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		ctx, cancel := context.WithCancelCause(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://slow.example/", nil)
		require.NoError(t, err)
		go cancel(errors.New("enough"))
		_, err = as.Client().Do(r)
		require.ErrorIs(t, err, context.Canceled)
		_, err = as.Client().Do(r)
		require.ErrorIs(t, err, context.Canceled, "also before it began")
	})
	for _, origin := range []string{"api.example", "https://api.example/", "https://", "/api", "https://api.example/v1", ":"} {
		t.Run("no origin is "+origin, func(t *testing.T) {
			f := &failing{TB: t}
			own := oauthtest.New(f)
			f.failure(func() { own.Mount(origin, http.NotFoundHandler()) })
		})
	}
}
