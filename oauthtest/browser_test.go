package oauthtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oauthtest"
	"github.com/grantor-go/grantor/pkce"
)

// authorizationURL is a request of Public; pairs add parameters.
func authorizationURL(as *oauthtest.Server, pairs ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {oauthtest.Public}, "redirect_uri": {oauthtest.Callback}, "scope": {"read"}, "state": {"st"},
		"code_challenge": {pkce.Challenge(strings.Repeat("v", 43))}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return as.Issuer + "/authorize?" + q.Encode()
}

func TestTokens(t *testing.T) {
	for _, id := range []string{oauthtest.Confidential, oauthtest.Public} {
		t.Run("the client "+id+" gets tokens that work, and more for the refresh token", func(t *testing.T) {
			as := oauthtest.New(t)
			tokens := as.SignIn("alice").Tokens(id, "read", "write")
			require.Equal(t, "Bearer", tokens.TokenType)
			require.Equal(t, "read write", tokens.Scope)
			c, err := as.Verify(t.Context(), tokens.AccessToken)
			require.NoError(t, err)
			require.Equal(t, "alice", c.Subject)
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}, "client_id": {id}}
			if id == oauthtest.Confidential {
				form.Set("client_secret", as.Secret)
			}
			res, err := as.Client().PostForm(as.Issuer+"/token", form)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
		})
	}
	t.Run("a machine gets tokens with its secret", func(t *testing.T) {
		as := oauthtest.New(t)
		res, err := as.Client().PostForm(as.Issuer+"/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {oauthtest.Machine}, "client_secret": {as.Secret}, "scope": {"read"},
		})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
	})
	t.Run("a refusal fails the test with the reason", func(t *testing.T) {
		f := &failing{TB: t}
		as := oauthtest.New(f)
		require.Contains(t, f.failure(func() { as.SignIn("alice").Tokens(oauthtest.Public, "unknown") }), "invalid_scope")
		require.Contains(t, f.failure(func() { as.SignIn("alice").Decline().Tokens(oauthtest.Public, "read") }), "access_denied")
		require.Contains(t, f.failure(func() { as.SignIn("alice").Tokens("nobody", "read") }), "with status 400")
		as.Advance(1) // nothing is left locked by a failure
	})
}

func TestAuthorize(t *testing.T) {
	as := oauthtest.New(t)
	t.Run("the response is returned", func(t *testing.T) {
		got := as.SignIn("alice").Authorize(authorizationURL(as))
		require.Equal(t, "st", got.Get("state"))
		require.Equal(t, as.Issuer, got.Get("iss"))
		require.NotEmpty(t, got.Get("code"))
	})
	t.Run("a person who declines does so until the end", func(t *testing.T) {
		b := as.SignIn("bob").Decline()
		for range 2 {
			require.Equal(t, "access_denied", b.Authorize(authorizationURL(as)).Get("error"))
		}
		require.NotEmpty(t, as.SignIn("bob").Authorize(authorizationURL(as)).Get("code"), "another browser of the same person does not")
	})
	for _, pairs := range [][]string{{"prompt", "login"}, {"prompt", "select_account"}, {"prompt", "consent"}, {"prompt", "login consent"}, {"max_age", "60"}, {"max_age", "0"}} {
		t.Run("a person does what is asked with "+strings.Join(pairs, "="), func(t *testing.T) {
			b := as.SignIn("alice")
			as.Advance(time.Hour)
			got := b.Authorize(authorizationURL(as, pairs...))
			if got.Get("code") == "" {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("prompt none finds what the person agreed to before", func(t *testing.T) {
		b := as.SignIn("carol")
		require.Equal(t, "consent_required", b.Authorize(authorizationURL(as, "prompt", "none")).Get("error"))
		require.NotEmpty(t, b.Authorize(authorizationURL(as)).Get("code"))
		require.NotEmpty(t, b.Authorize(authorizationURL(as, "prompt", "none")).Get("code"))
	})
	t.Run("several people sit at several browsers", func(t *testing.T) {
		alice, bob := as.SignIn("alice"), as.SignIn("bob")
		for _, b := range []*oauthtest.Browser{alice, bob, alice} {
			require.NotEmpty(t, b.Authorize(authorizationURL(as)).Get("code"))
		}
	})
	t.Run("a resource can be asked for", func(t *testing.T) {
		own := oauthtest.New(t, func(c *grantor.Config) { c.Resources = []grantor.Resource{{Identifier: api}} })
		code := own.SignIn("alice").Authorize(authorizationURL(own, "resource", api)).Get("code")
		res, err := own.Client().PostForm(own.Issuer+"/token", url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {oauthtest.Callback},
			"client_id": {oauthtest.Public}, "code_verifier": {strings.Repeat("v", 43)}, "resource": {api},
		})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
	})
	t.Run("a browser without a session is told to sign in", func(t *testing.T) {
		res, err := as.Client().Get(authorizationURL(as))
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	})
	t.Run("an application that is mounted receives the response itself", func(t *testing.T) {
		own := oauthtest.New(t)
		own.Mount("https://client.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "welcome with a code of "+r.URL.Query().Get("iss"))
		}))
		res, err := own.SignIn("alice").Get(authorizationURL(own))
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "welcome with a code of "+own.Issuer, string(body))
		f := &failing{TB: t}
		other := oauthtest.New(f)
		other.Mount("https://client.example", http.NotFoundHandler())
		require.Contains(t, f.failure(func() { other.SignIn("alice").Authorize(authorizationURL(other)) }), "stays at https://client.example/callback")
	})
	t.Run("a host's own login and consent work as in any browser", func(t *testing.T) {
		own := oauthtest.New(t, func(c *grantor.Config) {
			c.Session = func(r *http.Request) (*grantor.Session, error) {
				if _, err := r.Cookie("mine"); err != nil {
					return nil, nil
				}
				return &grantor.Session{Subject: "dave", AuthTime: time.Now()}, nil
			}
			c.Interact = func(w http.ResponseWriter, r *http.Request, in *grantor.Interaction) {
				if in.Need == grantor.NeedConsent {
					in.Approve(w, r)
					return
				}
				http.Redirect(w, r, "https://www.example/login?return_to="+url.QueryEscape(in.URL), http.StatusSeeOther)
			}
		})
		own.Mount("https://www.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := r.FormValue("return_to")
			if !own.Resumes(to) {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			http.Redirect(w, r, own.Issuer+"/../signed-in?to="+url.QueryEscape(to), http.StatusSeeOther)
		}))
		b := own.SignIn("ignored")
		// The host's cookie must be set at the issuer's host.
		own.Mount(own.Issuer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/signed-in") {
				http.SetCookie(w, &http.Cookie{Name: "mine", Value: "1", Path: "/", Secure: true})
				http.Redirect(w, r, r.FormValue("to"), http.StatusSeeOther)
				return
			}
			own.ServeHTTP(w, r)
		}))
		tokens := b.Tokens(oauthtest.Public, "read")
		c, err := own.Verify(t.Context(), tokens.AccessToken)
		require.NoError(t, err)
		require.Equal(t, "dave", c.Subject)
	})
}
