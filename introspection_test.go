package grantor_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
	"github.com/grantor-go/grantor/token"
)

// inactive is the whole answer about a token that is not live.
const inactive = `{"active":false}`

// introspect asks about a token as the client.
func (f *fixture) introspect(clientID, tok string) *reply {
	f.t.Helper()
	return f.post("/introspect", clientID, url.Values{"token": {tok}})
}

// jwts makes all access tokens JWTs.
func jwts(f *fixture) { f.config.AccessTokens = nil }

func TestIntrospectionCallers(t *testing.T) {
	f := newFixture(t)
	tokens := f.tokens("conf-a")
	access, refresh := tokens.str(t, "access_token"), tokens.str(t, "refresh_token")

	t.Run("IN-01 a caller without credentials gets 401 and a challenge", func(t *testing.T) {
		res := f.post("/introspect", "", url.Values{"token": {access}})
		f.refused(res, http.StatusUnauthorized, "invalid_client")
		if got := res.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Basic realm="`) {
			t.Errorf("got challenge %q", got)
		}
	})
	t.Run("IN-01 a caller with a wrong secret gets the same", func(t *testing.T) {
		r := f.request("/introspect", "", url.Values{"token": {access}})
		r.SetBasicAuth("rs", secrets["conf-a"])
		f.refused(f.do(r), http.StatusUnauthorized, "invalid_client")
	})
	for _, id := range []string{"pub", "spa"} {
		t.Run("IN-02 the public client "+id+" gets 401, also for its own token", func(t *testing.T) {
			f.refused(f.introspect(id, access), http.StatusUnauthorized, "invalid_client")
			f.refused(f.introspect(id, f.tokens(id).str(t, "access_token")), http.StatusUnauthorized, "invalid_client")
		})
	}
	t.Run("IN-04 another client is told that the token is not active", func(t *testing.T) {
		if got := f.introspect("conf-b", access).body; got != inactive {
			t.Errorf("got %s", got)
		}
	})
	t.Run("IN-04 the token's client, and one the operator trusts with all, see it", func(t *testing.T) {
		for _, id := range []string{"conf-a", "rs"} {
			if !f.introspect(id, access).json(t)["active"].(bool) {
				t.Errorf("%s does not see the token", id)
			}
		}
	})
	t.Run("IN-04 a resource server sees tokens for the resources it serves, and no others", func(t *testing.T) {
		f.clients["conf-b"].Serves = []string{"https://api.example"}
		defer func() { f.clients["conf-b"].Serves = nil }()
		for resource, want := range map[string]bool{"https://api.example": true, "https://other.example": false} {
			tok := f.tokens("conf-a", "resource", resource).str(t, "access_token")
			if got := f.introspect("conf-b", tok).json(t)["active"]; got != want {
				t.Errorf("%s: got active %v, want %v", resource, got, want)
			}
		}
	})
	t.Run("IN-10 a refresh token is shown to its own client, and to no resource server", func(t *testing.T) {
		f.clients["conf-b"].Serves = []string{issuer}
		defer func() { f.clients["conf-b"].Serves = nil }()
		for _, id := range []string{"rs", "conf-b", "m2m"} {
			if got := f.introspect(id, refresh).body; got != inactive {
				t.Errorf("%s: got %s", id, got)
			}
		}
		own := f.introspect("conf-a", refresh).json(t)
		if own["active"] != true || own["token_type"] != nil || own["scope"] != "read write" {
			t.Errorf("got %v", own)
		}
	})
	t.Run("a disabled caller is no caller", func(t *testing.T) {
		f.clients["rs"].Disabled = true
		defer func() { f.clients["rs"].Disabled = false }()
		f.refused(f.introspect("rs", access), http.StatusUnauthorized, "invalid_client")
	})
}

func TestIntrospectionRequests(t *testing.T) {
	f := newFixture(t)
	access := f.machineToken("m2m")
	t.Run("IN-05 GET is 405, and a token in the URL is invalid_request", func(t *testing.T) {
		r := f.request("/introspect", "rs", nil)
		r.Method = http.MethodGet
		if res := f.do(r); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
			t.Errorf("got %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
		}
		f.refused(f.post("/introspect?token="+access, "rs", nil), http.StatusBadRequest, "invalid_request")
	})
	t.Run("IN-06 a token that is missing, empty or repeated is invalid_request", func(t *testing.T) {
		for _, tokens := range [][]string{nil, {""}, {access, access}, {access, "x"}} {
			f.refused(f.post("/introspect", "rs", url.Values{"token": tokens}), http.StatusBadRequest, "invalid_request")
		}
	})
	t.Run("IN-07 the hint changes nothing, right, wrong or unknown", func(t *testing.T) {
		want := f.introspect("rs", access).body
		for _, hint := range []string{"access_token", "refresh_token", "saml2", "\u00e9", strings.Repeat("x", 1000)} {
			res := f.post("/introspect", "rs", url.Values{"token": {access}, "token_type_hint": {hint}})
			if res.body != want {
				t.Errorf("hint %.20q: got %s, want %s", hint, res.body, want)
			}
		}
	})
	t.Run("IN-08 no answer may be stored", func(t *testing.T) {
		for _, tok := range []string{access, "unknown"} {
			if got := f.introspect("rs", tok).Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("got Cache-Control %q", got)
			}
		}
	})
}

