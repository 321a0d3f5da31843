package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// reader is a JWT format at a fixed time, with the key that it trusts.
func reader(t testing.TB) (*token.JWT, token.Key, time.Time) {
	t.Helper()
	now := time.Unix(1_750_000_000, 0)
	key := newKey(t, token.EdDSA)
	return &token.JWT{Issuer: issuer, Keys: static(t, key), Now: func() time.Time { return now }}, key, now
}

func TestParseHeader(t *testing.T) {
	format, key, now := reader(t)
	good := with(t, now, "", nil)
	id := key.ID
	head := func(members string) string { return `{"alg":"EdDSA","typ":"at+jwt","kid":"` + id + `"` + members + `}` }

	t.Run("the forger's header is otherwise good", func(t *testing.T) {
		_, err := format.Parse(t.Context(), forge(t, key, head(""), good))
		require.NoError(t, err)
	})
	t.Run("the type may be spelled as a media type in any case", func(t *testing.T) {
		for _, typ := range []string{"AT+JWT", "application/at+jwt", "Application/AT+jwt"} {
			_, err := format.Parse(t.Context(), forge(t, key, `{"typ":"`+typ+`","kid":"`+id+`","alg":"EdDSA"}`, good))
			require.NoError(t, err, typ)
		}
	})
	t.Run("JW-07: keys in the header are ignored", func(t *testing.T) {
		evil, err := json.Marshal(newKey(t, token.EdDSA))
		require.NoError(t, err)
		for _, member := range []string{
			`,"jku":"http://127.0.0.1:1/jwks"`, `,"x5u":"http://127.0.0.1:1/cert"`, `,"jwk":` + string(evil), `,"x5c":["AAAA"]`,
		} {
			_, err := format.Parse(t.Context(), forge(t, key, head(member), good))
			require.NoError(t, err, "signed with the trusted key: %s", member)
			stranger := newKey(t, token.EdDSA)
			_, err = format.Parse(t.Context(), forge(t, stranger, head(member), good))
			wantInvalid(t, err)
		}
	})

	headers := map[string]string{
		"JW-01: alg none":                        `{"alg":"none","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-01: alg None":                        `{"alg":"None","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-01: alg NONE":                        `{"alg":"NONE","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-01: alg nOnE":                        `{"alg":"nOnE","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-01: empty alg":                       `{"alg":"","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-01: no alg":                          `{"typ":"at+jwt","kid":"` + id + `"}`,
		"JW-03: alg of another key":              `{"alg":"ES256","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-03: alg in another case":             `{"alg":"eddsa","typ":"at+jwt","kid":"` + id + `"}`,
		"JW-03: alg no string":                   `{"alg":["EdDSA"],"typ":"at+jwt","kid":"` + id + `"}`,
		"JW-06: unknown crit":                    head(`,"crit":["exp"],"exp":1`),
		"JW-06: empty crit":                      head(`,"crit":[]`),
		"JW-06: crit null":                       head(`,"crit":null`),
		"JW-06: b64 false with crit":             head(`,"b64":false,"crit":["b64"]`),
		"JW-06: b64 false alone":                 head(`,"b64":false`),
		"JW-06: b64 true":                        head(`,"b64":true`),
		"JW-08: kid is a path":                   `{"alg":"EdDSA","typ":"at+jwt","kid":"../../etc/passwd"}`,
		"JW-08: kid is SQL":                      `{"alg":"EdDSA","typ":"at+jwt","kid":"' OR 1=1 --"}`,
		"JW-08: kid has NUL":                     `{"alg":"EdDSA","typ":"at+jwt","kid":"` + id + `\u0000"}`,
		"JW-08: kid of 10 kB":                    `{"alg":"EdDSA","typ":"at+jwt","kid":"` + strings.Repeat("k", 10_000) + `"}`,
		"JW-08: kid empty":                       `{"alg":"EdDSA","typ":"at+jwt","kid":""}`,
		"JW-08: kid a number":                    `{"alg":"EdDSA","typ":"at+jwt","kid":1}`,
		"JW-08: no kid":                          `{"alg":"EdDSA","typ":"at+jwt"}`,
		"JW-10: alg twice":                       head(`,"alg":"EdDSA"`),
		"JW-10: kid twice, once escaped":         head(`,"\u006bid":"x"`),
		"JW-10: alg in another case too":         head(`,"ALG":"none"`),
		"JW-10: \u212Aid, which Go folds to kid": head(`,"` + "\u212Aid" + `":"x"`),
		"JW-10: bytes after the header":          head("") + "{}",
		"JW-10: NUL after the header":            head("") + "\x00",
		"JW-10: BOM before the header":           "\uFEFF" + head(""),
		"JW-10: invalid UTF-8":                   head(`,"x":"` + "\xff" + `"`),
		"JW-10: an overlong encoding":            head(`,"x":"` + "\xc0\xaf" + `"`),
		"JW-10: half a surrogate pair":           head(`,"x":"\ud800"`),
		"JW-10: the wrong half of a pair":        head(`,"x":"\udc00\ud800"`),
		"JW-10: half a pair and a letter":        head(`,"x":"\ud800\u0041"`),
		"JW-10: a raw control character":         head(`,"x":"` + "\n" + `"`),
		"JW-10: an unknown escape":               head(`,"x":"\a"`),
		"JW-10: a comma too many":                head(`,`),
		"JW-10: a comment":                       head(`/**/`),
		"a header that is an array":              `[]`,
		"a header that is a string":              `"EdDSA"`,
		"a header that is null":                  `null`,
		"an empty header":                        ``,
		"JW-18: zip":                             head(`,"zip":"DEF"`),
		"JW-19: enc":                             head(`,"enc":"A128GCM"`),
		"JW-14: no typ":                          `{"alg":"EdDSA","kid":"` + id + `"}`,
		"JW-14: typ JWT":                         `{"alg":"EdDSA","typ":"JWT","kid":"` + id + `"}`,
		"JW-16: a logout token":                  `{"alg":"EdDSA","typ":"logout+jwt","kid":"` + id + `"}`,
		"JW-16: a DPoP proof":                    `{"alg":"EdDSA","typ":"dpop+jwt","kid":"` + id + `"}`,
		"JW-16: an introspection response":       `{"alg":"EdDSA","typ":"token-introspection+jwt","kid":"` + id + `"}`,
		"JW-14: typ with a parameter":            `{"alg":"EdDSA","typ":"at+jwt; x=y","kid":"` + id + `"}`,
		"JW-14: typ no string":                   `{"alg":"EdDSA","typ":null,"kid":"` + id + `"}`,
		"JW-25: a header nested 3000 levels":     head(`,"x":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000)),
		"JW-25: a header that opens 9000 levels": head(`,"x":` + strings.Repeat("[", 9000)),
		"JW-25: a header with a number of 9 kB":  `{"alg":` + strings.Repeat("9", 9000) + `}`,
	}
	for name, h := range headers {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := format.Parse(t.Context(), forge(t, key, h, good))
			wantInvalid(t, err)
		})
	}
}

func TestParseSignature(t *testing.T) {
	_, _, now := reader(t)
	key := newKey(t, token.ES256)
	format := &token.JWT{Issuer: issuer, Keys: static(t, key), Now: func() time.Time { return now }}
	minted, err := format.Mint(t.Context(), goodClaims(now))
	require.NoError(t, err)
	signed, encoded := cutLast(minted)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	n := elliptic.P256().Params().N
	zero, one := make([]byte, 32), append(make([]byte, 31), 1)
	order := n.Bytes()
	sPlusN := new(big.Int).Add(new(big.Int).SetBytes(raw[32:]), n).Bytes()

	signatures := map[string][]byte{
		"JW-01: no signature":                nil,
		"JW-04: r = s = 0":                   join(zero, zero),
		"JW-04: r = 0":                       join(zero, raw[32:]),
		"JW-04: s = 0":                       join(raw[:32], zero),
		"JW-04: r = n":                       join(order, raw[32:]),
		"JW-04: s = n":                       join(raw[:32], order),
		"JW-04: s beyond n":                  join(raw[:32], sPlusN),
		"JW-04: r = s = 1":                   join(one, one),
		"JW-04: ASN.1":                       asn1Signature(t, key, signed),
		"JW-04: one byte less":               raw[:63],
		"JW-04: one byte more":               join(raw, []byte{0}),
		"JW-04: zeros in front of both":      join([]byte{0}, raw[:32], []byte{0}, raw[32:]),
		"the signature of another payload":   join(raw[32:], raw[:32]),
		"a signature with one bit different": join(raw[:63], []byte{raw[63] ^ 1}),
	}
	for name, s := range signatures {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := format.Parse(t.Context(), signed+"."+base64.RawURLEncoding.EncodeToString(s))
			wantInvalid(t, err)
		})
	}
	t.Run("the unspoiled signature is good", func(t *testing.T) {
		_, err := format.Parse(t.Context(), minted)
		require.NoError(t, err)
	})
	t.Run("JW-02: an HMAC over any form of the public key is refused", func(t *testing.T) {
		public, ok := key.Signer.Public().(*ecdsa.PublicKey)
		require.True(t, ok)
		pkix, err := x509.MarshalPKIXPublicKey(public)
		require.NoError(t, err)
		jwk, err := json.Marshal(key)
		require.NoError(t, err)
		set, err := token.JWKSet([]token.Key{key})
		require.NoError(t, err)
		for _, secret := range [][]byte{pkix, jwk, set, []byte(key.ID), {}} {
			for _, alg := range []string{"HS256", "ES256"} {
				input := b64(`{"alg":"`+alg+`","typ":"at+jwt","kid":"`+key.ID+`"}`) + "." + b64(with(t, now, "", nil))
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				_, err := format.Parse(t.Context(), input+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
				wantInvalid(t, err)
			}
		}
	})
	t.Run("JW-03: a key for PS256 does not verify RS256, nor the reverse", func(t *testing.T) {
		rsa := newKey(t, token.RS256)
		for _, use := range []struct{ sign, verify token.Algorithm }{{token.RS256, token.PS256}, {token.PS256, token.RS256}} {
			signing, verifying := rsa, rsa
			signing.Algorithm, verifying.Algorithm = use.sign, use.verify
			minted, err := (&token.JWT{Issuer: issuer, Keys: static(t, signing)}).Mint(t.Context(), goodClaims(now))
			require.NoError(t, err)
			strict := &token.JWT{Issuer: issuer, Keys: static(t, verifying), Now: format.Now}
			_, err = strict.Parse(t.Context(), minted)
			wantInvalid(t, err)
			_, rest, _ := strings.Cut(minted, ".")
			_, err = strict.Parse(t.Context(), b64(header(verifying))+"."+rest)
			wantInvalid(t, err)
		}
	})
}

func cutLast(minted string) (signed, signature string) {
	i := strings.LastIndexByte(minted, '.')
	return minted[:i], minted[i+1:]
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// asn1Signature is a genuine signature of the input, in the wrong encoding.
func asn1Signature(t *testing.T, key token.Key, input string) []byte {
	t.Helper()
	private, ok := key.Signer.(*ecdsa.PrivateKey)
	require.True(t, ok)
	digest := sha256.Sum256([]byte(input))
	der, err := private.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(t, err)
	return der
}

func TestParseSerialization(t *testing.T) {
	format, key, now := reader(t)
	minted := forge(t, key, header(key), with(t, now, "", nil))
	parts := strings.Split(minted, ".")
	_, err := format.Parse(t.Context(), minted)
	require.NoError(t, err)

	jwe, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: make([]byte, 16)}, nil)
	require.NoError(t, err)
	sealed, err := jwe.Encrypt([]byte(minted))
	require.NoError(t, err)
	encrypted, err := sealed.CompactSerialize()
	require.NoError(t, err)

	tokens := map[string]string{
		"JW-05: nothing":                       "",
		"JW-05: two dots":                      "..",
		"JW-05: one part":                      parts[0],
		"JW-05: two parts":                     parts[0] + "." + parts[1],
		"JW-05: an empty third part":           parts[0] + "." + parts[1] + ".",
		"JW-05: a fourth part":                 minted + ".AAAA",
		"JW-05: an empty fourth part":          minted + ".",
		"JW-05: a million dots":                strings.Repeat(".", 1_000_000),
		"JW-05: ten thousand dots":             strings.Repeat(".", 10_000),
		"JW-05: flattened JSON":                `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"JW-05: general JSON":                  `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
		"JW-05: a truncated signature":         minted[:len(minted)-4],
		"JW-05: no payload":                    parts[0] + ".." + parts[2],
		"JW-05: no header":                     "." + parts[1] + "." + parts[2],
		"JW-19: a JWE":                         encrypted,
		"JW-19: a JWE with empty parts":        b64(`{"alg":"dir","enc":"A128GCM"}`) + "....",
		"JW-20: a JWE under RSA1_5":            b64(`{"alg":"RSA1_5","enc":"A128CBC-HS256"}`) + "." + b64(strings.Repeat("k", 256)) + ".AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
		"JW-19: a JWE with a short CEK":        b64(`{"alg":"A128KW","enc":"A128GCM"}`) + ".AA.AA.AA.AA",
		"IN-12: a space after the token":       minted + " ",
		"IN-12: a space before the token":      " " + minted,
		"IN-12: a newline after the token":     minted + "\n",
		"IN-12: a newline inside the token":    minted[:len(minted)-5] + "\n" + minted[len(minted)-5:],
		"IN-12: a return in the header":        minted[:5] + "\r\n" + minted[5:],
		"IN-12: padding":                       minted + "==",
		"IN-12: standard base64":               parts[0] + "." + parts[1] + "." + parts[2][:8] + "+/" + parts[2][10:],
		"a NUL after the token":                minted + "\x00",
		"a token that is longer than any good": parts[0] + "." + parts[1] + "." + strings.Repeat("A", 16<<10),
	}
	for name, s := range tokens {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := format.Parse(t.Context(), s)
			wantInvalid(t, err)
		})
	}
	t.Run("IN-12: no other last character means the same token", func(t *testing.T) {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for part := range parts {
			for _, c := range alphabet {
				changed := append([]string(nil), parts...)
				changed[part] = parts[part][:len(parts[part])-1] + string(c)
				if changed[part] == parts[part] {
					continue
				}
				_, err := format.Parse(t.Context(), strings.Join(changed, "."))
				wantInvalid(t, err)
			}
		}
	})
	t.Run("the error shows nothing of the token", func(t *testing.T) {
		_, err := format.Parse(t.Context(), parts[0]+"."+parts[1]+"."+b64("a wrong signature"))
		require.Error(t, err)
		for _, part := range parts {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), part)
		}
	})
}

func TestParseClaims(t *testing.T) {
	format, key, now := reader(t)
	parse := func(t *testing.T, payload string) (token.Claims, error) {
		t.Helper()
		return format.Parse(t.Context(), forge(t, key, header(key), payload))
	}
	good := with(t, now, "", nil)
	body := strings.TrimSuffix(good, "}")

	refused := map[string]string{
		"JW-10: exp twice":                            body + `,"exp":99999999999}`,
		"JW-10: sub twice":                            body + `,"sub":"admin"}`,
		"JW-10: sub twice, once escaped":              body + `,"\u0073ub":"admin"}`,
		"JW-10: Sub as well":                          body + `,"Sub":"admin"}`,
		"JW-10: EXP instead of exp":                   strings.Replace(good, `"exp"`, `"EXP"`, 1),
		"JW-10: \u017Fub, which Go folds to sub":      body + `,"` + "\u017F" + `ub":"admin"}`,
		"JW-10: a member twice in a claim":            body + `,"x":{"a":1,"a":2}}`,
		"JW-10: a member twice in an array":           body + `,"x":[{"a":1,"b":2,"a":1}]}`,
		"JW-10: bytes after the payload":              good + "x",
		"JW-10: a second payload":                     good + good,
		"JW-10: a NUL after the payload":              good + "\x00",
		"JW-10: BOM":                                  "\uFEFF" + good,
		"JW-10: invalid UTF-8":                        body + `,"x":"` + "\xed\xa0\x80" + `"}`,
		"JW-10: half a surrogate pair in a name":      body + `,"\udfff":1}`,
		"JW-10: half a surrogate pair in a value":     body + `,"x":"\uDBFF"}`,
		"JW-10: a raw NUL":                            body + `,"x":"` + "\x00" + `"}`,
		"JW-10: an escaped NUL":                       body + `,"x":"\u0000"}`,
		"JW-10: a leading zero":                       body + `,"x":01}`,
		"JW-10: a plus":                               body + `,"x":+1}`,
		"JW-10: a lone minus":                         body + `,"x":-}`,
		"JW-10: no digits after the point":            body + `,"x":1.}`,
		"JW-10: no digits before the point":           body + `,"x":.5}`,
		"JW-10: no exponent":                          body + `,"x":1e}`,
		"JW-10: NaN":                                  body + `,"x":NaN}`,
		"JW-10: a half literal":                       body + `,"x":tru}`,
		"JW-10: single quotes":                        body + `,'x':1}`,
		"JW-10: a bare name":                          body + `,x:1}`,
		"JW-10: a missing brace":                      body,
		"JW-10: a missing quotation mark":             body + `,"x`,
		"JW-10: an unfinished escape":                 body + `,"x":"\`,
		"JW-10: an unfinished code point":             body + `,"x":"\u12`,
		"JW-10: a code point that is no hex":          body + `,"x":"\u12g4"}`,
		"JW-10: vertical tab as white space":          "\v" + good,
		"JW-12: no exp":                               with(t, now, "exp", nil),
		"JW-12: exp a string":                         with(t, now, "exp", "99999999999"),
		"JW-12: exp null":                             with(t, now, "exp", json.RawMessage("null")),
		"JW-12: exp true":                             with(t, now, "exp", true),
		"JW-12: exp negative":                         with(t, now, "exp", -1),
		"JW-12: exp minus zero":                       with(t, now, "exp", json.RawMessage("-0")),
		"JW-12: exp 2^53+1":                           with(t, now, "exp", json.RawMessage("9007199254740993")),
		"JW-12: exp 2^63":                             with(t, now, "exp", json.RawMessage("9223372036854775808")),
		"JW-12: exp 2^64 + later, which could wrap":   with(t, now, "exp", json.RawMessage("18446744075459552216")),
		"JW-12: exp 1e309":                            with(t, now, "exp", json.RawMessage("1e309")),
		"JW-12: exp 1e400":                            with(t, now, "exp", json.RawMessage("1e400")),
		"JW-12: exp with a thousand decimals":         with(t, now, "exp", json.RawMessage("1750000600."+strings.Repeat("0", 1000))),
		"JW-12: exp an array":                         with(t, now, "exp", []any{1}),
		"JW-12: iat a string":                         with(t, now, "iat", "1"),
		"JW-12: nbf a string":                         with(t, now, "nbf", "1"),
		"JW-12: auth_time negative":                   with(t, now, "auth_time", -5),
		"JW-14: no iss":                               with(t, now, "iss", nil),
		"JW-14: no sub":                               with(t, now, "sub", nil),
		"JW-14: no aud":                               with(t, now, "aud", nil),
		"JW-14: no client_id":                         with(t, now, "client_id", nil),
		"JW-14: no jti":                               with(t, now, "jti", nil),
		"JW-14: no iat":                               with(t, now, "iat", nil),
		"an empty sub":                                with(t, now, "sub", ""),
		"a sub that is a number":                      with(t, now, "sub", 7),
		"an empty list of audiences":                  with(t, now, "aud", []string{}),
		"an audience that is a number":                with(t, now, "aud", []any{"a", 1}),
		"an audience that is an object":               with(t, now, "aud", map[string]any{}),
		"a scope that is an array":                    with(t, now, "scope", []string{"read"}),
		"a scope with two spaces":                     with(t, now, "scope", "read  write"),
		"a scope with a newline":                      with(t, now, "scope", "read\nwrite"),
		"a cnf that is empty":                         with(t, now, "cnf", map[string]any{}),
		"a cnf that is a string":                      with(t, now, "cnf", "x"),
		"a cnf that is null":                          with(t, now, "cnf", json.RawMessage("null")),
		"a cnf with a key, which Claims cannot carry": with(t, now, "cnf", map[string]any{"jwk": map[string]any{}}),
		"a cnf with an empty thumbprint":              with(t, now, "cnf", map[string]any{"jkt": ""}),
		"another issuer":                              with(t, now, "iss", "https://evil.example"),
		"the issuer with a slash more":                with(t, now, "iss", issuer+"/"),
		"the issuer in another case":                  with(t, now, "iss", strings.ToUpper(issuer)),
		"a payload that is an array":                  `[]`,
		"a payload that is a string":                  `"x"`,
		"an empty payload":                            ``,
		"JW-13: expired by a second":                  with(t, now, "exp", now.Unix()-1),
		"JW-13: expired now":                          with(t, now, "exp", now.Unix()),
		"JW-13: issued more than ten seconds ahead":   with(t, now, "iat", now.Unix()+11),
		"JW-13: not good for more than ten seconds":   with(t, now, "nbf", now.Unix()+11),
		"JW-25: a payload nested 33 levels":           body + `,"x":` + strings.Repeat("[", 32) + "0" + strings.Repeat("]", 32) + `}`,
		"JW-25: objects nested 1000 levels":           body + `,"x":` + strings.Repeat(`{"a":`, 1000) + `1` + strings.Repeat(`}`, 1001),
		"JW-25: objects that open 2000 levels":        body + `,"x":` + strings.Repeat(`{"a":`, 2000),
	}
	for name, payload := range refused {
		t.Run(name+" is refused, although the signature is good", func(t *testing.T) {
			_, err := parse(t, payload)
			wantInvalid(t, err)
		})
	}

	accepted := map[string]string{
		"JW-12: exp with a fraction":                  with(t, now, "exp", json.RawMessage(fmt.Sprintf("%d.9", now.Unix()+1))),
		"JW-12: exp with an exponent":                 with(t, now, "exp", json.RawMessage("1.7500006e9")),
		"JW-13: issued ten seconds ahead":             with(t, now, "iat", now.Unix()+10),
		"JW-13: nbf ten seconds ahead":                with(t, now, "nbf", now.Unix()+10),
		"nbf in the past":                             with(t, now, "nbf", 0),
		"white space between everything":              " \t\r\n" + strings.ReplaceAll(good, ",", " ,\n ") + " \n",
		"an empty scope":                              with(t, now, "scope", ""),
		"a pair of surrogates":                        body + `,"x":"\ud83d\ude00"}`,
		"every escape":                                body + `,"x":"\"\\\/\b\f\n\r\t\u00e9\u00C9"}`,
		"a payload nested 32 levels":                  body + `,"x":` + strings.Repeat("[", 31) + "0" + strings.Repeat("]", 31) + `}`,
		"members of the same name in different parts": body + `,"x":{"sub":1},"y":[{"sub":1},{"sub":2}]}`,
	}
	for name, payload := range accepted {
		t.Run(name+" is accepted", func(t *testing.T) {
			_, err := parse(t, payload)
			require.NoError(t, err)
		})
	}

	t.Run("the log, and only the log, reads which claim is at fault", func(t *testing.T) {
		_, err := parse(t, with(t, now, "client_id", nil))
		var refusal *oautherr.Error
		require.ErrorAs(t, err, &refusal)
		require.ErrorContains(t, refusal.Cause, "client_id")
		require.NotContains(t, refusal.Description, "client_id")
	})
	t.Run("a fraction of a second is rounded down", func(t *testing.T) {
		got, err := parse(t, with(t, now, "exp", json.RawMessage(fmt.Sprintf("%d.999", now.Unix()+1))))
		require.NoError(t, err)
		if want := now.Add(time.Second); !got.Expires.Equal(want) {
			t.Errorf("got %v, want %v", got.Expires, want)
		}
	})
	t.Run("escapes are read as what they stand for", func(t *testing.T) {
		got, err := parse(t, body+`,"x":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z"}`)
		require.NoError(t, err)
		if want := "a\"\\/\b\f\n\r\té😀z"; got.Extra["x"] != want {
			t.Errorf("got %q, want %q", got.Extra["x"], want)
		}
	})
	t.Run("a grant is what stands before the first dot of the jti", func(t *testing.T) {
		for id, want := range map[string]string{"abc": "", "g.1": "g", "g.1.2": "g", ".1": ""} {
			got, err := parse(t, with(t, now, "jti", id))
			require.NoError(t, err)
			if got.GrantID != want || got.ID != id {
				t.Errorf("jti %q: got grant %q, want %q", id, got.GrantID, want)
			}
		}
	})
	t.Run("protocol claims are not repeated in Extra, others are kept", func(t *testing.T) {
		got, err := parse(t, body+`,"nbf":1,"scope":"a","cnf":{"jkt":"x"},"auth_time":1,"act":{"sub":"x"},"n":1.50}`)
		require.NoError(t, err)
		want := map[string]any{"act": map[string]any{"sub": "x"}, "n": json.Number("1.50")}
		require.Equal(t, want, got.Extra)
	})
}

