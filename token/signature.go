package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// es256Half is the length of r and of s in an ES256 signature, RFC 7518 §3.4.
const es256Half = 32

var pssOptions = rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

// A verifier is a valid key, ready to verify with the one algorithm it has.
type verifier struct {
	algorithm Algorithm
	public    crypto.PublicKey
}

func (v verifier) verify(input, signature []byte) bool {
	switch public := v.public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 2*es256Half {
			return false
		}
		digest := sha256.Sum256(input)
		var r, s big.Int
		r.SetBytes(signature[:es256Half])
		s.SetBytes(signature[es256Half:])
		return ecdsa.Verify(public, digest[:], &r, &s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		if v.algorithm == PS256 {
			return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &pssOptions) == nil
		}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	default:
		return false
	}
}

// A signer is a valid key, ready to sign JWTs.
type signer struct {
	verifier
	id     string
	key    crypto.Signer
	header []byte // the encoded header, up to and with the dot
	proven atomic.Bool
}

// sign returns the JWS signature of input. The first one is verified before it
// leaves: a Signer that does not match its public key would make tokens that
// nobody accepts.
func (s *signer) sign(input []byte) ([]byte, error) {
	signature, err := s.raw(input)
	if err != nil {
		return nil, fmt.Errorf("token: key %q: cannot sign: %w", s.id, err)
	}
	if !s.proven.Load() {
		if !s.verify(input, signature) {
			return nil, fmt.Errorf("token: key %q: the signature does not verify with the public key", s.id)
		}
		s.proven.Store(true)
	}
	return signature, nil
}

// size is the length of a signature.
func (s *signer) size() int {
	if public, ok := s.public.(*rsa.PublicKey); ok {
		return public.Size()
	}
	return 2 * es256Half // and so many bytes has one of Ed25519
}

func (s *signer) raw(input []byte) ([]byte, error) {
	if s.algorithm == EdDSA { // signs the message itself, RFC 8032 §5.1
		return s.key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := sha256.Sum256(input)
	switch s.algorithm {
	case PS256:
		return s.key.Sign(rand.Reader, digest[:], &pssOptions)
	case RS256:
		return s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	default:
		der, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return es256FromDER(der)
	}
}

// es256FromDER turns the ASN.1 signature that a crypto.Signer returns into the
// fixed-length one of RFC 7518 §3.4.
func es256FromDER(der []byte) ([]byte, error) {
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		len(r) > es256Half || len(s) > es256Half {
		return nil, errors.New("not an ASN.1 signature of P-256")
	}
	raw := make([]byte, 2*es256Half)
	copy(raw[es256Half-len(r):], r)
	copy(raw[2*es256Half-len(s):], s)
	return raw, nil
}
