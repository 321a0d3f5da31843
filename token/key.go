package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is a JWS signature algorithm, RFC 7518 §3.1 and RFC 8037 §3.1. All of
// them are asymmetric.
type Algorithm string

// The algorithms there are. ES256 is the best choice where nothing speaks for
// another: small and fast, and every verifier has it.
const (
	RS256 Algorithm = "RS256" // RSA 2048 to 8192 bits, PKCS #1 v1.5
	PS256 Algorithm = "PS256" // RSA 2048 to 8192 bits, PSS
	ES256 Algorithm = "ES256" // ECDSA on P-256
	EdDSA Algorithm = "EdDSA" // Ed25519
)

// Bounds on RSA keys. Below the first, signatures can be forged; above the
// second, verifying one becomes a way to keep a server busy.
const (
	minRSABits     = 2048
	maxRSABits     = 8192
	minRSAExponent = 65537
)

// maxKeyID bounds a kid, which is part of every token.
const maxKeyID = 255

// A Key signs tokens, or verifies those it once signed.
//
// Printing, logging or encoding a Key shows its public part only.
type Key struct {
	ID        string           // kid: unique among the keys of a source, printable ASCII
	Algorithm Algorithm        // the only algorithm the key is ever used with
	Signer    crypto.Signer    // nil: the key only verifies
	Public    crypto.PublicKey // nil: Signer.Public()
}

// GenerateKey makes a key for an algorithm; RSA keys have 2048 bits. Its ID is
// its thumbprint.
func GenerateKey(alg Algorithm) (Key, error) {
	signer, err := generateSigner(alg)
	if err != nil {
		return Key{}, err
	}
	id, err := ThumbprintID(signer.Public())
	if err != nil {
		return Key{}, err
	}
	return Key{ID: id, Algorithm: alg, Signer: signer}, nil
}

func generateSigner(alg Algorithm) (crypto.Signer, error) {
	switch alg {
	case RS256, PS256:
		return rsa.GenerateKey(rand.Reader, minRSABits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, unknownAlgorithm(alg)
	}
}

// ThumbprintID returns the RFC 7638 SHA-256 thumbprint of a public key, in
// base64url: an ID that only this key can have.
func ThumbprintID(public crypto.PublicKey) (string, error) {
	if err := checkPublic(public); err != nil {
		return "", err
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("token: thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Validate reports everything that makes k unusable: no ID, an unknown algorithm
// or one of another kind of key, a key that is too weak or so large that
// verifying would be a burden, a point that is not on the curve, a Public that is
// not the Signer's.
func (k Key) Validate() error {
	var errs []error
	id := k.ID
	if !validKeyID(id) {
		id = "" // it may be long
		errs = append(errs, fmt.Errorf("ID must be 1 to %d printable ASCII characters", maxKeyID))
	}
	public := k.public()
	if err := checkPublic(public); err != nil {
		errs = append(errs, err)
	} else if err := checkFit(k.Algorithm, public); err != nil {
		errs = append(errs, err)
	}
	if k.Signer != nil && k.Public != nil && len(errs) == 0 && !samePublic(k.Public, k.Signer.Public()) {
		errs = append(errs, errors.New("the field Public is not the public key of Signer"))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("token: key %q: %w", id, errors.Join(errs...))
}

// Format shows the ID and the algorithm, whatever the verb: %v of a struct would
// print an Ed25519 key in full.
func (k Key) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "token.Key(%s, %q)", string(k.Algorithm), k.ID)
}

// LogValue shows the ID and the algorithm.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kid", k.ID), slog.String("alg", string(k.Algorithm)))
}

// MarshalJSON writes the public key as a JWK (RFC 7517) with kid, alg and use.
// The private key, if there is one at hand, is never written.
func (k Key) MarshalJSON() ([]byte, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	return jose.JSONWebKey{
		Key:       k.public(),
		KeyID:     k.ID,
		Algorithm: string(k.Algorithm),
		Use:       "sig",
	}.MarshalJSON()
}

func (k Key) public() crypto.PublicKey {
	if k.Public != nil || k.Signer == nil {
		return k.Public
	}
	return k.Signer.Public()
}

// verifyOnly returns the key without what signs.
func (k Key) verifyOnly() Key {
	return Key{ID: k.ID, Algorithm: k.Algorithm, Public: k.public()}
}

func validKeyID(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return 1 <= len(id) && len(id) <= maxKeyID
}

// checkPublic refuses a public key that nobody should verify with.
func checkPublic(public crypto.PublicKey) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return checkRSA(p)
	case *ecdsa.PublicKey:
		return checkEC(p)
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return fmt.Errorf("an Ed25519 public key has %d bytes, not %d", ed25519.PublicKeySize, len(p))
		}
		return nil
	case nil:
		return errors.New("there is no public key: set Signer or Public")
	default:
		return fmt.Errorf("a public key of type %T is not supported", public)
	}
}

func checkRSA(p *rsa.PublicKey) error {
	if p == nil || p.N == nil {
		return errors.New("the RSA key is empty")
	}
	if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("an RSA key has %d to %d bits, not %d", minRSABits, maxRSABits, bits)
	}
	if p.N.Sign() < 0 || p.N.Bit(0) == 0 {
		return errors.New("the RSA modulus is not a product of odd primes")
	}
	if p.E < minRSAExponent || p.E > math.MaxInt32 || p.E%2 == 0 {
		return fmt.Errorf("an RSA exponent is odd and at least %d", minRSAExponent)
	}
	return nil
}

func checkEC(p *ecdsa.PublicKey) error {
	if p == nil || p.X == nil || p.Y == nil {
		return errors.New("the EC key is empty")
	}
	if p.Curve != elliptic.P256() {
		return errors.New("an EC key is on P-256")
	}
	if _, err := p.ECDH(); err != nil { // the only public way to ask for the curve equation
		return errors.New("the EC key is not a point of its curve")
	}
	return nil
}

// checkFit refuses an algorithm that is not one of the key's kind.
func checkFit(alg Algorithm, public crypto.PublicKey) error {
	var fits bool
	switch alg {
	case RS256, PS256:
		_, fits = public.(*rsa.PublicKey)
	case ES256:
		_, fits = public.(*ecdsa.PublicKey)
	case EdDSA:
		_, fits = public.(ed25519.PublicKey)
	default:
		return unknownAlgorithm(alg)
	}
	if !fits {
		return fmt.Errorf("Algorithm %s does not fit a key of type %T", alg, public)
	}
	return nil
}

func unknownAlgorithm(alg Algorithm) error {
	return fmt.Errorf("Algorithm %q is none of RS256, PS256, ES256, EdDSA", string(alg))
}

func samePublic(a, b crypto.PublicKey) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}
