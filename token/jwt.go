package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// maxToken bounds a JWT, in both directions: headers longer than this do not
	// pass most servers.
	maxToken = 16 << 10
	// maxLeeway is the clock skew beyond which a token must be refused.
	maxLeeway = 60 * time.Second
)

// JWT is the access token format of RFC 9068: signed, readable by any API that
// has the public keys. Issuer and Keys are required. Use it by pointer, and do not
// change its fields after first use.
type JWT struct {
	Issuer string    // iss of every token, compared byte by byte
	Keys   KeySource // the first key that can sign signs

	// Audience, if not empty, makes Parse refuse tokens that are not for this
	// resource: an API sets its own identifier (RFC 9068 §4). An authorization
	// server, which issues for many, leaves it empty.
	Audience string

	// Leeway is how long after exp a token is still good, for clocks that differ.
	// At most 60 seconds; zero suits the server that issued the token. A token whose
	// iat or nbf lies ahead is good within Leeway or 10 seconds, whichever is more:
	// two nodes need not agree to the second.
	Leeway time.Duration

	// CacheSize is how many verified tokens are remembered, so that their signatures
	// are verified once. They are forgotten when the keys change. Zero: 4096;
	// negative: none.
	CacheSize int

	Now func() time.Time // nil: time.Now

	prepared atomic.Pointer[keyRing]
}

// Validate reports everything that makes the configuration unusable. Mint and
// Parse fail with the same error.
func (j *JWT) Validate() error {
	var errs []error
	if j.Issuer == "" {
		errs = append(errs, errors.New("token: JWT: Issuer is empty: set it to the issuer identifier"))
	}
	if j.Keys == nil {
		errs = append(errs, errors.New("token: JWT: Keys is nil: set StaticKeys, a Ring or a source of your own"))
	}
	if j.Leeway < 0 || j.Leeway > maxLeeway {
		errs = append(errs, fmt.Errorf("token: JWT: Leeway must be between 0 and %v", maxLeeway))
	}
	return errors.Join(errs...)
}

// Mint signs a token that says c. RFC 9068 §2.2 requires Subject, ClientID,
// Audience, ID, IssuedAt and Expires. A Signer that fails makes Mint fail with its
// error.
func (j *JWT) Mint(ctx context.Context, c Claims) (string, error) {
	ring, err := j.ring(ctx)
	if err != nil {
		return "", err
	}
	if ring.signer == nil {
		return "", errNoSigner
	}
	if c.Issuer == "" {
		c.Issuer = j.Issuer
	}
	if c.Issuer != j.Issuer {
		return "", errors.New("token: the claims have another issuer than the format")
	}
	payload, err := encodeClaims(c)
	if err != nil {
		return "", err
	}
	return ring.signer.compact(payload)
}

// compact returns the compact serialization of a signed payload, RFC 7515 §7.1.
func (s *signer) compact(payload []byte) (string, error) {
	b64 := base64.RawURLEncoding
	token := make([]byte, 0, len(s.header)+b64.EncodedLen(len(payload))+1+b64.EncodedLen(s.size()))
	token = append(token, s.header...)
	token = b64.AppendEncode(token, payload)
	signature, err := s.sign(token)
	if err != nil {
		return "", err
	}
	token = append(token, '.')
	token = b64.AppendEncode(token, signature)
	if len(token) > maxToken {
		return "", fmt.Errorf("token: the claims make a token of %d bytes, more than %d", len(token), maxToken)
	}
	return string(token), nil
}

// A keyRing is what one answer of the KeySource was made into, and the tokens
// verified with it. It is of use as long as the answer stays the same; a key that
// was removed takes the memory of its tokens with it.
type keyRing struct {
	answer []Key   // held, so that no other slice can have its address
	signer *signer // nil: no key can sign
	byID   map[string]verifier
	seen   seenTokens
}

// ring returns the keys of this moment, ready for use.
func (j *JWT) ring(ctx context.Context) (*keyRing, error) {
	if j.Keys == nil {
		return nil, j.Validate()
	}
	keys, err := j.Keys.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	ring := j.prepared.Load()
	if ring != nil && &ring.answer[0] == &keys[0] && len(ring.answer) == len(keys) {
		return ring, nil
	}
	return j.prepare(keys)
}

func (j *JWT) prepare(keys []Key) (*keyRing, error) {
	if err := errors.Join(j.Validate(), checkKeys(keys)); err != nil {
		return nil, err
	}
	ring := &keyRing{
		answer: keys,
		byID:   make(map[string]verifier, len(keys)),
		seen:   newSeenTokens(j.CacheSize),
	}
	for _, k := range keys {
		v := verifier{algorithm: k.Algorithm, public: k.public()}
		ring.byID[k.ID] = v
		if k.Signer != nil && ring.signer == nil {
			ring.signer = &signer{verifier: v, id: k.ID, key: k.Signer, header: encodedHeader(k)}
		}
	}
	j.prepared.Store(ring)
	return ring, nil
}

func encodedHeader(k Key) []byte {
	header := append([]byte(`{"alg":"`), k.Algorithm...)
	header = append(header, `","typ":"at+jwt","kid":`...)
	header, _ = appendString(header, k.ID) // a valid ID is printable ASCII
	header = append(header, '}')
	return append(base64.RawURLEncoding.AppendEncode(nil, header), '.')
}

func (j *JWT) now() time.Time {
	if j.Now != nil {
		return j.Now()
	}
	return time.Now()
}
