package oauthtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oauthtest"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

const api = "https://api.example"

// call presents the token to an API that needs the scope "read".
func call(guard resource.Guard, accessToken string) *http.Response {
	h := guard.Require("read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := resource.Claims(r)
		w.Header().Set("Subject", c.Subject)
	}))
	r := httptest.NewRequest(http.MethodGet, api, nil)
	r.Header.Set("Authorization", "Bearer "+accessToken)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestToken(t *testing.T) {
	for _, c := range []struct {
		name   string
		as     oauthtest.As
		status int // at an API named api that needs the scope "read"
		alive  bool
	}{
		{"a JWT with all an API needs passes", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api}, 200, true},
		{"so does an opaque token", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Opaque: true}, 200, true},
		{"so does a machine's", oauthtest.As{Scopes: []string{"read"}, Resource: api}, 200, true},
		{"so does an opaque one of a machine", oauthtest.As{Scopes: []string{"read"}, Resource: api, Opaque: true}, 200, true},
		{"so does that of a named client", oauthtest.As{Subject: "alice", Client: oauthtest.Public, Scopes: []string{"read"}, Resource: api}, 200, true},
		{"so does one that lives for a second", oauthtest.As{Scopes: []string{"read"}, Resource: api, Lifetime: 2 * time.Second}, 200, true},
		{"the zero As lacks the scope, and is for the issuer", oauthtest.As{}, 401, true},
		{"a token without the scope is told so", oauthtest.As{Subject: "alice", Scopes: []string{"write"}, Resource: api}, 403, true},
		{"an opaque token without scopes is told so", oauthtest.As{Subject: "alice", Resource: api, Opaque: true}, 403, true},
		{"a token for another API is refused here", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: "https://other.example"}, 401, true},
		{"so is an opaque one", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: "https://other.example", Opaque: true}, 401, true},
		{"a bound token is refused to a bearer", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Confirmation: map[string]string{"jkt": "x"}}, 401, true},
		{"an expired JWT is dead", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Lifetime: -time.Second}, 401, false},
		{"an expired opaque token is dead", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Lifetime: -time.Hour, Opaque: true}, 401, false},
		{"a token of another issuer is dead", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Issuer: "https://evil.example"}, 401, false},
		{"a forged token is dead", oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Forged: true}, 401, false},
		{"a token of a client that is gone is dead", oauthtest.As{Subject: "alice", Client: "gone", Scopes: []string{"read"}, Resource: api}, 401, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			as := oauthtest.New(t)
			tok := as.Token(c.as)
			if got := call(resource.Guard{Verifier: as, Resource: api}, tok); got.StatusCode != c.status {
				t.Errorf("got %d, want %d", got.StatusCode, c.status)
			}
			_, err := as.Verify(t.Context(), tok)
			if alive := err == nil; alive != c.alive {
				t.Errorf("Verify says %v", err)
			}
			if alive := introspect(t, as, tok)["active"]; alive != c.alive && c.as.Client == "" {
				t.Errorf("introspection says %v", alive)
			}
		})
	}
}

// introspect asks about the token, as the client that has it.
func introspect(t *testing.T, as *oauthtest.Server, tok string) map[string]any {
	t.Helper()
	form := url.Values{"token": {tok}, "client_id": {oauthtest.Confidential}, "client_secret": {as.Secret}}
	if c, err := as.Verify(t.Context(), tok); err == nil {
		form.Set("client_id", c.ClientID)
	}
	if form.Get("client_id") == oauthtest.Public {
		return map[string]any{"active": true} // a public client may not ask
	}
	res, err := as.Client().PostForm(as.Issuer+"/introspect", form)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	m := map[string]any{}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&m))
	return m
}

