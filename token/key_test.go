package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

// rsaPublic is a public key with an odd modulus of the given length.
func rsaPublic(bits uint, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: e}
}

func TestKeyValidate(t *testing.T) {
	const f4 = 65537
	p256 := newKey(t, token.ES256).Signer.Public().(*ecdsa.PublicKey)
	edwards := newKey(t, token.EdDSA).Signer.Public()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	infinity := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}
	even := rsaPublic(2048, f4)
	even.N.SetBit(even.N, 0, 0)

	refused := map[string]token.Key{
		"JW-09: RSA with 1024 bits":             {ID: "k", Algorithm: token.RS256, Public: rsaPublic(1024, f4)},
		"JW-09: RSA with 2047 bits":             {ID: "k", Algorithm: token.PS256, Public: rsaPublic(2047, f4)},
		"JW-09: RSA with 8193 bits":             {ID: "k", Algorithm: token.RS256, Public: rsaPublic(8193, f4)},
		"JW-09: RSA with 16,384 bits":           {ID: "k", Algorithm: token.RS256, Public: rsaPublic(16384, f4)},
		"JW-09: RSA with an even modulus":       {ID: "k", Algorithm: token.RS256, Public: even},
		"JW-09: RSA with a negative modulus":    {ID: "k", Algorithm: token.RS256, Public: &rsa.PublicKey{N: new(big.Int).Neg(rsaPublic(2048, f4).N), E: f4}},
		"JW-09: RSA with exponent 1":            {ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, 1)},
		"JW-09: RSA with exponent 3":            {ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, 3)},
		"JW-09: RSA with an even exponent":      {ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, f4+1)},
		"JW-09: RSA with a negative exponent":   {ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, -f4)},
		"JW-09: RSA with an exponent of 2^31+1": {ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, 1<<31+1)},
		"JW-09: RSA without a modulus":          {ID: "k", Algorithm: token.RS256, Public: &rsa.PublicKey{E: f4}},
		"JW-09: a nil RSA key":                  {ID: "k", Algorithm: token.RS256, Public: (*rsa.PublicKey)(nil)},
		"JW-09: a point off the curve":          {ID: "k", Algorithm: token.ES256, Public: offCurve},
		"JW-09: the point at infinity":          {ID: "k", Algorithm: token.ES256, Public: infinity},
		"JW-09: an EC key without a point":      {ID: "k", Algorithm: token.ES256, Public: &ecdsa.PublicKey{Curve: elliptic.P256()}},
		"JW-09: an EC key without a curve":      {ID: "k", Algorithm: token.ES256, Public: &ecdsa.PublicKey{X: p256.X, Y: p256.Y}},
		"JW-09: a nil EC key":                   {ID: "k", Algorithm: token.ES256, Public: (*ecdsa.PublicKey)(nil)},
		"JW-09: 31 bytes of Ed25519":            {ID: "k", Algorithm: token.EdDSA, Public: ed25519.PublicKey(make([]byte, 31))},
		"JW-09: 33 bytes of Ed25519":            {ID: "k", Algorithm: token.EdDSA, Public: ed25519.PublicKey(make([]byte, 33))},
		"JW-09: nothing of Ed25519":             {ID: "k", Algorithm: token.EdDSA, Public: ed25519.PublicKey(nil)},
		"JW-03: ES256 with P-384":               {ID: "k", Algorithm: token.ES256, Signer: p384},
		"JW-03: ES256 with RSA":                 {ID: "k", Algorithm: token.ES256, Public: rsaPublic(2048, f4)},
		"JW-03: EdDSA with P-256":               {ID: "k", Algorithm: token.EdDSA, Public: p256},
		"JW-03: RS256 with Ed25519":             {ID: "k", Algorithm: token.RS256, Public: edwards},
		"JW-03: PS256 with P-256":               {ID: "k", Algorithm: token.PS256, Public: p256},
		"JW-02: HS256":                          {ID: "k", Algorithm: "HS256", Public: p256},
		"JW-01: none":                           {ID: "k", Algorithm: "none", Public: p256},
		"no algorithm":                          {ID: "k", Public: p256},
		"no key":                                {ID: "k", Algorithm: token.ES256},
		"a symmetric key":                       {ID: "k", Algorithm: token.EdDSA, Public: []byte("secret")},
		"no ID":                                 {Algorithm: token.ES256, Public: p256},
		"an ID with a newline":                  {ID: "a\nb", Algorithm: token.ES256, Public: p256},
		"an ID that is too long":                {ID: strings.Repeat("k", 256), Algorithm: token.ES256, Public: p256},
		"a Public that is not the Signer's":     {ID: "k", Algorithm: token.ES256, Public: p256, Signer: newKey(t, token.ES256).Signer},
	}
	for name, k := range refused {
		t.Run(name+" is refused wherever keys are registered", func(t *testing.T) {
			require.Error(t, k.Validate())
			_, err := token.NewStaticKeys(newKey(t, token.EdDSA), k)
			require.Error(t, err)
			_, err = token.JWKSet([]token.Key{k})
			require.Error(t, err)
			_, err = json.Marshal(k)
			require.Error(t, err)
		})
	}
	t.Run("keys within the bounds are good", func(t *testing.T) {
		for _, k := range []token.Key{
			{ID: "k", Algorithm: token.RS256, Public: rsaPublic(2048, f4)},
			{ID: "k", Algorithm: token.PS256, Public: rsaPublic(8192, 1<<31-1)},
			{ID: strings.Repeat("k", 255), Algorithm: token.ES256, Public: p256},
			{ID: "arn:aws:kms:eu-1:1:key/a b", Algorithm: token.EdDSA, Public: edwards},
		} {
			require.NoError(t, k.Validate())
		}
	})
	t.Run("every problem is reported at once", func(t *testing.T) {
		err := token.Key{Algorithm: token.RS256, Public: rsaPublic(1024, f4)}.Validate()
		require.ErrorContains(t, err, "ID")
		require.ErrorContains(t, err, "2048")
	})
	t.Run("JW-09: verifying with the largest key takes less than 20 ms", func(t *testing.T) {
		largest := token.Key{ID: "k", Algorithm: token.RS256, Public: rsaPublic(8192, 1<<31-1)}
		format := &token.JWT{Issuer: issuer, Keys: &source{keys: []token.Key{largest}}}
		forged := b64(header(largest)) + "." + b64(with(t, time.Now(), "", nil)) + "." + b64(string(make([]byte, 1024)))
		_, err := format.Parse(t.Context(), forged) // the first also prepares the key
		wantInvalid(t, err)
		best := time.Hour
		for range 5 { // the machine may be busy
			start := time.Now()
			_, err = format.Parse(t.Context(), forged)
			best = min(best, time.Since(start))
			wantInvalid(t, err)
		}
		if best > 20*time.Millisecond {
			t.Errorf("got %v", best)
		}
	})
}

