package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

const (
	issuer  = "https://as.example"
	grantID = "0123456789ABCDEFGHIJKL"
)

var algorithms = []token.Algorithm{token.RS256, token.PS256, token.ES256, token.EdDSA}

func newKey(t testing.TB, alg token.Algorithm) token.Key {
	t.Helper()
	k, err := token.GenerateKey(alg)
	require.NoError(t, err)
	return k
}

func static(t testing.TB, keys ...token.Key) *token.StaticKeys {
	t.Helper()
	s, err := token.NewStaticKeys(keys...)
	require.NoError(t, err)
	return s
}

func newJWT(t testing.TB, alg token.Algorithm) *token.JWT {
	t.Helper()
	return &token.JWT{Issuer: issuer, Keys: static(t, newKey(t, alg))}
}

// goodClaims are claims as the authorization server makes them.
func goodClaims(now time.Time) token.Claims {
	now = now.Truncate(time.Second).UTC()
	return token.Claims{
		Issuer:   issuer,
		Subject:  "user-4711",
		ClientID: "app",
		Audience: []string{"https://api.example"},
		Scopes:   []string{"read", "write"},
		ID:       grantID + ".7f3a",
		GrantID:  grantID,
		IssuedAt: now,
		Expires:  now.Add(10 * time.Minute),
		AuthTime: now.Add(-time.Hour),
	}
}

// payload is the payload of a good token as JSON members, for tests that change
// one of them.
func payload(now time.Time) map[string]any {
	return map[string]any{
		"iss": issuer, "sub": "user-4711", "client_id": "app", "aud": "https://api.example",
		"jti": "id-1", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
}

// with returns payload(now) with one member changed, as JSON. A nil value removes
// it.
func with(t testing.TB, now time.Time, name string, value any) string {
	t.Helper()
	p := payload(now)
	p[name] = value
	if value == nil {
		delete(p, name)
	}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	return string(text)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// header is what Mint writes for k.
func header(k token.Key) string {
	return `{"alg":"` + string(k.Algorithm) + `","typ":"at+jwt","kid":"` + k.ID + `"}`
}

// forge signs any header and payload with k's Signer, as an issuer without
// scruples would.
func forge(t testing.TB, k token.Key, header, payload string) string {
	t.Helper()
	input := b64(header) + "." + b64(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(t, k, input))
}

// signature signs with Ed25519 or RS256, whatever the key says its algorithm is.
func signature(t testing.TB, k token.Key, input string) []byte {
	t.Helper()
	if _, isRSA := k.Signer.(*rsa.PrivateKey); isRSA {
		digest := sha256.Sum256([]byte(input))
		s, err := k.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		require.NoError(t, err)
		return s
	}
	s, err := k.Signer.Sign(rand.Reader, []byte(input), crypto.Hash(0))
	require.NoError(t, err)
	return s
}

// wantInvalid requires that err speaks of the token and shows nothing of it.
func wantInvalid(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, oautherr.InvalidToken) {
		t.Errorf("got error %v, want one that is %v", err, oautherr.InvalidToken)
	}
}

// wantOutage requires an error that does not blame the token.
func wantOutage(t testing.TB, err error) {
	t.Helper()
	if err == nil || errors.Is(err, oautherr.InvalidToken) {
		t.Errorf("got error %v, want one that is not %v", err, oautherr.InvalidToken)
	}
}

// A kms signs like its inner key and exposes nothing else of it.
type kms struct {
	inner crypto.Signer
	fail  error
	calls int
}

func (k *kms) Public() crypto.PublicKey { return k.inner.Public() }

func (k *kms) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls++
	if k.fail != nil {
		return nil, k.fail
	}
	return k.inner.Sign(r, digest, opts)
}
