package token_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

func TestMintAndParse(t *testing.T) {
	for _, alg := range algorithms {
		t.Run("what "+string(alg)+" mints, Parse returns unchanged", func(t *testing.T) {
			format := newJWT(t, alg)
			want := goodClaims(time.Now())
			want.Audience = append(want.Audience, "https://files.example")
			want.Confirmation = map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
			want.Extra = map[string]any{"tenant": "t-1", "level": json.Number("9007199254740993"), "roles": []any{"a", "b"}, "none": nil}
			minted, err := format.Mint(t.Context(), want)
			require.NoError(t, err)
			for _, pass := range []string{"first", "remembered"} {
				got, err := format.Parse(t.Context(), minted)
				require.NoError(t, err, pass)
				require.Equal(t, want, got, pass)
			}
		})
		t.Run("go-jose verifies "+string(alg)+" with the published key", func(t *testing.T) {
			key := newKey(t, alg)
			format := &token.JWT{Issuer: issuer, Keys: static(t, key)}
			claims := goodClaims(time.Now())
			claims.Subject = "Zoë \"\\\u2028\n<&>"
			minted, err := format.Mint(t.Context(), claims)
			require.NoError(t, err)
			var published jose.JSONWebKeySet
			document, err := token.JWKSet([]token.Key{key})
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(document, &published))
			parsed, err := jwt.ParseSigned(minted, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			require.NoError(t, err)
			var got jwt.Claims
			require.NoError(t, parsed.Claims(published, &got))
			require.NoError(t, got.Validate(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{"https://api.example"}}))
			if got.Subject != claims.Subject {
				t.Errorf("got subject %q, want %q", got.Subject, claims.Subject)
			}
		})
	}
}