func TestGenerateKey(t *testing.T) {
	for _, alg := range algorithms {
		t.Run("a key for "+string(alg)+" is valid and named by its thumbprint", func(t *testing.T) {
			k := newKey(t, alg)
			require.NoError(t, k.Validate())
			id, err := token.ThumbprintID(k.Signer.Public())
			require.NoError(t, err)
			if k.ID != id || len(id) != 43 {
				t.Errorf("got ID %q, want %q", k.ID, id)
			}
		})
	}
	for _, alg := range []token.Algorithm{"", "none", "HS256", "es256"} {
		t.Run("there is no key for algorithm \""+string(alg)+"\"", func(t *testing.T) {
			_, err := token.GenerateKey(alg)
			require.Error(t, err)
		})
	}
}

func TestThumbprintID(t *testing.T) {
	// RFC 7638 §3.1 and RFC 8037 A.3.
	for want, jwk := range map[string]string{
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": `{"kty":"RSA","kid":"1","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`,
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": `{"kty":"OKP","kid":"1","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		t.Run("the example of the RFC gives "+want, func(t *testing.T) {
			keys, err := token.ParseJWKSet([]byte(`{"keys":[` + jwk + `]}`))
			require.NoError(t, err)
			require.Len(t, keys, 1)
			got, err := token.ThumbprintID(keys[0].Public)
			require.NoError(t, err)
			if got != want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("what is no usable public key has no thumbprint", func(t *testing.T) {
		for _, public := range []crypto.PublicKey{nil, "x", []byte("x"), rsaPublic(1024, 65537)} {
			_, err := token.ThumbprintID(public)
			require.Error(t, err)
		}
	})
}

func TestKeysDoNotShowThemselves(t *testing.T) {
	ring := &token.Ring{Algorithm: token.EdDSA}
	made, err := ring.Keys(t.Context())
	require.NoError(t, err)
	k := made[0]
	private, ok := k.Signer.(ed25519.PrivateKey)
	require.True(t, ok)
	seed := private.Seed()
	forms := []string{
		strings.Trim(fmt.Sprint(seed[:8]), "[]"),                  // %v of bytes
		strings.Trim(fmt.Sprintf("%#v", seed[:8]), "[]byte{} \n"), // %#v
		fmt.Sprintf("%x", seed[:8]), fmt.Sprintf("%X", seed[:8]),
		string(seed[:8]),
	}
	keys := static(t, k)
	format := &token.JWT{Issuer: issuer, Keys: keys}
	_, err = format.Mint(t.Context(), goodClaims(time.Now()))
	require.NoError(t, err)

	check := func(t *testing.T, shown string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(shown, form) {
				t.Errorf("the private key shows: %q", shown)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		t.Run("no private key appears with "+verb, func(t *testing.T) {
			check(t, fmt.Sprintf(verb, k))
			check(t, fmt.Sprintf(verb, &k))
			check(t, fmt.Sprintf(verb, []token.Key{k}))
			check(t, fmt.Sprintf(verb, struct{ K token.Key }{k}))
			check(t, fmt.Sprintf(verb, keys))
			check(t, fmt.Sprintf(verb, *keys))
			check(t, fmt.Sprintf(verb, struct{ k *token.StaticKeys }{keys}))
			check(t, fmt.Sprintf(verb, format))
			check(t, fmt.Sprintf(verb, ring))
			check(t, fmt.Sprintf(verb, &token.JWT{Keys: ring}))
		})
	}
	t.Run("no private key appears in JSON, which shows the public JWK", func(t *testing.T) {
		text, err := json.Marshal(map[string]any{"key": k, "keys": []token.Key{k}})
		require.NoError(t, err)
		check(t, string(text))
		require.Contains(t, string(text), `"kid":"`+k.ID+`"`)
		require.NotContains(t, string(text), `"d":`)
	})
	t.Run("no private key appears in a log", func(t *testing.T) {
		var text, lines bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "key", k, "keys", keys)
		slog.New(slog.NewJSONHandler(&lines, nil)).Info("x", "key", k, "keys", keys)
		check(t, text.String())
		check(t, lines.String())
		require.Contains(t, text.String(), "key.kid="+k.ID)
	})
}

func TestStaticKeys(t *testing.T) {
	es, ed := newKey(t, token.ES256), newKey(t, token.EdDSA)
	t.Run("every problem is reported at once", func(t *testing.T) {
		twice := token.Key{ID: es.ID, Algorithm: token.ES256, Public: es.Signer.Public()}
		_, err := token.NewStaticKeys(twice, twice, token.Key{ID: "weak", Algorithm: token.RS256, Public: rsaPublic(1024, 65537)})
		require.ErrorContains(t, err, "same ID")
		require.ErrorContains(t, err, "2048")
		require.ErrorContains(t, err, "Signer")
	})
	t.Run("no keys at all are an error", func(t *testing.T) {
		_, err := token.NewStaticKeys()
		require.Error(t, err)
	})
	t.Run("the same slice is returned every time, and the caller's own does not matter", func(t *testing.T) {
		mine := []token.Key{es, ed}
		keys, err := token.NewStaticKeys(mine...)
		require.NoError(t, err)
		mine[0] = token.Key{}
		first, err := keys.Keys(t.Context())
		require.NoError(t, err)
		second, err := keys.Keys(t.Context())
		require.NoError(t, err)
		if &first[0] != &second[0] || first[0].ID != es.ID || first[1].ID != ed.ID {
			t.Errorf("got %v and %v", first, second)
		}
	})
}
