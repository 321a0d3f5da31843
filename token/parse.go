package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/grantor-go/grantor/oautherr"
)

// aheadTolerance is how far ahead iat and nbf may always lie (FAPI 2.0 Security
// Profile §5.3.2.1).
const aheadTolerance = 10 * time.Second

// Parse verifies a token as RFC 9068 §4 and RFC 8725 ask and returns its claims.
// Whatever is wrong with it is oautherr.InvalidToken. Claims of a token seen
// before are shared with earlier callers.
func (j *JWT) Parse(ctx context.Context, token string) (Claims, error) {
	ring, err := j.ring(ctx)
	if err != nil {
		return Claims{}, err
	}
	if len(token) > maxToken {
		return Claims{}, invalid(nil, "the access token is too long")
	}
	sum := digest(token)
	seen := ring.seen.find(sum)
	known := seen != nil
	if !known {
		if seen, err = j.read(ring, token); err != nil {
			return Claims{}, err
		}
		seen.sum = sum
	}
	now := j.now()
	if err := j.checkTime(seen, now); err != nil {
		return Claims{}, err
	}
	if !known {
		ring.seen.remember(seen, now)
	}
	return seen.claims, nil
}

// digest is SHA-256. A token of usual length is copied on the stack, not to the
// heap, which would cost as much again.
func digest(token string) [sha256.Size]byte {
	var buf [1024]byte
	return sha256.Sum256(append(buf[:0], token...))
}

func invalid(cause error, description string) error {
	return oautherr.InvalidToken.Because(cause, description)
}

// read does everything that does not depend on the time. Nothing in the payload
// is looked at before the signature is good.
func (j *JWT) read(ring *keyRing, token string) (*seenToken, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") { // five parts are a JWE
		return nil, invalid(nil, "the access token is not a signed JWT")
	}
	key, err := ring.keyFor(header)
	if err != nil {
		return nil, err
	}
	raw, ok := decodeSegment(signature)
	if !ok || !key.verify([]byte(token[:len(header)+1+len(payload)]), raw) {
		return nil, invalid(nil, "the signature of the access token is not valid")
	}
	text, ok := decodeSegment(payload)
	if !ok {
		return nil, invalid(nil, "the access token is malformed")
	}
	claims, err := parseObject(string(text))
	if err != nil {
		return nil, invalid(err, "the access token is malformed")
	}
	return j.readClaims(claims)
}

// keyFor reads the header and returns the key it names. The key decides the
// algorithm; the header must agree. Pointers to other keys (jku, x5u, jwk, x5c)
// mean nothing here.
func (r *keyRing) keyFor(encoded string) (verifier, error) {
	text, ok := decodeSegment(encoded)
	if !ok {
		return verifier{}, invalid(nil, "the access token is malformed")
	}
	header, err := parseObject(string(text))
	if err != nil {
		return verifier{}, invalid(err, "the access token is malformed")
	}
	for name := range header {
		switch proper, known := foldedName(name, "alg", "typ", "kid", "crit", "b64", "zip", "enc"); {
		case known && proper != name:
			return verifier{}, invalid(nil, "the access token has an ambiguous header")
		case name == "crit", name == "b64", name == "zip", name == "enc":
			// An extension that changes how the token is read, RFC 7515 §4.1.11.
			return verifier{}, invalid(nil, "the access token uses an unsupported extension")
		}
	}
	if typ, _ := header["typ"].(string); !isAccessTokenType(typ) {
		return verifier{}, invalid(nil, "the JWT is not an access token")
	}
	id, _ := header["kid"].(string)
	key, ok := r.byID[id]
	if !ok {
		return verifier{}, invalid(nil, "the access token is signed with an unknown key")
	}
	if alg, _ := header["alg"].(string); alg != string(key.algorithm) {
		return verifier{}, invalid(nil, "the algorithm of the access token is not that of its key")
	}
	return key, nil
}

// isAccessTokenType tells access tokens from every other kind of JWT, RFC 9068 §4.
func isAccessTokenType(typ string) bool {
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// decodeSegment decodes base64url, of which every value has one spelling only:
// no padding, no line breaks, no stray bits at the end.
func decodeSegment(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // encoding/base64 skips them
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return raw, err == nil
}

func (j *JWT) checkTime(t *seenToken, now time.Time) error {
	if !now.Before(t.claims.Expires.Add(j.Leeway)) {
		return invalid(nil, "the access token has expired")
	}
	ahead := now.Add(max(j.Leeway, aheadTolerance))
	if t.claims.IssuedAt.After(ahead) || t.notBefore.After(ahead) {
		return invalid(nil, "the access token is not valid yet")
	}
	return nil
}