func TestMintWritesTheProfile(t *testing.T) {
	key := newKey(t, token.ES256)
	format := &token.JWT{Issuer: issuer, Keys: static(t, key)}
	segments := func(t *testing.T, c token.Claims) (header, payload map[string]any) {
		t.Helper()
		minted, err := format.Mint(t.Context(), c)
		require.NoError(t, err)
		parts := strings.Split(minted, ".")
		require.Len(t, parts, 3)
		for i, into := range []*map[string]any{&header, &payload} {
			raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, into))
		}
		return header, payload
	}
	now := time.Unix(1_750_000_000, 999_999_999)

	t.Run("JW-14: header and required claims are those of RFC 9068", func(t *testing.T) {
		c := goodClaims(now)
		c.Issuer = ""
		header, payload := segments(t, c)
		require.Equal(t, map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": key.ID}, header)
		require.Equal(t, map[string]any{
			"iss": issuer, "sub": "user-4711", "client_id": "app", "aud": "https://api.example",
			"scope": "read write", "jti": grantID + ".7f3a",
			"iat": 1_750_000_000.0, "exp": 1_750_000_600.0, "auth_time": 1_749_996_400.0,
		}, payload)
	})
	t.Run("what is not set is absent", func(t *testing.T) {
		c := goodClaims(now)
		c.Scopes, c.AuthTime, c.Confirmation, c.Extra = nil, time.Time{}, map[string]string{}, map[string]any{}
		_, payload := segments(t, c)
		got := slices.Sorted(maps.Keys(payload))
		require.Equal(t, []string{"aud", "client_id", "exp", "iat", "iss", "jti", "sub"}, got)
	})
	t.Run("several audiences are an array, and a confirmation is an object", func(t *testing.T) {
		c := goodClaims(now)
		c.Audience = []string{"a", "b"}
		c.Confirmation = map[string]string{"x5t#S256": "y", "jkt": "x"}
		_, payload := segments(t, c)
		require.Equal(t, []any{"a", "b"}, payload["aud"])
		require.Equal(t, map[string]any{"x5t#S256": "y", "jkt": "x"}, payload["cnf"])
	})
	t.Run("the same claims give the same payload, also with custom ones", func(t *testing.T) {
		c := goodClaims(now)
		c.Extra = map[string]any{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
		first, err := format.Mint(t.Context(), c)
		require.NoError(t, err)
		second, err := format.Mint(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, strings.Split(first, ".")[:2], strings.Split(second, ".")[:2])
	})
}

func TestMintRefusesClaims(t *testing.T) {
	deep := any("x")
	for range 32 {
		deep = []any{deep}
	}
	tests := map[string]func(c *token.Claims){
		"JW-22: a custom iss":                             func(c *token.Claims) { c.Extra = map[string]any{"iss": "https://evil.example"} },
		"JW-22: a custom sub":                             func(c *token.Claims) { c.Extra = map[string]any{"sub": "admin"} },
		"JW-22: a custom aud":                             func(c *token.Claims) { c.Extra = map[string]any{"aud": "x"} },
		"JW-22: a custom exp":                             func(c *token.Claims) { c.Extra = map[string]any{"exp": 1} },
		"JW-22: a custom client_id":                       func(c *token.Claims) { c.Extra = map[string]any{"client_id": "x"} },
		"JW-22: a custom scope":                           func(c *token.Claims) { c.Extra = map[string]any{"scope": "admin"} },
		"JW-22: a custom cnf":                             func(c *token.Claims) { c.Extra = map[string]any{"cnf": nil} },
		"JW-22: a custom act":                             func(c *token.Claims) { c.Extra = map[string]any{"act": "x"} },
		"JW-22: a custom SUB":                             func(c *token.Claims) { c.Extra = map[string]any{"SUB": "admin"} },
		"JW-22: a custom iſs, which Go folds to iss":      func(c *token.Claims) { c.Extra = map[string]any{"iſs": "admin"} },
		"a custom claim that JSON cannot say":             func(c *token.Claims) { c.Extra = map[string]any{"f": func() {}} },
		"a custom claim with a member twice":              func(c *token.Claims) { c.Extra = map[string]any{"o": json.RawMessage(`{"a":1,"a":2}`)} },
		"a custom claim nested deeper than Parse may":     func(c *token.Claims) { c.Extra = map[string]any{"deep": deep} },
		"a custom claim without a name":                   func(c *token.Claims) { c.Extra = map[string]any{"": 1} },
		"another issuer":                                  func(c *token.Claims) { c.Issuer = "https://other.example" },
		"no subject":                                      func(c *token.Claims) { c.Subject = "" },
		"no client":                                       func(c *token.Claims) { c.ClientID = "" },
		"no audience":                                     func(c *token.Claims) { c.Audience = nil },
		"an empty audience among others":                  func(c *token.Claims) { c.Audience = []string{"a", ""} },
		"no ID":                                           func(c *token.Claims) { c.ID, c.GrantID = "", "" },
		"an ID of another grant":                          func(c *token.Claims) { c.ID = "other.1" },
		"an ID that names a grant although there is none": func(c *token.Claims) { c.GrantID = "" },
		"no IssuedAt":                                     func(c *token.Claims) { c.IssuedAt = time.Time{} },
		"no Expires":                                      func(c *token.Claims) { c.Expires = time.Time{} },
		"a lifetime of no second":                         func(c *token.Claims) { c.Expires = c.IssuedAt },
		"an AuthTime before 1970":                         func(c *token.Claims) { c.AuthTime = time.Unix(-1, 0) },
		"an Expires beyond 9999":                          func(c *token.Claims) { c.Expires = time.Unix(253402300800, 0) },
		"a scope that would become two":                   func(c *token.Claims) { c.Scopes = []string{"read write"} },
		"an empty scope":                                  func(c *token.Claims) { c.Scopes = []string{""} },
		"a scope with a quotation mark":                   func(c *token.Claims) { c.Scopes = []string{`a"`} },
		"a subject that is not UTF-8":                     func(c *token.Claims) { c.Subject = "\xff" },
		"a subject with NUL":                              func(c *token.Claims) { c.Subject = "a\x00b" },
		"a confirmation without a value":                  func(c *token.Claims) { c.Confirmation = map[string]string{"jkt": ""} },
		"more than a token may be long":                   func(c *token.Claims) { c.Extra = map[string]any{"long": strings.Repeat("x", 16<<10)} },
	}
	format := newJWT(t, token.EdDSA)
	for name, spoil := range tests {
		t.Run(name+" is an error, and none that a client could have caused", func(t *testing.T) {
			c := goodClaims(time.Now())
			spoil(&c)
			minted, err := format.Mint(t.Context(), c)
			wantOutage(t, err)
			if minted != "" {
				t.Errorf("got a token, want none")
			}
		})
	}
	t.Run("nesting as deep as Parse may is minted and parsed", func(t *testing.T) {
		c := goodClaims(time.Now())
		c.Extra = map[string]any{"deep": deep.([]any)[0]}
		minted, err := format.Mint(t.Context(), c)
		require.NoError(t, err)
		_, err = format.Parse(t.Context(), minted)
		require.NoError(t, err)
	})
}

func TestSigners(t *testing.T) {
	for _, alg := range algorithms {
		t.Run("a KMS that only signs fits "+string(alg), func(t *testing.T) {
			inner := newKey(t, alg)
			remote := &kms{inner: inner.Signer}
			format := &token.JWT{Issuer: issuer, Keys: static(t, token.Key{ID: "kms", Algorithm: alg, Signer: remote})}
			minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
			require.NoError(t, err)
			_, err = format.Parse(t.Context(), minted)
			require.NoError(t, err)
			if remote.calls != 1 {
				t.Errorf("got %d signatures for one token, want 1", remote.calls)
			}
		})
	}
	t.Run("a Signer that fails is an outage with its own error, and the next token is minted", func(t *testing.T) {
		down := errors.New("kms: connection refused")
		remote := &kms{inner: newKey(t, token.ES256).Signer, fail: down}
		format := &token.JWT{Issuer: issuer, Keys: static(t, token.Key{ID: "kms", Algorithm: token.ES256, Signer: remote})}
		_, err := format.Mint(t.Context(), goodClaims(time.Now()))
		wantOutage(t, err)
		if !errors.Is(err, down) {
			t.Errorf("got %v, want one that is %v", err, down)
		}
		remote.fail = nil
		_, err = format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
	})
	t.Run("a Signer that signs with another key than it names never gets a token out", func(t *testing.T) {
		for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
			liar := impostor{kms: &kms{inner: newKey(t, alg).Signer}, public: newKey(t, alg).Signer.Public()}
			format := &token.JWT{Issuer: issuer, Keys: static(t, token.Key{ID: "k", Algorithm: alg, Signer: liar})}
			for range 2 {
				_, err := format.Mint(t.Context(), goodClaims(time.Now()))
				wantOutage(t, err)
			}
		}
	})
	t.Run("an ES256 Signer that returns no ASN.1 signature is an outage", func(t *testing.T) {
		broken := impostor{kms: &kms{inner: newKey(t, token.EdDSA).Signer}, public: newKey(t, token.ES256).Signer.Public()}
		format := &token.JWT{Issuer: issuer, Keys: static(t, token.Key{ID: "k", Algorithm: token.ES256, Signer: broken})}
		_, err := format.Mint(t.Context(), goodClaims(time.Now()))
		wantOutage(t, err)
	})
	t.Run("the first key that can sign signs", func(t *testing.T) {
		retired, current := newKey(t, token.ES256), newKey(t, token.EdDSA)
		retired.Public, retired.Signer = retired.Signer.Public(), nil
		format := &token.JWT{Issuer: issuer, Keys: static(t, retired, current, newKey(t, token.ES256))}
		minted, err := format.Mint(t.Context(), goodClaims(time.Now()))
		require.NoError(t, err)
		if got, want := strings.Split(minted, ".")[0], b64(header(current)); got != want {
			t.Errorf("got header %s, want %s", got, want)
		}
	})
}

