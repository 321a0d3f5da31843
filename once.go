package grantor

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// kindInteraction are records of what a pending request was answered with.
const kindInteraction store.Kind = "interaction"

// errOthers means that the pending request was answered for somebody else.
var errOthers = errors.New("grantor: the request was answered for another user of this browser")

// answerOnce issues the code of a pending request, once: a form that is submitted
// twice, and a link that is followed again, get the same code again. The code is
// kept for that under the browser's key, which the store does not have.
//
// If the person agreed to the request just now, that is remembered. First
// reports whether the answer is new. An answer that somebody else got is
// errOthers.
func (s *Server) answerOnce(r *http.Request, a *authorization, session *Session, p *pending, agreed bool) (code secret.Handle, first bool, err error) {
	ctx := r.Context()
	code, err = s.answered(ctx, session, p)
	if !errors.Is(err, store.ErrNotFound) {
		return code, false, err
	}
	if agreed {
		if err := s.remember(ctx, a, session); err != nil {
			return code, false, err
		}
	}
	code, g, err := s.grantCode(ctx, a, session)
	if err != nil {
		return code, false, err
	}
	sealed, err := p.seal(code)
	if err == nil {
		err = s.ledger.Store.Put(ctx, store.Record{
			Kind: kindInteraction, ID: p.id, Grant: g.ID, Client: g.ClientID, Subject: g.Subject,
			Expires: p.created.Add(s.lifetimes.Interaction + time.Minute), Data: sealed,
		})
	}
	if err == nil {
		s.issued(r, g)
		return code, true, nil
	}
	// Nobody has seen this code and nobody will.
	if failed := s.ledger.Revoke(ctx, g.ID); failed != nil {
		return secret.Handle{}, false, failed
	}
	if errors.Is(err, store.ErrConflict) {
		code, err = s.answered(ctx, session, p)
	}
	return code, false, err
}

// answered returns the code that the pending request was answered with, or
// store.ErrNotFound.
func (s *Server) answered(ctx context.Context, session *Session, p *pending) (secret.Handle, error) {
	r, err := s.ledger.Store.Get(ctx, kindInteraction, p.id)
	if err != nil {
		return secret.Handle{}, err
	}
	if r.Subject != session.Subject {
		return secret.Handle{}, errOthers
	}
	return p.unseal(s.ledger.Format, r.Data)
}

// interactionRecord is the data of an interaction.
type interactionRecord struct {
	Version int    `json:"v"`
	Sealed  []byte `json:"sealed"`
}

func (p *pending) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(p.key.mac(labelSeal, p.id))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (p *pending) seal(code secret.Handle) ([]byte, error) {
	aead, err := p.aead()
	if err != nil {
		return nil, err
	}
	return json.Marshal(interactionRecord{Version: 1, Sealed: aead.Seal(nil, nil, []byte(code.Reveal()), nil)})
}

func (p *pending) unseal(f secret.Format, data []byte) (secret.Handle, error) {
	var rec interactionRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return secret.Handle{}, err
	}
	aead, err := p.aead()
	if err != nil {
		return secret.Handle{}, err
	}
	plain, err := aead.Open(nil, nil, rec.Sealed, nil)
	if err != nil {
		return secret.Handle{}, err
	}
	return f.Parse(string(plain))
}
