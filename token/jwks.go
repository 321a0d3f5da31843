package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// Bounds on a key set from outside.
const (
	maxJWKSet     = 256 << 10
	maxJWKSetKeys = 100
)

// JWKSet writes the JWK Set document (RFC 7517 §5) for keys: public halves only,
// each with kid, alg and use, in the given order. It fails if a key is not valid
// or an ID occurs twice.
func JWKSet(keys []Key) ([]byte, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	if keys == nil {
		keys = []Key{} // "keys" is an array, also when there are none
	}
	return json.Marshal(struct {
		Keys []Key `json:"keys"`
	}{keys})
}

// ParseJWKSet reads a JWK Set document of at most 256 KiB and 100 keys; the keys
// it returns only verify. Keys that cannot concern tokens are left out, as RFC
// 7517 §5 asks: those of another type, curve or algorithm, those not meant for
// signatures, and those without a kid. An RSA key without alg is RS256.
//
// A document that is not strict JSON or shows a private key, and a key that
// concerns tokens but is not valid, are errors: such a set is not to be trusted.
func ParseJWKSet(data []byte) ([]Key, error) {
	if len(data) > maxJWKSet {
		return nil, fmt.Errorf("token: JWK Set: longer than %d bytes", maxJWKSet)
	}
	set, err := parseObject(string(data))
	if err != nil {
		return nil, fmt.Errorf("token: JWK Set: %w", err)
	}
	entries, ok := set["keys"].([]any)
	if !ok || len(entries) > maxJWKSetKeys {
		return nil, fmt.Errorf("token: JWK Set: keys must be an array of at most %d", maxJWKSetKeys)
	}
	keys := make([]Key, 0, len(entries))
	for i, entry := range entries {
		k, ok, err := parseJWK(entry)
		if err != nil {
			return nil, fmt.Errorf("token: JWK Set: key %d: %w", i, err)
		}
		if ok {
			keys = append(keys, k)
		}
	}
	if err := checkKeys(keys); err != nil {
		return nil, fmt.Errorf("token: JWK Set: %w", err)
	}
	return keys, nil
}

// parseJWK reads one key; ok is false if the key does not concern tokens.
func parseJWK(entry any) (k Key, ok bool, err error) {
	jwk, isObject := entry.(map[string]any)
	if !isObject {
		return Key{}, false, errors.New("not an object")
	}
	kind := jwkKind(jwk)
	if kind == "" || !meantToVerify(jwk) {
		return Key{}, false, nil
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, there := jwk[member]; there {
			return Key{}, false, errors.New("a private key is published")
		}
	}
	if k.ID, ok = jwk["kid"].(string); !ok {
		return Key{}, false, nil
	}
	if k.Algorithm, ok = jwkAlgorithm(jwk, kind); !ok {
		return Key{}, false, nil
	}
	k.Public, err = jwkPublic(jwk, kind)
	return k, err == nil, err
}

// jwkKind returns the type and curve of a key, or "" if no algorithm of ours
// uses such keys.
func jwkKind(jwk map[string]any) string {
	switch jwk["kty"] {
	case "RSA":
		return "RSA"
	case "EC":
		if jwk["crv"] == "P-256" {
			return "P-256"
		}
	case "OKP":
		if jwk["crv"] == "Ed25519" {
			return "Ed25519"
		}
	}
	return ""
}

// meantToVerify reads use and key_ops, RFC 7517 §4.2 and §4.3. Both may be absent.
func meantToVerify(jwk map[string]any) bool {
	if use, there := jwk["use"]; there && use != "sig" {
		return false
	}
	ops, there := jwk["key_ops"]
	if !there {
		return true
	}
	list, _ := ops.([]any)
	for _, op := range list {
		if op == "verify" {
			return true
		}
	}
	return false
}

func jwkAlgorithm(jwk map[string]any, kind string) (Algorithm, bool) {
	alg, there := jwk["alg"]
	name, _ := alg.(string)
	switch kind {
	case "RSA":
		if !there {
			return RS256, true
		}
		return Algorithm(name), name == string(RS256) || name == string(PS256)
	case "P-256":
		return ES256, !there || name == string(ES256)
	default:
		return EdDSA, !there || name == string(EdDSA)
	}
}

func jwkPublic(jwk map[string]any, kind string) (crypto.PublicKey, error) {
	switch kind {
	case "RSA":
		n, err := jwkBytes(jwk, "n", maxRSABits/8+1)
		if err != nil {
			return nil, err
		}
		e, err := jwkBytes(jwk, "e", 8)
		if err != nil {
			return nil, err
		}
		exponent := new(big.Int).SetBytes(e)
		if exponent.Cmp(big.NewInt(math.MaxInt32)) > 0 {
			return nil, errors.New("the RSA exponent is too large")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
	case "P-256":
		x, err := jwkBytes(jwk, "x", es256Half)
		if err != nil {
			return nil, err
		}
		y, err := jwkBytes(jwk, "y", es256Half)
		if err != nil {
			return nil, err
		}
		if len(x) != es256Half || len(y) != es256Half { // RFC 7518 §6.2.1.2
			return nil, fmt.Errorf("coordinates of P-256 have %d bytes", es256Half)
		}
		const uncompressed = 4
		point := append(append([]byte{uncompressed}, x...), y...)
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point) // a point of the curve, or an error
	default:
		x, err := jwkBytes(jwk, "x", ed25519.PublicKeySize)
		return ed25519.PublicKey(x), err
	}
}

// jwkBytes reads a member that is 1 to limit bytes in base64url.
func jwkBytes(jwk map[string]any, name string, limit int) ([]byte, error) {
	text, _ := jwk[name].(string)
	if len(text) <= base64.RawURLEncoding.EncodedLen(limit) {
		if raw, ok := decodeSegment(text); ok && len(raw) > 0 {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%s is missing, too long or not base64url", name)
}
