// Package pkce implements Proof Key for Code Exchange with the S256 method,
// RFC 7636.
//
// The plain method is not here, and neither is a switch for it: a challenge
// that equals its verifier protects nothing (RFC 9700 §2.1.1).
package pkce

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// S256 is the only code_challenge_method there is.
const S256 = "S256"

// challengeLen is the length of base64url(SHA-256(x)) without padding.
const challengeLen = 43

// Challenge returns the S256 code_challenge of a code_verifier, RFC 7636 §4.2.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// NewVerifier returns a code_verifier of 43 characters with 256 random bits.
func NewVerifier() string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// ValidVerifier reports whether v has the form of RFC 7636 §4.1: 43 to 128
// characters, each unreserved (letters, digits, "-", ".", "_", "~").
func ValidVerifier(v string) bool {
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	for i := range len(v) {
		if !unreserved(v[i]) && v[i] != '.' && v[i] != '~' {
			return false
		}
	}
	return true
}

// ValidChallenge reports whether c can be an S256 challenge: the 43 characters
// that base64url makes of 32 bytes, and nothing that decodes ambiguously.
func ValidChallenge(c string) bool {
	if len(c) != challengeLen {
		return false
	}
	for i := range len(c) {
		if !unreserved(c[i]) {
			return false
		}
	}
	// 43 characters carry 258 bits; the last two must be zero, or two different
	// challenges would stand for one digest.
	var raw [32]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(c))
	return err == nil && n == len(raw)
}

// Verify reports, in constant time, whether verifier is well formed and is what
// challenge was made of, RFC 7636 §4.6.
func Verify(challenge, verifier string) bool {
	if !ValidVerifier(verifier) || len(challenge) != challengeLen {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	var want, have [challengeLen]byte
	base64.RawURLEncoding.Encode(want[:], sum[:])
	copy(have[:], challenge)
	return subtle.ConstantTimeCompare(want[:], have[:]) == 1
}

func unreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_'
}
