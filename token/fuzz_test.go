package token_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// fixedFormat is the same in every process, so that a corpus keeps its meaning.
func fixedFormat(t testing.TB) (*token.JWT, token.Key, time.Time) {
	t.Helper()
	now := time.Unix(1_750_000_000, 0)
	key := token.Key{ID: "k", Algorithm: token.EdDSA, Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	return &token.JWT{Issuer: issuer, Keys: static(t, key), Now: func() time.Time { return now }}, key, now
}

// FuzzParse looks for a token that verifies although nobody minted it.
func FuzzParse(f *testing.F) {
	format, key, now := fixedFormat(f)
	minted, err := format.Mint(context.Background(), goodClaims(now))
	require.NoError(f, err)
	f.Add(minted)
	f.Add(minted + ".")
	f.Add(minted[:len(minted)-1])
	f.Add(strings.ToUpper(minted))
	f.Add(b64(header(key)) + ".e30.")
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".")
	f.Add("....")
	f.Fuzz(func(t *testing.T, s string) {
		_, err := format.Parse(t.Context(), s)
		if (err == nil) != (s == minted) {
			t.Errorf("error %v, but minted: %v", err, s == minted)
		}
		if err != nil && !errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzMutate changes a minted token in one place.
func FuzzMutate(f *testing.F) {
	format, _, now := fixedFormat(f)
	minted, err := format.Mint(context.Background(), goodClaims(now))
	require.NoError(f, err)
	f.Add(0, "f")
	f.Add(20, "")
	f.Add(len(minted)-1, "A")
	f.Add(len(minted), "\n")
	f.Fuzz(func(t *testing.T, at int, with string) {
		at = int(uint(at) % uint(len(minted)+1))
		mutated := minted[:at] + with + minted[min(at+1, len(minted)):]
		if mutated == minted {
			return
		}
		if _, err := format.Parse(t.Context(), mutated); !errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzClaims reads arbitrary payloads with a good signature. What is accepted
// must mean the same to encoding/json.
func FuzzClaims(f *testing.F) {
	format, key, now := fixedFormat(f)
	good := with(f, now, "", nil)
	body := strings.TrimSuffix(good, "}")
	f.Add(good)
	f.Add(body + `,"x":{"a":[1,2.5e3,true,false,null,"\u00e9\ud83d\ude00\n"]}}`)
	f.Add(body + `,"cnf":{"jkt":"x"},"scope":"a b","nbf":0,"auth_time":1.5}`)
	f.Add(body + `,"sub":"x"}`)
	f.Add(body + `,"Sub":"x"}`)
	f.Add(`{"x":` + strings.Repeat("[", 40))
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := format.Parse(t.Context(), forge(t, key, header(key), payload))
		if err != nil {
			if !errors.Is(err, oautherr.InvalidToken) {
				t.Errorf("got %v", err)
			}
			return
		}
		var want map[string]any
		d := json.NewDecoder(strings.NewReader(payload))
		d.UseNumber()
		if err := d.Decode(&want); err != nil || d.More() {
			t.Fatalf("encoding/json refuses %q: %v", payload, err)
		}
		if got.Subject != want["sub"] || got.ClientID != want["client_id"] || got.ID != want["jti"] || got.Issuer != want["iss"] {
			t.Errorf("got %+v, want %v", got, want)
		}
		for name, value := range got.Extra {
			if !reflect.DeepEqual(value, want[name]) {
				t.Errorf("%s: got %#v, want %#v", name, value, want[name])
			}
		}
	})
}

// FuzzMint: what Mint agrees to write, Parse and go-jose read back unchanged.
func FuzzMint(f *testing.F) {
	format, key, now := fixedFormat(f)
	f.Add("user", "https://api.example", "read", "tenant", "t-1", int64(600))
	f.Add("\u2028\"\\\x01", "a b", "a b", "iss", "x", int64(0))
	f.Add("\xff", "", "", "", "\x00", int64(-1))
	f.Fuzz(func(t *testing.T, subject, audience, scope, name, value string, life int64) {
		want := goodClaims(now)
		want.Subject, want.Audience, want.Scopes = subject, []string{audience, "b"}, []string{scope}
		want.Extra = map[string]any{name: value}
		want.Confirmation = map[string]string{"jkt": value}
		want.Expires = now.Add(time.Duration(life) * time.Second).UTC()
		minted, err := format.Mint(t.Context(), want)
		if err != nil {
			return
		}
		got, err := format.Parse(t.Context(), minted)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("error %v\n got %#v\nwant %#v", err, got, want)
		}
		parsed, err := jwt.ParseSigned(minted, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		var claims jwt.Claims
		require.NoError(t, parsed.Claims(key.Signer.Public(), &claims))
		if claims.Subject != subject || claims.Audience[0] != audience {
			t.Errorf("go-jose reads %+v", claims)
		}
	})
}

func FuzzParseJWKSet(f *testing.F) {
	_, key, _ := fixedFormat(f)
	good, err := token.JWKSet([]token.Key{key})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"r","use":"sig","alg":"PS256","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Add([]byte(`{"keys":[[[[`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := token.ParseJWKSet(document)
		if err != nil {
			require.Empty(t, keys)
			return
		}
		for _, k := range keys {
			if err := k.Validate(); err != nil || k.Signer != nil {
				t.Errorf("got %v: %v", k, err)
			}
		}
		written, err := token.JWKSet(keys)
		require.NoError(t, err)
		again, err := token.ParseJWKSet(written)
		require.NoError(t, err)
		if len(again) != len(keys) {
			t.Errorf("got %d keys, want %d", len(again), len(keys))
		}
	})
}