func TestParseClock(t *testing.T) {
	_, key, now := reader(t)
	expired := func(by time.Duration) string {
		p := with(t, now, "exp", now.Add(-by).Unix())
		return forge(t, key, header(key), p)
	}
	ahead := func(by time.Duration) string {
		return forge(t, key, header(key), with(t, now, "nbf", now.Add(by).Unix()))
	}
	tests := []struct {
		name   string
		leeway time.Duration
		token  string
		good   bool
	}{
		{"JW-13: expired 29 s ago is good with 30 s of leeway", 30 * time.Second, expired(29 * time.Second), true},
		{"JW-13: expired 30 s ago is refused with 30 s of leeway", 30 * time.Second, expired(30 * time.Second), false},
		{"JW-13: expired 59 s ago is good with the longest leeway", time.Minute, expired(59 * time.Second), true},
		{"JW-13: expired 61 s ago is never good", time.Minute, expired(61 * time.Second), false},
		{"JW-13: expired a second ago is refused without leeway", 0, expired(time.Second), false},
		{"JW-13: 10 s ahead is good without leeway", 0, ahead(10 * time.Second), true},
		{"JW-13: 11 s ahead is refused without leeway", 0, ahead(11 * time.Second), false},
		{"JW-13: 30 s ahead is good with 30 s of leeway", 30 * time.Second, ahead(30 * time.Second), true},
		{"JW-13: 61 s ahead is never good", time.Minute, ahead(61 * time.Second), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			format := &token.JWT{Issuer: issuer, Keys: static(t, key), Leeway: tt.leeway, Now: func() time.Time { return now }}
			_, err := format.Parse(t.Context(), tt.token)
			if tt.good {
				require.NoError(t, err)
			} else {
				wantInvalid(t, err)
			}
		})
	}
}