func TestIntrospectionOfDeadTokens(t *testing.T) {
	counted := &storetest.Counting{}
	f := newFixture(t, wrap(func(s store.Store) store.Store { counted.Store = s; return counted }))
	other := newFixture(t)
	expired := f.machineToken("m2m")
	f.advance(11 * time.Minute)
	revoked := f.machineToken("m2m")
	require.Equal(t, http.StatusOK, f.post("/revoke", "m2m", url.Values{"token": {revoked}}).StatusCode)
	live := f.tokens("conf-a")
	rotated := live.str(t, "refresh_token")
	require.Equal(t, http.StatusOK, f.post("/token", "conf-a", refreshForm(rotated)).StatusCode)

	dead := map[string]string{
		"unknown":                       secret.Format{}.New(secret.AccessToken).Reveal(),
		"malformed":                     "x",
		"expired":                       expired,
		"revoked":                       revoked,
		"of another server":             other.machineToken("m2m"),
		"a code":                        secret.Format{}.New(secret.Code).Reveal(),
		"a client secret":               secrets["m2m"],
		"huge":                          strings.Repeat("A", 60<<10),
		"a JWT of nobody":               "eyJhbGciOiJub25lIn0.e30.",
		"a forgery under a real record": secret.Format{}.Issue(secret.AccessToken, locator(t, live.str(t, "access_token"))).Reveal(),
	}
	t.Run("IN-03 every dead token gets the same bytes and headers", func(t *testing.T) {
		want := f.introspect("rs", "nothing")
		require.Equal(t, inactive, want.body)
		for name, tok := range dead {
			got := f.introspect("rs", tok)
			if got.StatusCode != http.StatusOK || got.body != want.body || !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
				t.Errorf("%s: got %d %s %v", name, got.StatusCode, got.body, got.Header)
			}
		}
	})
	t.Run("IN-03 a dead token costs one look into the store wherever it died, a malformed one none", func(t *testing.T) {
		for name, tok := range dead {
			want := 1
			if _, err := (secret.Format{}).Parse(tok); err != nil || name == "a code" || name == "a client secret" {
				want = 0
			}
			counted.Reset()
			if _, err := f.server.Verify(context.Background(), tok); !errors.Is(err, oautherr.InvalidToken) {
				t.Errorf("%s: got %v", name, err)
			}
			if got := counted.Calls("get"); got != want || counted.Calls("put")+counted.Calls("find")+counted.Calls("delete") > 0 {
				t.Errorf("%s: got %d reads, want %d and nothing else", name, got, want)
			}
		}
	})
	t.Run("a rotated refresh token is not active, for its client either", func(t *testing.T) {
		if got := f.introspect("conf-a", rotated).body; got != inactive {
			t.Errorf("got %s", got)
		}
	})
	t.Run("IN-12 a live token with anything added, removed or changed is another token", func(t *testing.T) {
		for _, format := range []func(*fixture){func(*fixture) {}, jwts} {
			f := newFixture(t, format)
			tok := f.machineToken("m2m")
			for _, altered := range alterations(tok) {
				if got := f.introspect("rs", altered); got.body != inactive && got.StatusCode != http.StatusBadRequest {
					t.Errorf("%q: got %d %s", altered, got.StatusCode, got.body)
				}
				if _, err := f.server.Verify(context.Background(), altered); !errors.Is(err, oautherr.InvalidToken) {
					t.Errorf("%q: Verify says %v", altered, err)
				}
			}
			require.True(t, f.alive(tok))
		}
	})
}

// locator is the part of a credential string that finds its record.
func locator(t *testing.T, credential string) string {
	t.Helper()
	h, err := secret.Format{}.Parse(credential)
	require.NoError(t, err)
	return h.Locator()
}

// alterations are strings that a careless reader takes for tok.
func alterations(tok string) []string {
	last := tok[len(tok)-1]
	alias := byte('A')
	if last == alias {
		alias = 'B'
	}
	out := []string{
		tok + " ", " " + tok, tok + "\n", "\t" + tok, tok + "=", tok + ".", tok + "\x00", tok + "%00", "Bearer " + tok,
		tok[:len(tok)-1], tok[1:], tok[:len(tok)-1] + string(alias), tok + tok, strings.ToUpper(tok), strings.ToLower(tok),
		`"` + tok + `"`, url.QueryEscape(tok) + "%20",
	}
	// The last character of base64url has bits that say nothing.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if i := strings.IndexByte(alphabet, last); strings.Count(tok, ".") == 2 && i >= 0 {
		out = append(out, tok[:len(tok)-1]+string(alphabet[i^1]))
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == tok })
}

