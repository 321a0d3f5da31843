package grantor_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// The client credentials grant: a machine that acts for itself, or as the service
// principal it is bound to.

// machine asks for a token of the client credentials grant.
func (f *fixture) machine(clientID string, pairs ...string) *reply {
	f.t.Helper()
	return f.post("/token", clientID, changed(url.Values{"grant_type": {"client_credentials"}}, pairs...))
}

func TestClientCredentials(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		t.Run("the token's subject is the client, and its audience the server's own", func(t *testing.T) {
			res := f.machine("m2m", "scope", "write read")
			f.granted(res)
			claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
			require.NoError(t, err)
			require.Equal(t, "m2m", claims.Subject)
			require.Equal(t, "m2m", claims.ClientID)
			require.Equal(t, []string{issuer}, claims.Audience)
			require.Equal(t, []string{"write", "read"}, claims.Scopes)
			require.True(t, claims.AuthTime.IsZero(), "somebody signed in")
		})
		t.Run("CC-01 a public client is refused as unauthorized_client, whatever it registered", func(t *testing.T) {
			f.refused(f.machine("pub"), 400, "unauthorized_client")
			registered := *f.clients["pub"]
			registered.GrantTypes = []string{client.ClientCredentials}
			f.clients["public-machine"] = &registered
			registered.ID = "public-machine"
			f.refused(f.machine("public-machine"), 400, "unauthorized_client")
		})
		t.Run("CC-02 there is never a refresh token or an ID token, whatever the scope", func(t *testing.T) {
			require.Contains(t, f.clients["conf-a"].GrantTypes, client.RefreshToken)
			res := f.machine("conf-a", "scope", "openid offline_access read")
			f.granted(res)
			require.NotContains(t, res.body, "refresh_token")
			require.NotContains(t, res.body, "id_token")
		})
		t.Run("CC-03 a scope beyond the registration is refused, alone and among others", func(t *testing.T) {
			for _, scope := range []string{"admin", "openid", "read admin", "admin read", "Read", "read  admin", "a\"b", "read\twrite"} {
				f.refused(f.machine("m2m", "scope", scope), 400, "invalid_scope")
			}
		})
		t.Run("without scope the client's defaults are granted, and none if it has none", func(t *testing.T) {
			require.Equal(t, "read", f.machine("m2m").str(t, "scope"))
			require.NotContains(t, f.machine("conf-two").json(t), "scope")
		})
		t.Run("scopes asked for twice are granted once", func(t *testing.T) {
			require.Equal(t, "write read", f.machine("m2m", "scope", "write read write read").str(t, "scope"))
		})
		t.Run("CC-04 disabling or deleting the client ends its tokens", func(t *testing.T) {
			tok := f.machineToken("m2m")
			enabled := *f.clients["m2m"]
			disabled := enabled
			disabled.Disabled = true
			require.True(t, f.alive(tok))
			f.clients["m2m"] = &disabled
			require.False(t, f.alive(tok))
			delete(f.clients, "m2m")
			require.False(t, f.alive(tok))
			f.clients["m2m"] = &enabled
		})
		t.Run("CC-07 a resource narrows the audience, and an unknown one is invalid_target", func(t *testing.T) {
			res := f.machine("m2m", "resource", "https://api.example")
			f.granted(res)
			claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
			require.NoError(t, err)
			require.Equal(t, []string{"https://api.example"}, claims.Audience)
			f.refused(f.machine("m2m", "resource", "https://unknown.example"), 400, "invalid_target")
		})
	})
	for name, c := range map[string]struct {
		edit func(*fixture)
		puts int
	}{"an opaque token costs one write and no read": {func(*fixture) {}, 1}, "a JWT costs neither": {jwts, 0}} {
		t.Run(name, func(t *testing.T) {
			counting := &storetest.Counting{}
			f := newFixture(t, c.edit, wrap(func(s store.Store) store.Store { counting.Store = s; return counting }))
			f.granted(f.machine("m2m"))
			require.Equal(t, c.puts, counting.Calls("put"))
			require.Zero(t, counting.Calls("get")+counting.Calls("find")+counting.Calls("delete"))
		})
	}
}

func TestMachinesOfServicePrincipals(t *testing.T) {
	principal := func(id string) func(*fixture) {
		return func(f *fixture) { f.clients["m2m"].Principal = id }
	}
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run("a client bound to a service principal acts as that principal, "+name, func(t *testing.T) {
			f := newFixture(t, format, principal("robot"))
			tok := f.machineToken("m2m")
			claims, err := f.server.Verify(t.Context(), tok)
			require.NoError(t, err)
			require.Equal(t, "robot", claims.Subject)
			require.Equal(t, "m2m", claims.ClientID)
			t.Run("until the principal is deactivated", func(t *testing.T) {
				f.users["robot"] = grantor.Subject{Service: true}
				require.False(t, f.alive(tok))
				f.refused(f.machine("m2m"), 400, "unauthorized_client")
			})
		})
		t.Run("signing the principal out everywhere ends its tokens, "+name, func(t *testing.T) {
			f := newFixture(t, format, principal("robot"))
			tok := f.machineToken("m2m")
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "robot"}))
			require.False(t, f.alive(tok))
		})
	}
	for name, id := range map[string]string{"a person": "alice", "a disabled person": "disabled", "nobody": "nobody"} {
		t.Run("a client bound to "+name+" gets no token", func(t *testing.T) {
			f := newFixture(t, principal(id))
			f.refused(f.machine("m2m"), 400, "unauthorized_client")
		})
	}
	t.Run("a service principal signs in nowhere", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Password = f.users })
		res := f.browser("robot").authorize(request("first"))
		require.Equal(t, http.StatusSeeOther, res.StatusCode, "%s", res.body)
		require.Equal(t, "access_denied", res.answer(t).Get("error"))
		f.refused(f.password("robot", "pw-robot"), 400, "invalid_grant")
	})
}
