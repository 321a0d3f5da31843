package grantor_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

// sign makes a JWS of the header and payload with the server's ES256 key.
func sign(t *testing.T, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	return input + "." + encode(string(rawSignature(t, digest[:])))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func rawSignature(t *testing.T, digest []byte) []byte {
	t.Helper()
	der, err := es256().Signer.Sign(rand.Reader, digest, crypto.SHA256)
	require.NoError(t, err)
	// SEQUENCE { INTEGER r, INTEGER s } to r || s.
	out := make([]byte, 64)
	rest := der[2:]
	for half := range 2 {
		n := int(rest[1])
		v := rest[2 : 2+n]
		if v[0] == 0 {
			v = v[1:]
		}
		copy(out[32*(half+1)-len(v):], v)
		rest = rest[2+n:]
	}
	return out
}

// TestHostileJWTs presents what package token refuses to the whole server: the
// introspection and revocation endpoints and Verify must agree with it.
func TestHostileJWTs(t *testing.T) {
	f := newFixture(t, jwts)
	kid := es256().ID
	good := `{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `"}`
	now := f.now().Unix()
	payload := func(edit ...string) string {
		claims := map[string]any{
			"iss": issuer, "sub": "m2m", "client_id": "m2m", "aud": issuer, "scope": "read",
			"jti": "made-by-the-test", "iat": now, "exp": now + 60,
		}
		for i := 0; i+1 < len(edit); i += 2 {
			delete(claims, edit[i])
			if edit[i+1] != "" {
				claims[edit[i]] = json.RawMessage(edit[i+1])
			}
		}
		raw, err := json.Marshal(claims)
		require.NoError(t, err)
		return string(raw)
	}
	require.True(t, f.alive(sign(t, good, payload())), "the control is refused: nothing below means anything")

	spki, err := x509.MarshalPKIXPublicKey(es256().Signer.Public())
	require.NoError(t, err)
	hs256 := func(key []byte) string {
		input := encode(`{"alg":"HS256","typ":"at+jwt","kid":"`+kid+`"}`) + "." + encode(payload())
		m := hmac.New(sha256.New, key)
		m.Write([]byte(input))
		return input + "." + encode(string(m.Sum(nil)))
	}
	body := strings.Split(sign(t, good, payload()), ".")
	stranger, err := token.GenerateKey(token.ES256)
	require.NoError(t, err)
	strangers, err := token.NewStaticKeys(stranger)
	require.NoError(t, err)
	foreign, err := (&token.JWT{Issuer: issuer, Keys: strangers, Now: f.now}).Mint(t.Context(), machineClaims(f))
	require.NoError(t, err)

	cases := map[string]string{
		"JW-01 alg none without a signature":             encode(`{"alg":"none","typ":"at+jwt"}`) + "." + body[1] + ".",
		"JW-01 alg nOnE with a signature":                encode(`{"alg":"nOnE","typ":"at+jwt","kid":"`+kid+`"}`) + "." + body[1] + "." + body[2],
		"JW-01 alg missing":                              sign(t, `{"typ":"at+jwt","kid":"`+kid+`"}`, payload()),
		"JW-02 HMAC with the published key":              hs256(spki),
		"JW-02 HMAC with no key":                         hs256(nil),
		"JW-03 the right key, another algorithm's name":  sign(t, `{"alg":"ES384","typ":"at+jwt","kid":"`+kid+`"}`, payload()),
		"JW-04 a signature of zeros":                     body[0] + "." + body[1] + "." + encode(strings.Repeat("\x00", 64)),
		"JW-05 no signature":                             body[0] + "." + body[1] + ".",
		"JW-05 a segment too many":                       strings.Join(body, ".") + "." + body[2],
		"JW-05 a segment too few":                        body[0] + "." + body[1],
		"JW-05 the JSON serialization":                   `{"protected":"` + body[0] + `","payload":"` + body[1] + `","signature":"` + body[2] + `"}`,
		"JW-06 an unknown critical header":               sign(t, `{"alg":"ES256","typ":"at+jwt","kid":"`+kid+`","crit":["x"],"x":1}`, payload()),
		"JW-06 an unencoded payload":                     sign(t, `{"alg":"ES256","typ":"at+jwt","kid":"`+kid+`","crit":["b64"],"b64":false}`, payload()),
		"JW-07 a key of its own in the header":           sign(t, `{"alg":"ES256","typ":"at+jwt","kid":"x","jku":"http://127.0.0.1:1/"}`, payload()),
		"JW-08 a key ID that is a path":                  sign(t, `{"alg":"ES256","typ":"at+jwt","kid":"../../etc/passwd"}`, payload()),
		"JW-10 a claim twice":                            sign(t, good, strings.Replace(payload(), `"sub":`, `"sub":"admin","sub":`, 1)),
		"JW-10 a claim in another case":                  sign(t, good, strings.Replace(payload(), `"sub":`, `"SUB":"admin","sub":`, 1)),
		"JW-10 something after the claims":               sign(t, good, payload()+"{}"),
		"JW-12 no expiry":                                sign(t, good, payload("exp", "")),
		"JW-12 an infinite expiry":                       sign(t, good, payload("exp", "1e309")),
		"JW-13 expired":                                  sign(t, good, payload("exp", jsonInt(now-61))),
		"JW-13 from the future":                          sign(t, good, payload("iat", jsonInt(now+120))),
		"JW-14 no type":                                  sign(t, `{"alg":"ES256","kid":"`+kid+`"}`, payload()),
		"JW-14 no client":                                sign(t, good, payload("client_id", "")),
		"JW-15 an ID token":                              sign(t, `{"alg":"ES256","typ":"JWT","kid":"`+kid+`"}`, payload("nonce", `"n"`)),
		"JW-16 a logout token":                           sign(t, `{"alg":"ES256","typ":"logout+jwt","kid":"`+kid+`"}`, payload()),
		"JW-16 a proof":                                  sign(t, `{"alg":"ES256","typ":"dpop+jwt","kid":"`+kid+`"}`, payload()),
		"JW-16 an introspection response":                sign(t, `{"alg":"ES256","typ":"token-introspection+jwt","kid":"`+kid+`"}`, payload()),
		"JW-18 compressed":                               sign(t, `{"alg":"ES256","typ":"at+jwt","zip":"DEF","kid":"`+kid+`"}`, payload()),
		"JW-17 encrypted under a password":               encode(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000000,"p2s":"AAAA"}`) + "....",
		"JW-25 deep claims":                              sign(t, good, payload("x", strings.Repeat("[", 9000)+strings.Repeat("]", 9000))),
		"of another issuer":                              sign(t, good, payload("iss", `"https://evil.example"`)),
		"of an issuer that differs by a slash":           sign(t, good, payload("iss", `"`+issuer+`/"`)),
		"signed by somebody else's key":                  foreign,
		"of a client that does not exist":                sign(t, good, payload("client_id", `"ghost"`, "sub", `"ghost"`)),
		"of a user who is disabled":                      sign(t, good, payload("sub", `"disabled"`)),
		"of a grant that does not exist":                 sign(t, good, payload("jti", `"0000000000000000000000.x"`)),
		"of somebody else's grant, with a claim swapped": body[0] + "." + encode(payload("scope", `"read write"`)) + "." + body[2],
	}
	for name, tok := range cases {
		t.Run(name+" is not active, not valid, and revokes nothing", func(t *testing.T) {
			require.False(t, f.alive(tok))
			before := f.memory.Len()
			res := f.post("/revoke", "m2m", url.Values{"token": {tok}})
			if res.StatusCode != http.StatusOK {
				t.Errorf("revocation: got %d %s", res.StatusCode, res.body)
			}
			if name != "of a user who is disabled" && f.memory.Len() != before {
				t.Errorf("revocation changed the store")
			}
		})
	}
	t.Run("JW-14 the tokens of the server itself have the profile", func(t *testing.T) {
		parts := strings.Split(f.tokens("conf-a").str(t, "access_token"), ".")
		require.Len(t, parts, 3)
		header, claims := map[string]any{}, map[string]any{}
		for i, into := range []map[string]any{header, claims} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &into))
		}
		require.Equal(t, map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": kid}, header)
		for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
			require.Contains(t, claims, name)
		}
	})
}

func jsonInt(n int64) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

func TestIssuersThatShareAStore(t *testing.T) {
	for name, format := range map[string]token.Format{"opaque": token.Opaque{}, "JWT": nil} {
		t.Run("SC-11, IN-03 one issuer's "+name+" tokens, codes and consents are nothing at another, store and keys shared or not", func(t *testing.T) {
			a := newFixture(t, func(f *fixture) { f.config.AccessTokens = format })
			b := newFixture(t, func(f *fixture) {
				f.config.AccessTokens, f.config.Issuer, f.config.Store, f.config.Keys = format, issuer+"/b", a.memory, a.config.Keys
			})
			atB := func(path, id string, form url.Values) *reply { return b.post("/b"+path, id, form) }
			tokens := a.tokens("conf-a")
			access, refresh := tokens.str(t, "access_token"), tokens.str(t, "refresh_token")
			for _, tok := range []string{access, refresh, a.machineToken("m2m")} {
				if _, err := b.server.Verify(t.Context(), tok); !errors.Is(err, oautherr.InvalidToken) {
					t.Errorf("Verify: got %v", err)
				}
				if got := atB("/introspect", "rs", url.Values{"token": {tok}}); got.body != inactive {
					t.Errorf("introspection: got %s", got.body)
				}
				require.Equal(t, http.StatusOK, atB("/revoke", "conf-a", url.Values{"token": {tok}}).StatusCode)
			}
			b.refused(atB("/token", "conf-a", refreshForm(refresh)), http.StatusBadRequest, "invalid_grant")
			q := request("conf-a")
			code := a.browser("alice").code(q)
			b.refused(atB("/token", "conf-a", codeForm(code, q)), http.StatusBadRequest, "invalid_grant")
			res := b.browser("alice").open(issuer+"/b/authorize?"+request("conf-a", "prompt", "none").Encode(), nil)
			if got := res.answer(t).Get("error"); got != "consent_required" {
				t.Errorf("consent given to one issuer answers for another: %q", got)
			}
			require.True(t, a.alive(access), "the other issuer revoked it")
			require.Equal(t, http.StatusOK, a.post("/token", "conf-a", codeForm(code, q)).StatusCode)
		})
	}
	t.Run("SC-11 with brands of their own, not even the store is asked", func(t *testing.T) {
		a := newFixture(t, func(f *fixture) { f.config.Secrets.Brand = "uat" })
		tok := a.tokens("spa").str(t, "access_token")
		require.True(t, strings.HasPrefix(tok, "uat_at_"), "%s", tok)
		b := newFixture(t, func(f *fixture) { f.config.Store = noStore{} })
		if _, err := b.server.Verify(t.Context(), tok); !errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}