func TestIntrospectionOfLiveTokens(t *testing.T) {
	for name, format := range map[string]func(*fixture){"an opaque token": func(*fixture) {}, "a JWT": jwts} {
		t.Run("IN-09 "+name+" is described in full, and nothing else is said of its user", func(t *testing.T) {
			f := newFixture(t, format)
			got := f.introspect("rs", f.tokens("conf-a").str(t, "access_token")).json(t)
			now := float64(f.now().Unix())
			for member, want := range map[string]any{
				"active": true, "iss": issuer, "client_id": "conf-a", "sub": "alice", "aud": issuer,
				"scope": "read write", "token_type": "Bearer", "iat": now, "exp": now + 600, "auth_time": now,
			} {
				if got[member] != want {
					t.Errorf("%s: got %v, want %v", member, got[member], want)
				}
				delete(got, member)
			}
			delete(got, "jti")
			if len(got) > 0 {
				t.Errorf("unexpected members: %v", got)
			}
		})
	}
	t.Run("IN-09 a token bound to a key says so", func(t *testing.T) {
		f := newFixture(t, jwts)
		claims := machineClaims(f)
		claims.Confirmation = map[string]string{"jkt": "thumbprint"}
		got := f.introspect("rs", f.mint(claims)).json(t)
		require.Equal(t, map[string]any{"jkt": "thumbprint"}, got["cnf"])
	})
	t.Run("IN-09 custom claims come back as they went in, big numbers too", func(t *testing.T) {
		custom := map[string]any{"tenant": "t<1>", "limit": json.Number("9007199254740993"), "roles": []string{"a", "b"}, "nested": map[string]any{"x": nil}}
		for _, format := range []func(*fixture){func(*fixture) {}, jwts} {
			f := newFixture(t, format, func(f *fixture) {
				f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) { return custom, nil }
			})
			body := f.introspect("rs", f.machineToken("m2m")).body
			for _, want := range []string{`"tenant":"t\u003c1\u003e"`, `"limit":9007199254740993`, `"roles":["a","b"]`, `"nested":{"x":null}`} {
				if !strings.Contains(body, want) {
					t.Errorf("%s is not in %s", want, body)
				}
			}
			claims, err := f.server.Verify(context.Background(), f.machineToken("m2m"))
			require.NoError(t, err)
			if got := claims.Extra["limit"]; got != json.Number("9007199254740993") {
				t.Errorf("Verify returns %T %v", got, got)
			}
		}
	})
	t.Run("IN-13 a token that died stays dead", func(t *testing.T) {
		f := newFixture(t)
		for name, kill := range map[string]func(tok string){
			"revoked": func(tok string) { f.post("/revoke", "m2m", url.Values{"token": {tok}}) },
			"expired": func(string) { f.advance(time.Hour) },
		} {
			tok := f.machineToken("m2m")
			require.True(t, f.alive(tok))
			kill(tok)
			for range 20 {
				if f.alive(tok) {
					t.Fatalf("%s: alive again", name)
				}
				f.machineToken("m2m")
				f.advance(time.Second)
			}
		}
	})
}

func TestIntrospectionFollowsItsHolder(t *testing.T) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run("INV-6 "+name+" tokens of a disabled client, or of a user who may not act, are dead", func(t *testing.T) {
			f := newFixture(t, format)
			user, machine := f.tokens("conf-a").str(t, "access_token"), f.machineToken("m2m")
			f.users["alice"] = grantor.Subject{}
			if f.alive(user) {
				t.Errorf("alive although its user is disabled")
			}
			f.users["alice"] = grantor.Subject{Active: true}
			require.True(t, f.alive(user))
			f.clients["conf-a"].Disabled = true
			delete(f.clients, "m2m")
			if f.alive(user) || f.alive(machine) {
				t.Errorf("alive although its client is disabled or gone")
			}
		})
	}
}

// machineClaims are those of a client credentials token of m2m.
func machineClaims(f *fixture) token.Claims {
	now := f.now().Truncate(time.Second)
	return token.Claims{
		Issuer: issuer, Subject: "m2m", ClientID: "m2m", Audience: []string{issuer}, Scopes: []string{"read"},
		ID: "made-by-the-test", IssuedAt: now, Expires: now.Add(time.Minute),
	}
}

// mint signs claims with the server's own key.
func (f *fixture) mint(c token.Claims) string {
	f.t.Helper()
	tok, err := (&token.JWT{Issuer: c.Issuer, Keys: f.config.Keys, Now: f.now}).Mint(context.Background(), c)
	require.NoError(f.t, err)
	return tok
}