func TestParseAudience(t *testing.T) {
	format, key, now := reader(t)
	format.Audience = "https://api.example"
	for name, tt := range map[string]struct {
		aud  any
		good bool
	}{
		"this resource alone is accepted":           {"https://api.example", true},
		"this resource among others is accepted":    {[]string{"x", "https://api.example"}, true},
		"another resource is refused":               {"https://files.example", false},
		"a longer name of this resource is refused": {"https://api.example/", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := format.Parse(t.Context(), forge(t, key, header(key), with(t, now, "aud", tt.aud)))
			if tt.good {
				require.NoError(t, err)
			} else {
				wantInvalid(t, err)
			}
		})
	}
}

func TestParseIsBounded(t *testing.T) {
	format, key, now := reader(t)
	body := strings.TrimSuffix(with(t, now, "", nil), "}")
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%x":0`, i)
		}
		return body + b.String() + "}"
	}
	for name, payload := range map[string]string{
		"JW-25: 10,000 levels":           body + `,"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
		"JW-25: as many levels as fit":   body + `,"x":` + strings.Repeat("[", 11_800),
		"JW-25: a number of 10^6 digits": body + `,"x":` + strings.Repeat("1", 1_000_000) + "}",
		"JW-25: an exp of 11,000 digits": `{"exp":` + strings.Repeat("1", 11_000) + "}",
		"JW-25: 10^5 members":            many(100_000),
		"JW-25: as many members as fit":  strings.TrimSuffix(many(1_300), "}"),
	} {
		t.Run(name+" cost less than 4 MB and 50 ms", func(t *testing.T) {
			minted := forge(t, key, header(key), payload)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := format.Parse(t.Context(), minted)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			wantInvalid(t, err)
			if took > 50*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
				t.Errorf("allocated %d bytes", allocated)
			}
		})
	}
}
