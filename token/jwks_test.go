package token_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

func TestJWKSet(t *testing.T) {
	var keys []token.Key
	for _, alg := range algorithms {
		keys = append(keys, newKey(t, alg))
	}
	t.Run("MD-05: only public members appear, with kid, alg and use", func(t *testing.T) {
		document, err := token.JWKSet(keys)
		require.NoError(t, err)
		var got struct{ Keys []map[string]any }
		require.NoError(t, json.Unmarshal(document, &got))
		require.Len(t, got.Keys, len(keys))
		members := map[token.Algorithm][]string{
			token.RS256: {"alg", "e", "kid", "kty", "n", "use"},
			token.PS256: {"alg", "e", "kid", "kty", "n", "use"},
			token.ES256: {"alg", "crv", "kid", "kty", "use", "x", "y"},
			token.EdDSA: {"alg", "crv", "kid", "kty", "use", "x"},
		}
		for i, jwk := range got.Keys {
			require.Equal(t, members[keys[i].Algorithm], slices.Sorted(maps.Keys(jwk)))
			require.Equal(t, keys[i].ID, jwk["kid"])
			require.Equal(t, string(keys[i].Algorithm), jwk["alg"])
			require.Equal(t, "sig", jwk["use"])
		}
	})
	t.Run("MD-05: an ID that occurs twice is an error", func(t *testing.T) {
		_, err := token.JWKSet([]token.Key{keys[2], keys[2]})
		require.ErrorContains(t, err, "same ID")
	})
	t.Run("no keys are an empty array", func(t *testing.T) {
		document, err := token.JWKSet(nil)
		require.NoError(t, err)
		require.JSONEq(t, `{"keys":[]}`, string(document))
	})
	t.Run("an API in another process verifies with the document alone", func(t *testing.T) {
		document, err := token.JWKSet(keys)
		require.NoError(t, err)
		public, err := token.ParseJWKSet(document)
		require.NoError(t, err)
		remote := &token.JWT{Issuer: issuer, Keys: &source{keys: public}}
		for i, k := range keys {
			require.Nil(t, public[i].Signer)
			minted, err := (&token.JWT{Issuer: issuer, Keys: static(t, k)}).Mint(t.Context(), goodClaims(time.Now()))
			require.NoError(t, err)
			_, err = remote.Parse(t.Context(), minted)
			require.NoError(t, err)
		}
	})
}

