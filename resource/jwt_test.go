package resource_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

// signed is a JWT of any header type and payload, signed by go-jose.
func signed(t testing.TB, key token.Key, typ, payload string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", key.ID)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key.Signer}, options)
	require.NoError(t, err)
	jws, err := signer.Sign([]byte(payload))
	require.NoError(t, err)
	s, err := jws.CompactSerialize()
	require.NoError(t, err)
	return s
}

func newJWT(t testing.TB, c resource.JWTConfig) *resource.JWT {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = issuer
	}
	if c.Audience == "" {
		c.Audience = api
	}
	j, err := resource.NewJWT(c)
	require.NoError(t, err)
	return j
}

func TestJWT(t *testing.T) {
	now := time.Now()
	own, other := keyOne(), keyTwo()
	forged := other
	forged.ID = own.ID
	const idToken = `{"iss":"https://as.example","sub":"alice","aud":["` + api + `"],"client_id":"web","jti":"1","iat":1700000000,"exp":4000000000,"nonce":"n"}`
	head, rest, _ := strings.Cut(minted(t, own, now), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"` + own.ID + `"}`))

	verifier := newJWT(t, resource.JWTConfig{Keys: static(t, own), Now: func() time.Time { return now }})
	for _, c := range []struct {
		name  string
		token string
		good  bool
	}{
		{"a token of the issuer for the API is good", minted(t, own, now), true},
		{"one with the API among its audiences is good", minted(t, own, now, func(c *token.Claims) { c.Audience = []string{"x", api} }), true},
		{"go-jose's token of the same type is good", signed(t, own, "at+jwt", idToken), true},
		{"JW-15 an ID token is no access token", signed(t, own, "JWT", idToken), false},
		{"JW-15 an ID token without a type is no access token", signed(t, own, "", idToken), false},
		{"a token for another API is not", minted(t, own, now, func(c *token.Claims) { c.Audience = []string{"https://other.example"} }), false},
		{"a token for an API whose name begins like this one's is not", minted(t, own, now, func(c *token.Claims) { c.Audience = []string{api + "/admin"} }), false},
		{"a token of another issuer is not", minted(t, own, now, func(c *token.Claims) { c.Issuer = issuer + "/tenant" }), false},
		{"a token signed with another key is not", minted(t, other, now), false},
		{"a token signed with another key under the ID of ours is not", minted(t, forged, now), false},
		{"an expired token is not", minted(t, own, now.Add(-time.Hour)), false},
		{"a token whose header says none is not", none + "." + rest, false},
		{"a token that lost its signature is not", head + "." + rest[:strings.Index(rest, ".")+1], false},
		{"an altered token is not", head + "." + rest[:40] + "A" + rest[41:], false},
		{"an opaque token is not", "grantor_at_0000", false},
		{"nothing is not", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time it may be remembered
				got, err := verifier.Verify(t.Context(), c.token)
				if c.good && (err != nil || got.Subject != "alice") {
					t.Fatalf("got %+v, %v", got, err)
				}
				if !c.good && !errors.Is(err, oautherr.InvalidToken) {
					t.Fatalf("got %+v, %v", got, err)
				}
			}
		})
	}
	t.Run("JW-15 a guard answers an ID token with invalid_token", func(t *testing.T) {
		guard := resource.Guard{Verifier: verifier, Resource: api}
		res, _ := send(guard.Require()(passed), with(signed(t, own, "JWT", idToken)))
		if got := challenge(t, res); res.StatusCode != http.StatusUnauthorized || got["error"] != "invalid_token" {
			t.Errorf("got %d %v", res.StatusCode, got)
		}
	})
	t.Run("a token is good until it expires, and for the leeway after", func(t *testing.T) {
		clock := now
		strict := newJWT(t, resource.JWTConfig{Keys: static(t, own), Now: func() time.Time { return clock }})
		lenient := newJWT(t, resource.JWTConfig{Keys: static(t, own), Now: func() time.Time { return clock }, Leeway: 30 * time.Second})
		tok := minted(t, own, now)
		for _, at := range []struct {
			after           time.Duration
			strict, lenient bool
		}{{9*time.Minute + 58*time.Second, true, true}, {10 * time.Minute, false, true}, {10*time.Minute + 29*time.Second - 1, false, true}, {10*time.Minute + 30*time.Second, false, false}} {
			clock = now.Add(at.after)
			_, err := strict.Verify(t.Context(), tok)
			require.Equal(t, at.strict, err == nil, "strict after %v", at.after)
			_, err = lenient.Verify(t.Context(), tok)
			require.Equal(t, at.lenient, err == nil, "lenient after %v", at.after)
		}
	})
	t.Run("keys that cannot be had are trouble, not the token's fault", func(t *testing.T) {
		broken := newJWT(t, resource.JWTConfig{Keys: keySource(func() ([]token.Key, error) { return nil, errors.New("the HSM is gone") })})
		_, err := broken.Verify(t.Context(), minted(t, own, now))
		if err == nil || errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}

type keySource func() ([]token.Key, error)

func (f keySource) Keys(context.Context) ([]token.Key, error) { return f() }

func TestNewJWT(t *testing.T) {
	t.Run("every problem is reported at once, with its field", func(t *testing.T) {
		_, err := resource.NewJWT(resource.JWTConfig{KeysURL: "http://as.example/jwks", Leeway: 2 * time.Minute})
		for _, want := range []string{"JWTConfig.Issuer", "JWTConfig.Audience", "JWTConfig.KeysURL", "InsecureAllowHTTP", "JWTConfig.Leeway"} {
			require.ErrorContains(t, err, want)
		}
	})
	for name, edit := range map[string]func(*resource.JWTConfig){
		"no keys":                  func(c *resource.JWTConfig) { c.KeysURL = "" },
		"two sources of keys":      func(c *resource.JWTConfig) { c.Keys = static(t, keyOne()) },
		"a relative URL":           func(c *resource.JWTConfig) { c.KeysURL = "/jwks" },
		"a URL of a file":          func(c *resource.JWTConfig) { c.KeysURL = "file:///jwks" },
		"a URL with a password":    func(c *resource.JWTConfig) { c.KeysURL = "https://me:pw@as.example/jwks" },
		"a URL with a fragment":    func(c *resource.JWTConfig) { c.KeysURL = "https://as.example/jwks#" },
		"plain http to a stranger": func(c *resource.JWTConfig) { c.KeysURL = "http://as.example/jwks" },
		"a negative leeway":        func(c *resource.JWTConfig) { c.Leeway = -1 },
		"no audience":              func(c *resource.JWTConfig) { c.Audience = "" },
		"no issuer":                func(c *resource.JWTConfig) { c.Issuer = "" },
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			c := resource.JWTConfig{Issuer: issuer, Audience: api, KeysURL: "https://as.example/jwks"}
			edit(&c)
			j, err := resource.NewJWT(c)
			if err == nil || j != nil {
				t.Errorf("got %v, %v", j, err)
			}
		})
	}
	for name, c := range map[string]resource.JWTConfig{
		"https":                          {KeysURL: "https://as.example/jwks"},
		"plain http to loopback":         {KeysURL: "http://127.0.0.1:9000/jwks"},
		"plain http where it is allowed": {KeysURL: "http://as.internal/jwks", InsecureAllowHTTP: true},
	} {
		t.Run(name+" is not", func(t *testing.T) { newJWT(t, c) })
	}
}
