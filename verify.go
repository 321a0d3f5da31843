package grantor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

// Kinds of records that revocation leaves behind.
const (
	kindRevoked   store.Kind = "revoked"    // a self-contained token without a grant record
	kindNotBefore store.Kind = "not-before" // all such tokens of a client or subject
)

// Verify returns the claims of an access token that is live at this moment: it
// asks the store, so a revocation bites at once. It is for APIs in the same
// program as the server; package resource makes middleware of it.
//
// A token that is not live, for whatever reason, is oautherr.InvalidToken. Any
// other error means trouble. The claims are read-only.
func (s *Server) Verify(ctx context.Context, accessToken string) (token.Claims, error) {
	c, err := s.verify(ctx, accessToken)
	if err != nil {
		return token.Claims{}, err
	}
	if err := s.clientMayAct(ctx, c); err != nil {
		return token.Claims{}, err
	}
	if err := s.userMayAct(ctx, c); err != nil {
		return token.Claims{}, err
	}
	return c, nil
}

// invalidToken is the one answer to an access token that does not work.
func invalidToken(cause error) error {
	return oautherr.InvalidToken.Because(cause, "the access token is invalid, expired or revoked")
}

var (
	errNotLive     = errors.New("grantor: unknown, expired or revoked")
	errWasRevoked  = errors.New("grantor: revoked")
	errHolder      = errors.New("grantor: its client is gone or disabled")
	errSubjectGone = errors.New("grantor: its subject may not act")
)

// verify reads the token and finds out whether it was revoked.
func (s *Server) verify(ctx context.Context, accessToken string) (token.Claims, error) {
	if h, err := s.ledger.Format.Parse(accessToken); err == nil {
		return s.verifyOpaque(ctx, h)
	}
	return s.verifyForeign(ctx, accessToken)
}

// verifyForeign reads a token that is not one of our credential strings, and
// finds out whether it was revoked.
func (s *Server) verifyForeign(ctx context.Context, accessToken string) (token.Claims, error) {
	c, err := s.parse(ctx, accessToken)
	if err != nil {
		return c, err
	}
	return c, s.notRevoked(ctx, c)
}

// parse reads a token that speaks for itself, in whichever format it is.
func (s *Server) parse(ctx context.Context, accessToken string) (c token.Claims, err error) {
	for _, f := range s.formats {
		if c, err = f.Parse(ctx, accessToken); !errors.Is(err, oautherr.InvalidToken) {
			return c, err
		}
	}
	return c, err
}

// verifyOpaque looks up what a reference token stands for.
func (s *Server) verifyOpaque(ctx context.Context, h secret.Handle) (token.Claims, error) {
	if h.Kind() != secret.AccessToken {
		return token.Claims{}, invalidToken(errNotLive)
	}
	t, err := s.ledger.AccessToken(ctx, h, s.now())
	if errors.Is(err, store.ErrNotFound) {
		return token.Claims{}, invalidToken(errNotLive)
	}
	if err != nil {
		return token.Claims{}, err
	}
	c := token.Claims{
		Issuer: s.issuer, Subject: t.Subject, ClientID: t.ClientID, GrantID: t.GrantID,
		Audience: t.Resources, Scopes: t.Scopes,
		IssuedAt: t.IssuedAt, Expires: t.Expires, AuthTime: t.AuthTime,
	}
	if len(c.Audience) == 0 {
		c.Audience = s.fallback.audience
	}
	if t.Claims != nil {
		c.Extra, err = storedClaims(t.GrantID, t.Claims)
	}
	return c, err
}

// storedClaims reads further claims; numbers stay as they were written.
func storedClaims(grantID string, raw json.RawMessage) (map[string]any, error) {
	var extra map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&extra); err != nil {
		return nil, fmt.Errorf("grantor: stored claims of grant %s: %w", grantID, err)
	}
	return extra, nil
}

// notRevoked finds out whether a self-contained token was revoked before its
// time. One that belongs to a grant dies with the grant's record; one that does
// not has a tombstone of its own, or falls to a bulk revocation.
func (s *Server) notRevoked(ctx context.Context, c token.Claims) error {
	if c.GrantID != "" {
		g, err := s.ledger.Load(ctx, c.GrantID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return invalidToken(errWasRevoked)
		case err != nil:
			return err
		case g.ClientID != c.ClientID || g.RevokedID(c.ID):
			return invalidToken(errWasRevoked)
		}
		return nil
	}
	if _, err := s.ledger.Store.Get(ctx, kindRevoked, c.ID); !errors.Is(err, store.ErrNotFound) {
		return revokedUnless(err)
	}
	if err := s.afterBulk(ctx, "client", c.ClientID, c.IssuedAt); err != nil {
		return err
	}
	return s.afterBulk(ctx, "subject", c.Subject, c.IssuedAt)
}

// revokedUnless makes a found tombstone a refusal, and keeps trouble trouble.
func revokedUnless(err error) error {
	if err == nil {
		return invalidToken(errWasRevoked)
	}
	return err
}

// afterBulk checks that a token was issued after the last bulk revocation of its
// client or subject. Issue times have whole seconds, so a token of the same
// second counts as revoked: none slips through, and a client whose brand-new
// token is refused asks for another.
func (s *Server) afterBulk(ctx context.Context, what, id string, issued time.Time) error {
	at, version, err := s.bulkMark(ctx, what, id)
	if err == nil && version > 0 && issued.Unix() <= at/1000 {
		return invalidToken(errWasRevoked)
	}
	return err
}

// bulkMark returns when the last bulk revocation was, and the version of its
// record: 0 if there was none. The time is in Unix milliseconds.
func (s *Server) bulkMark(ctx context.Context, what, id string) (at, version int64, err error) {
	r, err := s.ledger.Store.Get(ctx, kindNotBefore, s.notBeforeID(what, id))
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	var mark notBefore
	if err := json.Unmarshal(r.Data, &mark); err != nil {
		return 0, 0, fmt.Errorf("grantor: not-before record: %w", err)
	}
	if mark.Version != 1 {
		return 0, 0, fmt.Errorf("grantor: not-before record of version %d", mark.Version)
	}
	return mark.At, r.Version, nil
}

// notBefore is the record of a bulk revocation.
type notBefore struct {
	Version int   `json:"v"`
	At      int64 `json:"at_ms"` // Unix milliseconds
}

// notBeforeID names the record; ids of clients and subjects may be anything, so
// they are digested.
func (s *Server) notBeforeID(what, id string) string {
	sum := sha256.Sum256([]byte(s.issuer + "\x00" + what + "\x00" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// clientMayAct checks that the token's client still exists and is enabled.
func (s *Server) clientMayAct(ctx context.Context, c token.Claims) error {
	_, err := client.Lookup(ctx, s.clients, c.ClientID)
	if errors.Is(err, client.ErrNotFound) {
		return invalidToken(errHolder)
	}
	return err
}

// userMayAct checks that the token's user or service principal may still act.
func (s *Server) userMayAct(ctx context.Context, c token.Claims) error {
	if s.subjects == nil || c.Subject == c.ClientID && c.AuthTime.IsZero() {
		return nil
	}
	who, err := s.subjects.Subject(ctx, c.Subject)
	if err != nil {
		return err
	}
	if !who.Active {
		return invalidToken(errSubjectGone)
	}
	return nil
}