func TestTokenClaims(t *testing.T) {
	as := oauthtest.New(t)
	for name, opaque := range map[string]bool{"a JWT": false, "an opaque token": true} {
		t.Run(name+" says what was asked for", func(t *testing.T) {
			tok := as.Token(oauthtest.As{
				Subject: "alice", Client: oauthtest.Public, Scopes: []string{"read", "write"}, Resource: api,
				Lifetime: time.Hour, Claims: map[string]any{"tenant": "acme"}, Opaque: opaque,
			})
			got, err := as.Verify(t.Context(), tok)
			require.NoError(t, err)
			if got.Subject != "alice" || got.ClientID != oauthtest.Public || got.Issuer != as.Issuer || got.Extra["tenant"] != "acme" {
				t.Errorf("got %+v", got)
			}
			require.Equal(t, []string{api}, got.Audience)
			require.Equal(t, []string{"read", "write"}, got.Scopes)
			require.WithinDuration(t, as.Now().Add(time.Hour), got.Expires, time.Second)
		})
		t.Run(name+" that names no resource is for the default audience", func(t *testing.T) {
			own := oauthtest.New(t, func(c *grantor.Config) { c.Audience = "urn:everything" })
			got, err := own.Verify(t.Context(), own.Token(oauthtest.As{Opaque: opaque}))
			require.NoError(t, err)
			require.Equal(t, []string{"urn:everything"}, got.Audience)
			require.Equal(t, oauthtest.Machine, got.Subject)
		})
		t.Run(name+" dies when its subject is revoked", func(t *testing.T) {
			tok := as.Token(oauthtest.As{Subject: "bob", Scopes: []string{"read"}, Resource: api, Opaque: opaque})
			other := as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api, Opaque: opaque})
			require.NoError(t, as.Revoke(t.Context(), store.Query{Subject: "bob"}))
			guard := resource.Guard{Verifier: as, Resource: api}
			if got := call(guard, tok).StatusCode; got != 401 {
				t.Errorf("got %d", got)
			}
			if got := call(guard, other).StatusCode; got != 200 {
				t.Errorf("the other got %d", got)
			}
		})
	}
	t.Run("brand and peppers of the host are used", func(t *testing.T) {
		peppers, err := secret.NewPeppers(secret.Pepper{ID: "1", Key: make([]byte, 32)})
		require.NoError(t, err)
		own := oauthtest.New(t, func(c *grantor.Config) { c.Secrets.Brand, c.Secrets.Peppers = "acme", peppers })
		tok := own.Token(oauthtest.As{Opaque: true})
		require.Regexp(t, "^acme_at_", tok)
		require.Regexp(t, "^acme_cs_", own.Secret)
		_, err = own.Verify(t.Context(), tok)
		require.NoError(t, err)
		require.NotEmpty(t, own.SignIn("alice").Tokens(oauthtest.Confidential, "read").AccessToken)
	})
	t.Run("a remote verifier reads the JWTs too, with the keys it fetches", func(t *testing.T) {
		v, err := resource.NewJWT(resource.JWTConfig{
			Issuer: as.Issuer, Audience: api, KeysURL: as.Issuer + "/jwks", Client: as.Client(), Now: as.Now,
		})
		require.NoError(t, err)
		guard := resource.Guard{Verifier: v, Resource: api}
		tok := as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api})
		require.Equal(t, 200, call(guard, tok).StatusCode)
		require.Equal(t, 401, call(guard, as.Token(oauthtest.As{Scopes: []string{"read"}, Resource: api, Forged: true})).StatusCode)
		as.Advance(10 * time.Minute)
		require.Equal(t, 401, call(guard, tok).StatusCode)
	})
	t.Run("an introspecting API is told of tokens that its client may ask about", func(t *testing.T) {
		v, err := resource.NewIntrospection(resource.IntrospectionConfig{
			Endpoint: as.Issuer + "/introspect", Issuer: as.Issuer, ClientID: oauthtest.Machine, ClientSecret: as.Secret, Client: as.Client(), Now: as.Now,
		})
		require.NoError(t, err)
		guard := resource.Guard{Verifier: v, Resource: api}
		for _, opaque := range []bool{false, true} {
			tok := as.Token(oauthtest.As{Scopes: []string{"read"}, Resource: api, Opaque: opaque})
			require.Equal(t, 200, call(guard, tok).StatusCode)
			require.NoError(t, as.Revoke(t.Context(), store.Query{Client: oauthtest.Machine}))
			require.Equal(t, 401, call(guard, tok).StatusCode)
			as.Advance(time.Minute)
		}
		stranger := as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Resource: api})
		require.Equal(t, 401, call(guard, stranger).StatusCode)
	})
}