// An impostor shows a public key that is not its own.
type impostor struct {
	*kms
	public crypto.PublicKey
}

func (i impostor) Public() crypto.PublicKey { return i.public }

func TestJWTConfiguration(t *testing.T) {
	good := newJWT(t, token.EdDSA)
	t.Run("every problem is reported at once", func(t *testing.T) {
		err := (&token.JWT{Leeway: time.Minute + 1}).Validate()
		for _, field := range []string{"Issuer", "Keys", "Leeway"} {
			require.ErrorContains(t, err, field)
		}
		require.NoError(t, good.Validate())
	})
	tests := map[string]*token.JWT{
		"the zero JWT":             {},
		"no issuer":                {Keys: good.Keys},
		"a negative leeway":        {Issuer: issuer, Keys: good.Keys, Leeway: -1},
		"JW-13: 61 seconds leeway": {Issuer: issuer, Keys: good.Keys, Leeway: 61 * time.Second},
		"zero StaticKeys":          {Issuer: issuer, Keys: &token.StaticKeys{}},
		"nil StaticKeys":           {Issuer: issuer, Keys: (*token.StaticKeys)(nil)},
		"a source without keys":    {Issuer: issuer, Keys: &source{}},
		"a source that fails":      {Issuer: issuer, Keys: &source{err: errors.New("no route to host")}},
		"a source of a bad key":    {Issuer: issuer, Keys: &source{keys: []token.Key{{ID: "k"}}}},
	}
	minted, err := good.Mint(t.Context(), goodClaims(time.Now()))
	require.NoError(t, err)
	for name, format := range tests {
		t.Run(name+" is an outage, never the token's fault", func(t *testing.T) {
			_, err := format.Mint(t.Context(), goodClaims(time.Now()))
			wantOutage(t, err)
			_, err = format.Parse(t.Context(), minted)
			wantOutage(t, err)
		})
	}
	t.Run("keys that only verify parse and do not mint", func(t *testing.T) {
		keys, err := good.Keys.Keys(t.Context())
		require.NoError(t, err)
		document, err := token.JWKSet(keys)
		require.NoError(t, err)
		public, err := token.ParseJWKSet(document)
		require.NoError(t, err)
		format := &token.JWT{Issuer: issuer, Keys: &source{keys: public}}
		_, err = format.Parse(t.Context(), minted)
		require.NoError(t, err)
		_, err = format.Mint(t.Context(), goodClaims(time.Now()))
		wantOutage(t, err)
	})
}

// A source returns what it is told to.
type source struct {
	keys []token.Key
	err  error
}

func (s *source) Keys(context.Context) ([]token.Key, error) { return s.keys, s.err }
