package grantor_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

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
		"JW-19 encrypted, with parts missing":            encode(`{"alg":"A128KW","enc":"A128GCM"}`) + ".AA...",
		"JW-20 encrypted with RSA1_5":                    encode(`{"alg":"RSA1_5","enc":"A128CBC-HS256"}`) + ".AAAA.AAAA.AAAA.AAAA",
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