// jwk is a public key as JSON, with members changed; a nil value removes one.
func jwk(t testing.TB, k token.Key, changes map[string]any) string {
	t.Helper()
	text, err := json.Marshal(k)
	require.NoError(t, err)
	members := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &members))
	for name, value := range changes {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
	text, err = json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func TestParseJWKSet(t *testing.T) {
	rsa, ec, ed := newKey(t, token.RS256), newKey(t, token.ES256), newKey(t, token.EdDSA)
	set := func(entries ...string) []byte { return []byte(`{"keys":[` + strings.Join(entries, ",") + `]}`) }
	type changes = map[string]any

	ignored := map[string]string{
		"another type":                        jwk(t, ec, changes{"kty": "AKP"}),
		"JW-02: a symmetric key":              `{"kty":"oct","k":"c2VjcmV0","kid":"h","alg":"HS256"}`,
		"no type":                             jwk(t, ec, changes{"kty": nil}),
		"JW-03: P-384":                        jwk(t, ec, changes{"crv": "P-384", "alg": "ES384"}),
		"another curve of OKP":                jwk(t, ed, changes{"crv": "X25519", "alg": nil}),
		"JW-03: use enc":                      jwk(t, rsa, changes{"use": "enc"}),
		"JW-03: use no string":                jwk(t, rsa, changes{"use": []any{"sig"}}),
		"JW-03: key_ops without verify":       jwk(t, rsa, changes{"key_ops": []any{"encrypt", "sign"}}),
		"JW-03: key_ops no array":             jwk(t, rsa, changes{"key_ops": "verify"}),
		"JW-03: alg of another kind":          jwk(t, ec, changes{"alg": "RS256"}),
		"JW-03: alg RS512":                    jwk(t, rsa, changes{"alg": "RS512"}),
		"JW-03: alg RSA-OAEP":                 jwk(t, rsa, changes{"alg": "RSA-OAEP"}),
		"JW-03: alg HS256 on a public key":    jwk(t, ed, changes{"alg": "HS256"}),
		"JW-03: alg no string":                jwk(t, rsa, changes{"alg": 1}),
		"JW-01: alg none":                     jwk(t, ec, changes{"alg": "none"}),
		"no kid":                              jwk(t, ec, changes{"kid": nil}),
		"an encryption key that is malformed": `{"kty":"RSA","use":"enc","n":"?","kid":"` + ed.ID + `"}`,
	}
	for name, entry := range ignored {
		t.Run(name+" is left out, and the others are read", func(t *testing.T) {
			got, err := token.ParseJWKSet(set(entry, jwk(t, ed, nil)))
			require.NoError(t, err)
			require.Len(t, got, 1)
			if got[0].ID != ed.ID {
				t.Errorf("got %v", got[0])
			}
		})
	}

	big16k := base64.RawURLEncoding.EncodeToString(new(big.Int).Lsh(big.NewInt(1), 16383).Bytes())
	big1k := base64.RawURLEncoding.EncodeToString(rsaPublic(1024, 65537).N.Bytes())
	refused := map[string][]byte{
		"JW-09: RSA with 1024 bits":             set(jwk(t, rsa, changes{"n": big1k})),
		"JW-09: RSA with 16,384 bits":           set(jwk(t, rsa, changes{"n": big16k})),
		"JW-09: RSA with exponent 1":            set(jwk(t, rsa, changes{"e": "AQ"})),
		"JW-09: RSA with exponent 3":            set(jwk(t, rsa, changes{"e": "Aw"})),
		"JW-09: RSA with an even exponent":      set(jwk(t, rsa, changes{"e": "AQAA"})),
		"JW-09: RSA with an exponent of 64 bit": set(jwk(t, rsa, changes{"e": "__________8"})),
		"JW-09: RSA with an exponent of 1 kB":   set(jwk(t, rsa, changes{"e": strings.Repeat("A", 1000) + "Q"})),
		"JW-09: RSA without a modulus":          set(jwk(t, rsa, changes{"n": nil})),
		"JW-09: RSA with an empty modulus":      set(jwk(t, rsa, changes{"n": ""})),
		"JW-09: RSA with a number as modulus":   set(jwk(t, rsa, changes{"n": 5})),
		"JW-09: a point off the curve":          set(jwk(t, ec, changes{"x": strings.Repeat("A", 42) + "E"})),
		"JW-09: the origin":                     set(jwk(t, ec, changes{"x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)})),
		"JW-09: a coordinate of 31 bytes":       set(jwk(t, ec, changes{"x": strings.Repeat("A", 42)})),
		"JW-09: a coordinate of 33 bytes":       set(jwk(t, ec, changes{"y": strings.Repeat("A", 44)})),
		"JW-09: no y":                           set(jwk(t, ec, changes{"y": nil})),
		"JW-09: 31 bytes of Ed25519":            set(jwk(t, ed, changes{"x": strings.Repeat("A", 42)})),
		"JW-09: padded base64":                  set(jwk(t, ed, changes{"x": strings.Repeat("A", 43) + "="})),
		"JW-09: a line break in base64":         set(jwk(t, ed, changes{"x": strings.Repeat("A", 43) + "\n"})),
		"JW-09: stray bits in base64":           set(jwk(t, ed, changes{"x": strings.Repeat("A", 42) + "B"})),
		"MD-05: a private EC key":               set(jwk(t, ec, changes{"d": "AAAA"})),
		"MD-05: a private RSA key":              set(jwk(t, rsa, changes{"p": "AAAA", "q": "AAAA"})),
		"MD-05: a kid twice":                    set(jwk(t, ed, nil), jwk(t, ec, changes{"kid": ed.ID})),
		"MD-05: an empty kid":                   set(jwk(t, ed, changes{"kid": ""})),
		"MD-05: a kid of 10 kB":                 set(jwk(t, ed, changes{"kid": strings.Repeat("k", 10_000)})),
		"JW-10: keys twice":                     []byte(`{"keys":[],"keys":[]}`),
		"JW-10: a member of a key twice":        set(strings.TrimSuffix(jwk(t, ed, nil), "}") + `,"x":"AAAA"}`),
		"JW-10: bytes after the document":       append(set(), 'x'),
		"JW-10: BOM":                            append([]byte("\uFEFF"), set()...),
		"JW-10: invalid UTF-8":                  []byte("{\"keys\":[],\"x\":\"\xff\"}"),
		"JW-25: 10,000 levels":                  []byte(strings.Repeat(`{"keys":[`, 10_000)),
		"JW-25: 10^5 values":                    []byte(`{"keys":[],"x":[` + strings.Repeat("0,", 100_000) + `0]}`),
		"JW-25: more than 256 kB":               []byte(`{"keys":[],"x":"` + strings.Repeat("x", 256<<10) + `"}`),
		"101 keys":                              set(strings.Split(strings.Repeat("{} ", 101), " ")[:101]...),
		"no keys member":                        []byte(`{}`),
		"KEYS instead of keys":                  []byte(`{"KEYS":[]}`),
		"keys an object":                        []byte(`{"keys":{}}`),
		"a key that is a string":                set(`"x"`),
		"an array":                              []byte(`[]`),
		"a bare key":                            []byte(jwk(t, ed, nil)),
		"HTML":                                  []byte(`<html></html>`),
		"nothing":                               nil,
	}
	for name, document := range refused {
		t.Run(name+" is an error, and cheap", func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := token.ParseJWKSet(document)
			runtime.ReadMemStats(&after)
			wantOutage(t, err)
			require.Empty(t, got)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
				t.Errorf("allocated %d bytes", allocated)
			}
			if len(err.Error()) > 500 {
				t.Errorf("the error repeats %d bytes of the document", len(err.Error()))
			}
		})
	}

	t.Run("an absent alg is the usual one of the key", func(t *testing.T) {
		for want, k := range map[token.Algorithm]token.Key{token.RS256: rsa, token.ES256: ec, token.EdDSA: ed} {
			got, err := token.ParseJWKSet(set(jwk(t, k, changes{"alg": nil, "use": nil, "key_ops": []any{"verify"}, "x5t": "ignored", "ext": true})))
			require.NoError(t, err)
			require.Len(t, got, 1)
			if got[0].Algorithm != want {
				t.Errorf("got %s, want %s", got[0].Algorithm, want)
			}
		}
	})
	t.Run("100 keys are read in their order", func(t *testing.T) {
		var entries, want []string
		for i := range 100 {
			want = append(want, fmt.Sprint("k", i))
			entries = append(entries, jwk(t, ed, changes{"kid": want[i]}))
		}
		keys, err := token.ParseJWKSet(set(entries...))
		require.NoError(t, err)
		var got []string
		for _, k := range keys {
			got = append(got, k.ID)
		}
		require.Equal(t, want, got)
	})
	t.Run("a set of none is no error: the keys may be on their way", func(t *testing.T) {
		keys, err := token.ParseJWKSet(set())
		require.NoError(t, err)
		require.Empty(t, keys)
	})
}
