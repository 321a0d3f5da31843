package grant

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/secret"
)

// A rotation's response is kept for whoever presents the same refresh token
// again, encrypted under a key that only that token yields. The record holds the
// token's digest, from which the key does not follow, so the store alone reveals
// nothing.

// sealedTokens is the plaintext of a seal. What the access token may do, and
// until when, the record knows.
type sealedTokens struct {
	Refresh string `json:"refresh"`
	Access  string `json:"access"`
}

var errSeal = errors.New("grant: sealed successor does not open")

// sealer derives the key from the token under a label of its own, so that it is
// independent of the digest.
func sealer(h secret.Handle) (cipher.AEAD, error) {
	key := sha256.Sum256([]byte("grantor refresh seal v1\x00" + h.Reveal()))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(h secret.Handle, t Tokens) (string, error) {
	aead, err := sealer(h)
	if err != nil {
		return "", err
	}
	var buf [256]byte
	w := jsonw.Writer{B: buf[:0]}
	w.Open('{')
	w.String("refresh", t.Refresh.Reveal())
	w.Text("access", t.Access)
	w.Close('}')
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, w.B, nil)), nil
}

func unseal(f secret.Format, h secret.Handle, sealed string) (*Tokens, error) {
	aead, err := sealer(h)
	if err != nil {
		return nil, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errors.Join(errSeal, err)
	}
	plain, err := aead.Open(nil, nil, raw, nil)
	if err != nil {
		return nil, errors.Join(errSeal, err)
	}
	var s sealedTokens
	if err := json.Unmarshal(plain, &s); err != nil {
		return nil, errors.Join(errSeal, err)
	}
	refresh, err := f.Parse(s.Refresh)
	if err != nil {
		return nil, errors.Join(errSeal, err)
	}
	return &Tokens{Refresh: refresh, Access: s.Access}, nil
}