func TestResourceServer(t *testing.T) {
	as := oauthtest.New(t)
	v, err := resource.NewIntrospection(resource.IntrospectionConfig{
		Endpoint: as.Issuer + "/introspect", Issuer: as.Issuer, ClientID: oauthtest.ResourceServer, ClientSecret: as.Secret, Client: as.Client(), Now: as.Now,
	})
	require.NoError(t, err)
	guard := resource.Guard{Verifier: v, Resource: api}
	for name, opaque := range map[string]bool{"a JWT": false, "an opaque token": true} {
		t.Run("it is told of everybody's tokens, "+name, func(t *testing.T) {
			for _, client := range []string{oauthtest.Confidential, oauthtest.Public} {
				res := call(guard, as.Token(oauthtest.As{Subject: "alice", Client: client, Scopes: []string{"read"}, Resource: api, Opaque: opaque}))
				require.Equal(t, 200, res.StatusCode)
				require.Equal(t, "alice", res.Header.Get("Subject"))
			}
			require.Equal(t, 200, call(guard, as.Token(oauthtest.As{Scopes: []string{"read"}, Resource: api, Opaque: opaque})).StatusCode)
		})
		t.Run("but not more than they are worth, "+name, func(t *testing.T) {
			require.Equal(t, 401, call(guard, as.Token(oauthtest.As{Scopes: []string{"read"}, Resource: api, Opaque: opaque, Lifetime: -time.Second})).StatusCode)
			require.Equal(t, 401, call(guard, as.Token(oauthtest.As{Scopes: []string{"read"}, Resource: "https://other.example", Opaque: opaque})).StatusCode)
			require.Equal(t, 403, call(guard, as.Token(oauthtest.As{Scopes: []string{"write"}, Resource: api, Opaque: opaque})).StatusCode)
		})
	}
	t.Run("it gets no tokens itself", func(t *testing.T) {
		res, err := as.Client().PostForm(as.Issuer+"/token", url.Values{
			"grant_type": {"client_credentials"}, "client_id": {oauthtest.ResourceServer}, "client_secret": {as.Secret},
		})
		require.NoError(t, err)
		defer res.Body.Close()
		var answer struct{ Error string }
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
		require.Equal(t, "unauthorized_client", answer.Error)
	})
}

func TestTokenFailsTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		as   oauthtest.As
		edit func(*grantor.Config)
		want string
	}{
		"for a JWT without keys":       {oauthtest.As{}, func(c *grantor.Config) { c.Keys, c.AccessTokens = nil, token.Opaque{} }, "Config.Keys is nil"},
		"for a store that fails":       {oauthtest.As{Opaque: true}, func(c *grantor.Config) { c.Store = broken{c.Store} }, "the disk is full"},
		"for a store that fails a JWT": {oauthtest.As{}, func(c *grantor.Config) { c.Store = broken{c.Store} }, "the disk is full"},
		"for claims that are no JSON":  {oauthtest.As{Opaque: true, Claims: map[string]any{"f": func() {}}}, func(*grantor.Config) {}, "unsupported type"},
		"for claims of the protocol":   {oauthtest.As{Claims: map[string]any{"sub": "bob"}}, func(*grantor.Config) {}, "sub"},
		"for keys that cannot be had":  {oauthtest.As{Forged: true}, func(c *grantor.Config) { c.Keys = noKeys{} }, "the HSM is gone"},
		"for a scope that is none":     {oauthtest.As{Scopes: []string{"two words"}}, func(*grantor.Config) {}, "scope"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{TB: t}
			as := oauthtest.New(f, c.edit)
			require.Contains(t, f.failure(func() { as.Token(c.as) }), c.want)
		})
	}
}

// broken is a store that cannot write.
type broken struct{ store.Store }

func (broken) Put(context.Context, store.Record) error { return errors.New("the disk is full") }

type noKeys struct{}

func (noKeys) Keys(context.Context) ([]token.Key, error) { return nil, errors.New("the HSM is gone") }
