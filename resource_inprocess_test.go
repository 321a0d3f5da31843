package grantor_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
	"github.com/grantor-go/grantor/token"
)

// An API in the same program as the server: a resource.Guard over the Server.

// guarded is an API of the fixture's host.
type guarded struct {
	resource.Guard
	t *testing.T
}

// visit presents the token to the API, where the scopes are needed.
func (g guarded) visit(accessToken string, scopes ...string) *reply {
	g.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://api.example/notes", nil)
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	w := httptest.NewRecorder()
	g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := resource.Claims(r)
		_, _ = io.WriteString(w, c.Subject+" at "+c.ClientID)
	})).ServeHTTP(w, r)
	return &reply{w.Result(), w.Body.String()}
}

// passes fails the test unless the API lets the token pass, for the person.
func (g guarded) passes(accessToken, who string) {
	g.t.Helper()
	if res := g.visit(accessToken, "read"); res.StatusCode != http.StatusOK || res.body != who {
		g.t.Errorf("got %d %s, want %s", res.StatusCode, res.body, who)
	}
}

// turnsAway fails the test unless the API answers that the token is not valid.
func (g guarded) turnsAway(accessToken string) {
	g.t.Helper()
	res := g.visit(accessToken, "read")
	if res.StatusCode != http.StatusUnauthorized || res.str(g.t, "error") != "invalid_token" {
		g.t.Errorf("got %d %s", res.StatusCode, res.body)
	}
	require.Contains(g.t, res.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
	require.Equal(g.t, "no-store", res.Header.Get("Cache-Control"))
}

var inProcessFormats = map[string]token.Format{"opaque": token.Opaque{}, "JWT": nil}

func TestGuardInProcess(t *testing.T) {
	for name, format := range inProcessFormats {
		build := func(t *testing.T, edit ...func(*fixture)) (*fixture, guarded) {
			f := newFixture(t, append([]func(*fixture){func(f *fixture) { f.config.AccessTokens = format }}, edit...)...)
			return f, guarded{resource.Guard{Verifier: f.server}, t}
		}
		t.Run(name+": a token passes as soon as it is issued, until it expires", func(t *testing.T) {
			f, api := build(t)
			tok := f.tokens("conf-a").str(t, "access_token")
			api.passes(tok, "alice at conf-a")
			f.advance(10*time.Minute - time.Second)
			api.passes(tok, "alice at conf-a")
			f.advance(time.Second)
			api.turnsAway(tok)
		})
		t.Run(name+": a machine's token passes", func(t *testing.T) {
			f, api := build(t)
			api.passes(f.machineToken("m2m"), "m2m at m2m")
		})
		t.Run(name+": revocation of the access token bites at once", func(t *testing.T) {
			f, api := build(t)
			for _, c := range []struct{ client, tok, who string }{
				{"conf-a", f.tokens("conf-a").str(t, "access_token"), "alice at conf-a"},
				{"m2m", f.machineToken("m2m"), "m2m at m2m"},
			} {
				api.passes(c.tok, c.who)
				f.post("/revoke", c.client, url.Values{"token": {c.tok}})
				api.turnsAway(c.tok)
			}
		})
		t.Run(name+": revocation of the refresh token bites at once, for every access token of it", func(t *testing.T) {
			f, api := build(t)
			res := f.tokens("conf-a")
			first, refresh := res.str(t, "access_token"), res.str(t, "refresh_token")
			res = f.post("/token", "conf-a", refreshForm(refresh))
			second := res.str(t, "access_token")
			other := f.tokens("conf-b").str(t, "access_token")
			api.passes(first, "alice at conf-a")
			api.passes(second, "alice at conf-a")
			f.post("/revoke", "conf-a", url.Values{"token": {res.str(t, "refresh_token")}})
			api.turnsAway(first)
			api.turnsAway(second)
			api.passes(other, "alice at conf-b")
		})
		t.Run(name+": a client that is disabled is out at once, and back when it is enabled", func(t *testing.T) {
			f, api := build(t)
			users, machines := f.tokens("conf-a").str(t, "access_token"), f.machineToken("conf-a")
			enabled := f.clients["conf-a"]
			disabled := *enabled
			disabled.Disabled = true
			f.clients["conf-a"] = &disabled
			api.turnsAway(users)
			api.turnsAway(machines)
			f.clients["conf-a"] = enabled
			api.passes(users, "alice at conf-a")
			delete(f.clients, "conf-a")
			api.turnsAway(users)
		})
		t.Run(name+": a user who may no longer act is out at once", func(t *testing.T) {
			f, api := build(t)
			tok := f.tokens("conf-a").str(t, "access_token")
			delete(f.users, "alice")
			api.turnsAway(tok)
		})
		t.Run(name+": signing a user out everywhere bites at once, and nobody else", func(t *testing.T) {
			f, api := build(t)
			alice, machine := f.tokens("conf-a").str(t, "access_token"), f.machineToken("m2m")
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}))
			api.turnsAway(alice)
			api.passes(machine, "m2m at m2m")
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "m2m"}))
			api.turnsAway(machine)
		})
		t.Run(name+": a token for a resource opens that API and no other", func(t *testing.T) {
			f, own := build(t)
			at := func(id string) guarded { return guarded{resource.Guard{Verifier: f.server, Resource: id}, t} }
			q := request("conf-a", "resource", "https://api.example")
			res := f.post("/token", "conf-a", codeForm(f.browser("alice").code(q), q))
			tok := res.str(t, "access_token")
			at("https://api.example").passes(tok, "alice at conf-a")
			at("https://other.example").turnsAway(tok)
			own.turnsAway(tok)
			at("https://api.example").turnsAway(f.tokens("conf-b").str(t, "access_token"))
		})
		t.Run(name+": a client that lacks a scope learns all it needs", func(t *testing.T) {
			f, api := build(t)
			res := api.visit(f.machineToken("m2m"), "read", "write")
			if res.StatusCode != http.StatusForbidden || res.str(t, "error") != "insufficient_scope" {
				t.Errorf("got %d %s", res.StatusCode, res.body)
			}
			require.Contains(t, res.Header.Get("WWW-Authenticate"), `scope="read write"`)
		})
		t.Run(name+": RG-16 SC-10 the scheme may be in lower case", func(t *testing.T) {
			f, api := build(t)
			r := httptest.NewRequest(http.MethodGet, "https://api.example/notes", nil)
			r.Header.Set("Authorization", "bearer "+f.machineToken("m2m"))
			w := httptest.NewRecorder()
			api.Require("read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code)
		})
		t.Run(name+": other credentials of the server are no access tokens", func(t *testing.T) {
			f, api := build(t)
			api.turnsAway(f.tokens("conf-a").str(t, "refresh_token"))
			api.turnsAway(f.browser("bob").code(request("conf-b")))
			api.turnsAway(secrets["conf-a"])
			api.turnsAway(secret.Format{}.New(secret.PAT).Reveal())
			api.turnsAway(secret.Format{}.New(secret.AccessToken).Reveal())
		})
		t.Run(name+": a store in trouble is 503, and the token is as good as before", func(t *testing.T) {
			down := false
			faulty := &storetest.Faulty{Fail: func(storetest.Call) storetest.Fault {
				if down {
					return storetest.Before
				}
				return storetest.None
			}}
			f, api := build(t, wrap(func(s store.Store) store.Store { faulty.Store = s; return faulty }))
			for _, c := range []struct{ tok, who string }{
				{f.tokens("conf-a").str(t, "access_token"), "alice at conf-a"},
				{f.machineToken("m2m"), "m2m at m2m"},
			} {
				down = true
				res := api.visit(c.tok, "read")
				if res.StatusCode != http.StatusServiceUnavailable || res.str(t, "error") != "temporarily_unavailable" {
					t.Errorf("got %d %s", res.StatusCode, res.body)
				}
				require.NotEmpty(t, res.Header.Get("Retry-After"))
				require.Empty(t, res.Header.Get("WWW-Authenticate"))
				down = false
				api.passes(c.tok, c.who)
			}
		})
	}
}
